"""The Open Inference Protocol at the edge: tensors, and what is refused. `tests/worker` has Triton's client."""

import struct
import threading
from typing import Any

import httpx
import pytest
from edge_support import FEATURES
from replies_support import ITEM

from api.dropin import oip
from api.dropin.oip_messages import InferenceRequest
from streamapp import __version__

INFER = "/v2/models/svm/infer"
WIDTH = len(FEATURES)
#: Datatypes whose elements may be bytes, with their format.
FORMATS = (
    ("FP16", "e"),
    ("FP32", "f"),
    ("FP64", "d"),
    ("INT8", "b"),
    ("INT64", "q"),
    ("UINT16", "H"),
    ("UINT64", "Q"),
)


def tensor(data: Any, datatype: str = "FP64", shape: Any = None, name: str = "Designation") -> dict[str, Any]:
    return {"name": name, "shape": [len(data)] if shape is None else shape, "datatype": datatype, "data": data}


#: Tensors of the same two rows.
INPUTS: list[Any] = [
    [tensor([1.5, 2])],
    [tensor([1.5, 2], "FP32", [2, 1])],
    [tensor([[1.5], [2]], "FP64", [2, 1]), tensor([3, None], "INT64", name="team size")],
    [tensor([1.5, *range(12), 2, *range(12)], "FP64", [2, WIDTH], "any")],
    [tensor([[1.5, *range(12)], [2, *range(12)]], "FP64", [2, WIDTH], "any")],
]


async def test_tensors_are_answered_with_what_predict_answers(scored: httpx.AsyncClient) -> None:
    rows = {"data": [{"Designation": 1.5}, {"Designation": 2}]}
    expected = (await scored.post("/predict?model=svm&probabilities=true", json=rows)).json()
    labels = {"name": "predict", "shape": [2], "datatype": "FP64", "data": expected["predictions"]}
    flat = [value for row in expected["probabilities"] for value in row]
    probabilities = {"name": "probabilities", "shape": [2, 2], "datatype": "FP64", "data": flat}
    of = {"model_name": "svm", "model_version": "1", "id": "mine"}
    for inputs in INPUTS:
        answer = await scored.post(INFER, json={"id": "mine", "inputs": inputs})
        assert (answer.status_code, answer.json()) == (200, {**of, "outputs": [labels, probabilities]})
        assert answer.headers["location"] == f"/predictions/{answer.headers['x-request-id']}"
    for names in (["predict"], ["probabilities"]):
        wanted = [{"name": name, "parameters": {"binary_data": True}} for name in names]
        answer = await scored.post(INFER, json={"inputs": INPUTS[0], "outputs": wanted})
        assert [one["name"] for one in answer.json()["outputs"]] == names
    for datatype, form in FORMATS:
        raw = struct.pack(f"<2{form}", 1, 2)
        answer = await scored.post(INFER, **binary(packed(len(raw), datatype, [2]), raw=raw))
        assert (answer.status_code, answer.json()["outputs"][0]["data"]) == (200, [1, 2])


async def test_a_large_body_is_decoded_in_a_thread(
    scored: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, threads = oip._decoded, []

    def noting(text: bytes) -> InferenceRequest:
        threads.append(threading.current_thread())
        return decoded(text)

    monkeypatch.setattr(oip, "_decoded", noting)
    for count in (2, 9000):
        assert (await scored.post(INFER, json={"inputs": [tensor([1.5] * count)]})).status_code == 200
    assert [thread is threading.main_thread() for thread in threads] == [True, False]


async def test_strings_booleans_and_whole_numbers_are_taken_as_they_are(scored: httpx.AsyncClient) -> None:
    kinds = {str: "BYTES", bool: "BOOL", int: "INT32", float: "FP64"}
    inputs = [tensor([value], kinds[type(value)], name=name) for name, value in {**ITEM, "state": "new"}.items()]
    answer = await scored.post("/v2/models/marketplace/versions/3/infer", json={"inputs": inputs})
    assert answer.status_code == 200
    assert answer.json()["outputs"][0] == {"name": "predict", "shape": [1], "datatype": "BYTES", "data": ["new"]}
    assert "id" not in answer.json()


def binary(*tensors: dict[str, Any], raw: bytes, cut: int = 0) -> dict[str, Any]:
    """A request whose tensors follow the JSON as bytes."""
    text = httpx.Request("POST", "http://x", json={"inputs": list(tensors)}).content
    return {"content": text + raw, "headers": {"inference-header-content-length": str(len(text) - cut)}}


def packed(size: int, datatype: str, shape: list[int], name: str = "Designation") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}}


async def test_strings_may_follow_the_json_as_bytes(scored: httpx.AsyncClient) -> None:
    inputs, raw = [], b""
    for name, value in {**ITEM, "state": "new"}.items():
        part = struct.pack("<I", len(value)) + value.encode() if isinstance(value, str) else None
        kinds = {bool: ("BOOL", "?"), int: ("INT64", "q"), float: ("FP64", "d"), str: ("BYTES", "")}
        datatype, form = kinds[type(value)]
        part = part or struct.pack(f"<{form}", value)
        inputs.append(packed(len(part), datatype, [1], name))
        raw += part
    answer = await scored.post("/v2/models/marketplace/infer", **binary(*inputs, raw=raw))
    assert (answer.status_code, answer.json()["outputs"][0]["data"]) == (200, ["new"])


