"""Runs of `streamapp dlq redrive` against each other and against SIGKILL: each record comes back once."""

import asyncio
import signal

from aiokafka import TopicPartition
from dlq_support import bury, came_back, dead, dlq, ended, read, redrive, start
from waiting import eventually

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.dlq.exclusive import exclusive
from streamapp.dlq.letters import Letter, to_letter
from streamapp.dlq.plan import Back, back

#: Enough for a run to be caught in the middle.
MANY = 12_000


async def bury_many(settings: Settings) -> list[str]:
    """Write the dead letters; returns their ids, sorted."""
    await bury(settings, [dead(settings, number, partition=number % 4) for number in range(MANY)])
    return sorted(f"id-{number}" for number in range(MANY))


async def in_the_middle(settings: Settings, process: asyncio.subprocess.Process, seen: int = 0) -> None:
    """Wait until a run has written more markers than were there."""

    async def begun() -> bool:
        return process.returncode is not None or await markers(settings) > seen

    await eventually(begun, "the run puts records back")
    assert process.returncode is None, "the run ended before it could be caught"


async def markers(settings: Settings) -> int:
    partition = TopicPartition(settings.redriven_topic, 0)
    async with kafka.consumer(settings, "test", isolation_level="read_uncommitted") as consumer:
        ends: dict[TopicPartition, int] = await consumer.end_offsets([partition])
    return ends[partition]


async def test_a_run_that_is_killed_is_gone_on_with(kafka_settings: Settings) -> None:
    expected = await bury_many(kafka_settings)
    for _ in range(2):
        seen = await markers(kafka_settings)
        process = await start(kafka_settings, "redrive")
        await in_the_middle(kafka_settings, process, seen)
        process.kill()
        await ended(process)
    last = await dlq(kafka_settings, "redrive", "--json")
    assert last.code == 0
    (summary,) = last.lines
    assert summary["redriven"] + summary["already"] == MANY
    assert summary["already"] > 0
    assert sorted(await came_back(kafka_settings)) == expected


def of_another_group(settings: Settings) -> Settings:
    """Return settings that share all topics: what is redriven belongs to them, and to no group."""
    return settings.model_copy(update={"group": f"{settings.group}-other"})


async def test_a_second_run_ends_the_first(kafka_settings: Settings) -> None:
    expected = await bury_many(kafka_settings)
    first = await start(kafka_settings, "redrive", "--json")
    await in_the_middle(kafka_settings, first)
    first.send_signal(signal.SIGSTOP)
    second = await dlq(of_another_group(kafka_settings), "redrive", "--json")
    first.send_signal(signal.SIGCONT)
    lost = await ended(first)
    assert (second.code, lost.code) == (0, 1)
    assert f"Another `streamapp dlq redrive` that marks on {kafka_settings.redriven_topic} has begun" in lost.err
    assert "Traceback" not in lost.err
    assert lost.lines[0]["redriven"] <= second.lines[0]["already"]
    assert sorted(await came_back(kafka_settings)) == expected


async def test_two_runs_that_start_together_put_each_record_back_once(kafka_settings: Settings) -> None:
    expected = await bury_many(kafka_settings)
    groups = (kafka_settings, of_another_group(kafka_settings))
    runs = await asyncio.gather(*(dlq(settings, "redrive", "--json") for settings in groups))
    assert 0 in {run.code for run in runs}
    assert sorted(await came_back(kafka_settings)) == expected


async def test_on_the_embedded_broker_a_second_run_is_refused_and_the_first_goes_on(settings: Settings) -> None:
    await bury(settings, [dead(settings, 7), dead(settings, 8)])
    first, second = [to_letter(record) for record in await read(settings, settings.dead_letters_topic)]
    async with exclusive(settings) as writer:
        await writer.write([going(first, settings)])
        refused = await dlq(of_another_group(settings), "redrive")
        assert refused.code == 1
        assert f"Another `streamapp dlq redrive` that marks on {settings.redriven_topic} runs already." in refused.err
        await writer.write([going(second, settings)])
    assert (await redrive(settings)).already == 2
    assert await came_back(settings) == ["id-7", "id-8"]


def going(letter: Letter, settings: Settings) -> Back:
    record = back(letter, letter.dead, range(settings.partitions), settings.max_record_bytes)
    assert isinstance(record, Back)
    return record


async def test_on_the_embedded_broker_a_killed_run_costs_one_repeat_at_most(settings: Settings) -> None:
    await bury(settings, [dead(settings, number) for number in range(800)])
    process = await start(settings, "redrive")
    await in_the_middle(settings, process)
    process.kill()
    await ended(process)
    again = await dlq(settings, "redrive", "--json")
    assert again.code == 0, again.err
    found = await came_back(settings)
    assert sorted(set(found)) == sorted(f"id-{number}" for number in range(800))
    assert len(found) - len(set(found)) in {0, 1}
