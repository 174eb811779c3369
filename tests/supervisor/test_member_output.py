"""The lines of worker processes, passed on whole and with the name of who wrote them."""

import io
import os
import sys
import threading
from typing import Any

import pytest

from streamapp.supervisor import member


class Sink:
    """What takes the place of standard output."""

    def __init__(self, buffer: Any) -> None:
        self.buffer = buffer


def relayed(monkeypatch: pytest.MonkeyPatch, output: Any, *written: bytes) -> None:
    """Pass on what processes write at the same time; the n-th is called `n`."""
    monkeypatch.setattr(sys, "stdout", Sink(output))
    threads = []
    for number, data in enumerate(written):
        reading, writing = os.pipe()
        threads += [
            threading.Thread(target=member._relay, args=(reading, b"%d: " % number)),
            threading.Thread(target=_write, args=(writing, data)),
        ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _write(writing: int, data: bytes) -> None:
    with open(writing, "wb") as pipe:
        pipe.write(data)


def test_lines_of_two_that_write_at_the_same_time_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    lines = [bytes([letter]) * 5000 + b"\n" for letter in b"ab"]
    relayed(monkeypatch, io.BufferedWriter(raw, 64), *(line * 200 for line in lines))
    assert sorted(raw.getvalue().splitlines(keepends=True)) == [b"0: " + lines[0]] * 200 + [b"1: " + lines[1]] * 200


def test_a_line_without_an_end_is_passed_on_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.BytesIO()
    relayed(monkeypatch, output, b"x" * (member._LONGEST_LINE + 1))
    assert output.getvalue() == b"0: " + b"x" * member._LONGEST_LINE + b"\n0: x\n"


def test_where_nobody_reads_any_more_the_process_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as closed:
        relayed(monkeypatch, closed, b"line\n" * 100_000)
