"""Calls of a model in real threads: given up in time, bounded, and gone with whoever made them."""

import contextlib
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scoring_support import card
from waiting import until

from streamapp.contracts.errors import PredictionError, PredictionTimeout
from streamapp.scoring.call import MAX_HANGING, Caller
from streamapp.scoring.model import FunctionModel, Predicted, Table

TABLE = np.zeros((3, 2))
#: Long enough for any machine, where an answer is expected.
PATIENT = 30.0


class Stuck:
    """A function that hangs on what it is called with until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.hang = True
        self.running = 0

    def __call__(self, table: Table) -> list[Any]:
        self.running += 1
        if self.hang:
            self.let_go.wait()
        return [0] * len(table)


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    stuck = Stuck()
    yield stuck
    stuck.let_go.set()


def caller(function: Any, alias: str) -> Caller:
    return Caller(FunctionModel(card(alias), function))


def threads(alias: str) -> int:
    return sum(thread.name == f"model-{alias}" for thread in threading.enumerate())


def test_calls_are_made_in_one_thread_that_is_not_the_callers() -> None:
    idents: list[int] = []
    caller_ = caller(lambda table: [idents.append(threading.get_ident())] * len(table), "one")
    for _ in range(3):
        caller_.predict(TABLE, PATIENT)
    assert len(set(idents)) == 1
    assert threading.get_ident() not in idents


def test_a_call_that_hangs_is_given_up_and_the_next_one_is_answered(stuck: Stuck) -> None:
    hanging = caller(stuck, "hangs")
    with pytest.raises(PredictionTimeout, match=r"no answer for 3 rows in 0\.02 s"):
        hanging.predict(TABLE, 0.02)
    until(lambda: stuck.running, "the call has begun", expected=1)
    stuck.hang = False
    assert hanging.predict(TABLE, PATIENT) == Predicted([0, 0, 0])
    assert threads("hangs") == 2
    stuck.let_go.set()
    until(lambda: threads("hangs"), "the thread that was given up ends with its call", expected=1)


def test_a_call_that_computes_without_end_is_interrupted() -> None:
    def spin(table: Table) -> list[Any]:
        while True:
            with contextlib.suppress(Exception):
                table[0, 0] += 1

    spinning = caller(spin, "spins")
    with pytest.raises(PredictionTimeout):
        spinning.predict(TABLE.copy(), 0.02)
    until(lambda: threads("spins"), "the thread ends", expected=0)


def test_a_traced_program_goes_on_while_a_call_hangs() -> None:
    program = """
import sys, threading
sys.settrace(lambda *_: None)
from scoring_support import card
from streamapp.contracts.errors import PredictionTimeout
from streamapp.scoring.call import Caller
from streamapp.scoring.model import FunctionModel
caller = Caller(FunctionModel(card("hangs"), lambda table: threading.Event().wait()))
for _ in range(3):
    try:
        caller.predict([0], 0.02)
    except PredictionTimeout as exc:
        print(exc)
"""
    env = {"PYTHONPATH": ":".join(sys.path)}
    # Not in this process: what this is about would hold up the test's own time-out as well.
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, env=env, check=False, capture_output=True, text=True, timeout=60)
    assert ran.stdout.count("no answer for 1 rows") == 3, ran.stderr


def test_only_so_many_calls_hang_at_a_time(stuck: Stuck, caplog: pytest.LogCaptureFixture) -> None:
    hanging = caller(stuck, "many")
    for _ in range(MAX_HANGING):
        assert hanging.available
        with pytest.raises(PredictionTimeout):
            hanging.predict(TABLE, 0.01)
    assert not hanging.available
    assert [record.getMessage() for record in caplog.records] == [
        f"Model many: {MAX_HANGING} calls hang; it is not called again until one returns."
    ]
    stuck.let_go.set()
    until(lambda: hanging.available, "calls that returned make room")


def test_the_thread_ends_with_the_caller() -> None:
    short_lived = caller(lambda table: [0] * len(table), "short")
    short_lived.predict(TABLE, PATIENT)
    assert threads("short") == 1
    del short_lived
    until(lambda: threads("short"), "the idle thread ends", expected=0)


def test_an_idle_thread_keeps_no_rows() -> None:
    idle = caller(lambda table: [0] * len(table), "idle")
    table = np.zeros((3, 2))
    idle.predict(table, PATIENT)
    kept = weakref.ref(table)
    del table
    until(lambda: kept() is None, "nobody has the table")


@pytest.mark.parametrize(
    "raised", [ValueError("no"), TimeoutError("the model's own"), MemoryError(), RecursionError()]
)
def test_what_a_model_raises_is_raised_as_it_is(raised: Exception) -> None:
    def fail(table: Table) -> list[Any]:
        raise raised

    failing = caller(fail, "fails")
    with pytest.raises(type(raised)) as caught:
        failing.predict(TABLE, PATIENT)
    assert caught.value is raised
    assert failing.available


@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_would_end_the_process_is_the_models_failure(raised: type[BaseException]) -> None:
    def fail(table: Table) -> list[Any]:
        raise raised

    with pytest.raises(PredictionError, match=rf"The model raised {raised.__name__}\."):
        caller(fail, "exits").predict(TABLE, PATIENT)


def test_a_model_that_recurses_without_end_fails_and_is_called_again() -> None:
    def deeper(table: Table) -> list[Any]:
        return deeper(table) if table[0, 0] else [0] * len(table)

    recursive = caller(deeper, "recursive")
    with pytest.raises(RecursionError):
        recursive.predict(TABLE + 1, PATIENT)
    assert recursive.predict(TABLE, PATIENT).labels == [0, 0, 0]
