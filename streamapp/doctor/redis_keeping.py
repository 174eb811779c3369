"""Whether Redis keeps what it is given, by what it says of itself. Pure."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from streamapp.doctor.findings import Fault, Finding, error, note, warning

#: `SET key value NX GET`, which repeated requests rest on, came with Redis 7.0.
_LEAST: Final = (7, 0)
#: Share of the memory that Redis may have, from which on there is little left.
_NEARLY: Final = 0.9
_ABOUT: Final = "Redis"

Info = Mapping[str, Any]


def kept(info: Info, save: str | None = None) -> Iterator[Finding]:
    """Yield what is wrong with a Redis, by the fields of its INFO; of those that are not there, nothing is said.

    Args:
        info: The fields.
        save: Its setting of that name: when it makes snapshots, "" for never; None where we may not see it.
    """
    return chain(_version(info), _replica(info), _evicting(info), _memory(info), _saving(info, save))


def _version(info: Info) -> Iterator[Finding]:
    version = str(info.get("redis_version", ""))
    if version and tuple(int(part) for part in version.split(".")[:2]) < _LEAST:
        yield error(
            Fault.REDIS_OLD,
            _ABOUT,
            f"It is version {version}: requests with an Idempotency-Key fail (SET with NX and GET).",
            "Use Redis 7.0 or newer, or Valkey.",
        )


def _replica(info: Info) -> Iterator[Finding]:
    if info.get("role") == "slave":
        yield error(
            Fault.REDIS_REPLICA,
            _ABOUT,
            f"It is a replica of {info.get('master_host')}:{info.get('master_port')}, and takes no writes.",
            "Name the primary in STREAMAPP_REDIS_URL, or make this one a primary.",
            "redis-cli replicaof no one",
        )


def _evicting(info: Info) -> Iterator[Finding]:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction" or not int(info.get("maxmemory", 0)):
        return
    if policy.startswith("allkeys"):
        yield error(
            Fault.REDIS_EVICTS,
            _ABOUT,
            f"It removes any key when memory is short (maxmemory-policy {policy}): streams, and the position of the "
            "mirror, which then repeats entries.",
            "Set the policy to noeviction, in its configuration file too, and maxmemory to what is needed.",
            "redis-cli config set maxmemory-policy noeviction",
        )
    else:
        yield warning(
            Fault.REDIS_EVICTS,
            _ABOUT,
            f"It removes keys that expire when memory is short (maxmemory-policy {policy}): predictions are not "
            "found for as long as STREAMAPP_PREDICTION_TTL says, and repeated requests count as new.",
            "Set the policy to noeviction, in its configuration file too, and maxmemory to what is needed.",
            "redis-cli config set maxmemory-policy noeviction",
        )


def _memory(info: Info) -> Iterator[Finding]:
    most, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if not most or used < _NEARLY * most:
        return
    say = error if used >= most else warning
    then = "it refuses writes" if used >= most else "once it is full it refuses writes"
    yield say(
        Fault.REDIS_FULL,
        _ABOUT,
        f"It uses {used:,} of {most:,} bytes (maxmemory): {then}, and the mirror waits.",
        "Raise maxmemory; or trim streams, or lower STREAMAPP_PREDICTION_TTL.",
        f"redis-cli config set maxmemory {2 * most}",
    )


def _saving(info: Info, save: str | None) -> Iterator[Finding]:
    if "aof_enabled" not in info:
        return
    failed = [
        name
        for name in ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status")
        if info.get(name, "ok") != "ok"
    ]
    if failed:
        yield error(
            Fault.REDIS_CANNOT_SAVE,
            _ABOUT,
            f"It could not write to its disk ({', '.join(failed)}), and may refuse writes until it can.",
            "See its log; free its disk, or let it write to its folder (dir).",
        )
    elif int(info["aof_enabled"]) or save or _has_saved(info):
        return
    elif save is None:
        yield note(
            Fault.REDIS_FORGETS,
            _ABOUT,
            "It has no append-only file and has made no snapshot since its start; we may not see whether it is to "
            "make any (CONFIG).",
            "Ask whoever runs Redis: appendonly yes, or save.",
        )
    else:
        yield warning(
            Fault.REDIS_FORGETS,
            _ABOUT,
            "It keeps nothing over a restart (no append-only file): the mirror is filled again from the topics, as "
            "far back as they reach; keys of repeated requests are lost.",
            "Switch the append-only file on, in its configuration file too.",
            "redis-cli config set appendonly yes",
        )


def _has_saved(info: Info) -> bool:
    """Say whether it has saved its data since its start."""
    return int(info.get("rdb_saves", 0)) > 0
