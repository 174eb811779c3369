"""Live aliases: the worker serves what the registry says, while it runs.

The registry is looked at once a second. A version that is to be served and is not yet is loaded and tried beside
the one that is; when it has passed, it takes over between two batches. A version that fails is refused, and the one
before it stays. Where the registry is away, nothing changes.
"""

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from functools import partial
from typing import Final, NamedTuple, Protocol

from aiokafka.errors import KafkaError
from mode import Service

from streamapp.agents import cards
from streamapp.agents.scoring import ScoringService
from streamapp.agents.thread import in_thread
from streamapp.contracts import codec
from streamapp.contracts.card import ModelCard, incompatibility
from streamapp.contracts.errors import BrokerUnavailable, ModelError, ModelLoadError, RegistryUnavailable
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import Refused
from streamapp.delivery.port import Delivery
from streamapp.scoring.model import Model

log = logging.getLogger(__name__)

#: Seconds after which a version that was refused is tried again: what it lacked may be there now.
RETRY: Final = 60.0
#: Seconds that a worker's start waits for models whose files do not come.
PATIENCE: Final = 120.0


class Version(Protocol):
    """What an alias is to be served with."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def version(self) -> str:
        """Version in the registry."""


class Loader(Protocol):
    """What the worker asks of a registry; `runtimes.loader` is the one for MLflow. Its calls block."""

    def wanted(self) -> Mapping[str, Version]:
        """Return what each alias is to be served with.

        Raises:
            RegistryUnavailable: The registry does not answer.
        """

    def load(self, alias: str, name: str, version: str, before: ModelCard | None) -> Model:
        """Load a version and try it; also on the example of the version that is served now.

        Raises:
            ModelError: It cannot be served; the message says why.
            RegistryUnavailable: The registry does not answer.
        """


class _Failed(NamedTuple):
    """A version that was refused, and when, by the clock that only goes forward."""

    refused: Refused
    at: float


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
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._unpublished: set[str] = set()
        self._told = ""
        self._looked = asyncio.Event()
        self._loader: Loader | None = None

    @property
    def refused(self) -> tuple[Refused, ...]:
        """The versions that are wanted and cannot be served, by alias."""
        return tuple(failed.refused for _, failed in sorted(self._failed.items()))

    async def first(self) -> None:
        """Load all that the registry wants served; return once that is one model at least, or at the app's end.

        A model whose files do not come does not hold up the others for longer than `PATIENCE`.
        """
        self._loader = await in_thread(self._connect)
        self._cards = await cards.read(self._settings)
        while not self._service.served and not self.should_stop:
            await self.look()
            if self._loading:
                await asyncio.wait(self._loading.values(), timeout=PATIENCE)
            if not self._service.served:
                await self.sleep(min(0.5, self._settings.registry_interval))
        for alias in self._loading:
            log.warning("Model %s is still being loaded; its requests wait or become dead letters.", alias)

    @Service.task
    async def _follow(self) -> None:
        while not self.should_stop:
            await self.sleep(self._settings.registry_interval)
            if self._service.served:  # else `first` is looking
                await self.look()

    async def on_stop(self) -> None:
        """Leave what is being loaded."""
        for task in self._loading.values():
            task.cancel()

    async def look(self) -> None:
        """Look at the registry once, and begin to load what it wants served; failures are told, not raised."""
        async with self._telling():
            if self._loader is not None:
                await self._compare(await in_thread(self._loader.wanted))

    @contextlib.asynccontextmanager
    async def _telling(self) -> AsyncIterator[None]:
        try:
            yield
            self._told = ""
        except (RegistryUnavailable, BrokerUnavailable) as exc:
            self._tell(f"{exc} What is served stays as it is." if self._service.served else f"{exc} Waiting.")
        except Exception:
            log.exception("The registry was not understood; what is served stays as it is.")
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
        if time.monotonic() - self._cards_read > self._settings.registry_interval:
            self._cards_read = time.monotonic()
            with contextlib.suppress(KafkaError):  # what was known before has to do
                self._cards = await cards.read(self._settings)
        deadline = time.monotonic() + self._settings.rebalance_timeout / 2
        while any(self._coming(alias) for alias in aliases) and time.monotonic() < deadline and not self.should_stop:
            await self.wait_first(self._looked.wait(), timeout=1.0)
        return any(alias in self._service.served for alias in aliases)

    def _coming(self, alias: str) -> bool:
        return alias in self._cards and alias not in self._service.served and alias not in self._failed

    async def _compare(self, wanted: Mapping[str, Version]) -> None:
        for alias in tuple(self._unpublished):
            await self._publish(alias)
        for alias, version in wanted.items():
            if alias not in self._loading and self._is_news(alias, version):
                self._loading[alias] = asyncio.create_task(self._load(alias, version))
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
        return not refused or time.monotonic() - failed.at >= RETRY

    async def _load(self, alias: str, version: Version) -> None:
        """Load a version beside what is served, so that one which takes long holds up no other alias."""
        async with self._telling():
            try:
                await self._follow_alias(alias, version.name, version.version)
            finally:
                del self._loading[alias]

    async def _follow_alias(self, alias: str, name: str, version: str) -> None:
        queue = self._service.served.get(alias)
        try:
            await self._take_over(alias, name, version, queue.card if queue is not None else None)
        except ModelError as exc:
            self._refuse(alias, name, version, str(exc), exc.__cause__)
            await self._fall_back(alias, name, version)

    async def _take_over(self, alias: str, name: str, version: str, before: ModelCard | None) -> None:
        if self._loader is None:
            raise RuntimeError("a model was to be loaded before the loader was connected")
        model = await in_thread(partial(self._loader.load, alias, name, version, before))
        if before is not None and (reason := incompatibility(before, model.card)):
            raise ModelLoadError(f"{name} {version} cannot take over from version {before.version}: {reason}.")
        self._service.serve(model)
        self._failed.pop(alias, None)
        log.info("Serving %s: %s version %s (%s)", alias, name, version, model.card.flavor)
        await self._publish(alias)
        if before is not None:
            _settle_heap()

    async def _fall_back(self, alias: str, name: str, version: str) -> None:
        """Serve what was served before this worker's start, where the registry wants what cannot be."""
        card = self._cards.get(alias)
        if card is None or alias in self._service.served or (card.registered_name, card.version) == (name, version):
            return
        try:
            failed = self._failed[alias]
            await self._take_over(alias, card.registered_name, card.version, None)
            self._failed[alias] = failed
        except ModelError as exc:
            log.warning("Nor can %s be served as before: %s", alias, exc)

    async def _withdraw(self, alias: str) -> None:
        log.info("No longer serving %s: the registry does not want it any more", alias)
        self._service.withdraw(alias)
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
        self._failed[alias] = _Failed(Refused(alias, name, version, reason, since), time.monotonic())
        if not said:
            queue = self._service.served.get(alias)
            stays = f"version {queue.card.version} stays" if queue is not None else "its requests become dead letters"
            log.warning("Model %s: %s (%s)", alias, reason, stays, exc_info=cause)

    def _tell(self, text: str) -> None:
        if text != self._told:
            log.warning("%s", text)
            self._told = text


def _settle_heap() -> None:
    """Let go of a model that was replaced, and keep the collector off what stays; see `app.on_first_start`."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
