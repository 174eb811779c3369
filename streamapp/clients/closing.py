"""The end of a consumer, whatever state its broker is in."""

import asyncio

from aiokafka import AIOKafkaConsumer


async def close(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer; where a fetch waits for its retry, aiokafka 0.14 gives up half-way with a CancelledError."""
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping])
    if stopping.cancelled():
        await consumer._client.close()  # noqa: SLF001  # what was left undone
    else:
        stopping.result()
