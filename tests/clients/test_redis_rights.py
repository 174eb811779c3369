"""Redis with TLS and ACL: each user may do what its part does, and nothing else; who is not let in is told so."""

from typing import Any

import pytest
import redis
from certificates import Authority
from redis.exceptions import AuthenticationError, NoPermissionError
from secured_redis import SecuredRedis

from streamapp.clients.redis import connect, connect_blocking
from streamapp.contracts.settings import load_settings

USERS = ("edge", "sinks", "reader")
DANGEROUS: tuple[tuple[Any, ...], ...] = (
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "dir", "/tmp"),  # noqa: S108  # refused
    ("EVAL", "return redis.call('GET', KEYS[1])", 1, "streamapp:prediction:a"),
    ("EVALSHA", "0" * 40, 0),
    ("SCRIPT", "LOAD", "return 1"),
    ("FUNCTION", "LOAD", "#!lua name=a\n"),
    ("KEYS", "*"),
    ("SCAN", 0),
    ("ACL", "LIST"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("MONITOR",),
    ("REPLICAOF", "127.0.0.1", 9),
    ("SAVE",),
    ("SHUTDOWN", "NOSAVE"),
)
#: What is not theirs, of commands that they may use elsewhere.
OTHERS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "edge": (
        ("SET", "streamapp:prediction:a", "forged"),
        ("GET", "streamapp:offset:predictions:0"),
        ("DEL", "mlops_stream"),
        ("XADD", "mlops_predictions", "*", "data", "forged"),
        ("XLEN", "mlops_stream"),
    ),
    "sinks": (
        ("SET", "theirs", "x"),
        ("XADD", "theirs", "*", "data", "x"),
        ("XGROUP", "DESTROY", "mlops_stream", "workers"),
        ("XTRIM", "mlops_stream", "MAXLEN", 0),
        ("GET", "streamapp:prediction:a"),
        ("SET", "streamapp:idempotency:a", "forged"),
        ("DEL", "streamapp:rate:a"),
    ),
    "reader": (("XADD", "mlops_stream", "*", "data", "x"), ("DEL", "mlops_stream"), ("XLEN", "mlops_predictions")),
}


@pytest.mark.bad_input(27)
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("command", DANGEROUS, ids=lambda command: " ".join(map(str, command[:2]))[:20])
def test_no_user_of_ours_may_run_what_could_hurt_others(
    secured_redis: SecuredRedis, user: str, command: tuple[Any, ...]
) -> None:
    with connect_blocking(load_settings(**secured_redis.settings(user))) as client:
        with pytest.raises(NoPermissionError):
            client.execute_command(*command)
        assert client.ping()


@pytest.mark.bad_input(27)
@pytest.mark.parametrize(("user", "command"), [(user, command) for user in USERS for command in OTHERS[user]])
def test_a_user_has_its_own_keys_and_commands_alone(
    secured_redis: SecuredRedis, user: str, command: tuple[Any, ...]
) -> None:
    with connect_blocking(load_settings(**secured_redis.settings(user))) as client, pytest.raises(NoPermissionError):
        client.execute_command(*command)


async def test_both_clients_show_user_password_and_trust_the_authority(secured_redis: SecuredRedis) -> None:
    settings = load_settings(**secured_redis.settings("edge"))
    with connect_blocking(settings) as blocking:
        assert blocking.ping()
    async with connect(settings) as client:
        assert await client.ping()


def test_the_user_may_stand_in_the_url_too(secured_redis: SecuredRedis) -> None:
    given = secured_redis.settings("sinks")
    user = f"{given['redis_username']}:{given['redis_password']}"
    url = given["redis_url"].replace("://", f"://{user}@")
    settings = load_settings(redis_url=url, redis_ssl_ca_file=given["redis_ssl_ca_file"])
    with connect_blocking(settings) as client:
        assert client.ping()


def test_who_has_no_password_or_does_not_trust_the_certificate_gets_nowhere(
    secured_redis: SecuredRedis, authority: Authority
) -> None:
    url = secured_redis.settings("edge")["redis_url"]
    nobody = load_settings(redis_url=url, redis_ssl_ca_file=authority.file)
    with connect_blocking(nobody) as client, pytest.raises(AuthenticationError):
        client.get("streamapp:prediction:a")
    untrusting = load_settings(redis_url=url)
    with connect_blocking(untrusting) as client, pytest.raises(redis.ConnectionError, match="verify failed"):
        client.ping()
