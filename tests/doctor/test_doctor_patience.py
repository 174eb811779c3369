"""A broker that asks for patience gets some, and one that fails otherwise is told at once."""

from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, TopicAuthorizationFailedError

from streamapp.contracts.settings import Settings
from streamapp.doctor.findings import Fault, Said, Seen
from streamapp.doctor.run import run
from streamapp.doctor.visit import Check, Visit


@pytest.mark.parametrize(
    ("raised", "attempts", "faults"),
    [
        ([GroupCoordinatorNotAvailableError(), None], 2, []),
        ([GroupCoordinatorNotAvailableError()] * 3, 3, [Fault.CHECK_FAILED]),
        ([TopicAuthorizationFailedError()], 1, [Fault.CHECK_FAILED]),
    ],
    ids=["for a moment", "for good", "refused"],
)
async def test_a_check_looks_again_where_the_broker_asks_for_patience(
    settings: Settings, raised: list[KafkaError | None], attempts: int, faults: list[Fault]
) -> None:
    looks = iter(raised)
    made = []

    async def look(_: Visit) -> AsyncIterator[Said]:
        made.append(1)
        yield Seen("what it saw")
        if (exc := next(looks)) is not None:
            raise exc

    found = await run([Check("group", look)], Visit(settings))
    (result,) = found.checks
    assert len(made) == attempts
    assert [finding.fault for finding in result.findings] == faults
    assert list(result.seen) == ["what it saw"]
