"""Lines of the log: one JSON object each, whatever is said in them and whoever says it, and not too many."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from io import StringIO
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamapp import logs
from streamapp.contracts.settings import Settings
from streamapp.contracts.trace import Trace

TRACE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", sampled=True)


@cache
def form(log_format: Literal["json", "console"]) -> logging.Formatter:
    """What makes lines, not on a terminal."""
    return logs.formatter(Settings(log_format=log_format), StringIO())


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger of its own, which passes nothing on."""
    logger = logging.getLogger("test.lines")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    yield logger
    logger.handlers.clear()


def said(log: logging.Logger, log_format: Literal["json", "console"] = "json") -> StringIO:
    """What a logger says from here on."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(form(log_format))
    handler.addFilter(logs.Sparing())
    log.handlers = [handler]
    return stream


def test_a_line_says_when_who_what_and_about_which_record(log: logging.Logger) -> None:
    stream = said(log)
    logs.Lines(log, "accepted").write(logging.INFO, "id-1", TRACE, model="svm")
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line.pop("process") > 0
    assert line == {
        "event": "accepted",
        "level": "info",
        "logger": "test.lines",
        "record_id": "id-1",
        "trace_id": TRACE.id,
        "model": "svm",
    }


@pytest.mark.bad_input(24)
@given(
    text=st.text() | st.sampled_from(["a\r\nb", "\x1b[31mred", "\x9b31m", "\u2028", "\ud800", '"}\n{"level":"x"}'])
)
def test_whatever_is_said_is_one_line_of_printable_ascii_that_says_it(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "%s", (text,), None)
    record.record_id = text
    line = form("json").format(record)
    assert line.isascii()
    assert line.isprintable()
    assert (json.loads(line)["event"], json.loads(line)["record_id"]) == (text, text)


def test_text_for_a_person_shows_no_control_character_of_an_id() -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "accepted", (), None)
    record.record_id = "a\r\n\x1b[31m"
    assert form("console").format(record).isprintable()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_values(log: logging.Logger, log_format: Literal["json", "console"]) -> None:
    secret = "hunter" + "2"
    stream = said(log, log_format)
    try:
        int(bool(secret) * "x")
    except ValueError:
        log.exception("failed")
    assert "ValueError: invalid literal" in stream.getvalue()
    assert secret not in stream.getvalue()


def test_a_traceback_is_part_of_its_line(log: logging.Logger) -> None:
    stream = said(log)
    try:
        int("x")
    except ValueError:
        log.exception("failed")
    assert json.loads(stream.getvalue())["exception"].splitlines()[-1].startswith("ValueError: invalid literal")


def test_below_its_level_nothing_is_said(log: logging.Logger) -> None:
    assert logs.Lines(log, "accepted").wanted(logs.level(sampled=True))
    assert not logs.Lines(log, "accepted").wanted(logs.level(sampled=False))


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def line(number: int = 1, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("x", level, "x.py", number, "x", (), None)


def written(sparing: logs.Sparing, count: int, **of: Any) -> int:
    return sum(sparing.filter(line(**of)) for _ in range(count))


def test_from_one_place_there_is_a_burst_and_then_so_many_a_second() -> None:
    clock = Clock()
    sparing = logs.Sparing(clock)
    assert written(sparing, 10_000) == logs.BURST
    clock.now = 2.0
    assert written(sparing, 10_000) == 2 * logs.RATE
    clock.now = 3600.0
    assert written(sparing, 10_000) == logs.BURST


def test_the_next_line_says_how_many_were_left_out() -> None:
    clock = Clock()
    sparing = logs.Sparing(clock)
    written(sparing, logs.BURST + 7)
    clock.now = 0.1
    next_line = line()
    assert sparing.filter(next_line)
    assert json.loads(form("json").format(next_line))["left_out"] == 7
    clock.now = 0.2
    assert sparing.filter(after := line())
    assert "left_out" not in json.loads(form("json").format(after))


def test_of_records_there_are_as_many_lines_and_those_left_out_are_counted_before_they_are_made(
    log: logging.Logger,
) -> None:
    clock, stream = Clock(), said(log)
    lines = logs.Lines(log, "refused", clock)
    for _ in range(2):
        for number in range(logs.BURST + 7):
            if lines.wanted(logging.INFO):
                lines.write(logging.INFO, str(number), None)
        clock.now = 3600.0
    told = [json.loads(one) for one in stream.getvalue().splitlines()]
    assert len(told) == 2 * logs.BURST, "Sparing, whose clock has hardly moved, counts them no second time"
    assert [one.get("left_out", 0) for one in told] == [0] * logs.BURST + [7] + [0] * (logs.BURST - 1)
    assert all("counted" not in one for one in told)


def test_whoever_sets_debug_gets_every_line_on_every_record_sampled_or_not(log: logging.Logger) -> None:
    stream, count = said(log), 2 * logs.BURST
    log.handlers[0].filters.clear()  # as at DEBUG
    log.setLevel(logging.DEBUG)
    lines = logs.Lines(log, "accepted", Clock())
    for number in range(count):
        for level in (logging.DEBUG, logging.INFO):
            if lines.wanted(level):
                lines.write(level, str(number), None)
    assert len(stream.getvalue().splitlines()) == 2 * count
    assert "counted" not in stream.getvalue()


def test_at_debug_no_filter_leaves_lines_out() -> None:
    handlers = {level: logs.config(Settings(log_level=level))["handlers"]["stderr"] for level in ("debug", "info")}
    assert (handlers["debug"]["filters"], handlers["info"]["filters"]) == ([], ["sparing"])


def test_other_places_are_not_concerned_nor_lines_at_debug() -> None:
    sparing = logs.Sparing(Clock())
    written(sparing, 10_000)
    assert written(sparing, 1, number=2) == 1
    assert written(sparing, 1000, level=logging.DEBUG) == 1000


@pytest.mark.parametrize(
    ("log_format", "on_a_terminal", "expected"),
    [
        ("auto", False, True),
        ("auto", True, False),
        ("json", True, True),
        ("console", False, False),
    ],
)
def test_lines_are_json_but_on_a_terminal(log_format: Any, on_a_terminal: bool, expected: bool) -> None:  # noqa: FBT001  # a parameter of the test
    stream = StringIO()
    stream.isatty = lambda: on_a_terminal  # type: ignore[method-assign]
    assert logs.is_json(Settings(log_format=log_format), stream) == expected


def test_libraries_and_warnings_come_out_in_the_same_form() -> None:
    code = """
import logging, warnings
from streamapp import logs
from streamapp.contracts.settings import Settings
logs.configure(Settings())
logging.getLogger("uvicorn.error").warning("a %s", "b")
logging.getLogger("aiokafka").info("left out: it says so for every connection")
logging.getLogger("aiokafka").warning("gone")
logging.getLogger("mode").info("started")
warnings.warn("old")
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    lines = [json.loads(one) for one in found.stderr.splitlines()]
    assert [line["logger"] for line in lines] == ["uvicorn.error", "aiokafka", "mode", "py.warnings"]
    assert lines[0]["event"] == "a b"
    assert found.stdout == ""
