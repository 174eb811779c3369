"""The faults that every run of the tests meets: real processes on Apache Kafka, with exactly_once."""

import asyncio

import pytest
from conftest import require_kafka

from chaos.result import Result
from chaos.run import Plan, run
from chaos.screen import summary

FAULTS = (1, 2, 3, 4, 6, 14, 17)
#: Seconds after which they hang. They take four minutes on two slow cores with nothing beside them.
LIMIT = 900


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Result]:
    """Run them in one go: what they share takes the longest to start."""
    require_kafka()
    folder = tmp_path_factory.mktemp("chaos")

    async def all_of_them() -> dict[int, Result]:
        plan = Plan(FAULTS, seed=1, records=2000)
        return {result.fault: result async for result in run(plan, folder, print)}

    return asyncio.run(all_of_them())


@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_and_nothing_is_there_twice_after_fault(fault: int, results: dict[int, Result]) -> None:
    result = results[fault]
    assert result.passed, summary(result)
    assert (result.lost, result.repeated, result.records >= 2000) == (0, 0, True)
