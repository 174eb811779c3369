"""MLflow's scoring protocol at the edge: its forms of rows, and what is refused. `tests/worker` has its client."""

from typing import Any

import httpx
from edge_support import FEATURES, running

from streamapp import __version__
from streamapp.contracts.settings import Settings

ARRAY = [number + 0.5 for number in range(len(FEATURES))]
FORMS: dict[str, Any] = {
    "split": {"dataframe_split": {"index": [0, 1], "columns": ["Designation"], "data": [[1.5], [2]]}},
    "records": {"dataframe_records": [{"Designation": 1.5}, {"Designation": 2, "Team_Size": None}]},
    "instances": {"instances": [{"Designation": 1.5}, {"Designation": 2}], "params": {"ignored": 1}},
    "inputs as rows": {"inputs": [{"Designation": 1.5}, {"Designation": 2}]},
    "inputs as columns": {"inputs": {"Designation": [1.5, 2], "Team Size": [None, 3]}},
}


async def test_every_form_of_rows_is_answered_with_what_predict_answers(scored: httpx.AsyncClient) -> None:
    rows = {"data": [{"Designation": 1.5}, {"Designation": 2}]}
    expected = (await scored.post("/predict?model=svm", json=rows)).json()["predictions"]
    for name, form in FORMS.items():
        answer = await scored.post("/invocations?model=svm", json=form)
        assert (answer.status_code, answer.json()) == (200, {"predictions": expected}), name
        assert answer.headers["location"] == f"/predictions/{answer.headers['x-request-id']}"
    # Arrays without names are in the order of the features.
    for form in ("instances", "inputs"):
        answer = await scored.post("/invocations", json={form: [ARRAY]})
        assert (answer.status_code, answer.json()) == (200, {"predictions": [0.5]})
    for path in ("/ping", "/health"):
        answer = await scored.get(path)
        assert (answer.status_code, answer.text) == (200, "\n")
    assert (await scored.get("/version")).text == __version__


REFUSED = (
    ("{", 400, "malformed_json"),
    ("[]", 422, "malformed_request"),
    ("{}", 422, "malformed_request"),
    ('{"data": []}', 422, "malformed_request"),
    ('{"inputs": [], "instances": []}', 422, "malformed_request"),
    ('{"inputs": []}', 422, "empty_data"),
    ('{"inputs": {}}', 422, "empty_data"),
    ('{"inputs": 1}', 422, "wrong_type"),
    ('{"inputs": {"Designation": 1}}', 422, "wrong_type"),
    ('{"inputs": {"Designation": [[1]]}}', 422, "wrong_type"),
    ('{"inputs": {"Designation": [1], "Team_Size": [1, 2]}}', 422, "columns_mismatch"),
    ('{"inputs": {"Designation": [1], "Designation": [2]}}', 400, "duplicate_key"),
    ('{"inputs": {"Designation": [1], "designation": [2]}}', 422, "duplicate_field"),
    ('{"inputs": {"Designation": [%s]}}' % ("9" * 400), 422, "wrong_type"),
    ('{"inputs": [[1, 2]]}', 422, "columns_mismatch"),
    ('{"dataframe_split": {"data": [[1]]}}', 422, "malformed_request"),
    ('{"dataframe_split": {"columns": ["Marker"], "data": [[1]]}}', 422, "unknown_field"),
    ('{"dataframe_records": [{"Designation": "many"}]}', 422, "wrong_type"),
    ('{"dataframe_records": [{"Designation": NaN}]}', 422, "not_finite"),
)


async def test_what_does_not_fit_is_refused_as_everywhere(scored: httpx.AsyncClient) -> None:
    for body, status, code in REFUSED:
        answer = await scored.post("/invocations", content=body, headers={"content-type": "application/json"})
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, answer.json()["code"]) == (status, code), body
        assert "pointer" not in answer.json()


async def test_its_limits_and_statuses_are_those_of_predict(scored: httpx.AsyncClient) -> None:
    for path, content, headers, expected in (
        ("/invocations?model=absent", '{"inputs": []}', {"content-type": "application/json"}, 404),
        ("/invocations", "a,b\n1,2\n", {"content-type": "text/csv"}, 415),
        ("/invocations", " " * 900_001, {"content-type": "application/json"}, 413),
    ):
        assert (await scored.post(path, content=content, headers=headers)).status_code == expected
    late = await scored.post("/invocations", json={"inputs": [{"Designation": 1}]}, headers={"prefer": "wait=0"})
    assert (late.status_code, late.json()["code"]) == (504, "deadline")


async def test_without_a_model_it_is_not_ready(settings: Settings) -> None:
    async with running(settings) as client:
        for path in ("/ping", "/health", "/v2/health/ready"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
