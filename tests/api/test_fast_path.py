"""Requests that go past FastAPI's router are answered as those that go through it."""

from typing import Any

import httpx
import pytest
from edge_support import HANDBOOK, card, put_cards, ready, running
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from waiting import eventually

from api.app import create_app
from api.http.routing import DirectRoute, FastPath
from streamapp.contracts.settings import Settings


class Seen:
    """Middleware that notes what comes by."""

    paths: list[str]

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.paths.append(scope["path"])
        await self._app(scope, receive, send)


REQUESTS: list[dict[str, Any]] = [
    {"method": "POST", "url": "/predict_stream", "json": HANDBOOK},
    {"method": "POST", "url": "/predict_stream?model=svn", "json": HANDBOOK},
    {"method": "POST", "url": "/predict_stream", "json": {"data": [{"Designation": "x"}]}},
    {"method": "POST", "url": "/predict_stream", "content": b"{}"},
    {"method": "POST", "url": "/predict_stream/", "json": HANDBOOK},
    {"method": "POST", "url": "/predict%5Fstream", "json": HANDBOOK},
    {"method": "POST", "url": "/predict?probabilities=maybe", "json": HANDBOOK},
    {"method": "GET", "url": "/predict_stream"},
    {"method": "HEAD", "url": "/livez"},
    {"method": "GET", "url": "/livez"},
    {"method": "GET", "url": "/models"},
    {"method": "GET", "url": "/predictions/none"},
]


def comparable(response: httpx.Response) -> tuple[Any, ...]:
    """Return what is the same for the same request, whenever it is sent."""
    changing = {"id", "trace_id", "partition", "offset"}
    body = response.json() if response.content else {}
    return response.status_code, sorted(response.headers.keys()), {k: v for k, v in body.items() if k not in changing}


async def test_the_way_makes_no_difference_to_the_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Seen, "paths", [], raising=False)
    await put_cards(settings, card("svm"))
    slow = create_app(settings)
    slow.add_middleware(Seen)
    async with running(settings) as fast_client, running(settings, slow) as slow_client:
        for client in (fast_client, slow_client):
            await eventually(lambda client=client: ready(client), "the edges to be ready")
        Seen.paths.clear()
        for request in REQUESTS:
            fast, usual = await fast_client.request(**request), await slow_client.request(**request)
            assert comparable(fast) == comparable(usual), request
    assert len(Seen.paths) == len(REQUESTS), "middleware that somebody has added sees every request"


async def test_only_other_requests_go_through_fastapi(
    edge: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    usual = FastAPI.__call__

    async def noting(self: FastAPI, scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(f"{scope['method']} {scope['path']}")
        await usual(self, scope, receive, send)

    with monkeypatch.context() as patch:
        patch.setattr(FastAPI, "__call__", noting)
        for request in REQUESTS:
            await edge.request(**request)
    assert seen == ["POST /predict_stream/", "GET /predict_stream", "HEAD /livez", "GET /predictions/none"]


async def test_routes_with_a_prefix_are_served_under_it_alone() -> None:
    router = APIRouter(route_class=DirectRoute)

    @router.get("/here")
    async def here(_: Request) -> Response:
        return Response(b"here")

    app = FastPath()
    app.include_router(router, prefix="/second")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        assert (await client.get("/second/here")).text == "here"
        assert (await client.get("/here")).status_code == 404
