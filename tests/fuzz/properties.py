"""What holds for every input. Each property takes one, and raises where it does not hold."""

import contextlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import strategies as st
from scoring_support import In

from api.intake import bodies
from fuzz import inputs
from streamapp.contracts import codec
from streamapp.contracts.errors import Code, RecordError
from streamapp.contracts.rows import Row, RowDecoder
from streamapp.contracts.settings import Settings
from streamapp.delivery import wire
from streamapp.delivery.records import Target, outputs
from streamapp.scoring.model import FunctionModel, Table
from streamapp.scoring.records import Outcome
from streamapp.scoring.score import Limits, Scorer

MOST_ROWS, MOST_FIELDS, MOST_DEPTH = 3, 8, 5
DECODER = RowDecoder(inputs.CARD, MOST_ROWS, MOST_FIELDS, MOST_DEPTH)


@cache
def _settings() -> Settings:
    return Settings(_env_file=None)


def _zeros(table: Table) -> list[Any]:
    return [0] * len(table)


SCORER = Scorer(
    {inputs.ALIAS: FunctionModel(inputs.CARD, _zeros)}, Limits(MOST_ROWS, fields=MOST_FIELDS, depth=MOST_DEPTH)
)


def code_of(read: Callable[[], Any]) -> str:
    """Return the code that something is refused with, "" where it is not."""
    try:
        read()
    except RecordError as exc:
        return exc.code
    return ""


def bytes_are_messages_or_record_errors(value: bytes) -> None:
    """No bytes raise anything but a record error, whatever they are read as."""
    for decode in (
        codec.decode_request,
        codec.decode_prediction,
        codec.decode_card,
        codec.decode_status,
        codec.decode_switch,
        lambda body: bodies._check_rows(body, DECODER),
        lambda body: bodies._check_record(body, DECODER),
        lambda body: DECODER.decode(body, ["city", "Sleep_Hours"]),
    ):
        code_of(lambda decode=decode: decode(value))  # type: ignore[misc]
    bodies.is_flat(value)


def many_requests_decode_as_each_alone(datas: Sequence[bytes]) -> None:
    """The quick way for many requests finds what the thorough way for one finds, or leaves it to that."""
    valid = [data for data in datas if _is_json(data)]
    together = DECODER.decode_many(valid)
    if together is not None:
        assert together == [DECODER.decode(data) for data in valid]


def rows_are_the_same_by_both_ways(data: bytes) -> None:
    """The compiled decoder and the thorough one agree."""

    def result(decode: Callable[[bytes], list[Row]]) -> Any:
        try:
            return decode(data)
        except RecordError as exc:
            return exc.code, exc.pointer

    assert result(DECODER.decode) == result(lambda text: DECODER._decode_slowly(text, None))


def nothing_accepted_says_a_thing_twice(body: bytes) -> None:
    """What is accepted has each key once; an oracle that keeps all pairs says so."""
    if not code_of(lambda: bodies._check_rows(body, DECODER)):
        json.loads(body, object_pairs_hook=_once)
        codec.decode_request(inputs.record(body))


def _once(pairs: list[tuple[str, Any]]) -> None:
    keys = [key for key, _ in pairs]
    assert sorted(set(keys)) == sorted(keys), keys


def what_the_edge_accepts_the_worker_scores(body: bytes) -> None:
    """And the other way round: what the worker scores, the edge would have accepted."""
    accepted: list[bytes] = []

    def accept() -> None:
        payload, _ = bodies._check_rows(body, DECODER)
        accepted.append(codec.encode_request(payload.data, payload.columns, inputs.ALIAS))

    refused = code_of(accept)
    outcome = SCORER.score([In(value) for value in accepted or [inputs.record(body)]])
    if accepted:
        assert not outcome.dead_letters, outcome.dead_letters
    elif outcome.predictions:
        assert refused == Code.UNKNOWN_FIELD, refused  # a record may carry more than `data` and `columns`
    else:
        [letter] = outcome.dead_letters
        assert refused in {letter.code, Code.UNKNOWN_FIELD} or {refused, letter.code} <= _NO_REQUEST, (
            refused,
            letter,
        )


#: What is wrong in several ways is refused for one of them: a body and a record are not read in the same order.
_NO_REQUEST = {Code.MALFORMED_JSON, Code.MALFORMED_REQUEST, Code.NOT_FINITE, Code.WRONG_TYPE}


def every_record_has_one_outcome_in_order(values: Sequence[bytes | None]) -> None:
    """Records of a batch are predicted or dead letters, in order, none lost; what is written can be read."""
    outcome = SCORER.score([In(value, offset) for offset, value in enumerate(values)])
    predicted = [scored.record.offset for scored in outcome.predictions]
    dead = [letter.offset for letter in outcome.dead_letters]
    assert predicted == sorted(predicted)
    assert dead == sorted(dead)
    assert sorted(predicted + dead) == list(range(len(values)))
    assert [letter.value for letter in outcome.dead_letters] == [values[offset] for offset in dead]
    assert Code.MODEL_FAILED not in {letter.code for letter in outcome.dead_letters}, outcome.dead_letters
    _read_back(outcome, len(values))


def _read_back(outcome: Outcome, count: int) -> None:
    found = 0
    sender: Any = SimpleNamespace(_txn_manager=None)
    for target, records in outputs(outcome, _settings()):
        batches = wire.batches(sender, records, 1_000_000)
        for record in (record for batch, _ in batches for record in DefaultRecordBatch(bytes(batch._build()))):
            found += 1
            _read(target, record)
    assert found == count


def _read(target: Target, record: Any) -> None:
    if target.topic == _settings().predictions_topic:
        codec.decode_prediction(record.value)
    else:
        assert codec.decode_dead_letter(record.key, record.value, tuple(record.headers)).code


def _is_json(data: bytes) -> bool:
    with contextlib.suppress(ValueError, RecursionError):
        json.loads(data)
        return True
    return False


class Property(NamedTuple):
    """A property, and where its inputs come from."""

    holds: Callable[[Any], None]
    inputs: st.SearchStrategy[Any]


PROPERTIES = [
    Property(bytes_are_messages_or_record_errors, inputs.BYTES),
    Property(many_requests_decode_as_each_alone, st.lists(inputs.DATA, min_size=1, max_size=4)),
    Property(rows_are_the_same_by_both_ways, inputs.DATA),
    Property(nothing_accepted_says_a_thing_twice, inputs.BODIES),
    Property(what_the_edge_accepts_the_worker_scores, inputs.BODIES),
    Property(every_record_has_one_outcome_in_order, st.lists(st.none() | inputs.RECORDS, max_size=6)),
]
