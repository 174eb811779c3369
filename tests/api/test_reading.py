"""What the edge tells: predictions, models, readiness, documentation."""

from urllib.parse import quote

import httpx
import pytest
from edge_support import HANDBOOK, card, put_cards, ready, running
from msgspec.structs import astuple
from waiting import eventually

from streamapp.clients import kafka
from streamapp.clients.redis import connect
from streamapp.contracts import codec
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import Refused, Serving, WorkerStatus
from streamapp.embedded.processes import free_port

#: What the workers say of a model on `/models`.
NUMBERS = ("workers", "rows", "calls", "mean_batch", "p50_ms", "p99_ms")


async def test_a_prediction_is_found_once_it_is_there(edge: httpx.AsyncClient, settings: Settings) -> None:
    location = (await edge.post("/predict_stream", json=HANDBOOK)).headers["location"]
    missing = await edge.get(location)
    assert (missing.status_code, missing.json()["code"]) == (404, "prediction_not_found")
    assert missing.headers["retry-after"] == "1"

    value = b'{"id":"x","predictions":[1]}'
    async with connect(settings) as redis:
        await redis.set(settings.prediction_key(location.rpartition("/")[2]), value)
    found = await edge.get(location)
    assert (found.status_code, found.content) == (200, value)
    assert found.headers["content-type"] == "application/json"


async def test_any_id_that_a_record_can_have_may_be_asked_for(edge: httpx.AsyncClient, settings: Settings) -> None:
    async with connect(settings) as redis:
        for record_id in ("mlops_stream-0-17", "a/b c%20ñ", "x" * 200):
            await redis.set(settings.prediction_key(record_id), b"{}")
            path = httpx.URL("/").copy_with(raw_path=b"/predictions/" + quote(record_id, safe="").encode())
            assert (await edge.get(path)).status_code == 200


@pytest.mark.parametrize("record_id", ["", "x" * 201, "%0d%0aSet-Cookie", "x%0a", "%1b%5b31m", "%00"])
async def test_an_id_that_no_record_can_have_is_refused(edge: httpx.AsyncClient, record_id: str) -> None:
    response = await edge.get(f"/predictions/{record_id}")
    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")


async def test_a_redis_that_is_away_is_told(settings: Settings) -> None:
    away = settings.model_copy(update={"redis_url": type(settings.redis_url)(f"redis://127.0.0.1:{free_port()}/0")})
    async with running(away) as client:
        response = await client.get("/predictions/x")
    assert (response.status_code, response.json()["code"]) == (503, "redis_unavailable")
    assert response.headers["retry-after"] == "1"


async def test_models_are_listed_with_all_that_their_cards_say(edge: httpx.AsyncClient) -> None:
    answer = (await edge.get("/models")).json()
    cards = answer["models"]
    assert [model["alias"] for model in cards] == ["knn", "lightgbm", "svm"]
    assert cards[2]["registered_name"] == "SVC"
    assert cards[2]["features"][0] == {"name": "Designation", "type": "number", "required": False}
    assert cards[2]["metrics"] == {}
    assert (cards[2]["workers"], cards[2]["since"], answer["refused"]) == (0, "", [])


