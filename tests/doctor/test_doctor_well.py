"""A system that runs: nothing is wrong with it, looking at it changes nothing, and the page has all that can be."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import redis
from aiokafka.admin import AIOKafkaAdminClient
from doctor_support import examine, make_topics, put, run
from secured_kafka import ADMIN, SecuredKafka
from unique import environment
from waiting import eventually

from streamapp.clients import kafka
from streamapp.clients.said import statuses
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings, load_settings
from streamapp.doctor.checks import CHECKS
from streamapp.doctor.findings import Fault
from streamapp.embedded.processes import Processes, Program, answering

PAGE = Path(__file__).parents[2] / "docs/doctor.md"


async def test_a_system_that_is_well_and_that_looking_leaves_as_it_is(
    elsewhere: Settings, processes: Processes, kept_redis: str
) -> None:
    edge = f"http://127.0.0.1:{elsewhere.api_port}"
    async with running(elsewhere, processes, kept_redis):
        before = await snapshot(elsewhere, kept_redis)
        said = await examine(elsewhere, "--edge", edge)
        shown = await run(elsewhere)
        assert await snapshot(elsewhere, kept_redis) == before
    assert (said.code, said.report["status"], said.findings()) == (0, "ok", [])
    assert [check["check"] for check in said.report["checks"]] == [check.name for check in CHECKS]
    assert {check["status"] for check in said.report["checks"]} == {"ok"}
    assert said.check("edge")["seen"] == [f"{edge} is ready"]
    assert said.check("workers")["seen"] == ["1 worker serves mine 1"]
    assert (shown.exit_code, shown.stdout.splitlines()[-1]) == (0, "All is well.")
    assert max(map(len, shown.stdout.splitlines())) <= 100


async def test_markers_of_transactions_are_no_records_that_wait(
    elsewhere: Settings, processes: Processes, kept_redis: str, secured_kafka: SecuredKafka
) -> None:
    own = secured_kafka.settings(ADMIN).model_dump(exclude_unset=True)
    settings = load_settings(**{**elsewhere.model_dump(), **own})
    async with running(settings, processes, kept_redis):
        said = await examine(settings)
    assert (said.code, said.faults) == (0, set())
    assert said.check("guarantee")["seen"] == ["exactly_once"]
    assert said.check("group")["seen"] == [f"{settings.group}: Stable, 1 member"]
    assert said.check("mirror")["seen"][1].endswith(f" has all of topic {settings.predictions_topic}")


@asynccontextmanager
async def running(settings: Settings, processes: Processes, kept_redis: str) -> AsyncIterator[None]:
    """Run worker, sinks and edge, until what one request asked for is in Redis."""
    await make_topics(settings)
    commands = {"worker": ("streamapp", "worker"), "sinks": ("streamapp", "sinks"), "edge": ("api",)}
    parts = [
        processes.start(Program(f"{settings.group}-{name}", (sys.executable, "-m", *argv), env=environment(settings)))
        for name, argv in commands.items()
    ]
    request = codec.encode_request(b'[{"Sleep_Hours": 7, "Team_Size": 12}]', None, "mine")
    await put(settings, settings.input_topic, request)

    def mirrored() -> bool:
        with redis.Redis.from_url(kept_redis) as client:
            return bool(client.xlen(settings.redis_predictions_stream) == 1)

    await eventually(mirrored, timeout=60)
    await eventually(answering(f"http://127.0.0.1:{settings.api_port}/readyz"), timeout=60)
    yield
    await asyncio.gather(*map(processes.stop, parts))


async def snapshot(settings: Settings, redis_url: str) -> tuple[object, ...]:
    """Return what somebody might have changed: topics, keys, who has spoken."""
    admin = AIOKafkaAdminClient(**kafka.connection(settings, "test"))
    try:
        await admin.start()
        topics = sorted(await admin.list_topics())
    finally:
        await admin.close()
    with redis.Redis.from_url(redis_url) as client:
        keys = sorted(client.scan_iter(match=f"*{settings.group.removeprefix('group-')}*"))
    return topics, keys, sorted(await statuses(settings))


def test_the_page_has_a_line_for_each_fault_and_for_nothing_else() -> None:
    assert set(re.findall(r"^\| `([a-z_]+)` \| (?:error|warning|note)", PAGE.read_text(), re.MULTILINE)) == set(Fault)
