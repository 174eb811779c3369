"""What is said of single records costs a batch little, however many of them are sampled or refused."""

import logging
from typing import Any, NoReturn

import pytest
from msgspec import Raw
from scoring_support import In

from streamapp import logs
from streamapp.agents import telling as worker
from streamapp.contracts.messages import Prediction
from streamapp.scoring.records import Outcome, Scored
from streamapp.scoring.score import Scorer
from streamapp.sinks import telling as sinks
from streamapp.sinks.ports import Position, Predicted

SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
MANY = 1000
KEPT = Predicted(Prediction("i", "m", "M", "1", "r", [1], "t", Raw(b"[]")), b"", 0, Position(0), "", SAMPLED, "")


class Untouched:
    """A record that nobody looks at."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(name)


@pytest.fixture(autouse=True)
def full_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other test has used up lines, and none come up meanwhile."""
    for part, name, event in (
        (worker, "_PREDICTED", "predicted"),
        (worker, "_REFUSED", "refused"),
        (sinks, "_KEPT", "kept"),
    ):
        monkeypatch.setattr(part, name, logs.Lines(part.log, event, lambda: 0.0))


def test_of_a_batch_only_the_lines_that_are_written_are_made(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    letters = Scorer({}).score([In(b"")] * MANY).dead_letters
    worker.tell(Outcome([Scored(In(b"", headers=(("traceparent", SAMPLED.encode()),)), "id", b"")] * MANY, letters))
    sinks.tell([KEPT] * MANY, "redis")
    said = [record.getMessage() for record in caplog.records]
    assert {event: said.count(event) for event in said} == dict.fromkeys(("predicted", "refused", "kept"), logs.BURST)


def test_where_nothing_is_to_be_said_no_header_is_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    record: Any = Untouched()
    worker.tell(Outcome([Scored(record, "id", b"")], []))
    sinks.tell([KEPT], "redis")
    assert caplog.records == []
