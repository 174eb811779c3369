"""What the edge says of itself at /metrics, and to whom."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path

import httpx
import pytest
from edge_support import HANDBOOK, card, put_cards, ready, running
from exposed import OPEN_METRICS, Exposed, read
from keys_support import bearer, code, with_keys
from waiting import eventually

from streamapp.contracts.keys import Scope
from streamapp.contracts.settings import Settings
from streamapp.metrics import edge as metrics

LINES = b'{"Sleep_Hours": 7}\n{"data": [{"Sleep_Hours": 7}, {"Sleep_Hours": 8}]}\n{"Sleep_Hour": 1}\n'
BEGUN = b"POST /predict_stream HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
TWO = {"data": [{"Sleep_Hours": 7}, {"Sleep_Hours": 8}]}


async def page(client: httpx.AsyncClient, accept: str = "text/plain") -> Exposed:
    return read(await client.get("/metrics", headers={"Accept": accept}))


async def test_requests_are_counted_by_route_model_and_status(settings: Settings) -> None:
    await put_cards(settings, card("svm"), card("knn"))
    async with running(settings) as client:
        await eventually(lambda: ready(client))
        await eventually(lambda: lag(client), expected=dict.fromkeys(settings.input_topics, 0.0))
        before = await page(client)  # other tests count in this process, too
        answers = [
            await client.post("/predict_stream", json=HANDBOOK),
            await client.post("/predict_stream?model=knn", json=TWO),
            await client.post("/predict_stream?model=knn", json={"data": [{"Sleep_Hour": 7}]}),
            await client.post("/predict_stream?model=nobody", json=HANDBOOK),
            await client.post("/predict?model=svm", json=HANDBOOK, headers={"Prefer": "wait=0"}),
            await client.post("/invocations?model=svm", content=b"{"),
            await client.post("/v2/models/svm/infer", json={"inputs": []}),
            await client.post("/predict_stream?model=knn", content=LINES, headers=lines()),
            await client.get("/predictions/nobody"),
            await client.get("/livez"),
            *[await client.get(f"/no/such/{number}") for number in range(3)],
        ]
        now = await page(client)

    def more(name: str, **labels: str) -> float:
        return now.value(name, **labels) - before.value(name, **labels)

    def requests(route: str, model: str, status: int) -> float:
        return more("streamapp_requests_total", route=route, model=model, status=str(status))

    statuses = [answer.status_code for answer in answers]
    assert statuses == [202, 202, 422, 404, 504, 415, 422, 202, 404, 200, 404, 404, 404]
    assert requests("/predict_stream", "svm", 202) == 1
    assert requests("/predict_stream", "knn", 202) == 2
    assert requests("/predict_stream", "knn", 422) == 1
    assert requests("/predict_stream", "other", 404) == 1
    assert requests("/predict", "svm", 504) == 1
    assert requests("/invocations", "other", 415) == 1
    assert requests("/v2/models/{name}/infer", "svm", 422) == 1
    assert requests("/predictions/{id}", "", 404) == requests("/livez", "", 200) == 1
    assert requests("other", "", 404) == 3
    assert more("streamapp_request_seconds_count", route="/predict_stream") == 5
    assert more("streamapp_requests_total") == len(answers) + 1  # the first look at the page
    assert now.value("streamapp_requests_in_progress") == 1  # the second
    names = ("streamapp_accepted_records_total", "streamapp_accepted_rows_total")
    accepted = {model: tuple(more(name, model=model) for name in names) for model in ("svm", "knn", "other")}
    assert accepted == {"svm": (2, 2), "knn": (3, 5), "other": (0, 0)}
    assert {one.name.removesuffix("_total") for one in metrics.PART.described} <= now.families.keys()


def lines() -> dict[str, str]:
    return {"Content-Type": "application/x-ndjson"}


async def lag(client: httpx.AsyncClient) -> dict[str, float]:
    found = (await page(client)).families["streamapp_edge_lag_records"].samples
    return {sample.labels["topic"]: sample.value for sample in found}


async def test_requests_under_way_are_in_progress_and_the_page_is_openmetrics_where_that_is_asked_for(
    settings: Settings,
) -> None:
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client))
        waiting = asyncio.create_task(client.post("/predict", params={"model": "svm"}, json=HANDBOOK))
        await eventually(lambda: in_progress(client), expected=2.0)
        waiting.cancel()
        await eventually(lambda: in_progress(client), expected=1.0)


async def in_progress(client: httpx.AsyncClient) -> float:
    return (await page(client, OPEN_METRICS)).value("streamapp_requests_in_progress")


async def test_with_keys_the_page_is_for_a_key_of_its_scope(settings: Settings, tmp_path: Path) -> None:
    settings, file = with_keys(settings.model_copy(update={"rate_limit": "1/day"}), tmp_path)
    scraper, caller, admin = (file.add(scope, [scope]) for scope in (Scope.METRICS, Scope.READ, Scope.ADMIN))
    async with running(settings) as client:
        assert code(await client.get("/metrics")) == (401, "unauthenticated")
        assert code(await client.get("/metrics", headers=bearer(caller))) == (403, "wrong_scope")
        for token in (scraper, scraper, admin):
            read(await client.get("/metrics", headers=bearer(token)))
        assert (await client.get("/models", headers=bearer(scraper))).status_code == 403


async def test_a_caller_that_is_over_its_limit_is_counted(settings: Settings) -> None:
    async with running(settings.model_copy(update={"rate_limit": "1/day"})) as client:
        before = (await page(client)).value("streamapp_rate_limited_total")
        statuses = [(await client.get("/models")).status_code for _ in range(3)]
        assert statuses == [200, 429, 429]
        assert (await page(client)).value("streamapp_rate_limited_total") == before + 2


@pytest.mark.parametrize(
    ("came", "answer", "counted"),
    [
        (b"GARBAGE\r\n\r\n", b"HTTP/1.1 400 ", ("unread", "400")),
        (BEGUN, b"HTTP/1.1 408 ", ("/predict_stream", "408")),
        (BEGUN, b"", ("/predict_stream", "499")),
    ],
    ids=["no HTTP", "a body that does not go on", "a caller that hangs up"],
)
async def test_what_is_not_read_to_its_end_is_counted_once(
    settings: Settings, came: bytes, answer: bytes, counted: tuple[str, str]
) -> None:
    await put_cards(settings, card("svm"))
    async with running(settings.model_copy(update={"request_timeout": 0.5})) as client:
        await eventually(lambda: ready(client))
        before = requests(await page(client))
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        with contextlib.closing(writer):
            writer.write(came)
            if answer:
                assert (await reader.read()).startswith(answer)
            else:
                await eventually(lambda: in_progress(client), expected=2.0)
        await eventually(lambda: in_progress(client), expected=1.0)
        more = requests(await page(client)) - before
    assert {labels: count for labels, count in more.items() if labels[0] != "/metrics"} == {counted: 1}


def requests(now: Exposed) -> Counter[tuple[str, str]]:
    """Requests by route and status, those for all models together."""
    found: Counter[tuple[str, str]] = Counter()
    for one in now.families["streamapp_requests"].samples:
        if one.name == "streamapp_requests_total":
            found[one.labels["route"], one.labels["status"]] += int(one.value)
    return found
