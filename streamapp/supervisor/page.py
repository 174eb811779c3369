"""One page for all worker processes, where a single worker has its own: `/livez`, `/readyz`, `/metrics`.

Each question is passed on to every process, at the Unix socket that its page listens on.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from streamapp.clients.listening import listening
from streamapp.metrics.exposition import page
from streamapp.metrics.families import Described

#: Seconds that a process may take to answer; less than a probe waits.
_PATIENCE: Final = 2.0

UP: Final = Described(
    "streamapp_process_up",
    "gauge",
    ("process",),
    "1 for each process whose page answers, else 0.",
)

#: Status and body of an answer; None: there was none.
Answer = tuple[int, bytes] | None


class Page:
    """Answers for all processes.

    Args:
        sockets: Where the page of each process listens, by the name of the process.
    """

    def __init__(self, sockets: Mapping[str, Path]) -> None:
        self._sockets = sockets

    @contextlib.asynccontextmanager
    async def served(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve on a port of an address, on a free one where it is taken; gives the port.

        Raises:
            SettingsError: It cannot listen there.
        """
        app = web.Application()
        app.router.add_get("/livez", self._all("alive", "hung"))
        app.router.add_get("/readyz", self._all("ready", "not_ready"))
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(app, access_log=None)
        with listening(host, port, "worker_web") as listener:
            await runner.setup()
            try:
                await web.SockSite(runner, listener).start()
                yield listener.getsockname()[1]
            finally:
                await runner.cleanup()

    def _all(self, good: str, bad: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Return what answers with 200 where every process does, else with 503."""

        async def answer(request: web.Request) -> web.Response:
            answers = await self._ask(request.path)
            well = all(one is not None and one[0] == HTTPStatus.OK for one in answers.values())
            said = {name: _said(one) for name, one in answers.items()}
            body = {"status": good if well else bad, "processes": said}
            return web.json_response(body, status=HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE)

        return answer

    async def _metrics(self, request: web.Request) -> web.Response:
        answers = await self._ask(request.path)
        pages = {name: one[1].decode() for name, one in answers.items() if one and one[0] == HTTPStatus.OK}
        registry = merged(pages)
        registry.register(_Families([_up(self._sockets, pages)]))
        body, content_type = page(registry, request.headers.get("Accept"))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _ask(self, path: str) -> dict[str, Answer]:
        answers = await asyncio.gather(*(_get(socket, path) for socket in self._sockets.values()))
        return dict(zip(self._sockets, answers, strict=True))


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def merged(pages: Mapping[str, str]) -> CollectorRegistry:
    """Return the metrics of several pages, each sample with the label `process`, which says whose it is."""
    families: dict[str, Metric] = {}
    for process, text in pages.items():
        for one in text_string_to_metric_families(text):
            family = families.setdefault(one.name, Metric(one.name, one.documentation, one.type))
            family.samples += [
                sample._replace(labels={**sample.labels, "process": process}) for sample in one.samples
            ]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families.values()))
    return registry


def _up(processes: Iterable[str], answered: Container[str]) -> Metric:
    """Say of each process whether it answered: one that hangs has no other series."""
    up = UP.gauge()
    for process in processes:
        up.add_metric([process], process in answered)
    return up


async def _get(socket: Path, path: str) -> Answer:
    timeout = aiohttp.ClientTimeout(total=_PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket)), timeout=timeout) as session,
            session.get(f"http://localhost{path}") as response,
        ):
            return response.status, await response.read()
    except (aiohttp.ClientError, TimeoutError):
        return None


def _said(answer: Answer) -> object:
    return {"status": "no_answer"} if answer is None else msgspec.json.decode(answer[1])
