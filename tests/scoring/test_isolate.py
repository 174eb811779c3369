"""Poison isolation is a rule about groups, answers and time: here with neither models nor clocks."""

from collections.abc import Sequence
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamapp.contracts.errors import PredictionTimeout
from streamapp.scoring.isolate import isolate


class Clock:
    """Time that passes only where a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Trials:
    """Attempts that take `cost` seconds, raise on some numbers, and hang on others until they are given up."""

    def __init__(self, raises: set[int] = frozenset(), hangs: set[int] = frozenset(), cost: float = 0.0) -> None:
        self.clock = Clock()
        self.groups: list[list[int]] = []
        self.hung = 0
        self._raises, self._hangs, self._cost = raises, hangs, cost

    def __call__(self, group: Sequence[int], seconds: float) -> list[int]:
        self.groups.append(list(group))
        if self._hangs.intersection(group) or self._cost > seconds:
            self.clock.now += seconds
            self.hung += 1
            raise PredictionTimeout(f"{len(group)} rows")
        self.clock.now += self._cost
        if self._raises.intersection(group):
            raise ZeroDivisionError(f"{len(group)} rows")
        return list(group)


@given(st.integers(1, 200), st.sets(st.integers(0, 199)))
def test_exactly_those_fail_that_fail_alone(count: int, poison: set[int]) -> None:
    trials = Trials(raises=poison)
    found = isolate(range(count), trials, 3.0, clock=trials.clock)
    assert sorted(found.results) == [i for i in range(count) if i not in poison]
    assert sorted(i for i, _ in found.failed) == [i for i in range(count) if i in poison]
    assert {str(exc) for _, exc in found.failed} <= {"1 rows"}


@given(st.integers(2, 4000), st.sets(st.integers(0, 3999), max_size=5))
def test_k_that_raise_among_n_cost_about_two_k_log_n_calls(count: int, poison: set[int]) -> None:
    trials = Trials(raises=poison)
    isolate(range(count), trials, 3.0, clock=trials.clock)
    present = len([i for i in poison if i < count])
    assert len(trials.groups) <= 1 + 2 * present * ceil(log2(count))


@given(st.integers(2, 2500), st.data())
def test_one_that_hangs_is_alone_after_three_calls_that_hang(count: int, data: st.DataObject) -> None:
    culprit = data.draw(st.integers(0, count - 1))
    trials = Trials(hangs={culprit}, cost=0.003)
    found = isolate(range(count), trials, 3.0, clock=trials.clock)
    assert [i for i, _ in found.failed] == [culprit]
    assert len(found.results) == count - 1
    assert trials.hung <= 3
    assert len(trials.groups) <= 101


def test_requests_that_raise_and_requests_that_hang_are_told_apart() -> None:
    trials = Trials(raises={3, 700}, hangs={1500}, cost=0.001)
    found = isolate(range(2000), trials, 3.0, clock=trials.clock)
    assert {i: type(exc) for i, exc in found.failed} == {
        3: ZeroDivisionError,
        700: ZeroDivisionError,
        1500: PredictionTimeout,
    }


@pytest.mark.parametrize(
    "trials",
    [Trials(hangs=set(range(2000))), Trials(cost=0.9), Trials(set(range(2000)), cost=0.4), Trials(cost=60.0)],
    ids=["hangs on all", "is slow", "raises slowly", "is far too slow"],
)
def test_no_model_takes_longer_than_its_time(trials: Trials) -> None:
    started = trials.clock.now
    found = isolate(range(2000), trials, 3.0, clock=trials.clock)
    assert trials.clock.now - started <= 3.0
    assert len(found.results) + len(found.failed) == 2000
    assert trials.hung <= 15


def test_a_request_alone_has_all_the_time() -> None:
    trials = Trials(cost=2.9)
    assert isolate([7], trials, 3.0, clock=trials.clock).results == [7]


def test_what_could_not_be_tried_has_the_failure_of_its_smallest_group() -> None:
    trials = Trials(raises=set(range(8)))
    found = isolate(range(8), trials, 3.0, available=lambda: len(trials.groups) < 5, clock=trials.clock)
    assert [len(group) for group in trials.groups] == [8, 4, 4, 2, 2]
    assert {i: str(exc) for i, exc in found.failed} == dict.fromkeys(range(4), "2 rows") | dict.fromkeys(
        range(4, 8), "4 rows"
    )


def test_nothing_is_attempted_once_calls_are_no_longer_made() -> None:
    trials = Trials()
    found = isolate(range(5), trials, 3.0, available=lambda: False, clock=trials.clock)
    assert trials.groups == []
    assert [type(exc) for _, exc in found.failed] == [PredictionTimeout] * 5


def test_a_failure_that_depends_on_the_size_of_the_group_refuses_nothing() -> None:
    def odd(group: Sequence[int], seconds: float) -> list[int]:
        if len(group) > 1 and len(group) % 2:
            raise ZeroDivisionError
        return list(group)

    assert sorted(isolate(range(7), odd, 3.0).results) == list(range(7))
