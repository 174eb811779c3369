"""The lines of worker processes and of the supervisor, passed on whole and with the name of who wrote them."""

import contextlib
import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamapp import logs
from streamapp.contracts.settings import Settings
from streamapp.supervisor import output
from streamapp.supervisor.output import Output, lines_of, logged


@contextlib.contextmanager
def bare_root() -> Iterator[logging.Logger]:
    """The root logger as a process starts with it, and as it was once the block has ended."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = []
    try:
        yield root
    finally:
        root.handlers = handlers
        root.setLevel(level)


def written(data: bytes) -> int:
    """The end of a pipe that a process writes to, and then closes."""
    reading, writing = os.pipe()
    threading.Thread(target=_write, args=(writing, data)).start()
    return reading


def _write(writing: int, data: bytes) -> None:
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(data)


def relayed(*data: bytes) -> list[bytes]:
    """Pass on, through a pipe, what processes write at the same time; the n-th is called `n`. Returns the lines."""
    reading, writing = os.pipe()
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.extend(lines_of(reading)))
    reader.start()
    with os.fdopen(writing, "wb"), Output(writing, patience=30) as lines:
        for number, each in enumerate(data):
            lines.add(str(number), lines_of(written(each)))
    reader.join()
    return found


def test_lines_of_two_that_write_at_the_same_time_stay_whole() -> None:
    lines = [bytes([letter]) * 9000 + b"\n" for letter in b"ab"]
    assert sorted(relayed(*(line * 300 for line in lines))) == [b"0: " + lines[0]] * 300 + [b"1: " + lines[1]] * 300


def test_a_line_of_which_only_a_part_is_taken_is_written_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole(descriptor, data[:7]))
    with (tmp_path / "out").open("wb") as file, Output(file.fileno()) as lines:
        lines.add("n", [b"x" * 100, b"y\n"])
    assert (tmp_path / "out").read_bytes() == b"n: " + b"x" * 100 + b"\nn: y\n"


def test_a_line_without_an_end_is_passed_on_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_LONGEST_LINE", 4)
    assert b"".join(relayed(b"12345")) == b"0: 1234\n0: 5\n"


def test_where_nobody_reads_any_more_the_process_is_not_held_up() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    source = written(b"line\n" * 100_000)
    with os.fdopen(writing, "wb"), Output(writing, patience=30) as lines:
        lines.add("n", lines_of(source))
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(source)


def test_each_line_that_is_logged_has_the_name_of_who_logs(tmp_path: Path) -> None:
    with (
        bare_root() as root,
        (tmp_path / "out").open("wb") as file,
        Output(file.fileno()) as lines,
        logged(lines, "supervisor", logs.formatter(Settings(log_format="console"))),
    ):
        root.info("What %s\n%s", "failed", "\udcff")
    first, last = (tmp_path / "out").read_text().splitlines()
    assert first.startswith("supervisor: 20")
    assert first.endswith("[info     ] What failed")
    assert last == rf"supervisor: \udcff [root] process={os.getpid()}"


def test_lines_that_are_json_say_themselves_whose_they_are(tmp_path: Path) -> None:
    with (
        bare_root() as root,
        (tmp_path / "out").open("wb") as file,
        Output(file.fileno(), named=False) as lines,
        logged(lines, "supervisor", logs.formatter(Settings(log_format="json"))),
    ):
        root.info("What %s\n%s", "failed", "\udcff")
    (line,) = (tmp_path / "out").read_text().splitlines()
    said = json.loads(line)
    assert (said["event"], said["process"]) == ("What failed\n\udcff", os.getpid())


def test_who_logs_is_not_held_up_where_the_output_takes_no_more() -> None:
    reading, writing = os.pipe()
    with (
        bare_root() as root,
        os.fdopen(reading, "rb") as pipe,
        os.fdopen(writing, "wb"),
        Output(writing, patience=30) as lines,
        logged(lines, "n", logs.formatter(Settings(log_format="console"))),
    ):
        logging_thread = threading.Thread(target=_log_much, args=(root,))
        logging_thread.start()
        logging_thread.join(10)
        held_up = logging_thread.is_alive()
        assert all(pipe.readline().startswith(b"n: ") for _ in range(100))
    assert not held_up


def _log_much(log: logging.Logger) -> None:
    for _ in range(100):
        log.warning("x" * 10_000)
