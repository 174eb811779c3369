"""The mirror in Redis: requests and predictions as Redis Streams, predictions by id too.

Keys, where `PREFIX` is `STREAMAPP_REDIS_PREFIX`:

- the requests stream: one field `data`, the request's JSON in the older system's layout; group `workers`.
- the predictions stream: fields `id model predictions data`, and `traceparent` and `owner` where the request had
  them; `data` is the whole prediction's JSON.
- `PREFIX prediction:ID`: the prediction's JSON, for `STREAMAPP_PREDICTION_TTL` seconds; of a request with an owner it
  is `PREFIX owned:OWNER:ID` instead, which the edge reads for that owner alone.
- `PREFIX offset:TOPIC:PARTITION`: offset of the next record.
- `PREFIX input:TOPIC:PARTITION`: JSON `{INPUT TOPIC: [offset, watermark]}` of the newest requests, `ports.Newest`.
  A former version, that knew one input topic, wrote `OFFSET WATERMARK`; it is read as well.

The offset is written in the same MULTI/EXEC as the entries, under WATCH of its key: no Lua, so that a user without
EVAL will do. Where the key is missing, the partition is mirrored from its beginning: an emptied Redis fills again.
The same is done where only that key was lost, so that nothing can be missing; entries of a stream that is still there
then appear twice. To have a stream made anew, delete it together with its offsets.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, Generic

import msgspec
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError, ResponseError, WatchError

from streamapp.clients.redis import connect_blocking
from streamapp.contracts import codec
from streamapp.contracts.errors import RedisUnavailable
from streamapp.contracts.settings import Settings
from streamapp.contracts.shown import masked
from streamapp.metrics import sinks as metrics
from streamapp.sinks.ports import Batch, Displaced, Newest, Position, Predicted, T
from streamapp.sinks.telling import tell

#: Consumer group of the older system's workers.
GROUP: Final = "workers"
#: What a version that knew one input topic stored where no prediction told its request.
_NONE: Final = Newest(-1, -1)


class Mirror(ABC, Generic[T]):
    """A Redis Stream that mirrors a topic.

    Two sinks workers may run at once: EXEC refuses the one whose position is not the stored one, and it follows from
    there.

    Args:
        settings: The settings in force.
        topic: Topic that is mirrored.
        stream: The stream's key.
    """

    def __init__(self, settings: Settings, topic: str, stream: str) -> None:
        self._settings = settings
        self._topic = topic
        self._stream = stream
        self._redis = connect_blocking(settings)

    async def positions(self, partitions: Collection[int]) -> dict[int, Position]:
        """Return the stored positions, and see to it that the stream can be read and written.

        Raises:
            RedisUnavailable: Redis does not answer, or the stream's key holds something else.
        """
        return await asyncio.to_thread(self._positions, partitions)

    async def write(self, batch: Batch[T]) -> None:
        """Add the entries and move the position, all or nothing.

        Raises:
            Displaced: The stored position is not `batch.before`.
            RedisUnavailable: Redis does not answer or refuses, e.g. because it is full.
        """
        await asyncio.to_thread(self._write, batch)

    async def restart(self, kept: Mapping[int, Position]) -> None:
        """Forget the positions; the entries stay.

        Raises:
            Displaced: The stored positions are not `kept`.
            RedisUnavailable: Redis does not answer or refuses.
        """
        await asyncio.to_thread(self._restart, kept)

    async def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    @abstractmethod
    def _add(self, pipe: Pipeline, entry: T) -> None:
        """Queue the commands that keep one entry."""

    def _prepare(self) -> None:
        # XLEN refuses a key of another type, which EXEC would step over while it moves the position.
        self._redis.xlen(self._stream)

    def _positions(self, partitions: Collection[int]) -> dict[int, Position]:
        with self._redis_errors():
            self._prepare()
            return self._stored(self._redis, partitions)

    def _write(self, batch: Batch[T]) -> None:
        with self._redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            self._expect(pipe, {batch.partition: batch.before})
            for entry in batch.entries:
                self._add(pipe, entry)
            pipe.mset(self._encoded(batch.partition, batch.after))
            pipe.execute()

    def _restart(self, kept: Mapping[int, Position]) -> None:
        with self._redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            self._expect(pipe, kept)
            pipe.delete(*self._keys(kept))
            pipe.execute()

    def _expect(self, pipe: Pipeline, kept: Mapping[int, Position]) -> None:
        pipe.watch(*self._keys(kept))  # type: ignore[no-untyped-call]
        if self._stored(pipe, kept) != kept:
            raise WatchError
        pipe.multi()

    def _stored(self, redis: Redis, partitions: Collection[int]) -> dict[int, Position]:
        values: Any = redis.mget(self._keys(partitions))
        return {number: self._decoded(*values[2 * i : 2 * i + 2]) for i, number in enumerate(partitions)}

    def _decoded(self, offset: bytes | None, newest: bytes | None) -> Position:
        if offset is None:
            return Position()
        if newest is None or newest.startswith(b"{"):
            return Position(int(offset), msgspec.json.decode(newest or b"{}", type=dict[str, Newest]))
        known = Newest(*map(int, newest.split()))
        return Position(int(offset), {} if known == _NONE else {self._settings.input_topic: known})

    def _encoded(self, partition: int, position: Position) -> dict[Any, Any]:
        offset, newest = self._keys([partition])
        return {offset: position.offset, newest: codec.encode(position.newest)}

    def _keys(self, partitions: Collection[int]) -> list[str]:
        prefix = self._settings.redis_prefix
        return [f"{prefix}{kind}:{self._topic}:{number}" for number in partitions for kind in ("offset", "input")]

    @contextlib.contextmanager
    def _redis_errors(self) -> Iterator[None]:
        try:
            yield
        except WatchError:
            raise Displaced(
                "Redis was emptied, restored or written by another sinks worker. Following from the offsets it keeps."
            ) from None
        except RedisError as exc:
            where = masked(self._settings.redis_url)
            raise RedisUnavailable(f"Redis at {where} (STREAMAPP_REDIS_URL) failed: {exc}") from exc


class RequestsMirror(Mirror[bytes]):
    """The input topic as the older system's stream, with its consumer group."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, settings.input_topic, settings.redis_requests_stream)

    def _prepare(self) -> None:
        try:
            self._redis.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except ResponseError as exc:
            if not str(exc).startswith("BUSYGROUP"):
                raise

    def _add(self, pipe: Pipeline, entry: bytes) -> None:
        pipe.xadd(self._stream, {"data": entry})


class PredictionsMirror(Mirror[Predicted]):
    """The predictions topic as a stream, and each prediction by its id."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, settings.predictions_topic, settings.redis_predictions_stream)

    async def write(self, batch: Batch[Predicted]) -> None:
        """Add the entries and move the position, as above."""
        await super().write(batch)
        metrics.MIRRORED.inc(len(batch.entries))
        tell(batch.entries, "redis")

    def _add(self, pipe: Pipeline, entry: Predicted) -> None:
        prediction = entry.prediction
        fields: dict[Any, Any] = {
            "id": prediction.id,
            "model": prediction.model,
            "predictions": codec.encode(prediction.predictions),
            "data": entry.value,
        }
        if entry.traceparent:
            fields["traceparent"] = entry.traceparent
        if entry.owner:
            fields["owner"] = entry.owner
        pipe.xadd(self._stream, fields)
        key = self._settings.prediction_key(prediction.id, entry.owner)
        pipe.set(key, entry.value, ex=self._settings.prediction_ttl)
