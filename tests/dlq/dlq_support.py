"""What the tests of dead letters share: letters on the topic, a look at what came back, the command as a process."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from unique import environment

from streamapp.clients import kafka
from streamapp.clients.scanning import scan
from streamapp.contracts import codec
from streamapp.contracts.errors import Code
from streamapp.contracts.messages import DeadLetter
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.dlq.letters import EVERY, Letter, Wanted
from streamapp.dlq.redrive import Redrive, Summary

HOUR = 60 * 60 * 1000
NOW = round(time.time() * 1000)


def dead(settings: Settings, number: int, **fields: Any) -> DeadLetter:
    """Return the dead letter of the request at an input offset; its id is `id-NUMBER`."""
    values: dict[str, Any] = {
        "key": b"key-%d" % number,
        "value": b'{"n":%d}' % number,
        "headers": (("ce_id", b"id-%d" % number), ("other", b"kept")),
        "code": Code.MODEL_FAILED,
        "error": "PredictionError",
        "message": "The model raised.",
        "model": "svm",
        "version": "3",
        "topic": settings.input_topic,
        "partition": 0,
        "offset": number,
        "attempt": 1,
        "time": "2026-01-02T03:04:05.678Z",
    }
    return DeadLetter(**{**values, **fields})


def letter(settings: Settings, number: int, redriven: int | None = None, **fields: Any) -> Letter:
    """Return the same as it stands on the dead-letter topic."""
    return Letter(dead(settings, number, **fields), settings.dead_letters_topic, 0, number, NOW, redriven)


async def create(settings: Settings) -> None:
    await kafka.ensure_topics(settings, topics(settings), "test")


async def bury(settings: Settings, letters: Sequence[DeadLetter], *, age: int = 0) -> None:
    """Write dead letters as the worker does, in record batches, `age` milliseconds ago."""
    await create(settings)
    size = {"max_batch_size": settings.max_output_bytes + 99_999, "max_request_size": settings.max_output_bytes * 2}
    async with kafka.producer(settings, "test", **size) as producer:
        for partition in sorted({one.partition for one in letters}):
            builder = producer.create_batch()
            for one in letters:
                if one.partition == partition:
                    headers = codec.dead_letter_headers(one)
                    builder.append(key=one.key, value=one.value, timestamp=NOW - age, headers=headers)
            await (await producer.send_batch(builder, settings.dead_letters_topic, partition=partition))


async def read(settings: Settings, topic: str) -> list[Any]:
    """Read the committed records of a topic."""
    return [record async for records in scan(settings, topic) for record in records]


async def came_back(settings: Settings) -> list[str]:
    """Return the ids of the committed records on the input topic."""
    return [dict(record.headers)["ce_id"].decode() for record in await read(settings, settings.input_topic)]


async def redrive(settings: Settings, wanted: Wanted = EVERY, **options: Any) -> Summary:
    run = Redrive(settings, wanted, **options)
    await run.run()
    return run.summary


class Ended:
    """A command that has ended: its exit code, and what it printed."""

    def __init__(self, code: int | None, out: bytes, err: bytes) -> None:
        self.code, self.out, self.err = code, out.decode(), err.decode()

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


async def start(settings: Settings, *arguments: str, columns: int = 100) -> asyncio.subprocess.Process:
    """Start `streamapp dlq ARGUMENTS`."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "streamapp", "dlq", *arguments),
        env={**os.environ, **environment(settings), "COLUMNS": str(columns)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process) -> Ended:
    out, err = await process.communicate()
    return Ended(process.returncode, out, err)


async def dlq(settings: Settings, *arguments: str, columns: int = 100) -> Ended:
    """Run `streamapp dlq ARGUMENTS`."""
    return await ended(await start(settings, *arguments, columns=columns))
