"""Every route that is not open to all needs a key, whoever adds it and wherever."""

import re
from collections.abc import Iterable
from pathlib import Path

from edge_support import running
from fastapi import FastAPI
from keys_support import code, with_keys

from api.app import create_app
from api.http.routing import DirectRoute
from streamapp.contracts.settings import Settings

#: For probes, and for people who look something up.
OPEN = {
    "/livez",
    "/readyz",
    "/docs",
    "/docs/{name}",
    "/asyncapi",
    "/asyncapi.json",
    "/problems",
    "/problems/{code}",
    "/health",
    "/ping",
    "/version",
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
}


def direct(app: FastAPI) -> Iterable[DirectRoute]:
    included = (getattr(route, "original_router", None) for route in app.routes)
    return (route for router in included if router for route in router.routes if isinstance(route, DirectRoute))


async def test_what_is_not_open_to_all_needs_a_key(settings: Settings, tmp_path: Path) -> None:
    settings, _ = with_keys(settings, tmp_path)
    app = create_app(settings)
    refused, answered = set(), set()
    async with running(settings, app) as client:
        for route in direct(app):
            for method in route.methods:
                response = await client.request(method, re.sub(r"{.*?}", "x", route.path))
                (refused if response.status_code == 401 else answered).add(route.path)
                assert response.status_code != 401 or code(response) == (401, "unauthenticated")
    assert answered == OPEN
    assert {"/predict", "/predict_stream", "/models", "/invocations", "/v2/models/{name}/infer"} <= refused
