"""Live aliases: the worker serves what the registry says, while it runs.

The registry is looked at once a second. A version that is to be served and is not yet is loaded and tried beside
the one that is; when it has passed, it takes over between two batches. A version that fails is refused, and the one
before it stays. Where the registry is away, nothing changes.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final, NamedTuple

from aiokafka.errors import KafkaError
from mode import Service

from streamapp.agents import cards, garbage
from streamapp.agents.loader import Loader, Version
from streamapp.agents.retry import RETRY, retry_after
from streamapp.agents.scoring import ScoringService
from streamapp.agents.thread import in_thread
from streamapp.contracts import codec
from streamapp.contracts.card import ModelCard, incompatibility
from streamapp.contracts.errors import BrokerUnavailable, ModelError, ModelLoadError, RegistryUnavailable
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import Refused
from streamapp.delivery.port import Delivery
from streamapp.metrics import worker as metrics
from streamapp.scoring.model import Model

log = logging.getLogger(__name__)

#: Seconds for which cards that were read are good: edges use a new one a quarter of a second after it is there.
FRESH: Final = 0.2
#: Seconds that a version may take to be loaded and tried.
PATIENCE: Final = 120.0


class _Failed(NamedTuple):
    """A version that was refused, and when it is tried again, by the clock that only goes forward."""

    refused: Refused
    again: float


class _Loading(NamedTuple):
    """A version that is being loaded."""

    name: str
    version: str
    task: asyncio.Task[None]


class LiveAliases(Service):
    """Serves what the registry says.

    Args:
        settings: The settings in force.
        service: Scores with the models.
        delivery: Publishes their cards.
        connect: Returns the loader; called off the event loop, for it takes seconds.
    """

    def __init__(
        self, settings: Settings, service: ScoringService, delivery: Delivery, connect: Callable[[], Loader]
    ) -> None:
        super().__init__()
        self._settings = settings
        self._service = service
        self._delivery = delivery
        self._connect = connect
        self._failed: dict[str, _Failed] = {}
        self._cards: dict[str, ModelCard] = {}
        self._cards_read = 0.0
        self._loading: dict[str, _Loading] = {}
        self._reading = asyncio.Lock()
        self._unsettled = False
        self._unpublished: set[str] = set()
        self._told = ""
        self._looked = asyncio.Event()
        self._loader: Loader | None = None

    @property
    def refused(self) -> tuple[Refused, ...]:
        """The versions that are wanted and cannot be served, by alias."""
        return tuple(failed.refused for _, failed in sorted(self._failed.items()))

    async def first(self) -> None:
        """Load all that the registry wants served; return once that is one model at least, or at the app's end."""
        self._loader = await in_thread(self._connect)
        self._cards = await cards.read(self._settings)
        while not self._service.served and not self.should_stop:
            await self.look()
            if self._loading:
                await asyncio.wait([loading.task for loading in self._loading.values()])
            if not self._service.served:
                await self.sleep(min(0.5, self._settings.registry_interval))
        self._unsettled = False  # the app settles the heap once the first are there

    @Service.task
    async def _follow(self) -> None:
        while not self.should_stop:
            await self.sleep(self._settings.registry_interval)
            if self._service.served:  # else `first` is looking
                await self.look()

    async def on_stop(self) -> None:
        """Leave what is being loaded."""
        for loading in self._loading.values():
            loading.task.cancel()

    async def look(self) -> None:
        """Look at the registry once, and begin to load what it wants served; failures are told, not raised."""
        try:
            if self._loader is not None:
                await self._compare(await in_thread(self._loader.wanted))
            self._told = ""
        except (RegistryUnavailable, BrokerUnavailable) as exc:
            served = "What is served stays as it is." if self._service.served else "No model can be served yet."
            self._tell(f"{exc} {served}")
        except Exception:
            log.exception("The registry was not understood; what is served stays as it is.")
        self._notify()

    def _notify(self) -> None:
        """Wake those who wait for a model."""
        self._looked.set()
        self._looked = asyncio.Event()

    async def awaited(self, aliases: Collection[str]) -> bool:
        """Wait for models that other workers serve and this one does not yet.

        What another worker has published a card of, edges accept requests for. A card appears within a second of the
        version, so that this worker is about to load it.

        Args:
            aliases: Aliases that are not served here.

        Returns:
            Whether any of them is served now.
        """
        await self._read_cards(time.monotonic())
        deadline = time.monotonic() + self._settings.rebalance_timeout / 2
        while any(self._coming(alias) for alias in aliases) and time.monotonic() < deadline and not self.should_stop:
            await self.wait_first(self._looked.wait(), timeout=1.0)
        return any(alias in self._service.served for alias in aliases)

    async def _read_cards(self, asked: float) -> None:
        """Read the cards, unless they were read since this was asked for, or just before."""
        async with self._reading:
            begun = time.monotonic()
            if self._cards_read < asked - FRESH:
                with contextlib.suppress(KafkaError):  # what was known before has to do
                    self._cards = await cards.read(self._settings)
                self._cards_read = begun

    def _coming(self, alias: str) -> bool:
        return alias in self._cards and alias not in self._service.served and alias not in self._failed

    async def _compare(self, wanted: Mapping[str, Version]) -> None:
        for alias in tuple(self._unpublished):
            await self._publish(alias)
        if self._unsettled:
            self._unsettled = False
            garbage.settle()
        for alias, version in wanted.items():
            loading = self._loading.get(alias)
            if loading is not None and (loading.name, loading.version) != (version.name, version.version):
                loading.task.cancel()  # the alias has moved on, or back
            elif loading is None and self._is_news(alias, version) and not self.should_stop:
                task = asyncio.create_task(self._load(alias, version.name, version.version))
                self._loading[alias] = _Loading(version.name, version.version, task)
        for alias in self._service.served.keys() - wanted.keys() - self._settings.models.keys():
            await self._withdraw(alias)
        for alias in self._settings.models.keys() - wanted.keys() - self._service.served.keys():
            name = self._settings.models[alias]
            self._refuse(alias, name, "", f"The registry has no model {name!r}. (To train some: streamapp train)")
        for alias in self._failed.keys() - wanted.keys() - self._settings.models.keys():
            del self._failed[alias]

    def _is_news(self, alias: str, version: Version) -> bool:
        """Say whether a version is to be loaded: it is not served, and not refused lately."""
        queue = self._service.served.get(alias)
        if queue is not None and (queue.card.registered_name, queue.card.version) == (version.name, version.version):
            self._failed.pop(alias, None)
            return False
        failed = self._failed.get(alias)
        if failed is None:
            return True
        refused = (failed.refused.registered_name, failed.refused.version) == (version.name, version.version)
        return not refused or time.monotonic() >= failed.again

    async def _load(self, alias: str, name: str, version: str) -> None:
        """Load a version beside what is served, so that one which takes long holds up no other alias."""
        try:
            await self._take_over(alias, name, version)
        except BrokerUnavailable as exc:
            self._tell(str(exc))
        except (ModelError, RegistryUnavailable) as exc:
            self._refuse(alias, name, version, str(exc), exc.__cause__)
            self._failed[alias] = self._failed[alias]._replace(again=time.monotonic() + retry_after(exc))
            await self._fall_back(alias, name, version)
        except Exception as exc:  # noqa: BLE001  # told as the refusal's cause
            self._refuse(alias, name, version, f"{name} {version} cannot be served: {exc!r}", exc)
        finally:
            del self._loading[alias]
            self._notify()

    async def _take_over(self, alias: str, name: str, version: str) -> None:
        """Load a version, check it against the one before, here or at any worker, and serve it.

        Raises:
            ModelError: It cannot be served.
            RegistryUnavailable: Its files cannot be fetched.
            BrokerUnavailable: Its card was not acknowledged; it is served.
        """
        served = self._service.served.get(alias)
        before = served.card if served is not None else self._cards.get(alias)
        if before is not None and (before.registered_name, before.version) == (name, version):
            before = None  # nothing changes, or it is another registry's
        model = await self._loaded(alias, name, version, before)
        if before is not None and (reason := incompatibility(before, model.card)):
            raise ModelLoadError(
                f"{name} {version} cannot take over from version {before.version}: {reason}. Give it another alias."
            )
        self._service.serve(model)
        self._failed.pop(alias, None)
        self._unsettled = True
        kind = ", ".join(filter(None, (model.card.flavor, model.card.way)))
        log.info("Serving %s: %s version %s (%s)", alias, name, version, kind)
        await self._publish(alias)

    async def _loaded(self, alias: str, name: str, version: str, before: ModelCard | None) -> Model:
        if self._loader is None:
            raise RuntimeError("a model was to be loaded before the loader was connected")
        try:
            async with asyncio.timeout(PATIENCE):
                return await in_thread(partial(self._loader.load, alias, name, version, before))
        except TimeoutError:
            raise ModelLoadError(f"{name} {version} was not loaded and tried in {PATIENCE:g} s.") from None

    async def _fall_back(self, alias: str, name: str, version: str) -> None:
        """Serve what was served before this worker's start, where the registry wants what cannot be."""
        card = self._cards.get(alias)
        if card is None or alias in self._service.served or (card.registered_name, card.version) == (name, version):
            return
        failed = self._failed[alias]
        try:
            await self._take_over(alias, card.registered_name, card.version)
        except ModelError as exc:
            log.warning("Nor can %s be served as before: %s", alias, exc)
            # Then nobody serves that version, and no other has to be like it.
            del self._cards[alias]
            failed = failed._replace(again=0.0)
        except (RegistryUnavailable, BrokerUnavailable) as exc:
            log.warning("Nor can %s be served as before: %s", alias, exc)
        self._failed[alias] = failed

    async def _withdraw(self, alias: str) -> None:
        log.info("No longer serving %s: the registry does not want it any more", alias)
        self._service.withdraw(alias)
        self._unsettled = True
        self._failed.pop(alias, None)
        self._cards.pop(alias, None)
        await self._publish(alias)

    async def _publish(self, alias: str) -> None:
        """Publish the card of what is served, or that nothing is; where the broker is away, at the next look."""
        self._unpublished.add(alias)
        queue = self._service.served.get(alias)
        card = None if queue is None else codec.encode(queue.card)
        await self._delivery.publish(self._settings.models_topic, alias, card)
        self._unpublished.discard(alias)

    def _refuse(self, alias: str, name: str, version: str, reason: str, cause: BaseException | None = None) -> None:
        before = self._failed.get(alias)
        said = before is not None and before.refused.reason == reason and before.refused.version == version
        since = before.refused.since if before is not None and said else codec.utc_now()
        self._failed[alias] = _Failed(Refused(alias, name, version, reason, since), time.monotonic() + RETRY)
        if not said:
            queue = self._service.served.get(alias)
            stays = f"version {queue.card.version} stays" if queue is not None else "its requests become dead letters"
            log.warning("Model %s: %s (%s)", alias, reason, stays, exc_info=cause)
            metrics.MODEL_REFUSALS.labels(alias).inc()

    def _tell(self, text: str) -> None:
        if text != self._told:
            log.warning("%s", text)
            self._told = text
