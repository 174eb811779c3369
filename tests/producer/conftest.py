from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from producer_support import Edge


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    """A server on a free port that judges requests as the edge does."""
    statuses: Counter[int] = Counter()

    async def predict(request: web.Request) -> web.Response:
        status = judge(parse_qs(request.query_string)["model"][0], await request.read())
        statuses[status] += 1
        return web.Response(status=status)

    server = web.Application()
    server.router.add_post("/predict_stream", predict)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield Edge(f"http://127.0.0.1:{runner.addresses[0][1]}", statuses)
    await runner.cleanup()


def judge(model: str, body: bytes) -> int:
    if model not in {"svm", "knn", "lightgbm"}:
        return 404
    return 422 if b"Slep_Hours" in body or b'"seven"' in body else 202
