"""POST /predict: what each shape of a body is answered, and what is refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from edge_support import HANDBOOK, documented, put_cards, running
from fastapi import FastAPI
from replies_support import ITEM, MARKETPLACE, SVM, StandIn, answering, replies_of
from unique import unique_settings
from waiting import eventually

from api.app import create_app
from api.errors import Refusal
from api.intake import preferences
from streamapp.contracts.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def settings(broker: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = unique_settings(broker, redis_url, tmp_path_factory.mktemp("predict"))
    await put_cards(settings, SVM, MARKETPLACE)
    return settings


@pytest.fixture(scope="module")
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def worker(settings: Settings) -> AsyncIterator[StandIn]:
    async with answering(settings) as worker:
        yield worker


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def edge(settings: Settings, app: FastAPI, worker: StandIn) -> AsyncIterator[httpx.AsyncClient]:
    """One edge for all tests here."""
    async with running(settings, app) as client:
        await eventually(lambda: predicts(client), "replies to be read")
        yield client


async def predicts(client: httpx.AsyncClient) -> bool:
    checks = (await client.get("/readyz")).json()["checks"]
    return bool(checks["models"]["ok"] and checks["replies"]["ok"] and checks["broker"]["ok"])


@pytest.fixture
async def held(worker: StandIn) -> AsyncIterator[StandIn]:
    """The worker, which answers nothing until it is let."""
    worker.answering.clear()
    yield worker
    worker.answering.set()


async def test_the_flat_payload_of_the_handbook_is_answered_with_its_prediction(edge: httpx.AsyncClient) -> None:
    response = await edge.post("/predict", json=ITEM)
    assert (response.status_code, response.json()) == (200, {"prediction": "new"})
    assert response.headers["Location"] == f"/predictions/{response.headers['X-Request-Id']}"


async def test_a_body_with_data_is_answered_with_the_five_fields_of_the_older_system(edge: httpx.AsyncClient) -> None:
    response = await edge.post("/predict?model=svm", json=HANDBOOK)
    assert response.status_code == 200
    assert list(response.json().items()) == [
        ("alias", "svm"),
        ("registered_name", "SVC"),
        ("version", "1"),
        ("n_samples", 1),
        ("predictions", [1.5]),
    ]


@pytest.mark.parametrize(
    ("query", "body", "answer"),
    [
        (
            "",
            {"data": [{"Designation": 3}, {"Designation": 4}]},
            {"alias": "svm", "n_samples": 2, "predictions": [3, 4]},
        ),
        ("?model=marketplace", {"data": [ITEM]}, {"alias": "marketplace", "version": "3", "predictions": ["new"]}),
        ("?model=svm", {"Designation": 2.5}, {"prediction": 2.5}),
        ("?model=marketplace", ITEM | {"attribute_group_id": None}, {"prediction": "new"}),
    ],
    ids=["default model", "a batch of items", "a flat body for another model", "an optional field"],
)
async def test_each_shape_goes_with_each_model(
    edge: httpx.AsyncClient, query: str, body: dict[str, Any], answer: dict[str, Any]
) -> None:
    response = await edge.post(f"/predict{query}", json=body)
    assert response.status_code == 200
    assert answer.items() <= response.json().items()


async def test_probabilities_come_with_their_classes_where_they_are_asked_for(edge: httpx.AsyncClient) -> None:
    one = (await edge.post("/predict?probabilities=true", json=ITEM)).json()
    many = (await edge.post("/predict?model=marketplace&probabilities=true", json={"data": [ITEM, ITEM]})).json()
    assert one == {"prediction": "new", "probabilities": [0.75, 0.25], "classes": ["new", "used"]}
    assert (many["probabilities"], many["classes"]) == ([[0.75, 0.25]] * 2, ["new", "used"])
    assert "probabilities" not in (await edge.post("/predict?probabilities=0", json=ITEM)).json()


async def test_every_example_of_the_documentation_is_answered_in_its_shape(edge: httpx.AsyncClient) -> None:
    shapes = set()
    for body in await documented(edge, "/predict"):
        response = await edge.post("/predict", json=body)
        assert response.status_code == 200, body
        shapes |= response.json().keys() & {"prediction", "predictions"}
    assert shapes == {"prediction", "predictions"}


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        (ITEM | {"stock_quantity": "ten"}, 422, "wrong_type", "/stock_quantity"),
        (ITEM | {"colour": "red"}, 422, "unknown_field", "/colour"),
        ({"state": "SP"}, 422, "missing_field", ""),
        ({}, 422, "empty_data", ""),
        ([ITEM], 422, "malformed_request", ""),
        ({"data": [{"Designation": "x"}]}, 422, "wrong_type", "/data/0/Designation"),
        ("{", 400, "malformed_json", ""),
        ('{"a": NaN}', 422, "not_finite", ""),
    ],
)
async def test_what_does_not_fit_is_refused_as_at_the_other_route(
    edge: httpx.AsyncClient, body: Any, status: int, code: str, pointer: str
) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    response = await edge.post("/predict", content=text, headers={"content-type": "application/json"})
    problem = response.json()
    assert (response.status_code, problem["code"], problem.get("pointer", "")) == (status, code, pointer)


async def test_a_dead_letter_is_the_problem_that_its_code_says(edge: httpx.AsyncClient) -> None:
    response = await edge.post("/predict", json={"data": [{"Designation": -1}]})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (500, "model_failed")
    assert problem["detail"] == "The model raised ValueError."
    assert problem["id"] == response.headers["X-Request-Id"]
    assert "Location" not in response.headers


async def test_a_deadline_that_passes_is_504_with_the_id_and_leaves_nothing_behind(
    edge: httpx.AsyncClient, app: FastAPI, held: StandIn
) -> None:
    replies = replies_of(app)
    response = await edge.post("/predict", json=HANDBOOK, headers={"Prefer": "respond-async, wait=0.2"})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (504, "deadline")
    assert response.headers["Preference-Applied"] == "wait=0.2"
    assert response.headers["Location"] == problem["location"] == f"/predictions/{problem['id']}"
    assert replies.waiting == 0
    held.answering.set()
    await eventually(lambda: problem["id"] in dict(held.sent), "the late reply")
    assert (await edge.post("/predict", json=HANDBOOK)).json()["predictions"] == [1.5]
    assert replies.waiting == 0


async def test_a_caller_that_hangs_up_leaves_nothing_behind(
    edge: httpx.AsyncClient, app: FastAPI, held: StandIn
) -> None:
    replies = replies_of(app)
    callers = [await hanging(edge) for _ in range(20)]
    await eventually(lambda: replies.waiting, expected=20)
    for writer in callers:
        writer.close()
    await eventually(lambda: replies.waiting, expected=0)
    await eventually(lambda: {"run_asgi", "_disconnected"} & running_coroutines(), expected=set())


def running_coroutines() -> set[str]:
    return {task.get_coro().__name__ for task in asyncio.all_tasks()}


async def hanging(client: httpx.AsyncClient) -> asyncio.StreamWriter:
    """Send a request whose answer is not read."""
    _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    body = json.dumps(HANDBOOK).encode()
    writer.write(b"POST /predict HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    return writer


async def test_more_callers_than_may_wait_are_told_to_come_back(
    edge: httpx.AsyncClient, held: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.replies.waiters.MOST_WAITERS", 3)
    headers = {"Prefer": "wait=4"}
    asking = [asyncio.create_task(edge.post("/predict", json=HANDBOOK, headers=headers)) for _ in range(4)]
    first, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    assert [answer.result().json()["code"] for answer in first] == ["overloaded"]
    assert {(await answer).json()["code"] for answer in asking if answer not in first} == {"deadline"}


async def test_parameters_that_are_none_are_named(edge: httpx.AsyncClient) -> None:
    wait = await edge.post("/predict", json=HANDBOOK, headers={"Prefer": "wait=soon"})
    assert (wait.status_code, wait.json()["code"]) == (400, "invalid_header")
    assert "`Prefer: wait=SECONDS`" in wait.json()["detail"]
    flag = await edge.post("/predict?probabilities=maybe", json=HANDBOOK)
    assert (flag.status_code, flag.json()["code"]) == (422, "invalid_parameter")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        (["respond-async"], None),
        (["wait=3"], 3),
        (['respond-async, Wait = "2.5" ; strict=1'], 2.5),
        (["handling=lenient", "wait=7"], 7),
        (["wait=1, wait=2"], 1),
        (["wait=3600"], 60),
        (["wait=0"], 0),
    ],
)
async def test_the_wait_that_is_preferred_is_read_as_the_rfc_has_it(
    headers: list[str], seconds: float | None
) -> None:
    assert preferences.wait(headers) == seconds


@pytest.mark.parametrize("value", ["", "soon", "-1", "nan", "inf"])
async def test_a_wait_that_is_no_number_of_seconds_is_refused(value: str) -> None:
    with pytest.raises(Refusal, match="number of seconds"):
        preferences.wait([f"wait={value}"])
