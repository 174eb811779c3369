"""Systems that the doctor looks at, and what it says of them."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from aiokafka import TopicPartition
from click.testing import Result
from typer.testing import CliRunner
from unique import environment

from streamapp.cli import app
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import Refused, Serving, WorkerStatus
from streamapp.contracts.topics import Topic, topics
from streamapp.doctor.findings import Fault, Level

#: Starts a Valkey with these options; returns its URL.
Valkey = Callable[..., Awaitable[str]]
SINCE = "2026-11-22T01:12:27.123Z"


class Said(NamedTuple):
    """What `streamapp doctor --json` said."""

    code: int
    report: dict[str, Any]

    @property
    def faults(self) -> set[str]:
        """Kinds of errors and warnings."""
        return {one["fault"] for one in self.findings() if one["level"] != Level.NOTE}

    def findings(self, fault: Fault | None = None) -> list[dict[str, str]]:
        found = [finding for check in self.report["checks"] for finding in check["findings"]]
        return [one for one in found if fault in {None, one["fault"]}]

    def only(self, fault: Fault) -> dict[str, str]:
        """Return the one finding of this kind."""
        (found,) = self.findings(fault)
        return found

    def check(self, name: str) -> dict[str, Any]:
        (found,) = [check for check in self.report["checks"] if check["check"] == name]
        return dict(found)


async def examine(settings: Settings, *arguments: str, **variables: str) -> Said:
    """Run `streamapp doctor --json ARGUMENTS` under these settings."""
    result = await run(settings, "--json", *arguments, **variables)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Said(result.exit_code, json.loads(result.stdout))


async def run(settings: Settings, *arguments: str, **variables: str) -> Result:
    env: Mapping[str, str] = {**environment(settings), **variables}
    return await asyncio.to_thread(CliRunner().invoke, app, ("doctor", *arguments), env=env)


def as_process(*arguments: str) -> tuple[str, ...]:
    """Return the command line of a process that examines."""
    return (sys.executable, "-m", "streamapp", "doctor", *arguments)


async def make_topics(settings: Settings, without: str = "", **changed: Mapping[str, Any]) -> None:
    """Make the topics as the parts do, but one, and others with other partitions or settings.

    Args:
        settings: The settings in force.
        without: Field of the settings that names the topic which is not made.
        **changed: By field of the settings that names a topic, what of it is other: fields of `Topic`.
    """
    names = {getattr(settings, field): values for field, values in changed.items()}
    left = getattr(settings, without) if without else ""
    wanted = [_other(topic, names.get(topic.name, {})) for topic in topics(settings) if topic.name != left]
    await kafka.ensure_topics(settings, wanted, "test")


def _other(topic: Topic, values: Mapping[str, Any]) -> Topic:
    config = {**topic.config, **values.get("config", {})}
    return msgspec.structs.replace(topic, **{**values, "config": config})


async def put(settings: Settings, topic: str, *values: bytes, key: str = "key") -> None:
    """Write records on a topic's first partition."""
    async with kafka.producer(settings, "test") as producer:
        for value in values:
            await producer.send_and_wait(topic, value, key.encode(), partition=0)


async def speak(
    settings: Settings, worker: str = "worker", *, time: str = "", refused: Refused | None = None
) -> None:
    """Have a worker say that it serves what the settings name."""
    serving = tuple(Serving(alias, name, "1", "run", "lightgbm", SINCE) for alias, name in settings.models.items())
    if refused is not None:
        serving = tuple(one for one in serving if one.alias != refused.alias)
    said = WorkerStatus(worker, time or codec.utc_now(), serving, (refused,) if refused else ())
    await put(settings, settings.status_topic, codec.encode(said), key=worker)


async def commit(settings: Settings, offset: int) -> None:
    """Commit an offset of the input topic's first partition as the workers' group."""
    async with kafka.consumer(settings, "test", group_id=settings.group) as consumer:
        partition = TopicPartition(settings.input_topic, 0)
        consumer.assign([partition])
        await consumer.commit({partition: offset})
