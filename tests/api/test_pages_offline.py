"""The edge's pages work in a browser that reaches the edge and nothing else."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import chromium
import httpx
import pytest
import pytest_asyncio
from edge_support import running

from streamapp.contracts.settings import load_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = ("/docs", "/asyncapi", "/problems", "/problems/unknown_field")
#: What loads something, in HTML and in style sheets.
LOADS = re.compile(r"""(?:src|href)\s*=\s*["']([^"']+)|url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def edge(broker: str, redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with running(load_settings(broker=broker, redis_url=redis_url, models_topic="models-pages")) as client:
        yield client


def loaded(text: str) -> Iterator[str]:
    """Yield the addresses that a page or a style sheet names, but for what stands in it itself."""
    for found in LOADS.finditer(text):
        address = next(filter(None, found.groups()))
        if not address.startswith(("#", "data:")):
            yield address


@pytest.mark.parametrize("path", PAGES)
async def test_all_that_a_page_loads_is_served_by_the_edge(edge: httpx.AsyncClient, path: str) -> None:
    page = await edge.get(path)
    assert page.status_code == 200
    assert "default-src" in page.headers["content-security-policy"]
    assert "http:" not in page.headers["content-security-policy"]
    for address in loaded(page.text):
        assert address.startswith("/"), address
        response = await edge.get(address)
        assert response.status_code == 200, address
        if response.headers["content-type"].startswith("text/css"):
            assert list(loaded(response.text)) == []


async def test_swagger_ui_shows_the_routes_in_a_browser_without_internet(
    edge: httpx.AsyncClient, tmp_path: Path
) -> None:
    shown = await chromium.show(str(edge.base_url.join("/docs")), tmp_path)
    for path in ("/predict_stream", "/predictions/{id}", "/models", "/readyz"):
        assert path in shown.replace("\N{ZERO WIDTH SPACE}", ""), path
    assert "Failed to load" not in shown


@pytest.mark.parametrize("path", ["/docs/", "/docs/main.py", "/docs/%2e%2e%2fmain.py", "/redoc"])
async def test_no_other_file_is_served(edge: httpx.AsyncClient, path: str) -> None:
    response = await edge.get(path)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
