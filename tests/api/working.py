"""What a scoring worker does, in the test's own event loop: real scoring and delivery, without Faust and MLflow."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import TopicPartition
from worker_records import as_worker_reads

from streamapp.agents.scoring import ScoringService
from streamapp.agents.status import StatusReport
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings
from streamapp.delivery.at_least_once import AtLeastOnce
from streamapp.scoring.model import Model
from streamapp.transport import Batch


@asynccontextmanager
async def working(settings: Settings, *models: Model) -> AsyncIterator[None]:
    """Score and deliver what is asked for."""
    delivery = AtLeastOnce(settings)
    await delivery.start()
    service = ScoringService(delivery, settings)
    for model in models:
        service.serve(model)
    status = StatusReport(settings, service, lambda: (), delivery)
    await delivery.publish(settings.status_topic, status.worker, codec.encode(status.status()))
    task = asyncio.create_task(_work(settings, service))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await delivery.publish(settings.status_topic, status.worker, None)
        await delivery.stop()


async def _work(settings: Settings, service: ScoringService) -> None:
    async with kafka.consumer(settings, "test") as consumer:
        consumer.assign([TopicPartition(t, n) for t in settings.input_topics for n in range(settings.partitions)])
        while True:
            for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                batch = Batch(tp, list(map(as_worker_reads, records)))
                await service.deliver(batch, await service.score(batch))
