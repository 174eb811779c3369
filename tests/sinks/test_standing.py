"""How far a sink is behind, as it says itself."""

import pytest

from streamapp.sinks.standing import Standing


class Clock:
    """Seconds that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def standing(clock: Clock) -> Standing:
    return Standing("test", clock)


def test_before_the_first_look_nothing_is_known_of_the_time_since_the_start(standing: Standing, clock: Clock) -> None:
    assert standing.delay == 0
    clock.now += 7
    assert (standing.delay, standing.lag) == (7, {})
    standing.looked({0: 0, 1: 0})
    assert (standing.delay, standing.lag) == (0, {0: 0, 1: 0})


def test_what_was_read_and_is_not_kept_is_as_old_as_it_is(standing: Standing) -> None:
    standing.looked({0: 0, 1: 0})
    standing.read(0, 990_000, 3)
    standing.read(1, 995_000, 2)
    assert (standing.delay, standing.lag) == (10, {0: 3, 1: 2})
    standing.read(0, 990_000, 3)  # once more, since it failed
    assert standing.lag == {0: 3, 1: 2}
    standing.kept(0, 998_000, 4)
    standing.kept(1, 999_000, 0)
    assert (standing.delay, standing.lag) == (2, {0: 4, 1: 0})
    standing.looked({0: 4, 1: 0})
    assert (standing.delay, standing.lag) == (2, {0: 4, 1: 0})
    standing.looked({0: 0, 1: 0})
    assert standing.delay == 0


def test_what_cannot_be_followed_may_have_been_missing_since_it_was_whole(standing: Standing, clock: Clock) -> None:
    standing.looked({0: 0})
    clock.now += 30
    assert standing.delay == 0
    standing.looked({0: 0})
    standing.lost()
    clock.now += 5
    assert standing.delay == 5
    standing.looked({0: 0})
    assert standing.delay == 0


def test_a_record_from_the_future_is_no_age(standing: Standing) -> None:
    standing.read(0, 1_001_000, 1)
    assert standing.delay == 0
