"""A stand-in for the scoring worker: it answers requests as a worker does, without a model."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from edge_support import card
from fastapi import FastAPI

from api.replies.waiters import Replies
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.messages import DeadLetter, Prediction
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics

#: What the handbook of the older request system sends.
ITEM = {
    "state": "SP",
    "city": "Sao Paulo",
    "local_pickup": True,
    "free_shipping": False,
    "shipping_mode": "standard",
    "listing_type": "gold_special",
    "buying_mode": "buy_it_now",
    "status": "active",
    "accepts_mercadopago": True,
    "currency": "BRL",
    "automatic_relist": False,
    "stock_quantity": 10,
    "available_quantity": 5,
    "total_amount": 100.0,
    "date_difference_hr": 24.0,
    "time_difference_hr": 12.0,
}
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}
MARKETPLACE = ModelCard(
    "marketplace",
    "AutoGluon_Marketplace",
    "3",
    "run",
    "autogluon",
    (
        *(Feature(name, _TYPES[type(value)], required=True) for name, value in ITEM.items()),  # type: ignore[arg-type]
        *(Feature(name, "string") for name in ("attribute_group_id", "attribute_group", "attribute_id")),
    ),
    classes=("new", "used"),
)
SVM = card("svm")


class StandIn:
    """Answers what is asked on the input topics; a row's number comes back as its prediction.

    A negative number becomes a dead letter with the code `model_failed`.
    """

    def __init__(self) -> None:
        self.answering = asyncio.Event()
        self.answering.set()
        self.asked = 0
        self.sent: list[tuple[str, bytes | None]] = []

    async def run(self, settings: Settings) -> None:
        await kafka.ensure_topics(settings, topics(settings), "test")
        async with kafka.consumer(settings, "test") as consumer, kafka.producer(settings, "test") as producer:
            consumer.assign([TopicPartition(t, n) for t in settings.input_topics for n in range(settings.partitions)])
            while True:
                fetched = await consumer.getmany(timeout_ms=100)
                records = [record for batch in fetched.values() for record in batch]
                self.asked += len(records)
                for record in records:
                    await self.answering.wait()
                    await self._answer(settings, producer, record)

    async def _answer(self, settings: Settings, producer: AIOKafkaProducer, record: ConsumerRecord) -> None:
        asked = dict(record.headers)
        if codec.REPLY_TO not in asked:
            return
        value, headers = outcome(record)
        who = [("ce_id", asked["ce_id"]), (codec.REPLY_TO, asked[codec.REPLY_TO])]
        self.sent.append((asked["ce_id"].decode(), value))
        batch = producer.create_batch()  # takes a record without key and value
        batch.append(key=None, value=value, timestamp=None, headers=who + headers)
        await producer.send_batch(batch, settings.replies_topic, partition=int(asked[codec.REPLY_PARTITION]))


def outcome(record: ConsumerRecord) -> tuple[bytes | None, list[tuple[str, bytes]]]:
    request = codec.decode_request(record.value)
    rows = msgspec.json.decode(request.payload.data)
    labels = [row.get("Designation", "new") if isinstance(row, dict) else row[0] for row in rows]
    name = dict(record.headers)["ce_id"].decode()
    if any(label != "new" and label < 0 for label in labels):
        letter = DeadLetter(
            None,
            None,
            (),
            "model_failed",
            "PredictionError",
            "The model raised ValueError.",
            "svm",
            "1",
            record.topic,
            record.partition,
            record.offset,
            1,
            codec.utc_now(),
        )
        return None, codec.dead_letter_headers(letter)
    served = MARKETPLACE if request.model == "marketplace" else SVM
    prediction = Prediction(
        name,
        request.model,
        served.registered_name,
        served.version,
        "run",
        labels,
        codec.utc_now(),
        request.payload.data,
        [[0.75, 0.25]] * len(rows),
    )
    return codec.encode(prediction), [("ce_type", codec.PREDICTION_TYPE)]


@asynccontextmanager
async def answering(settings: Settings) -> AsyncIterator[StandIn]:
    worker = StandIn()
    task = asyncio.create_task(worker.run(settings))
    try:
        yield worker
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def replies_of(app: FastAPI) -> Replies:
    replies: Replies = app.state.edge.replies
    return replies
