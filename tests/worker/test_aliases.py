"""What the worker makes of a registry: loads side by side, waits for what others serve, refuses without haste."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import msgspec
import pytest
from waiting import eventually

from streamapp.agents.aliases import LiveAliases
from streamapp.agents.scoring import ScoringService
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.errors import ModelLoadError, ModelNotFound, RegistryUnavailable
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.delivery.port import MemoryDelivery
from streamapp.runtimes.registry import Wanted
from streamapp.scoring.model import FunctionModel, Model


class Registry:
    """A registry whose loads can be held up, and fail."""

    def __init__(self, **versions: str) -> None:
        self.versions = versions
        self.held: dict[str, threading.Event] = {}
        self.broken: set[str] = set()
        self.exits: set[str] = set()
        self.lost: set[str] = set()
        self.away = False
        self.loads: Counter[str] = Counter()

    def wanted(self) -> Mapping[str, Wanted]:
        if self.away:
            raise RegistryUnavailable("The registry does not answer.")
        return {alias: Wanted(alias.upper(), version) for alias, version in self.versions.items()}

    def load(self, alias: str, name: str, version: str, before: ModelCard | None) -> Model:
        self.loads[alias] += 1
        if alias in self.held:
            self.held[alias].wait(30)
        if version in self.lost:
            raise ModelNotFound(f"{name} {version} is not there.")
        if alias in self.exits:
            raise SystemExit(3)
        if alias in self.broken:
            raise ModelLoadError(f"{name} {version} is broken.")
        return FunctionModel(card(alias, version), lambda table: [0] * len(table))


def card(alias: str, version: str = "1") -> ModelCard:
    return ModelCard(alias, alias.upper(), version, "run", "test", (Feature("n"),))


@pytest.fixture
async def own(settings: Settings) -> Settings:
    settings = settings.model_copy(update={"models": {"a": "A"}, "registry_interval": 0.05})
    await kafka.ensure_topics(settings, topics(settings), "test")
    return settings


@pytest.fixture
def delivery() -> MemoryDelivery:
    return MemoryDelivery()


@pytest.fixture
def registry() -> Registry:
    return Registry(a="1", b="1")


@pytest.fixture
async def aliases(own: Settings, delivery: MemoryDelivery, registry: Registry) -> AsyncIterator[LiveAliases]:
    service = ScoringService(delivery, own)
    live = LiveAliases(own, service, delivery, lambda: registry)
    async with live:
        yield live


def versions(live: LiveAliases) -> dict[str, str]:
    return {alias: queue.card.version for alias, queue in live._service.served.items()}


async def test_a_start_without_the_registry_says_once_that_it_waits(
    aliases: LiveAliases, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.away = True
    first = asyncio.create_task(aliases.first())
    said = "The registry does not answer. No model can be served yet."
    await eventually(lambda: said in caplog.messages, "what it waits for")
    registry.away = False
    await first
    assert caplog.messages.count(said) == 1


async def test_a_load_that_hangs_holds_up_no_other_alias(aliases: LiveAliases, registry: Registry) -> None:
    await aliases.first()
    assert versions(aliases) == {"a": "1", "b": "1"}
    registry.held["a"] = threading.Event()
    registry.versions = {"a": "2", "b": "2"}
    await eventually(lambda: versions(aliases), expected={"a": "1", "b": "2"})
    registry.held["a"].set()
    await eventually(lambda: versions(aliases), expected={"a": "2", "b": "2"})
    assert registry.loads == {"a": 2, "b": 2}


async def test_an_alias_that_moves_back_while_its_version_is_loaded_stays_where_it_is(
    aliases: LiveAliases, registry: Registry
) -> None:
    await aliases.first()
    registry.held["a"] = threading.Event()
    registry.versions["a"] = "2"
    await eventually(lambda: registry.loads["a"], expected=2)
    registry.versions["a"] = "1"
    await eventually(lambda: not aliases._loading, "the load is left")
    registry.held["a"].set()
    registry.versions["b"] = "2"
    await eventually(lambda: versions(aliases), expected={"a": "1", "b": "2"})


async def test_a_candidate_that_would_end_the_process_is_refused(aliases: LiveAliases, registry: Registry) -> None:
    await aliases.first()
    registry.exits.add("a")
    registry.versions["a"] = "2"
    await eventually(lambda: [one.reason for one in aliases.refused], expected=["It raised SystemExit."])
    assert versions(aliases)["a"] == "1"


async def test_a_refused_version_is_not_loaded_at_each_look_and_the_next_one_is(
    aliases: LiveAliases, registry: Registry
) -> None:
    await aliases.first()
    registry.broken.add("b")
    registry.versions["b"] = "2"
    await eventually(lambda: [one.reason for one in aliases.refused], expected=["B 2 is broken."])
    for _ in range(3):
        await aliases.look()
    assert (registry.loads["b"], versions(aliases)["b"]) == (2, "1")
    registry.broken.clear()
    registry.versions["b"] = "3"
    await eventually(lambda: versions(aliases)["b"], expected="3")
    assert aliases.refused == ()


async def test_a_card_of_a_version_that_is_gone_binds_nobody(
    aliases: LiveAliases, own: Settings, registry: Registry
) -> None:
    gone = msgspec.structs.replace(card("a", "0"), features=(Feature("gone"),))
    async with kafka.producer(own, "test") as producer:
        await producer.send_and_wait(own.models_topic, codec.encode(gone), key=b"a")
    registry.lost.add("0")
    await aliases.first()
    await eventually(lambda: versions(aliases), expected={"a": "1", "b": "1"})
    assert aliases.refused == ()


async def test_records_for_a_model_that_another_worker_serves_wait_until_this_one_does(
    aliases: LiveAliases, own: Settings, registry: Registry
) -> None:
    await aliases.first()
    async with kafka.producer(own, "test") as producer:
        await producer.send_and_wait(own.models_topic, codec.encode(card("c")), key=b"c")
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(aliases.awaited({"c"})) for _ in range(4)]  # as four partitions would
    done, _ = await asyncio.wait(waiting, timeout=0.5)
    assert not done
    registry.versions["c"] = "1"
    assert await asyncio.gather(*waiting) == [True] * 4
    assert not await aliases.awaited({"nobody-serves-this"})


async def test_a_model_that_nobody_wants_any_more_is_withdrawn_but_not_while_the_registry_is_away(
    aliases: LiveAliases, own: Settings, registry: Registry, delivery: MemoryDelivery
) -> None:
    await aliases.first()
    registry.away, registry.versions = True, {"a": "1"}
    await aliases.look()
    assert versions(aliases) == {"a": "1", "b": "1"}
    registry.away = False
    await eventually(lambda: versions(aliases), expected={"a": "1"})
    assert delivery.published[own.models_topic, "b"] is None
    registry.versions = {}  # a model of the settings stays, whatever becomes of it in the registry
    await aliases.look()
    assert versions(aliases) == {"a": "1"}
