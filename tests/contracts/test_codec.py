"""Bytes to messages and back."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamapp.contracts import codec
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.errors import MalformedRecord
from streamapp.contracts.messages import DeadLetter, Prediction


def test_a_request_is_in_the_older_systems_layout_and_its_rows_are_untouched() -> None:
    value = codec.encode_request(b'[{"a":  1.50}]', ["a"], "svm")
    assert value == b'{"payload":{"data":[{"a":  1.50}],"columns":["a"]},"model":"svm"}'
    request = codec.decode_request(value)
    assert (request.model, request.payload.columns, bytes(request.payload.data)) == ("svm", ("a",), b'[{"a":  1.50}]')


def test_a_request_may_leave_columns_out_and_carry_more_than_we_know() -> None:
    request = codec.decode_request(b'{"payload": {"data": [], "extra": 1}, "model": "svm", "more": true}')
    assert request.payload.columns is None


@pytest.mark.parametrize("columns", ["", ', "columns": null', ', "columns" : null', ', "columns": ["columns"]'])
def test_data_that_is_there_twice_is_found_beside_any_columns_and_any_model(columns: str) -> None:
    for model in ("svm", "columns", '\\"columns', "columns:"):
        once = f'{{"payload": {{"data": [{{"a": 1}}]{columns}}}, "model": "{model}"}}'
        assert codec.decode_request(once.encode()).model == model.replace("\\", "")
        with pytest.raises(MalformedRecord, match="twice"):
            codec.decode_request(once.replace('"data"', '"data": 5, "data"').encode())


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_record_error(value: bytes) -> None:
    for decode in (codec.decode_request, codec.decode_prediction, codec.decode_card):
        with contextlib.suppress(MalformedRecord):
            assert decode(value)


def test_a_prediction_leaves_out_what_it_does_not_have() -> None:
    prediction = Prediction("i", "svm", "SVC", "1", "r", [1], "t", msgspec.Raw(b"[{}]"))
    value = codec.encode(prediction)
    assert b"probabilities" not in value
    assert b"imputed" not in value
    assert codec.decode_prediction(value) == prediction


def test_a_card_comes_back_as_it_was() -> None:
    card = ModelCard("svm", "SVC", "1", "r", "sklearn", (Feature("a", "integer", required=True),), classes=(0, "x"))
    assert codec.decode_card(codec.encode(card)) == card


@given(
    st.builds(
        DeadLetter,
        key=st.none() | st.binary(),
        value=st.none() | st.binary(),
        headers=st.lists(
            st.tuples(st.text().filter(lambda name: not name.startswith("dl_")), st.binary()), max_size=4
        ).map(tuple),
        code=st.text(),
        error=st.text(),
        message=st.text(max_size=500),
        model=st.text(),
        version=st.text(),
        topic=st.text(),
        partition=st.integers(0, 1000),
        offset=st.integers(0, 2**60),
        attempt=st.integers(1, 9),
        time=st.text(),
    )
)
def test_a_dead_letter_comes_back_as_it_was(letter: DeadLetter) -> None:
    headers = tuple(codec.dead_letter_headers(letter))
    assert codec.decode_dead_letter(letter.key, letter.value, headers) == letter


def test_a_dead_letter_with_broken_headers_is_still_read() -> None:
    letter = codec.decode_dead_letter(None, b"x", (("dl_partition", b"abc"), ("dl_code", None), ("dl_offset", b"7")))  # type: ignore[arg-type]
    assert (letter.partition, letter.code, letter.offset, letter.attempt) == (-1, "", 7, 1)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), "t-1-2"),
        ((("ce_id", b"abc"),), "abc"),
        ((("ce_id", b""),), "t-1-2"),
        ((("ce_id", b"\xff"),), "t-1-2"),
        ((("ce_id", b"a\r\nb"),), "t-1-2"),
        ((("ce_id", b"\x1b[31m"),), "t-1-2"),
        ((("ce_id", b"x" * 201),), "t-1-2"),
    ],
)
def test_the_id_of_a_record(headers: tuple[tuple[str, bytes], ...], expected: str) -> None:
    assert codec.record_id(headers, "t", 1, 2) == expected


def test_the_headers_of_a_request_are_cloudevents_in_binary_mode() -> None:
    assert dict(codec.request_headers("i", "/s", [("traceparent", b"00-a-b-01")])) == {
        "ce_id": b"i",
        "ce_source": b"/s",
        "ce_type": b"streamapp.request",
        "ce_specversion": b"1.0",
        "content-type": b"application/json",
        "traceparent": b"00-a-b-01",
    }
