"""Logging of every process of ours: one JSON object a line, or text for a person, our lines and the libraries' alike.

Parts log with the standard library; what they say beside the sentence goes in `extra`. structlog makes the lines.
"""

import logging
import logging.config
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TextIO

from streamapp.contracts.settings import Settings
from streamapp.contracts.trace import Trace

#: Lines from one place in the code that are written at once, and how many a second after that.
BURST: Final = 100
RATE: Final = 10.0
#: They say at INFO what they do for every request or connection.
_CHATTY: Final = ("aiokafka", "httpcore", "httpx")
#: What tells `Sparing` that `Lines` has counted a line.
_COUNTED: Final = "counted"


def configure(settings: Settings) -> None:
    """Log to standard error from here on, as the settings say."""
    logging.config.dictConfig(config(settings))
    if settings.log_level == "info":
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def config(settings: Settings) -> dict[str, Any]:
    """Return the handler and the level for all loggers, in the form of `logging.config.dictConfig`.

    Whoever sets DEBUG wants every line, and gets it.
    """
    filters = [] if settings.log_level == "debug" else ["sparing"]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"sparing": {"()": Sparing}},
        "formatters": {"lines": {"()": partial(formatter, settings)}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "lines", "filters": filters},
        },
        "root": {"level": settings.log_level.upper(), "handlers": ["stderr"]},
    }


def is_json(settings: Settings, stream: TextIO = sys.stderr) -> bool:
    """Say whether lines are JSON: where the settings leave it open, everywhere but on a terminal."""
    return settings.log_format == "json" or (settings.log_format == "auto" and not stream.isatty())


def formatter(settings: Settings, stream: TextIO = sys.stderr) -> logging.Formatter:
    """Return what makes lines of log records.

    JSON is ASCII alone: whatever control characters a text holds, its line is one and does nothing to a terminal.

    Args:
        settings: The settings in force.
        stream: Where the lines go.
    """
    import structlog
    from structlog.processors import CallsiteParameter, CallsiteParameterAdder

    chain: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        CallsiteParameterAdder({CallsiteParameter.PROCESS}),
        structlog.stdlib.ExtraAdder(),
    ]
    render: list[Any]
    if is_json(settings, stream):
        render = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Tracebacks without the values of variables, among which there may be secrets.
        plain = structlog.dev.plain_traceback
        render = [
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), pad_event_to=0, repr_native_str=True, exception_formatter=plain
            )
        ]
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=[remove_meta, *render])


def level(*, sampled: bool) -> int:
    """Return the level of a line on a record that went well: INFO where its caller samples its trace, else DEBUG."""
    return logging.INFO if sampled else logging.DEBUG


class Lines:
    """Lines on one thing that becomes of records, no more of them than `Sparing` lets through.

    They are counted before they are made: to make a line costs many times what it costs to predict a record. Where
    the logger takes DEBUG, none is counted and all are written.

    Args:
        log: Logger of the part that says so.
        event: What becomes of a record.
        clock: Seconds that never go back.
    """

    def __init__(self, log: logging.Logger, event: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._event = event
        self._clock = clock
        self._place = _Place(clock())

    def wanted(self, level: int) -> bool:
        """Say whether a line on one more record is to be written; what there is no room for counts as left out."""
        if not self._log.isEnabledFor(level):
            return False
        return not self._is_counted(level) or self._place.take(self._clock())

    def write(self, level: int, record_id: str, trace: Trace | None, **fields: Any) -> None:
        """Write a line that is wanted.

        Args:
            level: Level that was asked for.
            record_id: Id of the record.
            trace: The trace that it belongs to.
            **fields: What else there is to say.
        """
        told = {"record_id": record_id, **({"trace_id": trace.id} if trace else {}), **fields}
        if self._is_counted(level):
            told |= {_COUNTED: True, **self._place.owed()}
        self._log.log(level, self._event, extra=told)

    def _is_counted(self, level: int) -> bool:
        return level >= logging.INFO and not self._log.isEnabledFor(logging.DEBUG)


class Sparing(logging.Filter):
    """Lets through few lines a second from each place in the code: nobody can fill the disk by what he causes.

    The next line from there says in `left_out` how many were not written. Lines at DEBUG are asked for, and all
    written. See `config` for where it has no place.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._places: dict[tuple[str, int], _Place] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is to be written."""
        if record.levelno < logging.INFO or record.__dict__.pop(_COUNTED, False):
            return True
        now = self._clock()
        place = self._places.setdefault((record.pathname, record.lineno), _Place(now))
        if not place.take(now):
            return False
        record.__dict__.update(place.owed())
        return True


class _Place:
    """A place in the code: how many lines it may write now, and how many it was refused since the last."""

    def __init__(self, now: float) -> None:
        self._left_out = 0
        self._free = float(BURST)
        self._at = now

    def take(self, now: float) -> bool:
        self._free = min(BURST, self._free + (now - self._at) * RATE)
        self._at = now
        if self._free < 1:
            self._left_out += 1
            return False
        self._free -= 1
        return True

    def owed(self) -> dict[str, int]:
        left_out, self._left_out = self._left_out, 0
        return {"left_out": left_out} if left_out else {}
