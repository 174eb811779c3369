"""FastStream: a batch subscriber that publishes batches.

A decoder of its own hands the records over as bytes: FastStream's would parse each as JSON, into dictionaries that
nobody needs. `publish_batch` gives all messages of a batch the same headers, so the place of a request goes into the
value of its prediction. The batch is acknowledged after its predictions were.
"""

import asyncio
from itertools import groupby
from pathlib import Path
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage
from served import Served, task

_MEGABYTE = 1024 * 1024

given = task()
served = Served(Path(given.model))
broker = KafkaBroker(
    given.broker,
    acks="all",
    max_batch_size=8 * _MEGABYTE,
    max_request_size=8 * _MEGABYTE,
    logger=None,
)
app = FastStream(broker)


async def untouched(message: KafkaMessage) -> Any:
    """Leave the bodies as they are."""
    return message.body


@broker.subscriber(
    given.input,
    batch=True,
    group_id=given.group,
    auto_offset_reset="earliest",
    ack_policy=AckPolicy.NACK_ON_ERROR,
    decoder=untouched,
    max_records=4000,
    session_timeout_ms=6000,
)
async def score(bodies: list[bytes], message: KafkaMessage) -> None:
    """Answer a batch; the records of one partition stand together."""
    places = [(record.partition, record.offset) for record in message.raw_message]
    ids = [headers["ce_id"] for headers in message.batch_headers]
    answers = served.answer(bodies, ids, places)
    by_partition = groupby(zip(places, answers, strict=True), lambda answered: answered[0][0])
    await asyncio.gather(
        *[
            broker.publish_batch(*[value for _, value in answered], topic=given.output, partition=partition)
            for partition, answered in by_partition
        ]
    )


if __name__ == "__main__":
    asyncio.run(app.run())
