"""Dead letters back onto the input topics that they came from, each once."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Final

import msgspec

from streamapp.clients.kafka import ensure_topics, transactions
from streamapp.clients.scanning import partitions
from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.dlq.browse import browse
from streamapp.dlq.errors import NotRedriven
from streamapp.dlq.exclusive import exclusive
from streamapp.dlq.letters import Letter, Wanted
from streamapp.dlq.origin import original
from streamapp.dlq.plan import WHY, Back, Stays, back, refusal
from streamapp.dlq.transactional import transactional
from streamapp.dlq.writers import ROLE, Writer

#: Most records of one transaction.
_CHUNK: Final = 500
#: Most bytes of one transaction, but for a record that is larger by itself.
_CHUNK_BYTES: Final = 512 * 1024
_PATIENCE: Final = 10.0


class Summary(msgspec.Struct, frozen=True):
    """What became of the dead letters that were asked for.

    Attributes:
        redriven: Put back on their input topics; with `dry_run`: would have been.
        already: Had been put back before.
        stayed: Stay where they are, by reason.
        dry_run: Whether nothing was written.
    """

    redriven: int
    already: int
    stayed: dict[str, int]
    dry_run: bool


class Redrive:
    """One run.

    Args:
        settings: The settings in force.
        wanted: Which dead letters.
        limit: Most dead letters to put back; None: all.
        dry_run: Whether to write nothing.
    """

    def __init__(
        self, settings: Settings, wanted: Wanted, *, limit: int | None = None, dry_run: bool = False
    ) -> None:
        self._settings = settings
        self._wanted = wanted
        self._limit = limit
        self._dry_run = dry_run
        self._redriven = 0
        self._already = 0
        self._stayed = Counter[Stays]()
        self._unseen = set(wanted.ids)
        self._staying: dict[str, Stays] = {}
        self._numbers: dict[str, Sequence[int]] = {}

    @property
    def summary(self) -> Summary:
        """What is done so far; also after an error."""
        return Summary(
            self._redriven,
            self._already,
            {str(reason): number for reason, number in self._stayed.items()},
            self._dry_run,
        )

    async def run(self) -> None:
        """Put back what is asked for.

        The dead letters and the markers are read once no other run can write any more, up to the ends that they have
        then: what fails again meanwhile waits for the next run.

        Raises:
            AnotherRedrive: Another run redrives; what this one has done before stands.
            BrokerUnavailable: The broker does not answer, or refused. Running it again goes on where it stopped.
            NotRedriven: An id that was asked for has no dead letter, or one that stays; the others were put back.
            SettingsError: Exactly-once is asked for and the broker has no transactions.
        """
        if self._dry_run:
            await self._put_back(None)
        else:
            await ensure_topics(self._settings, topics(self._settings), ROLE, _PATIENCE)
            async with await _writer(self._settings) as writer:
                await self._put_back(writer)
        if said := [*self._missing(), *self._refused()]:
            raise NotRedriven(" ".join(said))

    def _missing(self) -> Iterator[str]:
        if self._unseen:
            names = " or ".join(sorted(self._unseen))
            fits = "" if self._wanted == Wanted(ids=self._wanted.ids) else " and fits the other options"
            yield f"No dead letter on {self._settings.dead_letters_topic} has the id {names}{fits}."

    def _refused(self) -> Iterator[str]:
        verb = "would not be" if self._dry_run else "was not"
        for name, reason in self._staying.items():
            yield f"{name} {verb} redriven: {WHY[reason]}."

    async def _put_back(self, writer: Writer | None) -> None:
        async with aclosing(self._chunks()) as chunks:
            async for chunk in chunks:
                if writer is not None:
                    await writer.write(chunk)
                self._redriven += len(chunk)

    async def _chunks(self) -> AsyncGenerator[list[Back], None]:
        """Yield what goes back, cut into transactions."""
        largest = min(_CHUNK_BYTES, self._settings.max_record_bytes)
        chunk: list[Back] = []
        size = 0
        async with aclosing(self._records()) as records:
            async for record in records:
                if chunk and (len(chunk) == _CHUNK or size + record.record.size > largest):
                    yield chunk
                    chunk, size = [], 0
                chunk.append(record)
                size += record.record.size
        if chunk:
            yield chunk

    async def _records(self) -> AsyncGenerator[Back, None]:
        left = self._limit
        async with aclosing(browse(self._settings, self._wanted, redriven=True)) as letters:
            async for letter in letters:
                if left == 0:
                    self._unseen.clear()  # nobody looked for them to the end
                    return
                self._unseen.discard(letter.id)
                record = await self._record(letter)
                if isinstance(record, Back):
                    left = None if left is None else left - 1
                    yield record
                elif record is not None:
                    self._stays(letter, record)

    def _stays(self, letter: Letter, reason: Stays) -> None:
        self._stayed[reason] += 1
        if self._wanted.ids:
            self._staying[letter.id] = reason

    async def _record(self, letter: Letter) -> Back | Stays | None:
        """Return what becomes of a dead letter; None where that was done before."""
        if letter.redriven is not None:
            self._already += 1
            return None
        if stays := refusal(letter, self._settings):
            return stays
        dead = await original(self._settings, letter) if letter.left_out else letter.dead
        if dead is None:
            return Stays.BYTES_GONE
        return back(letter, dead, await self._partitions(dead.topic), self._settings.max_record_bytes)

    async def _partitions(self, topic: str) -> Sequence[int]:
        if topic not in self._numbers:
            self._numbers[topic] = await partitions(self._settings, topic) or range(self._settings.partitions)
        return self._numbers[topic]


async def _writer(settings: Settings) -> AbstractAsyncContextManager[Writer]:
    if await transactions(settings, ROLE, patience=_PATIENCE):
        return transactional(settings)
    if settings.processing_guarantee == "exactly_once":
        raise SettingsError(
            f"STREAMAPP_PROCESSING_GUARANTEE: exactly_once is asked for, and the broker at {settings.broker} has no "
            "transactions. Set it to auto or at_least_once."
        )
    return exclusive(settings)
