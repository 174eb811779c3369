"""What a soak's samples come to: what leaks is found, what does not is let pass."""

import math
from pathlib import Path
from typing import Any

from soak import figures, plot
from soak.figures import Figures
from soak.sampling import Sample

MIB = 2**20


def sample(seconds: float, mebibytes: float, lag: int | None = 0, mirrored: int = 0) -> Sample:
    memory = {"edge": round(mebibytes * MIB), "worker": 300 * MIB, "sinks": 50 * MIB}
    return Sample(seconds, memory, lag, mirrored)


def come_to(samples: list[Sample], *, lag_end: int | None = 0, level: float | None = 1.0, failed: int = 0) -> Figures:
    return Figures(
        broker="kafka",
        duration=600.0,
        settling=60.0,
        capacity=1000.0,
        rate=700.0,
        processed=700.0,
        growth=figures.growths(samples, 60.0),
        lag_max=0,
        lag_median=0.0,
        lag_end=lag_end,
        level_s=level,
        http_failed=0,
    )


def judged(samples: list[Sample], **others: Any) -> list[str]:
    return come_to(samples, **others).wrong()


def test_a_process_that_leaks_a_little_with_each_second_fails() -> None:
    assert judged([sample(s, 100 + s / 100) for s in range(600)]) == ["the edge grew by 5.1 %"]


def test_what_a_process_needs_before_it_has_settled_does_not_count() -> None:
    assert judged([sample(s, 100 + 100 * min(s, 60)) for s in range(600)]) == []


def test_one_large_batch_is_no_growth_and_a_step_that_stays_is() -> None:
    assert judged([sample(s, 300 if s == 200 else 100) for s in range(600)]) == []
    assert judged([sample(s, 106 if s > 200 else 100) for s in range(600)]) == ["the edge grew by 6.0 %"]


def test_growth_that_is_given_back_is_shown_and_not_judged() -> None:
    found = figures.growth([100 * MIB] * 40 + [120 * MIB] * 40 + [101 * MIB] * 40)
    assert (found.settled_mib, found.most_mib, found.end_mib) == (100, 120, 101)
    assert math.isclose(found.percent, 1.0)


def test_records_that_are_left_are_told() -> None:
    steady = [sample(s, 100) for s in range(600)]
    assert judged(steady) == []
    assert judged(steady, lag_end=3, level=None) == ["records were left at last; the lag is 3"]
    assert judged(steady, level=None) == ["records were left at last; the lag is 0"]


def test_a_short_soak_settles_within_its_first_quarter() -> None:
    assert figures.settling(600.0) == 60.0
    assert figures.settling(40.0) == 10.0


def test_the_rate_is_that_of_what_came_out_and_an_unknown_lag_is_left_out() -> None:
    samples = [sample(s, 100, lag=None if s == 1 else s, mirrored=500 * s) for s in range(11)]
    assert figures.rate(samples) == 500.0
    assert figures.lags(samples) == [0, *range(2, 11)]


def test_the_picture_is_a_png_with_all_processes_in_it(tmp_path: Path) -> None:
    samples = [sample(s, 100, lag=None if s == 1 else s) for s in range(11)]
    with_broker = [Sample(s.seconds, {**s.memory, "broker": MIB, "redis": MIB}, s.lag, 0) for s in samples]
    figures_ = come_to([sample(s, 100) for s in range(600)])
    plot.draw(figures_, with_broker, tmp_path / "var/soak.png")
    assert (tmp_path / "var/soak.png").read_bytes().startswith(b"\x89PNG")
