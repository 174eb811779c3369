"""Spans of one batch, at a collector: bounded, shared by records of one trace, and ended whatever becomes of it."""

import asyncio
from collections.abc import Collection, Iterator
from types import SimpleNamespace
from typing import Any, Final

import pytest
from collector import Collector, collecting
from faust.types import TP

from streamapp.agents.scoring import ScoringService, run
from streamapp.agents.spans import MOST, BatchSpans, Spans
from streamapp.contracts import trace
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import load_settings
from streamapp.scoring.records import Outcome, Scored
from streamapp.tracing.otlp import Tracer
from streamapp.transport import Batch
from streamapp.transport.records import Record

SPAN: Final = "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def tracer(collector: Collector) -> Tracer:
    return Tracer(collector.endpoint, 0.0, "test")


def batch(*traceparents: str) -> Batch:
    tp = TP("in", 3)
    headers = [((trace.TRACEPARENT, traceparent.encode()), ("x", b"1")) for traceparent in traceparents]
    names = frozenset({trace.TRACEPARENT, "x"})
    return Batch(
        tp, [Record(*tp, i, 1000, 0, None, b"{}", None, -1, 2, given, names) for i, given in enumerate(headers)]
    )


def outcome(records: Batch) -> Outcome:
    return Outcome([Scored(record, f"in-3-{record.offset}", b"{}") for record in records], [])


def traceparent(number: int, flags: str = "01") -> str:
    return f"00-{number:032x}-{SPAN}-{flags}"


def begun(tracer: Tracer, records: Batch) -> BatchSpans:
    spans = Spans(tracer, "group").begin(records)
    assert spans is not None
    return spans


def test_a_batch_without_a_sampled_record_has_no_spans(tracer: Tracer, collector: Collector) -> None:
    assert Spans(tracer, "group").begin(batch(traceparent(1, "00"), "nonsense")) is None
    tracer.stop()
    assert not collector.spans


def test_as_many_traces_as_a_span_has_links_get_spans_and_the_others_pass_unchanged(
    tracer: Tracer, collector: Collector
) -> None:
    records = batch(*(traceparent(number) for number in range(1, MOST + 51)), traceparent(1))
    spans = begun(tracer, records)
    made = spans.carried(outcome(records))
    spans.end({"svm": made.predictions}, [])
    tracer.stop()
    (whole,) = [span for span in collector.spans if span.name == "process in"]
    assert len(whole.links) == MOST
    assert whole.attributes["messaging.batch.message_count"] == MOST + 51
    own = {span.trace_id: span for span in collector.spans if span.name == "predict"}
    assert (len(own), {span.parent_id for span in own.values()}) == (MOST, {SPAN})
    for before, after in zip(records, made.predictions, strict=True):
        told = trace.traceparent(after.record.headers) or b""
        span = own.get(told.decode()[3:35])
        expected = f"00-{span.trace_id}-{span.span_id}-01".encode() if span else before.headers[0][1]
        assert told == expected
        assert dict(after.record.headers)["x"] == b"1"


def test_the_spans_of_a_batch_that_is_lost_say_so(tracer: Tracer, collector: Collector) -> None:
    begun(tracer, batch(traceparent(1))).lose()
    tracer.stop()
    assert {span.name: span.attributes["streamapp.lost"] for span in collector.spans} == {
        "process in": True,
        "predict": True,
    }


class Hanging:
    """Says at which of its steps a batch is, and waits there until it is told how to go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.goes_on: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def deliver(self, *_: Any, **__: Any) -> None:
        await self._wait()

    async def awaited(self, _: Collection[str]) -> bool:
        await self._wait()
        return False

    async def _wait(self) -> None:
        self.reached.set()
        await self.goes_on


@pytest.mark.parametrize("ending", ["raises", "is cancelled"])
@pytest.mark.parametrize("step", ["score", "deliver"])
async def test_the_spans_of_a_batch_that_comes_to_nothing_have_failed(
    tracer: Tracer, collector: Collector, step: str, ending: str
) -> None:
    hanging = Hanging()
    service = ScoringService(hanging, load_settings())  # type: ignore[arg-type]  # as far as the service uses it
    service.trace(Spans(tracer, "group"))
    if step == "score":
        service.on_unknown(hanging.awaited)

    async def events() -> Any:
        yield SimpleNamespace(value=batch(traceparent(1)), ack=pytest.fail)

    loop = asyncio.create_task(run(events(), service))
    await asyncio.wait_for(hanging.reached.wait(), 5)
    if ending == "raises":
        hanging.goes_on.set_exception(BrokerUnavailable("away"))
    else:
        loop.cancel()
    await asyncio.wait([loop])
    assert loop.cancelled() or isinstance(loop.exception(), ExceptionGroup)
    tracer.stop()
    failed = {span.name: span.failed for span in collector.spans if span.name != "decode"}
    assert failed == {"process in": True, "predict": True}


async def test_the_spans_of_a_batch_whose_turn_never_comes_have_failed(tracer: Tracer, collector: Collector) -> None:
    hanging = Hanging()
    service = ScoringService(hanging, load_settings())  # type: ignore[arg-type]  # as far as the service uses it
    service.trace(Spans(tracer, "group"))

    async def events() -> Any:
        for number in (1, 2):
            yield SimpleNamespace(value=batch(traceparent(number)), ack=pytest.fail)

    loop = asyncio.create_task(run(events(), service))
    await asyncio.wait_for(hanging.reached.wait(), 5)
    hanging.goes_on.set_exception(BrokerUnavailable("away"))
    await asyncio.wait([loop])
    assert isinstance(loop.exception(), ExceptionGroup)
    tracer.stop()
    assert [span.failed for span in collector.spans if span.name == "process in"] == [True, True]
