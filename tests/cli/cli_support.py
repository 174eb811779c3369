"""What the tests of the commands that look at a running stream share."""

import asyncio
from typing import Any

from click.testing import Result
from typer.testing import CliRunner
from unique import environment

from streamapp.cli import app
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import Refused, Serving, WorkerStatus
from streamapp.contracts.topics import topics

SINCE = "2026-11-22T01:12:27.123Z"


def serving(alias: str = "svm", version: str = "1", rows: int = 0, calls: int = 0, **fields: Any) -> Serving:
    name = {"svm": "SVC"}.get(alias, alias)
    values = {"registered_name": name, "run_id": f"run-{version}", "flavor": "sklearn", "since": SINCE}
    return Serving(alias=alias, version=version, rows=rows, calls=calls, **{**values, **fields})


def refused(alias: str = "svm", version: str = "2", reason: str = "It has no signature.", **fields: Any) -> Refused:
    return Refused(
        **{"alias": alias, "registered_name": "SVC", "version": version, "reason": reason, "since": SINCE, **fields}
    )


def status(worker: str, *said: Serving | Refused, time: str = "") -> WorkerStatus:
    return WorkerStatus(
        worker,
        time or codec.utc_now(),
        tuple(one for one in said if isinstance(one, Serving)),
        tuple(one for one in said if isinstance(one, Refused)),
    )


async def say(settings: Settings, *statuses: WorkerStatus) -> None:
    """Publish what workers say, as they do."""
    await put(settings, settings.status_topic, *((one.worker, codec.encode(one)) for one in statuses))


async def put(settings: Settings, topic: str, *records: tuple[str, bytes | None]) -> None:
    """Write records (key, value) on the first partition of a topic."""
    await kafka.ensure_topics(settings, topics(settings), "test")
    async with kafka.producer(settings, "test") as producer:
        for key, value in records:
            await producer.send_and_wait(topic, value, key.encode(), partition=0)


async def run(settings: Settings, *arguments: str) -> Result:
    """Run `streamapp ARGUMENTS`; what it raises is in the result."""
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment(settings))
