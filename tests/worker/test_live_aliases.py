"""A moved alias takes over without a restart, from marked offsets on; a bad candidate is refused; all goes on."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Self

import pytest
import teams
from exposed import scrape
from mlflow import MlflowClient
from mlflow.models import ModelSignature
from waiting import eventually
from worker_support import Stack, request

from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import ALIAS_TAG, DIGEST_TAG, Switch, WorkerStatus
from streamapp.embedded.processes import free_port

#: Seconds that a moved alias may take to be served.
IN_TIME = 5.0


@pytest.fixture
def registry(registry_uri: str) -> MlflowClient:
    return MlflowClient(tracking_uri=registry_uri, registry_uri=registry_uri)


@pytest.fixture
def name(kafka_settings: Settings) -> str:
    """A registered model of this test."""
    return f"Team_{kafka_settings.group}"


@pytest.fixture
def own(kafka_stack: Stack, registry_uri: str, registry: MlflowClient, name: str) -> Stack:
    """Topics on a broker with transactions, and a model of its own: version 1 is served."""
    teams.register(registry_uri, name)
    registry.set_registered_model_alias(name, "champion", "1")
    kafka_stack.settings = kafka_stack.settings.model_copy(update={"models": {"large": name}})
    return kafka_stack


class Load:
    """One request after the other, spread over the partitions; its ids are numbers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sent = 0
        self._on = True

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._send())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._on = False
        await self._task

    async def _send(self) -> None:
        async with kafka.producer(self.settings, "test") as producer:
            while self._on:
                value, partition = request(self.sent, 15), self.sent % self.settings.partitions
                headers = [("ce_id", str(self.sent).encode())]
                await producer.send_and_wait(self.settings.input_topic, value, partition=partition, headers=headers)
                self.sent += 1


def one_partition(stack: Stack) -> Stack:
    """The same stack for topics of one partition."""
    return Stack(stack.settings.model_copy(update={"partitions": 1}), stack._processes)


async def status(stack: Stack) -> WorkerStatus:
    """Return the newest status that a worker gave."""
    records = await one_partition(stack).read(stack.settings.status_topic, bool)
    return [codec.decode_status(record.value) for record in records if record.value][-1]


async def refusal(stack: Stack) -> str:
    """Return why a worker refuses a candidate, "" while it refuses none."""
    return "; ".join(one.reason for one in (await status(stack)).refused)


async def switches(stack: Stack, count: int = 1) -> list[Switch]:
    records = await one_partition(stack).read(stack.settings.switches_topic, lambda found: len(found) >= count)
    return [codec.decode_switch(record.value) for record in records]


async def predicts(stack: Stack, version: str) -> bool:
    """Whether a version has predicted anything."""
    return any(one.version == version for one in await switches(stack))


def version_at(found: list[Switch], partition: int, offset: int) -> str:
    """Return the version that the switches say of an offset."""
    before = [one for one in found if one.partition == partition and one.offset <= offset]
    return max(before, key=lambda one: one.offset).version


async def test_a_moved_alias_takes_over_at_the_marked_offsets_and_nothing_is_lost_or_repeated(
    own: Stack, name: str, registry: MlflowClient, registry_uri: str
) -> None:
    own.worker()
    version = teams.register(registry_uri, name, large=0)
    async with Load(own.settings) as load:
        await own.predictions(200)
        moved = datetime.now(UTC)
        registry.set_registered_model_alias(name, "champion", version)
        await eventually(lambda: predicts(own, version), "the new version", timeout=30)
        until = load.sent + 100
        await eventually(lambda: load.sent >= until, "some more requests")
    records = await own.read(own.settings.predictions_topic, lambda found: len(found) >= load.sent)
    found = await switches(own, 2 * own.settings.partitions)
    first = min(datetime.fromisoformat(one.time) for one in found if one.version == version)
    took = (first - moved).total_seconds()
    assert sorted(int(dict(record.headers)["ce_id"]) for record in records) == list(range(load.sent))
    for record in records:
        prediction, offset = codec.decode_prediction(record.value), int(dict(record.headers)["input_offset"])
        assert prediction.version == version_at(found, record.partition, offset)
        assert prediction.predictions == [1 if prediction.version == "1" else 0]
    assert {(one.partition, one.version) for one in found} == {
        (partition, served) for partition in range(own.settings.partitions) for served in ("1", version)
    }
    assert took < IN_TIME


