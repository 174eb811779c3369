"""What is kept of requests with an `Idempotency-Key`: in Redis, so that all edges know it and a restart forgets none.

Of each key one entry, `PREFIX idempotency:OWNER:KEY`, which goes through three states:

- reserved: one edge works on the request. It expires within seconds, should the edge die.
- accepted: the broker has the record. From here on it is kept for `STREAMAPP_IDEMPOTENCY_TTL`.
- answered: the answer is there, to be given again; kept for as long.
"""

import logging
import math
import time
import uuid
from typing import Final

import msgspec
from redis.exceptions import RedisError, WatchError

from api.own_redis import OwnRedis
from streamapp.contracts.errors import RedisUnavailable
from streamapp.contracts.settings import Settings

#: Seconds that a request may take until the broker has it, beside the time that the broker is waited for.
_WORK: Final = 10.0
#: Seconds that a request may take to be answered, beside the time that its prediction is waited for.
_ANSWERING: Final = 2.0

log = logging.getLogger(__name__)


class Answer(msgspec.Struct, frozen=True):
    """An answer, as it is given again.

    Attributes:
        status: HTTP status.
        headers: Its headers.
        body: Its body.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of a key.

    Attributes:
        fingerprint: Digest of the request that it came with.
        holder: Made up by who reserved it.
        until: When the answer is due, in seconds since 1970, where the broker has the record; 0 where it is not known
            to have it.
        answer: The answer, once it is there.
    """

    fingerprint: bytes
    holder: str
    until: float = 0.0
    answer: Answer | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether an edge works on it. Of an edge that has died since, that is so for some seconds more."""
        return self.answer is None and (not self.until or time.time() < self.until)


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Entry)


class Reservations(OwnRedis):
    """Keeps the entries; a context manager that closes its connections.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._prefix = f"{settings.redis_prefix}idempotency:"
        self._ttl = settings.idempotency_ttl
        self._patience = math.ceil(settings.publish_timeout + _WORK)

    async def reserve(self, owner: str, key: str, fingerprint: bytes) -> "Reservation | Entry":
        """Reserve a key; return what is kept of it where it is not free.

        Args:
            owner: Whose it is; owners share no keys.
            key: The key.
            fingerprint: Digest of the request.

        Raises:
            RedisUnavailable: Redis does not answer, so that nothing can be promised.
        """
        name, entry = f"{self._prefix}{owner}:{key}", Entry(fingerprint, uuid.uuid4().hex)
        try:
            found = await self._redis.set(name, _ENCODER.encode(entry), nx=True, get=True, ex=self._patience)
        except (RedisError, OSError) as exc:
            raise RedisUnavailable(
                f"Redis does not answer ({type(exc).__name__}), so that a repetition would not be known; nothing was "
                "accepted. Send it again later, or without `Idempotency-Key`."
            ) from exc
        return Reservation(self, name, entry) if found is None else _DECODER.decode(found)  # type: ignore[arg-type]

    async def keep(self, name: str, entry: Entry) -> None:
        """Replace an entry. Where Redis fails, the log says so: the record is on the topic all the same."""
        try:
            await self._redis.set(name, _ENCODER.encode(entry), ex=self._ttl)
        except (RedisError, OSError) as exc:
            log.warning("What became of an Idempotency-Key could not be kept (%s)", type(exc).__name__)

    async def give_up(self, name: str, entry: Entry) -> None:
        """Remove an entry where it is still this one. Where Redis fails, it expires by itself."""
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.watch(name)
                if await pipe.get(name) == _ENCODER.encode(entry):
                    pipe.multi()  # type: ignore[no-untyped-call]
                    pipe.delete(name)
                    await pipe.execute()
        except WatchError:
            log.debug("An Idempotency-Key was taken by another edge in the meantime")
        except (RedisError, OSError) as exc:
            log.warning("An Idempotency-Key could not be given up (%s); it expires", type(exc).__name__)


class Reservation:
    """A key that this request has reserved.

    Args:
        store: Keeps it.
        name: Where.
        entry: What is kept of it.

    Attributes:
        accepted: Whether the broker has the record.
    """

    def __init__(self, store: Reservations, name: str, entry: Entry) -> None:
        self.accepted = False
        self._store = store
        self._name = name
        self._entry = entry

    async def accept(self, seconds: float) -> None:
        """Say that the broker has the record, and for how long its answer is waited for."""
        self.accepted = True
        until = time.time() + seconds + _ANSWERING
        self._entry = msgspec.structs.replace(self._entry, until=until)
        await self._store.keep(self._name, self._entry)

    async def answer(self, answer: Answer) -> None:
        """Keep the answer."""
        await self._store.keep(self._name, msgspec.structs.replace(self._entry, answer=answer))

    async def give_up(self) -> None:
        """Let the next request with this key begin anew."""
        await self._store.give_up(self._name, self._entry)
