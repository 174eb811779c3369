"""Redis: whether it lets us in, keeps what it is given, and lets our parts do what they do."""

from typing import Final

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from streamapp.clients.redis import connect
from streamapp.contracts.settings import Settings
from streamapp.contracts.shown import masked
from streamapp.contracts.urls import split
from streamapp.doctor.findings import Fault, Finding, Seen, error, note
from streamapp.doctor.knock import answers_plainly, speaks_tls
from streamapp.doctor.reach import breaks_tls, refuses, why
from streamapp.doctor.redis_keeping import kept
from streamapp.doctor.redis_rights import rights, types
from streamapp.doctor.visit import Looks, Visit

_PORT: Final = 6379


async def look(visit: Visit) -> Looks:
    """Connect as our parts do, and ask Redis about itself and about our rights."""
    settings = visit.settings
    async with connect(settings, visit.patience) as client:
        try:
            await client.ping()
        except RedisError as exc:
            yield await _closed(settings, exc, visit.patience)
            return
        try:
            info = await client.info("all")
        except NoPermissionError:
            info = {}
            yield _unseen(settings)
        for finding in (*kept(info, await _save(client)), *await types(client, settings)):
            yield finding
        may = await rights(client, settings)
    server = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info.get("redis_version") or "of a version that we may not see"
    yield Seen(f"{masked(settings.redis_url)}: {server} {version}")
    yield may


async def _save(client: Redis) -> str | None:
    """Return when snapshots are made, as Redis is set; None where we may not see it."""
    try:
        said = await client.config_get("save")
    except ResponseError:
        return None
    return str(said.get("save", ""))


async def _closed(settings: Settings, exc: RedisError, patience: float) -> Finding:
    about = f"Redis {masked(settings.redis_url)}"
    url = split(settings.redis_url.get_secret_value())
    if isinstance(exc, AuthenticationError) or (isinstance(exc, ResponseError) and _wants_password(exc)):
        user = settings.redis_username or url.username or "default"
        return error(
            Fault.REDIS_REFUSES,
            about,
            f"It does not let in the user {user}: {exc}",
            "Correct STREAMAPP_REDIS_USERNAME and STREAMAPP_REDIS_PASSWORD, or the user in Redis's ACL file.",
        )
    if "certificate verify failed" in str(exc):
        return error(
            Fault.REDIS_UNTRUSTED,
            about,
            f"Its certificate is not trusted: {exc}",
            "Name the file of the authority that made it in STREAMAPP_REDIS_SSL_CA_FILE; where the certificate is "
            "for another name, reach Redis by that one.",
        )
    return await _tls(settings, about, exc, patience) or error(
        Fault.REDIS_UNREACHABLE,
        about,
        why(url.hostname, url.port or _PORT, exc),
        "Start it (docker compose up --wait; streamapp demo has one of its own), or correct STREAMAPP_REDIS_URL. "
        "Meanwhile predictions are made, and are mirrored later.",
    )


def _wants_password(exc: ResponseError) -> bool:
    return str(exc).startswith(("NOAUTH", "WRONGPASS", "invalid username-password"))


async def _tls(settings: Settings, about: str, exc: RedisError, patience: float) -> Finding | None:
    """Say whether one side speaks TLS and the other does not; None where it is not that."""
    url = split(settings.redis_url.get_secret_value())
    if url.scheme == "unix" or refuses(exc):
        return None
    server = f"{url.hostname}:{url.port or _PORT}"
    with_tls = await speaks_tls(server, patience)
    if with_tls == (url.scheme == "rediss"):
        return None
    # What does not answer at all may well speak TLS: nobody is to give it up for that.
    if not with_tls and not (breaks_tls(exc) or await answers_plainly(server, patience)):
        return None
    speaks, scheme = ("TLS", "rediss://") if with_tls else ("no TLS", "redis://")
    return error(
        Fault.REDIS_TLS,
        about,
        f"It speaks {speaks}, and STREAMAPP_REDIS_URL starts with {url.scheme}://.",
        f"Write {scheme} there, or take the port for the other.",
    )


def _unseen(settings: Settings) -> Finding:
    return note(
        Fault.REDIS_UNSEEN,
        f"Redis {masked(settings.redis_url)}",
        "We may not see how Redis keeps its data (INFO).",
        "Look as a user with +info, or ask whoever runs Redis: maxmemory-policy noeviction, appendonly yes.",
    )