async def test_models_are_listed_with_what_the_workers_say_of_them(
    edge: httpx.AsyncClient, settings: Settings
) -> None:
    svm = Serving("svm", "SVC", "1", "run", "sklearn", "2026-11-22T01:12:27.123Z", 30, 10, 1.5, 4.0)
    knn = Serving("knn", "Knn_Classifier", "1", "run", "sklearn", "2026-11-22T01:12:27.123Z")
    bad = Refused("knn", "Knn_Classifier", "2", "It has no signature.", "2026-11-22T02:00:00.000Z")
    later = codec.encode(WorkerStatus("a", codec.utc_now(), (svm, knn)))
    lived = codec.encode(WorkerStatus("b", codec.utc_now(), (svm,), (bad,)))
    gone = codec.encode(WorkerStatus("c", "2026-01-01T00:00:00.000Z", (svm,)))
    async with kafka.producer(settings, "test") as producer:
        for key, value in ((b"a", b"{}"), (b"a", later), (b"b", lived), (b"c", gone)):
            await producer.send_and_wait(settings.status_topic, value, key=key)

        async def said() -> dict[str, list[object]]:
            answer = (await edge.get("/models")).json()
            models = {model["alias"]: [model[name] for name in NUMBERS] for model in answer["models"]}
            return {**models, "refused": answer["refused"]}

        refused = [dict(zip(Refused.__struct_fields__, astuple(bad), strict=True))]
        both = {"svm": [2, 60, 20, 3.0, 1.5, 4.0], "knn": [1, 0, 0, 0.0, 0.0, 0.0], "lightgbm": [0] * 6}
        await eventually(said, expected={**both, "refused": refused})
        await producer.send_and_wait(settings.status_topic, None, key=b"b")
        await eventually(said, expected={**both, "svm": [1, 30, 10, 3.0, 1.5, 4.0], "refused": []})


async def test_readiness_names_what_is_there_and_what_is_missing(settings: Settings) -> None:
    async with running(settings) as client:

        async def only_models_missing() -> bool:
            checks = (await client.get("/readyz")).json()["checks"]
            return bool(checks["broker"]["ok"] and not checks["models"]["ok"])

        await eventually(only_models_missing, "the broker, without models")
        response = await client.get("/readyz")
        assert (response.status_code, response.json()["code"]) == (503, "not_ready")
        assert "no model card is known" in response.json()["detail"]
        assert (await client.post("/predict_stream", json=HANDBOOK)).json()["code"] == "no_models"

        await put_cards(settings, card("svm"))
        await eventually(lambda: ready(client), "the edge to be ready")
        answer = (await client.get("/readyz")).json()
        assert answer["status"] == "ready"
        assert answer["checks"]["models"] == {"ok": True, "detail": "svm"}


async def test_cards_come_change_and_go_and_bad_ones_change_nothing(
    edge: httpx.AsyncClient, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async def served() -> dict[str, str]:
        return {model["alias"]: model["version"] for model in (await edge.get("/models")).json()["models"]}

    twice = codec.encode(ModelCard("x", "X", "1", "run", "sklearn", (Feature("a b"), Feature("a_b"))))
    await put_cards(settings, (b"x", twice), (b"svm", b"no card"), (b"knn", None), card("lightgbm", "2"))

    async def arrived() -> bool:
        return await served() == {"svm": "1", "lightgbm": "2"}

    await eventually(arrived, "the usable cards")
    assert "The card of model 'x' cannot be used" in caplog.text
    assert "The card of model 'svm' cannot be used" in caplog.text


async def test_a_record_that_the_broker_would_not_take_is_refused(settings: Settings) -> None:
    narrow = settings.model_copy(update={"max_record_bytes": 2000})
    await put_cards(narrow, card("svm"))
    async with running(narrow) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        response = await client.post("/predict_stream", json={"data": HANDBOOK["data"] * 100})
    assert (response.status_code, response.json()["code"]) == (413, "record_too_large")


async def test_the_documentation_shows_every_route_with_its_schemas(edge: httpx.AsyncClient) -> None:
    document = (await edge.get("/openapi.json")).json()
    own = {"/predict_stream", "/predict", "/predictions/{id}", "/models", "/metrics", "/livez", "/readyz"}
    others = {"/invocations", "/ping", "/health", "/version"} | {path for path in document["paths"] if "/v2" in path}
    pages = {"/problems", "/problems/{code}", "/asyncapi", "/asyncapi.json"}
    assert document["paths"].keys() == own | others | pages
    references = {part.split('"')[0] for part in str(document).replace("'", '"').split("#/components/schemas/")[1:]}
    assert references <= document["components"]["schemas"].keys()
    assert {"Body", "Accepted", "Problem", "Model", "Refused", "Prediction"} <= references
    assert (await edge.get("/docs")).status_code == 200
