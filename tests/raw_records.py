"""Record batches that other programs may write, and aiokafka's producer would not."""

from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy


class RawName(str):
    """A header's name that is these bytes on the wire."""

    __slots__ = ("raw",)

    def __new__(cls, raw: bytes) -> "RawName":  # noqa: PYI034  # `Self` says no more here
        name = super().__new__(cls, raw.decode(errors="replace"))
        name.raw = raw
        return name

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.raw


async def send_batch(
    producer: AIOKafkaProducer,
    topic: str,
    partition: int,
    records: Iterable[tuple[bytes, list[tuple[str, bytes]]]],
    compression: int = 0,
) -> None:
    """Write values with their headers as one record batch; a name may be a `RawName`."""
    batch: Any = producer.create_batch()
    # The builder in C takes no name but UTF-8.
    batch._builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, 0, 1_000_000)
    for value, headers in records:
        batch.append(key=None, value=value, timestamp=None, headers=headers)
    await (await producer.send_batch(batch, topic, partition=partition))
