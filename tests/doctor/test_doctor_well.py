"""A system that runs: nothing is wrong with it, looking at it changes nothing, and the page has all that can be."""

import re
import sys
from pathlib import Path

import redis
from aiokafka.admin import AIOKafkaAdminClient
from doctor_support import examine, make_topics, put, run
from unique import environment
from waiting import eventually

from streamapp.clients import kafka
from streamapp.clients.said import statuses
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings
from streamapp.doctor.checks import CHECKS
from streamapp.doctor.findings import Fault
from streamapp.embedded.processes import Processes, Program, answering

PAGE = Path(__file__).parents[2] / "docs/doctor.md"


async def test_a_system_that_is_well_and_that_looking_leaves_as_it_is(
    elsewhere: Settings, processes: Processes, kept_redis: str
) -> None:
    await make_topics(elsewhere)
    env = environment(elsewhere)
    edge = f"http://127.0.0.1:{elsewhere.api_port}"
    parts = [
        processes.start(Program(f"doctors-{name}", (sys.executable, "-m", *argv), env=env))
        for name, argv in {
            "worker": ("streamapp", "worker"),
            "sinks": ("streamapp", "sinks"),
            "edge": ("api",),
        }.items()
    ]
    request = codec.encode_request(b'[{"Sleep_Hours": 7, "Team_Size": 12}]', None, "mine")
    await put(elsewhere, elsewhere.input_topic, request)

    def mirrored() -> bool:
        with redis.Redis.from_url(kept_redis) as client:
            return client.xlen(elsewhere.redis_predictions_stream) == 1

    await eventually(mirrored, timeout=60)
    await eventually(answering(f"{edge}/readyz"), timeout=60)
    before = await snapshot(elsewhere, kept_redis)
    said = await examine(elsewhere)
    assert (said.code, said.report["status"], said.findings()) == (0, "ok", [])
    assert [check["check"] for check in said.report["checks"]] == [check.name for check in CHECKS]
    assert {check["status"] for check in said.report["checks"]} == {"ok"}
    assert said.check("edge")["seen"] == [f"{edge} is ready"]
    assert said.check("workers")["seen"] == ["1 worker serves mine 1"]
    shown = await run(elsewhere)
    assert (shown.exit_code, shown.stdout.splitlines()[-1]) == (0, "All is well.")
    assert max(map(len, shown.stdout.splitlines())) <= 100
    assert await snapshot(elsewhere, kept_redis) == before
    for part in parts:
        await processes.stop(part)


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