REFUSED: list[tuple[Any, int, str]] = [
    (binary(packed(8, "FP64", [1]), raw=b"1234"), 422, "wrong_type"),
    (binary(packed(8, "FP64", [2]), raw=b"12345678"), 422, "columns_mismatch"),
    (binary(packed(7, "FP64", [1]), raw=b"1234567"), 422, "wrong_type"),
    (binary(packed(8, "FP64", [1]), raw=b"12345678more"), 422, "malformed_request"),
    (binary(packed(8, "FP64", [1]), raw=struct.pack("<d", float("nan"))), 422, "not_finite"),
    (binary(packed(8, "UINT64", [1]), raw=b"\xff" * 8), 422, "wrong_type"),
    (binary(packed(9, "BYTES", [1]), raw=b"\x05\0\0\0\xff\xff\xff\xff\xff"), 422, "wrong_type"),
    (binary(packed(6, "BYTES", [1]), raw=b"\x09\0\0\0ab"), 422, "wrong_type"),
    (binary(packed(3, "BYTES", [1]), raw=b"\x09\0\0"), 422, "wrong_type"),
    (binary(packed(8, "FP99", [1]), raw=b"12345678"), 422, "wrong_type"),
    (binary(packed(8, "FP64", [1]), raw=b"12345678", cut=3), 400, "malformed_json"),
    (binary(packed(8, "FP64", [1]), raw=b"12345678", cut=-9), 400, "invalid_header"),
    ({"content": b"{}", "headers": {"inference-header-content-length": "-1"}}, 400, "invalid_header"),
    ({"content": b"{}", "headers": {"inference-header-content-length": "9" * 5000}}, 400, "invalid_header"),
    ({"content": b"{"}, 400, "malformed_json"),
    ({"content": b"[]"}, 422, "malformed_request"),
    ({"json": {"inputs": []}}, 422, "malformed_request"),
    ({"json": {"inputs": [tensor([1], shape=[])]}}, 422, "malformed_request"),
    ({"json": {"inputs": [tensor([1], shape=[1, 1, 1])]}}, 422, "malformed_request"),
    ({"json": {"inputs": [tensor([1], shape=[-1])]}}, 422, "malformed_request"),
    ({"json": {"inputs": [tensor([1], shape=[10**18, 0])]}}, 422, "columns_mismatch"),
    ({"json": {"inputs": [tensor([1], shape=[2])]}}, 422, "columns_mismatch"),
    ({"json": {"inputs": [tensor([[1], 2], shape=[2, 1])]}}, 422, "wrong_type"),
    ({"json": {"inputs": [tensor([1, 2], shape=[1, 2])]}}, 422, "columns_mismatch"),
    ({"json": {"inputs": [tensor([1]), tensor([1, 2], name="team size")]}}, 422, "columns_mismatch"),
    ({"json": {"inputs": [tensor([1]), tensor([1])]}}, 422, "duplicate_field"),
    ({"json": {"inputs": [tensor([1], name="Marker")]}}, 422, "unknown_field"),
    ({"json": {"inputs": [tensor(["1"], "BYTES")]}}, 422, "wrong_type"),
    ({"json": {"inputs": [tensor([True], "FP64")]}}, 422, "wrong_type"),
    ({"json": {"inputs": [tensor([1.5], "INT64")]}}, 422, "wrong_type"),
    ({"json": {"inputs": [tensor([10**30], "INT64")]}}, 422, "wrong_type"),
    ({"json": {"inputs": [tensor([1], "FP99")]}}, 422, "wrong_type"),
    ({"json": {"inputs": [tensor([1])], "outputs": [{"name": "marker"}]}}, 422, "malformed_request"),
    ({"content": b'{"inputs": [], "inputs": []}'}, 422, "malformed_request"),
    ({"json": {"inputs": [tensor([1])]}, "headers": {"content-encoding": "gzip"}}, 415, "encoding_unsupported"),
    ({"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, "media_type_unsupported"),
]


async def test_what_does_not_fit_is_refused_with_the_reason_where_its_clients_look_for_it(
    scored: httpx.AsyncClient,
) -> None:
    for request, status, code in REFUSED:
        answer = await scored.post(INFER, **request)
        problem = answer.json()
        assert (answer.status_code, problem.get("code")) == (status, code), request
        assert problem["error"] == problem["detail"]
        assert "arker" not in problem["detail"].replace("'Marker'", "")


async def test_what_is_served_is_described(scored: httpx.AsyncClient) -> None:
    assert (await scored.get("/v2")).json() == {"name": "streamapp", "version": __version__, "extensions": []}
    assert (await scored.get("/v2/health/live")).json() == {"live": True}
    assert (await scored.get("/v2/health/ready")).json() == {"ready": True}
    assert (await scored.get("/v2/models/svm/ready")).json() == {"name": "svm", "ready": True}
    one = (await scored.get("/v2/models/marketplace")).json()
    assert (one["name"], one["versions"], one["platform"]) == ("marketplace", ["3"], "mlflow_autogluon")
    assert {"name": "local_pickup", "datatype": "BOOL", "shape": [-1]} in one["inputs"]
    assert one["outputs"] == [
        {"name": "predict", "datatype": "BYTES", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP64", "shape": [-1, 2]},
    ]
    assert (await scored.get("/v2/models/marketplace/versions/3")).json() == one
    assert (await scored.get("/v2/models/marketplace/versions/3/ready")).status_code == 200


async def test_another_model_or_version_is_not_there(scored: httpx.AsyncClient) -> None:
    for model in ("absent", "svm/versions/2", "svm/versions/01", "..%5c..", "%252e"):
        path = f"/v2/models/{model}"
        answers = [await scored.get(path), await scored.get(f"{path}/ready")]
        answers.append(await scored.post(f"{path}/infer", json={"inputs": [tensor([1])]}))
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_model")
            assert answer.json()["error"]
