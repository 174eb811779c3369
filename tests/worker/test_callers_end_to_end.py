"""What callers are promised, on Apache Kafka with all parts as processes: whose a prediction is, and how often."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pytest
from waiting import eventually
from worker_support import Stack

from streamapp.contracts.keys import ApiKey, Scope, encode_keys, new_key
from streamapp.embedded.processes import free_port

LARGE = {"data": [{"Team_Size": 15}]}
REPEATED = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
CALLERS = 20


def presented(name: str, keys: list[ApiKey]) -> dict[str, str]:
    """Make a key; return the header that a caller presents it with."""
    key, token = new_key(name, (Scope.PREDICT, Scope.READ))
    keys.append(key)
    return {"X-API-Key": token}


async def status(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> int:
    try:
        return (await client.get(path, headers=headers)).status_code
    except httpx.TransportError:
        return 0


async def patient(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    """Ask until the request is under way no longer."""
    while (answer := await client.post("/predict", json=LARGE, headers=headers | REPEATED)).status_code == 409:
        await asyncio.sleep(0.05)
    return answer


@pytest.mark.bad_input(21)
async def test_a_prediction_is_found_by_who_asked_and_a_repeated_request_is_predicted_once(
    kafka_stack: Stack, tmp_path: Path
) -> None:
    keys: list[ApiKey] = []
    ours, theirs = presented("ours", keys), presented("theirs", keys)
    file = tmp_path / "keys.jsonl"
    file.write_bytes(encode_keys(keys))
    update = {"api_port": free_port(), "api_keys_file": file, "predict_deadline": 30.0, "model_topics": {}}
    kafka_stack.settings = kafka_stack.settings.model_copy(update=update)
    for part in ("api", "worker", "sinks"):
        kafka_stack.worker("streamapp", part)
    url = f"http://127.0.0.1:{kafka_stack.settings.api_port}"
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        await eventually(lambda: status(client, "/v2/models/large/ready", ours), expected=200, timeout=90)
        await eventually(lambda: replies(client), "the edge to read replies")
        answers = await asyncio.gather(*(patient(client, ours) for _ in range(CALLERS)))
        [(code, body, place)] = {(one.status_code, one.content, one.headers["location"]) for one in answers}
        assert (code, answers[0].json()["predictions"]) == (200, [1]), body
        await eventually(lambda: status(client, place, ours), "the prediction in Redis", expected=200)
        assert await status(client, place, theirs) == 404
        await client.post("/predict", json=LARGE, headers=theirs)
    made = Counter(prediction.id for prediction in await kafka_stack.predictions(2))
    assert made[place.rpartition("/")[2]] == 1
    assert set(made.values()) == {1}
    assert len(made) == 2


async def replies(client: httpx.AsyncClient) -> bool:
    return bool((await client.get("/readyz")).json()["checks"]["replies"]["ok"])
