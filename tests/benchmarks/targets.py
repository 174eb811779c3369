"""What is aimed at, and what was measured of it."""

import statistics
from collections.abc import Sequence
from typing import Final, Literal

import msgspec


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A ratio of two things measured in turns, in one run.

    Attributes:
        name: What is compared, as the table has it.
        at_least: The ratio that passes; the largest that does where less is better.
        aim: The ratio that is aimed at.
        better: Whether more or less of it is better.
    """

    name: str
    at_least: float
    aim: float
    better: Literal["more", "less"] = "more"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A target, and the ratios that were measured.

    Attributes:
        target: The target.
        ratios: One of each round.
        detail: The two figures behind it, with their units, e.g. `62,100 / 41,000 records/s`.
    """

    target: Target
    ratios: Sequence[float]
    detail: str

    @property
    def measured(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest of the rounds."""
        return min(self.ratios), max(self.ratios)

    @property
    def passed(self) -> bool:
        """Whether the target is reached."""
        target = self.target
        return self.measured >= target.at_least if target.better == "more" else self.measured <= target.at_least


EXPERT: Final = Target(name="LightGBM, at_least_once, against an expert's aiokafka loop", at_least=1.3, aim=2.0)
EXACTLY_ONCE: Final = Target(name="LightGBM, exactly_once, against an expert's aiokafka loop", at_least=0.9, aim=1.3)
FRAMEWORK: Final = Target(name="LightGBM, at_least_once, against FastStream's batches", at_least=2.5, aim=4.0)
SVC: Final = Target(name="SVC, from topic to topic, of the model alone", at_least=0.9, aim=2.0)
KNN: Final = Target(name="KNN, from topic to topic, of the model alone", at_least=0.9, aim=2.0)
AUTOGLUON: Final = Target(name="AutoGluon, of predictor.predict alone at 1,000 rows", at_least=0.9, aim=1.2)
PREDICT: Final = Target(
    name="/predict p99 at 200 requests/s, of a bare FastAPI endpoint", at_least=2.0, aim=1.5, better="less"
)
EDGE: Final = Target(name="/predict_stream, single records, of a bare FastAPI endpoint", at_least=0.7, aim=0.9)
NDJSON: Final = Target(name="NDJSON, records/s, of single-record requests", at_least=10.0, aim=20.0)
METERED_WORKER: Final = Target(
    name="Processor time a record, the worker, of itself without metrics", at_least=1.03, aim=1.0, better="less"
)
METERED_EDGE: Final = Target(
    name="Processor time a record, the edge, of itself without metrics", at_least=1.03, aim=1.0, better="less"
)
PROCESSES: Final = Target(name="Two worker processes, of one", at_least=1.5, aim=1.8)
BACKLOG: Final = Target(
    name="Time a record: a backlog of 1,000,000, of one of 10,000", at_least=1.05, aim=1.0, better="less"
)
