"""Spans of batches: one for the batch, linked to its records, and one for each sampled record in the record's trace.

A batch is scored for thousands of callers at once: its own span, and those of its stages, are a trace of their own. A
record's span is below the one that its headers name, and the prediction's headers name it in turn.
"""

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from streamapp.contracts import codec, trace
from streamapp.contracts.messages import DeadLetter
from streamapp.scoring.groups import Result
from streamapp.scoring.records import Outcome, Record, Scored
from streamapp.transport import Batch

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from streamapp.tracing.otlp import Tracer

#: Sampled traces of one batch that get a span; a span has no more than 128 links. The others pass through unchanged.
MOST: Final = 100


class Spans:
    """Begins the spans of batches.

    Args:
        tracer: Makes them.
        group: Consumer group of the worker.
    """

    def __init__(self, tracer: "Tracer", group: str) -> None:
        self._tracer = tracer
        self._group = group

    def begin(self, batch: Batch) -> "BatchSpans | None":
        """Begin the spans of a batch; None where no record of it is sampled."""
        sampled: dict[bytes, Record] = {}
        for record in batch.records:
            traceparent = trace.traceparent(record.headers) if record.headers else None
            if traceparent is not None and trace.is_sampled(traceparent) and len(sampled) < MOST:
                sampled.setdefault(traceparent, record)
        return BatchSpans(self._tracer, self._group, batch, sampled) if sampled else None


@contextlib.contextmanager
def failing(spans: "BatchSpans | None") -> Iterator[None]:
    """End the spans of a batch, where it has any, if the block raises or is cancelled."""
    try:
        yield
    except BaseException as exc:
        if spans is not None:
            spans.fail(type(exc).__name__)
        raise


class BatchSpans:
    """The spans of one batch.

    Args:
        tracer: Makes them.
        group: Consumer group of the worker.
        batch: The batch.
        sampled: A record of each trace that is sampled, by its `traceparent`.
    """

    def __init__(self, tracer: "Tracer", group: str, batch: Batch, sampled: Mapping[bytes, Record]) -> None:
        self._tracer = tracer
        about: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": batch.tp.topic,
            "messaging.destination.partition.id": str(batch.tp.partition),
            "messaging.consumer.group.name": group,
        }
        links = [record.headers for record in sampled.values()]
        counted: dict[str, str | int] = {
            "messaging.batch.message_count": len(batch),
            "messaging.kafka.offset": batch.offset,
        }
        name = f"process {batch.tp.topic}"
        self._batch = tracer.start(name, "consumer", attributes=about | counted, links=links)
        own = tuple(tracer.headers(self._batch))
        self._records = {
            traceparent: tracer.start("predict", "consumer", record.headers, about, links=[own])
            for traceparent, record in sampled.items()
        }

    def stage(self, name: str, seconds: float) -> None:
        """Say that a stage of the batch has ended just now, which took so long."""
        since = time.time_ns() - int(seconds * 1e9)
        self._tracer.start(name, "internal", self._batch, since=since).end()

    def carried(self, outcome: Outcome) -> Outcome:
        """Return an outcome whose predictions belong to the spans of their records; dead letters stay as they are."""
        return msgspec.structs.replace(outcome, predictions=[self._carried(one) for one in outcome.predictions])

    def end(self, results: Mapping[str, Sequence[Result]], letters: Iterable[DeadLetter]) -> None:
        """End the spans of a batch that is acknowledged.

        Args:
            results: What became of the records that a model was asked for, by its alias.
            letters: All dead letters of the batch.
        """
        for letter in letters:
            self._refused(letter)
        for alias, made in results.items():
            for result in made:
                if isinstance(result, Scored) and (span := self._of(result.record)) is not None:
                    span.set_attributes({"streamapp.model": alias, "messaging.message.id": result.id})
        self._end()

    def lose(self) -> None:
        """End the spans of a batch that was given up: whoever has the partition now makes others."""
        for span in (self._batch, *self._records.values()):
            span.set_attribute("streamapp.lost", value=True)
        self._end()

    def fail(self, kind: str) -> None:
        """End the spans of a batch that comes to nothing here: it is read again.

        Args:
            kind: What it failed with.
        """
        for span in (self._batch, *self._records.values()):
            span.set_attribute("error.type", kind)
            self._tracer.fail(span)
        self._end()

    def _end(self) -> None:
        for span in (*self._records.values(), self._batch):
            span.end()

    def _of(self, record: Any) -> "Span | None":
        return self._records.get(trace.traceparent(record.headers) or b"") if record.headers else None

    def _refused(self, letter: DeadLetter) -> None:
        span = self._of(letter)
        if span is not None:
            name = codec.record_id(letter.headers, letter.topic, letter.partition, letter.offset)
            span.set_attributes(
                {"streamapp.model": letter.model, "messaging.message.id": name, "error.type": letter.code}
            )
            self._tracer.fail(span)  # its message may have more of the record in it than a collector is to know

    def _carried(self, scored: Scored) -> Scored:
        span = self._of(scored.record)
        if span is None:
            return scored
        kept = (header for header in scored.record.headers if header[0] not in trace.HEADERS)
        record: Any = scored.record
        return msgspec.structs.replace(
            scored, record=msgspec.structs.replace(record, headers=(*kept, *self._tracer.headers(span)))
        )
