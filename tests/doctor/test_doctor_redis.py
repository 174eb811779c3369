"""Redis that is wrong, each time found with its mend."""

import asyncio
from typing import NamedTuple

import pytest
import redis
from doctor_support import Valkey, examine, put
from secured_redis import SecuredRedis

from streamapp.contracts.settings import Settings, load_settings
from streamapp.doctor import redis as subject
from streamapp.doctor.findings import Fault, Level
from streamapp.doctor.redis_keeping import kept
from streamapp.doctor.run import run
from streamapp.doctor.visit import Check, Visit
from streamapp.embedded.processes import free_port


def at(settings: Settings, url: str) -> Settings:
    """Return settings that are checked anew, as those of a process are."""
    return load_settings(**{**settings.model_dump(), "redis_url": url})


async def test_a_redis_that_is_away(system: Settings) -> None:
    port = free_port()
    said = await examine(at(system, f"redis://me:geheim@127.0.0.1:{port}/0"))
    found = said.only(Fault.REDIS_UNREACHABLE)
    assert (said.code, said.faults) == (1, {Fault.REDIS_UNREACHABLE})
    assert found["about"] == f"Redis redis://me:****@127.0.0.1:{port}/0"
    assert found["what"] == f"Nothing listens on port {port} of 127.0.0.1."
    assert "STREAMAPP_REDIS_URL" in found["mend"]
    assert said.check("mirror")["because"] == "needs redis"


class Broken(NamedTuple):
    """A Valkey with these options, and what is said of it."""

    options: tuple[str, ...]
    fault: Fault
    level: Level
    command: str


SMALL = ("--maxmemory", "100mb", "--maxmemory-policy")
BROKEN = {
    "any key may go": Broken((*SMALL, "allkeys-lru"), Fault.REDIS_EVICTS, Level.ERROR, "noeviction"),
    "keys that expire may go": Broken((*SMALL, "volatile-lru"), Fault.REDIS_EVICTS, Level.WARNING, "noeviction"),
    "full": Broken(("--maxmemory", "1mb"), Fault.REDIS_FULL, Level.ERROR, "config set maxmemory"),
    "in memory alone": Broken(
        ("--appendonly", "no"), Fault.REDIS_FORGETS, Level.WARNING, "config set appendonly yes"
    ),
    "a replica": Broken(("--replicaof", "127.0.0.1 9"), Fault.REDIS_REPLICA, Level.ERROR, "replicaof no one"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_redis_that_does_not_keep_what_it_is_given(system: Settings, valkey: Valkey, broken: Broken) -> None:
    said = await examine(at(system, await valkey("--appendonly", "yes", *broken.options)))
    found = said.only(broken.fault)
    assert said.faults == {broken.fault}
    assert (said.code, found["level"]) == (int(broken.level is Level.ERROR), broken.level)
    assert broken.command in found["command"]


async def test_a_key_that_is_no_stream(system: Settings, kept_redis: str) -> None:
    with redis.Redis.from_url(kept_redis) as client:
        client.set(system.redis_predictions_stream, "theirs")
    said = await examine(system)
    found = said.only(Fault.REDIS_KEY_TYPE)
    assert (said.code, said.faults) == (1, {Fault.REDIS_KEY_TYPE})
    assert found["about"] == f"STREAMAPP_REDIS_PREDICTIONS_STREAM={system.redis_predictions_stream}"
    assert found["command"] == f"redis-cli type {system.redis_predictions_stream}"


async def test_who_is_not_let_in_and_whose_certificate_is_not_trusted(
    system: Settings, secured_redis: SecuredRedis
) -> None:
    sinks = secured_redis.settings("sinks")
    for changed, fault, mend in (
        ({"redis_password": "wrong"}, Fault.REDIS_REFUSES, "STREAMAPP_REDIS_PASSWORD"),
        ({"redis_ssl_ca_file": None}, Fault.REDIS_UNTRUSTED, "STREAMAPP_REDIS_SSL_CA_FILE"),
        (
            {"redis_url": sinks["redis_url"].replace("rediss", "redis"), "redis_ssl_ca_file": None},
            Fault.REDIS_TLS,
            "Write rediss:// there",
        ),
    ):
        said = await examine(load_settings(**{**system.model_dump(), **sinks, **changed}))
        found = said.only(fault)
        assert (said.code, said.faults) == (1, {fault})
        assert mend in found["mend"]
        assert sinks["redis_password"] not in str(said.report)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "127.0.0.1"])
