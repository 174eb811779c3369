"""What the user at Redis may do: asked by queueing commands, and throwing them away.

Redis decides whether somebody may run a command when it is queued in a transaction. So nothing has to be written to
learn it, and a user that may only do what its part does is asked for no more.
"""

import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from streamapp.contracts.settings import Settings
from streamapp.doctor.findings import Fault, Finding, Said, Seen, error
from streamapp.sinks.mirror import GROUP

Command = tuple[str, ...]
_ID: Final = "doctor"


def commands(settings: Settings) -> Mapping[str, Sequence[Command]]:
    """Return the commands of each part that speaks with Redis; none of them is run."""
    prefix = settings.redis_prefix
    prediction, owned = settings.prediction_key(_ID), settings.prediction_key(_ID, _ID)
    repeated, rate = f"{prefix}idempotency:{_ID}", f"{prefix}rate:{_ID}"
    offset, newest = f"{prefix}offset:{_ID}:0", f"{prefix}input:{_ID}:0"
    streams = settings.redis_requests_stream, settings.redis_predictions_stream
    return {
        "edge": (
            ("MGET", prediction, owned),
            ("SET", repeated, "", "EX", "1"),
            ("DEL", repeated),
            ("INCRBY", rate, "1"),
            ("EXPIRE", rate, "1"),
        ),
        "sinks": (
            *(("XADD", stream, "*", "data", "") for stream in streams),
            ("XLEN", streams[1]),
            ("XGROUP", "CREATE", streams[0], GROUP, "0", "MKSTREAM"),
            ("MGET", offset, newest),
            ("MSET", offset, "0", newest, "{}"),
            ("DEL", offset, newest),
            *(("SET", key, "", "EX", "1") for key in (prediction, owned)),
        ),
    }


async def rights(client: Redis, settings: Settings) -> Said:
    """Return an error where the user may do neither all that the edge does, nor all that the sinks do."""
    refused = {part: await _refused(client, wanted) for part, wanted in commands(settings).items()}
    if able := [part for part, missing in refused.items() if not missing]:
        return Seen(f"rights of the {' and the '.join(able)}")
    # Most likely it is the user of the part of which least is refused.
    part = min(refused, key=lambda one: len(refused[one]))
    return _missing(settings, part, refused[part])


async def _refused(client: Redis, wanted: Sequence[Command]) -> list[str]:
    """Return the commands that the user may not run, each with its key."""
    refused = []
    async with client.client() as connection:  # one connection: a transaction is a connection's
        run: Callable[..., Awaitable[Any]] = connection.execute_command
        try:
            await run("MULTI")
        except NoPermissionError:
            return ["MULTI"]
        for command in wanted:
            try:
                await run(*command)
            except NoPermissionError:
                refused.append(" ".join(command[: 3 if command[0] == "XGROUP" else 2]))
            except RedisError:  # it is full, or a replica: told elsewhere
                continue
        await run("DISCARD")
    return refused


def _missing(settings: Settings, part: str, missing: Sequence[str]) -> Finding:
    return error(
        Fault.REDIS_RIGHTS,
        f"Redis user {settings.redis_username or 'default'}",
        f"It may not do all that the {part} do{'' if part == 'sinks' else 'es'}: {', '.join(missing)} is refused.",
        "Give it the rights that docs/security.md lists, in Redis's ACL file; then ACL LOAD.",
        f"redis-cli acl getuser {shlex.quote(settings.redis_username or 'default')}",
    )


async def types(client: Redis, settings: Settings) -> list[Finding]:
    """Return an error for each of our streams whose key holds something else."""
    found = []
    for name in ("redis_requests_stream", "redis_predictions_stream"):
        key = getattr(settings, name)
        try:
            await client.xlen(key)
        except NoPermissionError:
            continue
        except ResponseError as exc:
            if not str(exc).startswith("WRONGTYPE"):
                raise
            found.append(
                error(
                    Fault.REDIS_KEY_TYPE,
                    f"STREAMAPP_{name.upper()}={key}",
                    f"The key {key} holds something else than a stream: the sinks cannot mirror to it.",
                    "Set it to another name; or rename the key, if whoever wrote it agrees.",
                    f"redis-cli type {shlex.quote(key)}",
                )
            )
    return found
