"""Bad records straight on the topic, through a worker: those of the table of bad inputs, and any bytes at all."""

from random import Random
from typing import Any

import pytest
from bad_inputs import BODIES, MOST_FIELDS, MOST_ROWS
from fuzz.mutation import mutated
from worker_support import Stack, request

from streamapp.contracts import codec

#: What is no request at all, or more than one should be.
FORGED: list[tuple[bytes | None, str]] = [
    (None, "null_record"),
    (b"", "malformed_json"),
    (b"\x00\xff\x1b[31m", "malformed_json"),
    (b"[]", "malformed_request"),
    (b'{"payload": {"data": [{"Team_Size": 1}]}, "model": "http://169.254.169.254/"}', "unknown_model"),
    (b'{"payload": {"data": [{"Team_Size": 1}]}, "model": "large", "model": "absent"}', "duplicate_key"),
    (b'{"payload": {"data": [' + b'{"Team_Size":1},' * 60_000 + b'{}]}, "model": "large"}', "too_many_rows"),
]


@pytest.mark.bad_input(26)
async def test_26_bad_records_are_dead_letters_with_the_codes_of_the_edge(stack: Stack) -> None:
    sent = [(b'{"payload":' + case.body + b',"model":"large"}', case.code) for case in BODIES] + FORGED
    good = request(1, 15)
    stack.worker(STREAMAPP_MAX_ROWS=str(MOST_ROWS), STREAMAPP_MAX_FIELDS=str(MOST_FIELDS))
    await stack.put(*[value for pair in sent for value in (pair[0], good)])

    records = await stack.read(stack.settings.dead_letters_topic, lambda found: len(found) >= len(sent))
    letters = [codec.decode_dead_letter(record.key, record.value, record.headers) for record in records]
    assert [letter.code for letter in letters] == [code for _, code in sent]
    assert [letter.value for letter in letters] == [value for value, _ in sent]
    assert [letter.offset for letter in letters] == list(range(0, 2 * len(sent), 2))

    predictions: list[Any] = await stack.read(stack.settings.predictions_topic, lambda found: len(found) >= len(sent))
    assert [int(dict(record.headers)["input_offset"]) for record in predictions] == [
        letter.offset + 1 for letter in letters
    ]


async def test_any_bytes_come_out_once_and_in_order_as_a_prediction_or_a_dead_letter(stack: Stack) -> None:
    random = Random(7)  # noqa: S311  # no secret
    # The last two say where the outcomes end.
    values = [*(mutated(random, request(number, 15)) for number in range(400)), request(0, 15), b"{"]
    worker = stack.worker()
    await stack.put(*values)

    predicted = await stack.read(stack.settings.predictions_topic, lambda found: ends_at(found, len(values) - 2))
    dead = await stack.read(
        stack.settings.dead_letters_topic, lambda found: len(found) + len(predicted) >= len(values)
    )
    good = [int(dict(record.headers)["input_offset"]) for record in predicted]
    letters = [codec.decode_dead_letter(record.key, record.value, record.headers) for record in dead]
    bad = [letter.offset for letter in letters]
    assert (good, bad) == (sorted(good), sorted(bad))
    assert sorted(good + bad) == list(range(len(values)))
    assert [letter.value for letter in letters] == [values[offset] for offset in bad]
    assert {letter.code for letter in letters}.isdisjoint({"model_failed", "model_timeout"})
    assert worker.process.poll() is None


def ends_at(found: list[Any], offset: int) -> bool:
    """Say whether the outcome of the record at an offset is there."""
    return any(int(dict(record.headers)["input_offset"]) == offset for record in found)
