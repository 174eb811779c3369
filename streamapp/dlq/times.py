"""Times as a person types them and reads them. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
#: Milliseconds from there to the end of the calendar, the year 9999.
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse(text: str, now: datetime) -> int:
    """Return a time in milliseconds since 1970.

    Args:
        text: ISO 8601, in UTC where it names no zone (`2026-01-31`, `2026-01-31T12:00:00+01:00`), or a span before
            now (`90s`, `15m`, `2h`, `3d`, `1w`).
        now: The time that spans go back from.

    Raises:
        ValueError: It is neither; the message says what is.
    """
    try:
        span = _SPAN.fullmatch(text.strip())
        time = now - timedelta(**{_UNITS[span[2]]: float(span[1])}) if span else datetime.fromisoformat(text.strip())
        return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time: give ISO 8601 such as 2026-01-31T12:00:00Z (UTC where no zone is named), "
            "or a span before now such as 90s, 15m, 2h, 3d or 1w"
        ) from None


def iso(milliseconds: int) -> str:
    """Return a time as predictions and dead letters carry it: UTC, ISO 8601, milliseconds.

    A record may carry any time; one before 1970 or after 9999 is shown as the end of the calendar that it is beyond.
    So it is with `plain` and `hour`.
    """
    return _utc(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(milliseconds: int) -> str:
    """Return a time for a table: UTC, to the second."""
    return _utc(milliseconds).strftime("%Y-%m-%d %H:%M:%S")


def hour(milliseconds: int) -> str:
    """Return the hour that a time falls into, ISO 8601 in UTC."""
    return _utc(milliseconds).strftime("%Y-%m-%dT%H:00Z")


def _utc(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=min(max(milliseconds, 0), _LAST))
