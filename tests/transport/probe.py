"""A Faust app on the batch transport, without the rest of the project: what the transport's tests run as a worker.

Each batch that an agent begins and ends is a line in the file `PROBE_LOG`:
`begin|end TOPIC PARTITION FIRST LAST COUNT IN_FLIGHT`.
"""

import asyncio
import os
from pathlib import Path

import faust

from streamapp.transport import Batch, BatchSchema
from streamapp.transport.records import Record

LOG = Path(os.environ["PROBE_LOG"]).open("a", buffering=1)  # noqa: SIM115  # open as long as the process
#: Offset whose batch the agent raises at, once; or, in partition 0, hangs at for ever.
RAISE_AT, HANG_AT = (int(os.environ.get(name, "-1")) for name in ("PROBE_RAISE_AT", "PROBE_HANG_AT"))
#: While this file is there the agent waits before it ends a batch.
HOLD = Path(os.environ.get("PROBE_HOLD", "/nonexistent"))

app = faust.App(
    os.environ["PROBE_GROUP"],
    broker=f"batch://{os.environ['PROBE_BROKER']}",
    datadir=os.environ["PROBE_DATADIR"],
    autodiscover=False,
    web_enabled=False,
    topic_disable_leader=True,
    table_standby_replicas=0,
    agent_supervisor="mode.CrashingSupervisor",
    broker_session_timeout=6.0,
    broker_heartbeat_interval=0.5,
    broker_rebalance_timeout=3.0,
    broker_commit_interval=0.2,
    broker_max_poll_records=int(os.environ.get("PROBE_BATCH", "50")),
    stream_recovery_delay=0.0,
)
topic = app.topic(os.environ["PROBE_TOPIC"], schema=BatchSchema())


def write(word: str, batch: Batch) -> None:
    where = (batch.tp.topic, batch.tp.partition, batch.offset, batch.next_offset - 1)
    print(word, *where, len(batch), app.consumer.in_flight, file=LOG)


async def process(batch: Batch) -> None:
    assert all(type(record) is Record for record in batch)
    write("begin", batch)
    if batch.tp.partition == 0 and batch.offset <= HANG_AT < batch.next_offset:
        await asyncio.Event().wait()
    while HOLD.exists():  # noqa: ASYNC240  # a look at a local file
        await asyncio.sleep(0.02)
    if batch.offset <= RAISE_AT < batch.next_offset:
        raise RuntimeError("the agent fails here")
    write("lost" if batch.lost else "end", batch)


if os.environ.get("PROBE_ACKS") == "implicit":

    @app.agent(topic)
    async def implicit(stream: faust.Stream[Batch]) -> None:
        async for batch in stream:
            await process(batch)

elif os.environ.get("PROBE_ACKS") == "take":

    @app.agent(topic)
    async def take(stream: faust.Stream[Batch]) -> None:
        async for batches in stream.take(3, within=0.1):
            for batch in batches:
                await process(batch)

else:

    @app.agent(topic, concurrency=int(os.environ.get("PROBE_CONCURRENCY", "1")))
    async def explicit(stream: faust.Stream[Batch]) -> None:
        async for event in stream.noack().events():
            await process(event.value)
            event.ack()


if __name__ == "__main__":
    app.main()
