"""Records a second from topic to topic, beside what one would use or write otherwise."""

from collections.abc import Iterator
from typing import Final

from benchmarks.bench import Bench, Figure, Section
from benchmarks.contenders import AT_LEAST_ONCE, EXACTLY_ONCE, EXPERT
from benchmarks.race import Course, Lap, Race, medians, ratios
from benchmarks.registries import LIGHTGBM
from benchmarks.targets import EXACTLY_ONCE as EXACTLY_ONCE_TARGET
from benchmarks.targets import EXPERT as EXPERT_TARGET
from benchmarks.targets import Measured
from benchmarks.traffic import Workload

_METHOD: Final = """\
Each lap is a new process and a new consumer group on a topic that has all records already; the contenders have the \
same topic, in turns. The rate is that of the predictions behind the first record batch, over the time from that to \
the last, by the timestamps of the output topic (on Apache Kafka the broker's, on the embedded one the writer's): \
start-up is not in it. The broker, MLflow and the benchmark run on core 0, the contender alone on core 1. After each \
lap every prediction is compared with the model's, and each request has to be answered once."""


async def measure(bench: Bench) -> Section:
    """Race the worker with both guarantees against the peers."""
    work = Workload(records=40_000 if bench.quick else 100_000)
    course = Course("kafka", work, LIGHTGBM, bench.registry)
    laps = await Race(bench, course).run([AT_LEAST_ONCE, EXPERT, EXACTLY_ONCE])
    return Section(
        title="From topic to topic",
        method=_METHOD,
        measured=[
            Measured(target=target, ratios=ratios(laps, one, other), detail=medians(laps, one, other))
            for target, one, other in (
                (EXPERT_TARGET, AT_LEAST_ONCE, EXPERT),
                (EXACTLY_ONCE_TARGET, EXACTLY_ONCE, EXPERT),
            )
        ],
        figures=list(figures(course, laps)),
    )


def figures(course: Course, laps: dict[str, list[Lap]]) -> Iterator[Figure]:
    """Return what was measured of each contender."""
    under = f"{course.work}, {course.broker}"
    for what, runs in laps.items():
        yield Figure(what=what, under=under, unit="records/s", values=[lap.rate for lap in runs])
        yield Figure(what=what, under=under, unit="CPU s/million", values=[lap.cpu for lap in runs])
        yield Figure(what=what, under=under, unit="MiB", values=[lap.memory for lap in runs])
