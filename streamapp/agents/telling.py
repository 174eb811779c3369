"""What the worker's log says of single records; how many lines that may be, `logs.Lines` bounds."""

import logging
from typing import Final

from streamapp import logs
from streamapp.contracts import codec, trace
from streamapp.contracts.messages import DeadLetter
from streamapp.scoring.records import Outcome, Record, Scored

log = logging.getLogger(__name__)
_PREDICTED: Final = logs.Lines(log, "predicted")
_REFUSED: Final = logs.Lines(log, "refused")


def tell(outcome: Outcome) -> None:
    """Log what became of the records of a batch: those that were refused, and predictions at `logs.level`."""
    if not log.isEnabledFor(logging.INFO):
        return
    for letter in outcome.dead_letters:
        if _REFUSED.wanted(logging.INFO):
            _refused(letter)
    verbose = log.isEnabledFor(logging.DEBUG)
    if verbose or trace.TRACEPARENT in outcome.header_names:
        for scored in outcome.predictions:
            sampled = trace.is_sampled(dict(scored.record.headers).get(trace.TRACEPARENT))
            if (verbose or sampled) and _PREDICTED.wanted(logs.level(sampled=sampled)):
                _predicted(scored)


def _predicted(scored: Scored) -> None:
    record = scored.record
    found = trace.of(record.headers)  # none where there are two, of which the quick look has seen one
    level = logs.level(sampled=found is not None and found.sampled)
    _PREDICTED.write(level, scored.id, found, **_place(record))


def _refused(letter: DeadLetter) -> None:
    name = codec.record_id(letter.headers, letter.topic, letter.partition, letter.offset)
    more = {"code": letter.code, "model": letter.model, **_place(letter)}
    _REFUSED.write(logging.INFO, name, trace.of(letter.headers), **more)


def _place(record: Record | DeadLetter) -> dict[str, str | int]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}
