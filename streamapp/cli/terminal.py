"""What the commands print: text that does nothing to a terminal, and JSON lines. Pure but for `print_json`."""

import sys

import msgspec

#: `2026-11-22T01:12:27`, without the milliseconds and the zone (UTC).
_SECONDS = 19


def printable(text: str) -> str:
    """Return text on one line that does nothing to a terminal but be seen."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def plain_time(iso: str) -> str:
    """Return a time for a person, to the second: `2026-11-22 01:12:27`."""
    return printable(iso[:_SECONDS].replace("T", " "))


def print_json(value: object) -> None:
    """Print a value as one line of JSON."""
    sys.stdout.write(f"{msgspec.json.encode(value).decode()}\n")