async def test_of_a_redis_that_does_not_answer_nobody_says_to_give_tls_up(host: str) -> None:
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = load_settings(redis_url=f"rediss://{host}:{port}/0")
        (check,) = (await run([Check("redis", subject.look)], Visit(settings, timeout=3))).checks
    assert [one.fault for one in check.findings] == [Fault.REDIS_UNREACHABLE]


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take what comes and say nothing."""
    while await reader.read(1024):
        pass
    writer.close()


async def test_a_redis_without_tls_that_is_asked_for_it(kept_redis: str) -> None:
    settings = load_settings(redis_url=kept_redis.replace("redis://", "rediss://"))
    (check,) = (await run([Check("redis", subject.look)], Visit(settings))).checks
    (found,) = check.findings
    assert found.fault == Fault.REDIS_TLS
    assert "Write redis:// there" in found.mend


async def test_snapshots_that_are_to_come_keep_what_redis_is_given(elsewhere: Settings, valkey: Valkey) -> None:
    url = await valkey("--save", "3600 1")
    with redis.Redis.from_url(url) as client:
        client.execute_command("ACL", "SETUSER", "some", "on", ">geheim", "~*", "+@all", "-config")
    for told, level in ((url, None), (url.replace("://", "://some:geheim@"), Level.NOTE)):
        (check,) = (await run([Check("redis", subject.look)], Visit(at(elsewhere, told)))).checks
        assert [(one.fault, one.level) for one in check.findings] == [(Fault.REDIS_FORGETS, level)] * bool(level)


async def test_each_part_s_user_is_well_and_one_who_may_do_less_is_told_what(
    elsewhere: Settings, secured_redis: SecuredRedis
) -> None:
    names = {
        "redis_prefix": "streamapp:",
        "redis_requests_stream": "mlops_stream",
        "redis_predictions_stream": "mlops_predictions",
    }
    for user in ("edge", "sinks", "reader"):
        said = await examine(load_settings(**{**elsewhere.model_dump(), **names, **secured_redis.settings(user)}))
        rights = said.findings(Fault.REDIS_RIGHTS)
        assert bool(rights) == (user == "reader")
        # None of ours may ask how Redis is set.
        assert said.only(Fault.REDIS_UNSEEN)["level"] == Level.NOTE
    assert "MULTI is refused" in rights[0]["what"]
    assert "docs/security.md" in rights[0]["mend"]


async def test_a_user_who_may_write_one_stream_alone(elsewhere: Settings, valkey: Valkey) -> None:
    url = await valkey("--appendonly", "yes")
    stream, prefix = elsewhere.redis_requests_stream, elsewhere.redis_prefix
    with redis.Redis.from_url(url) as client:
        client.execute_command(
            "ACL", "SETUSER", "some", "on", ">geheim", f"~{stream}", f"~{prefix}o*", f"~{prefix}in*", "+@all"
        )
        keys = client.dbsize()
    said = await examine(at(elsewhere, url.replace("://", "://some:geheim@")))
    assert f"XADD {elsewhere.redis_predictions_stream}" in said.only(Fault.REDIS_RIGHTS)["what"]
    with redis.Redis.from_url(url) as client:
        assert client.dbsize() == keys == 0, "what was tried was thrown away"


async def test_a_mirror_that_nobody_writes(system: Settings) -> None:
    await put(system, system.predictions_topic, b"{}")
    said = await examine(system)
    found = said.only(Fault.MIRROR_STANDING)
    assert (said.code, said.faults) == (1, {Fault.MIRROR_STANDING})
    assert found["about"] == f"Redis Stream {system.redis_predictions_stream}"
    assert found["command"] == "streamapp sinks"


@pytest.mark.parametrize(
    ("info", "fault", "level"),
    [
        ({"redis_version": "6.2.14"}, Fault.REDIS_OLD, Level.ERROR),
        ({"maxmemory": 100, "used_memory": 95}, Fault.REDIS_FULL, Level.WARNING),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, Fault.REDIS_CANNOT_SAVE, Level.ERROR),
        ({"aof_enabled": 0, "rdb_last_bgsave_status": "err"}, Fault.REDIS_CANNOT_SAVE, Level.ERROR),
    ],
)
def test_what_redis_says_of_itself(info: dict[str, object], fault: Fault, level: Level) -> None:
    (found,) = kept(info)
    assert (found.fault, found.level) == (fault, level)


def test_of_what_redis_does_not_say_nothing_is_said() -> None:
    assert list(kept({})) == []
