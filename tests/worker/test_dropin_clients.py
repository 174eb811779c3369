"""Clients of other servers, as they are, at our edge: MLflow's scoring client and Triton's HTTP client."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException
from waiting import eventually
from worker_support import Stack

from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import free_port

ROWS = pd.DataFrame({"Sleep_Hours": [5.0, 6.5, 8.0], "Team_Size": [15.0, 3.0, 11.5]})


@pytest.fixture
def served(stack: Stack) -> Settings:
    """Those of an edge and a worker that run."""
    stack.settings = stack.settings.model_copy(update={"api_port": free_port(), "model_topics": {}})
    for name in ("api", "worker"):
        stack.worker("streamapp", name)
    return stack.settings


async def predicted(settings: Settings) -> list[Any]:
    """What `POST /predict` answers for the rows; [] while it does not."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.api_port}", trust_env=False) as client:
        try:
            answer = await client.post("/predict", json={"data": ROWS.to_dict("records")}, timeout=30)
        except httpx.TransportError:
            return []
    return answer.json()["predictions"] if answer.status_code == 200 else []


def by_mlflow(settings: Settings, expected: list[Any]) -> None:
    client = ScoringServerClient("127.0.0.1", settings.api_port)
    client.wait_server_ready(timeout=10)
    assert client.get_version()
    for data in (ROWS, ROWS.to_numpy(), ROWS.to_dict("records")):
        assert list(client.invoke(data)["predictions"]) == expected
    assert client.invoke(ROWS).get_predictions().shape == (3, 1)
    with pytest.raises(Exception, match=r"error code 422.*unknown_field"):
        client.invoke(ROWS.rename(columns={"Team_Size": "Teem"}))


def by_triton(settings: Settings, expected: list[Any]) -> None:
    client = triton.InferenceServerClient(f"127.0.0.1:{settings.api_port}")
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("large")
    assert client.is_model_ready("large", "1")
    assert not client.is_model_ready("large", "2")
    assert [one["name"] for one in client.get_model_metadata("large")["inputs"]] == list(ROWS)
    matrix = triton.InferInput("all", [3, 2], "FP64")
    columns = [triton.InferInput(name, [3], "FP64") for name in ROWS]
    for as_bytes in (True, False):
        matrix.set_data_from_numpy(ROWS.to_numpy(), binary_data=as_bytes)
        for column, name in zip(columns, ROWS, strict=True):
            column.set_data_from_numpy(ROWS[name].to_numpy(), binary_data=as_bytes)
        for inputs in ([matrix], columns):
            answer = client.infer("large", inputs, request_id="mine")
            assert answer.as_numpy("predict").tolist() == expected
            assert (answer.get_response()["id"], answer.get_response()["model_version"]) == ("mine", "1")
    asked = [triton.InferRequestedOutput("predict", binary_data=False)]
    assert client.infer("large", columns, outputs=asked).as_numpy("probabilities") is None
    with pytest.raises(InferenceServerException, match="No model serves under this alias") as caught:
        client.infer("small", columns)
    assert caught.value.status() == "404"
    wrong = triton.InferInput("Teem", [1], "FP64")
    wrong.set_data_from_numpy(np.ones(1))
    with pytest.raises(InferenceServerException, match="Unknown field 'Teem'"):
        client.infer("large", [wrong])
    client.close()


async def test_the_clients_get_what_predict_answers_and_readers_of_cloudevents_read_the_topics(
    stack: Stack, served: Settings
) -> None:
    await eventually(lambda: _any(lambda: predicted(served)), "the first answer", timeout=90)
    expected = await predicted(served)
    assert expected == [1, 0, 1]
    await asyncio.to_thread(by_mlflow, served, expected)
    await asyncio.to_thread(by_triton, served, expected)
    for topic, kind in (
        (served.input_topic, "streamapp.request"),
        (served.predictions_topic, "streamapp.prediction"),
    ):
        for record in await stack.read(topic, lambda found: len(found) >= 5):
            event = from_binary(KafkaMessage(dict(record.headers), record.key, record.value), JSONFormat())
            assert (event.get_type(), event.get_specversion()) == (kind, "1.0")
            assert event.get_source().startswith("/streamapp/")
            assert event.get_datacontenttype() == "application/json"
            assert event.get_data()


async def _any(look: Callable[[], Awaitable[list[Any]]]) -> bool:
    return bool(await look())
