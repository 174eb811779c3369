"""W3C Trace Context: what counts as a `traceparent`, and what it says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamapp.contracts import trace
from streamapp.contracts.trace import Trace

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)]
)
def test_the_lowest_bit_of_the_flags_says_whether_a_trace_is_sampled(flags: str, *, sampled: bool) -> None:
    traceparent = f"00-{TRACE_ID}-00f067aa0ba902b7-{flags}".encode()
    assert trace.parse(traceparent) == Trace(TRACE_ID, sampled)
    assert trace.is_sampled(traceparent) == sampled
    assert trace.of((("other", b"1"), ("traceparent", traceparent))) == Trace(TRACE_ID, sampled)


@given(value=st.none() | st.binary() | st.from_regex(rb"[0-9a-fg]{2}-[0-9a-f]{31,33}-[0-9a-f]{16}-[0-9a-f]{2}\n?"))
def test_whatever_a_header_holds_both_ways_to_look_at_it_agree(value: bytes | None) -> None:
    found = trace.parse(value)
    assert trace.is_sampled(value) == (found is not None and found.sampled)


PARENT = ("traceparent", f"00-{TRACE_ID}-00f067aa0ba902b7-01".encode())
STATE = ("tracestate", b"vendor=1")


def test_the_two_headers_of_a_trace_are_carried_and_no_other() -> None:
    assert trace.carried((("baggage", b"x"), STATE, PARENT)) == [PARENT, STATE]


@pytest.mark.parametrize("parent", [[], [("traceparent", b"1")], [("traceparent", None)], [PARENT, PARENT]])
def test_a_traceparent_that_is_malformed_or_there_twice_counts_as_none(parent: list[tuple[str, bytes]]) -> None:
    assert trace.traceparent((*parent, STATE)) is None
    assert trace.of((*parent, STATE)) is None
    assert trace.carried((*parent, STATE)) == []


@pytest.mark.parametrize("value", [b"x" * 513, b"a\n", b"\xff", b"", None])
def test_a_tracestate_that_is_too_long_or_does_not_print_is_left_out(value: Any) -> None:
    assert trace.carried((PARENT, ("tracestate", value))) == [PARENT]
    assert trace.carried((PARENT, ("tracestate", value), STATE)) == [PARENT]
