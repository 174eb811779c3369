"""What the commands print: text that does nothing to a terminal, JSON lines, and nothing of their libraries."""

import logging
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


def quiet() -> None:
    """Leave it to the command to say what is wrong with the broker.

    A producer of aiokafka that is fenced leaves failed futures behind, which asyncio then complains of.
    """
    for name in ("aiokafka", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def print_json(value: object) -> None:
    """Print a value as one line of JSON."""
    # Not `typer.echo`, which flushes each line.
    sys.stdout.write(f"{msgspec.json.encode(value).decode()}\n")
