"""What is said of worker processes that have nothing to do, on a real broker."""

import logging

import pytest

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.supervisor.idle import warn_of_idle


async def warned(settings: Settings, count: int, caplog: pytest.LogCaptureFixture) -> list[str]:
    with caplog.at_level(logging.WARNING, "streamapp.supervisor.idle"):
        await warn_of_idle(settings, count)
    return [record.getMessage() for record in caplog.records if record.name == "streamapp.supervisor.idle"]


async def test_more_processes_than_partitions_are_told_of(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    (said,) = await warned(settings, 6, caplog)
    assert said.startswith(
        f"6 worker processes share the 4 partitions of {settings.input_topic}: 2 have nothing to do"
    )


async def test_what_counts_are_the_partitions_that_a_topic_has_not_those_of_the_setting(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    few = settings.model_copy(update={"partitions": 1})
    await kafka.ensure_topics(few, topics(few), "test")
    (said,) = await warned(settings, 2, caplog)
    assert "2 worker processes share the 1 partitions" in said


async def test_as_many_processes_as_partitions_are_not(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    assert await warned(settings, 4, caplog) == []
