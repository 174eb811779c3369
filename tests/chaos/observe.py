"""What an onlooker sees of a trial: lag, outcomes, mirror and CSV. It connects past the faults."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from chaos.ledger import Answer, Outcome, Place
from chaos.traffic import ROLE
from streamapp.clients import kafka
from streamapp.clients.redis import connect
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings

_POLL_MS: Final = 200
#: Seconds that a topic is read before it is taken as it is: above the workers' transaction time-out of 30.
_OPEN_TRANSACTION: Final = 45.0


class Observer:
    """Follows the input topic and the group's commits, and reads everything else when asked.

    Args:
        settings: Settings of the trial.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ends: dict[TopicPartition, int] = {}
        # Assigned by hand: it is no member of the group whose commits it reads.
        self._consumer: AIOKafkaConsumer = kafka.consumer(
            settings, ROLE, group_id=settings.group, request_timeout_ms=5000, retry_backoff_ms=200
        )

    async def open(self) -> None:
        """Connect."""
        await self._consumer.start()
        partitions = self._partitions(self._settings.input_topic)
        self._consumer.assign(partitions)
        for partition in partitions:
            self._consumer.seek(partition, 0)
        self._ends = dict.fromkeys(partitions, 0)

    async def close(self) -> None:
        """End the connection."""
        await self._consumer.stop()

    async def caught_up(self, limit: float) -> int:
        """Wait until what is on the input topic now is committed, partition by partition.

        Args:
            limit: Seconds after which it is given up.

        Returns:
            How many records of those are not committed, 1 at least where the broker does not say; 0 where all are.
        """
        left = 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                ends = await self._ends_now()
                while left := await self._behind(ends):
                    await asyncio.sleep(0.1)
        return left

    async def outcomes(self, serials: Mapping[str, int]) -> list[Outcome]:
        """Read predictions and dead letters from their beginning to their end, raw, with read_committed.

        Args:
            serials: Serials by id, for records in which they cannot be read.
        """
        predictions = await self._read(self._settings.predictions_topic)
        letters = await self._read(self._settings.dead_letters_topic)
        return [*map(_predicted, predictions), *(_refused(letter, serials) for letter in letters)]

    async def stamps(self, topic: str) -> list[float]:
        """Return the time of each record of a topic, in seconds since the epoch."""
        return [record.timestamp / 1000 for record in await self._read(topic)]

    async def mirror(self) -> list[tuple[str, bytes]]:
        """Return ids and values of the mirror's predictions."""
        async with connect(self._settings, timeout=10.0) as redis:
            entries: Any = await redis.xrange(self._settings.redis_predictions_stream)
        return [(fields[b"id"].decode(), fields[b"data"]) for _, fields in entries]

    def csv(self) -> bytes:
        """Return the CSV audit as it is."""
        path = self._settings.csv_path
        return path.read_bytes() if path.exists() else b""

    async def sinks_level(self, predictions: int, limit: float = 60.0) -> None:
        """Wait until mirror and CSV hold so many predictions at least, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while await self._mirror_length() < predictions or self._csv_length() < predictions:
                    await asyncio.sleep(0.2)

    async def _ends_now(self) -> dict[TopicPartition, int]:
        """Return where the partitions end.

        What the client remembers of that is older, and the embedded broker when asked names the offset behind the
        first record of the last batch: so it is asked, and the batch that it speaks of is read to its end.
        """
        least = await self._told_ends()
        while not await self._follow() or any(self._ends[tp] < end for tp, end in least.items()):
            await asyncio.sleep(0.1)
        return dict(self._ends)

    async def _told_ends(self) -> dict[TopicPartition, int]:
        while True:
            try:
                return dict(await self._consumer.end_offsets(list(self._ends)))
            except KafkaError:
                await asyncio.sleep(0.1)

    async def _behind(self, ends: Mapping[TopicPartition, int]) -> int:
        """Return how many records below some offsets are not committed; all of them while the broker is silent."""
        try:
            return sum([max(end - await self._commit(partition), 0) for partition, end in ends.items()])
        except KafkaError:
            return sum(ends.values())

    async def _commit(self, partition: TopicPartition) -> int:
        return await self._consumer.committed(partition) or 0

    async def _follow(self) -> bool:
        """Read the input topic on; say whether its end is reached. Not every broker tells that exactly when asked."""
        while records := await self._consumer.getmany(timeout_ms=_POLL_MS):
            for partition, found in records.items():
                self._ends[partition] = found[-1].offset + 1
            if self._at_end():
                return True
        return self._at_end()

    def _at_end(self) -> bool:
        ends = ((self._consumer.highwater(partition), end) for partition, end in self._ends.items())
        return all(highwater is not None and end >= highwater for highwater, end in ends)

    async def committed(self) -> int:
        """Return how many records of the input topic are committed."""
        return sum([await self._commit(partition) for partition in self._ends])

    async def _mirror_length(self) -> int:
        try:
            async with connect(self._settings) as redis:
                return int(await redis.xlen(self._settings.redis_predictions_stream))
        except RedisError:
            return 0

    def _csv_length(self) -> int:
        return max(self.csv().count(b"\n") - 1, 0)

    async def _read(self, topic: str) -> list[ConsumerRecord]:
        found: dict[TopicPartition, list[ConsumerRecord]] = {tp: [] for tp in self._partitions(topic)}
        async with kafka.consumer(self._settings, ROLE) as consumer:
            consumer.assign(list(found))
            # A transaction that its worker left open holds readers up until the broker aborts it.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_OPEN_TRANSACTION):
                    while not await _at_end(consumer):
                        for tp, some in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
                            found[tp] += some
        return [record for records in found.values() for record in records]

    def _partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(self._settings.partitions)]


async def _at_end(consumer: AIOKafkaConsumer) -> bool:
    """Say whether a consumer has read all that its partitions hold, aborted and open transactions left out."""
    for tp in consumer.assignment():
        end = consumer.highwater(tp)
        if end is None or await consumer.position(tp) < end:
            return False
    return True


def _predicted(record: ConsumerRecord) -> Outcome:
    prediction = codec.decode_prediction(record.value)
    headers = dict(record.headers)
    probabilities = tuple(prediction.probabilities[0]) if prediction.probabilities else ()
    return Outcome(
        id=prediction.id,
        serial=_serial(prediction.data),
        place=Place(int(headers[codec.INPUT_PARTITION]), int(headers[codec.INPUT_OFFSET])),
        partition=record.partition,
        offset=record.offset,
        value=record.value,
        name=prediction.registered_name,
        version=prediction.version,
        answer=Answer(tuple(prediction.predictions), probabilities),
    )


def _refused(record: ConsumerRecord, serials: Mapping[str, int]) -> Outcome:
    letter = codec.decode_dead_letter(record.key, record.value, record.headers)
    id_ = codec.record_id(letter.headers, letter.topic, letter.partition, letter.offset)
    return Outcome(
        id=id_,
        serial=_serial_of_request(letter.value) or serials.get(id_),
        place=Place(letter.partition, letter.offset),
        partition=record.partition,
        offset=record.offset,
        code=letter.code,
        value=record.value or b"",
    )


def _serial(data: Any) -> int | None:
    rows: Sequence[dict[str, Any]] = msgspec.json.decode(data)
    return int(rows[0]["Serial"]) if rows and "Serial" in rows[0] else None


def _serial_of_request(value: bytes | None) -> int | None:
    try:
        return _serial(codec.decode_request(value).payload.data)
    except Exception:  # noqa: BLE001  # whatever a dead letter holds
        return None