@pytest.mark.parametrize("flaw", ["incompatible", "changed", "failing"])
async def test_a_candidate_that_fails_its_check_is_refused_and_the_old_version_stays(
    own: Stack, name: str, registry: MlflowClient, registry_uri: str, flaw: str
) -> None:
    page = f"http://127.0.0.1:{(port := free_port())}"
    worker = own.worker(STREAMAPP_WORKER_WEB_PORT=str(port))
    await own.ask(1)
    await own.predictions(1)
    if flaw == "incompatible":
        version = teams.register(registry_uri, name, signature=teams.numbers(*teams.FEATURES, required=True))
        reason = "requires the field 'Sleep_Hours', which version 1 does not"
    elif flaw == "changed":
        version = teams.register(registry_uri, name)
        registry.set_model_version_tag(name, version, DIGEST_TAG, "0" * 64)
        reason = f"its files are not those that were registered (tag {DIGEST_TAG})"
    else:
        version = teams.register(registry_uri, name, signature=teams.numbers("Sleep_Hours"))
        reason = "Team_Size"
    registry.set_registered_model_alias(name, "champion", version)
    await eventually(lambda: says(own, reason), "the refusal on the status topic")
    await own.ask(1, start=1)
    assert {prediction.version for prediction in await own.predictions(2)} == {"1"}
    assert "version 1 stays" in worker.log.read_text()
    now = await scrape(f"{page}/metrics")
    assert now.value("streamapp_model_refused", alias="large") == 1
    assert now.value("streamapp_model_refusals_total", alias="large") == 1
    assert now.value("streamapp_model_info", alias="large", registered_name=name, version="1") == 1


async def says(stack: Stack, reason: str) -> bool:
    return reason in await refusal(stack)


@pytest.mark.parametrize(
    "flaw",
    [
        (teams.numbers("Sleep_Hours"), "Team_Size"),
        (teams.numbers(*teams.FEATURES, required=True), "requires the field 'Sleep_Hours'"),
    ],
    ids=["failing", "incompatible"],
)
async def test_after_a_restart_the_version_served_before_stands_in_for_a_bad_candidate(
    own: Stack, name: str, registry: MlflowClient, registry_uri: str, flaw: tuple[ModelSignature, str]
) -> None:
    signature, reason = flaw
    first = own.worker()
    await own.ask(4)
    await own.predictions(4)
    version = teams.register(registry_uri, name, signature=signature)
    registry.set_registered_model_alias(name, "champion", version)
    await eventually(lambda: says(own, reason), "the refusal")
    own.kill(first)
    own.worker()
    await own.ask(4, start=4)
    assert {prediction.version for prediction in await own.predictions(8)} == {"1"}


async def test_a_model_that_asks_for_it_by_a_tag_is_served_and_is_no_more_when_the_tag_is_gone(
    stack: Stack, registry: MlflowClient, registry_uri: str
) -> None:
    name = f"Tagged_{stack.settings.group}"
    stack.worker()
    await stack.ask(1)
    await stack.predictions(1)
    teams.register(registry_uri, name)
    started = time.monotonic()
    registry.set_registered_model_tag(name, ALIAS_TAG, name)
    await eventually(lambda: cards(stack, name), "its card", expected=[True])
    assert time.monotonic() - started < 2 * IN_TIME
    await stack.put(codec.encode_request(b'[{"Team_Size": 15}]', None, name))
    assert (await stack.predictions(2))[-1].registered_name == name
    registry.delete_registered_model_tag(name, ALIAS_TAG)
    await eventually(lambda: cards(stack, name), "its tombstone", expected=[True, False])
    await stack.put(codec.encode_request(b'[{"Team_Size": 15}]', None, name))
    (letter,) = await stack.read(stack.settings.dead_letters_topic, bool)
    assert dict(letter.headers)["dl_code"] == b"unknown_model"


async def cards(stack: Stack, alias: str) -> list[bool]:
    """Return whether each record of an alias on the models topic is a card, or a tombstone."""
    records = await one_partition(stack).read(stack.settings.models_topic, bool)
    return [record.value is not None for record in records if record.key == alias.encode()]


async def test_while_the_registry_is_away_all_goes_on_and_then_the_alias_is_followed(
    own: Stack, name: str, registry: MlflowClient, registry_uri: str
) -> None:
    version = teams.register(registry_uri, name, large=0)
    async with relay(registry_uri) as (uri, cut):
        own.settings = own.settings.model_copy(update={"mlflow_tracking_uri": uri})
        worker = own.worker()
        await own.ask(4)
        await own.predictions(4)
        cut.set()
        registry.set_registered_model_alias(name, "champion", version)
        await eventually(lambda: "What is served stays as it is" in worker.log.read_text(), "the registry is missed")
        await own.ask(4, start=4)
        assert {prediction.version for prediction in await own.predictions(8)} == {"1"}
        cut.clear()
        await eventually(lambda: asks_and_gets(own, version), "the new version")


async def asks_and_gets(stack: Stack, version: str) -> bool:
    await stack.ask(1)
    return await predicts(stack, version)


@contextlib.asynccontextmanager
async def relay(uri: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Pass on what goes to a server, except while the event is set."""
    host, port = uri.removeprefix("http://").split(":")
    cut = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if not cut.is_set():
                upstream, downstream = await asyncio.open_connection(host, int(port))
                pumps = [asyncio.create_task(pump(reader, downstream)), asyncio.create_task(pump(upstream, writer))]
                await asyncio.wait([*pumps, asyncio.create_task(cut.wait())], return_when=asyncio.FIRST_COMPLETED)
                for task in pumps:
                    task.cancel()
                downstream.close()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", cut


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
