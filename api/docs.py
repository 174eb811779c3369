"""The OpenAPI document: schemas made from the messages, and examples that work as they stand."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from fastapi import FastAPI

from api.bulk_report import BulkAccepted, BulkProblem
from api.errors import EdgeCode
from api.messages import Accepted, Answer, Answers, Body, Models, Ready
from api.preferences import LONGEST_WAIT
from api.problems import KINDS, MEDIA_TYPE, Problem
from streamapp.contracts.codec import MAX_ID
from streamapp.contracts.errors import Code
from streamapp.contracts.messages import Prediction

DESCRIPTION: Final = """Real-time predictions on Kafka.

`POST /predict_stream` puts rows on the input topic and answers once the broker has acknowledged them. A scoring
worker predicts them; `GET /predictions/{id}` finds the result. `POST /predict` goes the same way and answers with the
prediction. A body of `application/x-ndjson` is a record a line. Errors are `application/problem+json` (RFC 9457);
`code` says which one in one stable word."""

_SCHEMAS: Final = "#/components/schemas/"
_ROW: Final = {"Designation": 1.5, "Resource_Allocation": 1.7, "Sleep_Hours": 7}
_EXAMPLES: Final = {
    "record": {
        "summary": "One row; the model's pipeline fills in the features that are left out",
        "value": {"data": [_ROW]},
    },
    "records": {
        "summary": "Several rows; spaces, underscores, hyphens and case in names are one",
        "value": {"data": [_ROW, {"designation": 4, "Work-Life Balance Score": 2}]},
    },
    "arrays": {
        "summary": "Rows as arrays, with their columns named once",
        "value": {"data": [[1.5, 7], [4, 5.5]], "columns": ["Designation", "Sleep_Hours"]},
    },
}
_ITEM: Final = {
    "state": "SP",
    "city": "Sao Paulo",
    "local_pickup": True,
    "free_shipping": False,
    "shipping_mode": "standard",
    "listing_type": "gold_special",
    "buying_mode": "buy_it_now",
    "status": "active",
    "accepts_mercadopago": True,
    "currency": "BRL",
    "automatic_relist": False,
    "stock_quantity": 10,
    "available_quantity": 5,
    "total_amount": 100.0,
    "date_difference_hr": 24.0,
    "time_difference_hr": 12.0,
}
_BOTH_SHAPES: Final = {
    "item": {"summary": "A flat body: one record, for the model `marketplace`", "value": _ITEM},
    **_EXAMPLES,
}
_ANSWERS: Final = {
    "item": {"summary": "To a flat body", "value": {"prediction": "new"}},
    "rows": {
        "summary": "To a body with `data`",
        "value": {"alias": "svm", "registered_name": "SVC", "version": "1", "n_samples": 1, "predictions": [1]},
    },
}
_LINES: Final = """{"Designation": 1.5, "Resource_Allocation": 1.7, "Sleep_Hours": 7}
{"data": [{"Designation": 4, "Sleep_Hours": 5.5}]}
{"payload": {"data": [{"Designation": 2}]}, "model": "knn"}
"""
_BULK_ACCEPTED: Final = {
    "status": "queued",
    "id": "01936d0c-8a4e-7c63-9d0e-5b1f6a2c7e90",
    "lines": 3,
    "accepted": 2,
    "refused": 1,
    "errors": [{"line": 2, "code": "unknown_field", "detail": "Unknown field ...", "pointer": "/data/0/Sleep"}],
    "unlisted": 0,
}
_ACCEPTED: Final = {
    "status": "queued",
    "stream": "mlops_stream",
    "model": "svm",
    "id": "01936d0c-8a4e-7c63-9d0e-5b1f6a2c7e90",
    "partition": 2,
    "offset": 41,
}


def _content(schema: Mapping[str, Any], media_type: str = "application/json", **more: Any) -> dict[str, Any]:
    return {"content": {media_type: {"schema": schema, **more}}}


def _reference(message: type) -> dict[str, str]:
    return {"$ref": _SCHEMAS + message.__name__}


def _problems(*codes: str, problem: Mapping[str, Any] | None = None) -> dict[int | str, dict[str, Any]]:
    """Return the error responses that these codes make, by status."""
    by_status: dict[int | str, list[str]] = {}
    for code in codes:
        status, title = KINDS[code]
        by_status.setdefault(status, []).append(f"`{code}`: {title}.")
    return {
        status: {"description": " ".join(texts), **_content(problem or _reference(Problem), MEDIA_TYPE)}
        for status, texts in by_status.items()
    }


_MODEL: Final = {
    "name": "model",
    "in": "query",
    "description": "Alias of the model; without it, the default model. `GET /models` lists the aliases.",
    "schema": {"type": "string"},
    "examples": {alias: {"value": alias} for alias in ("svm", "knn", "lightgbm")},
}
_ID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The `id` of the answer to the request.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_ID},
}
_EITHER_MODEL: Final = {
    "name": "model",
    "in": "query",
    "description": "Alias of the model; without it, `marketplace` for a flat body, else the default model.",
    "schema": {"type": "string"},
}
_PROBABILITIES: Final = {
    "name": "probabilities",
    "in": "query",
    "description": "Whether to answer probabilities too, where the model gives them.",
    "schema": {"type": "boolean", "default": False},
}
_PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "description": f"`wait=SECONDS` (RFC 7240): how long to wait for the prediction, {LONGEST_WAIT:g} s at most.",
    "schema": {"type": "string"},
}
_LOCATION: Final = {"description": "Where the prediction will be found.", "schema": {"type": "string"}}
#: What only a worker finds.
_OF_WORKERS: Final = {Code.NULL_RECORD, Code.MODEL_FAILED, Code.MODEL_TIMEOUT}
#: What a request for predictions may be refused for beside its rows.
_INTAKE: Final = (
    EdgeCode.BODY_TOO_LARGE,
    EdgeCode.MEDIA_TYPE_UNSUPPORTED,
    EdgeCode.ENCODING_UNSUPPORTED,
    EdgeCode.NO_MODELS,
    EdgeCode.MODEL_NOT_READY,
    EdgeCode.BROKER_UNAVAILABLE,
    EdgeCode.OVERLOADED,
    EdgeCode.LAGGING,
)
#: A request of lines is told more, wherever it gets as far as its lines.
_EITHER_PROBLEM: Final = {"anyOf": [_reference(Problem), _reference(BulkProblem)]}
#: Keyword arguments of the routes.
PREDICT_STREAM: Final[Mapping[str, Any]] = {
    "openapi_extra": {
        "parameters": [_MODEL],
        "requestBody": {
            "required": True,
            "content": {
                **_content(_reference(Body), examples=_EXAMPLES)["content"],
                **_content({"type": "string"}, "application/x-ndjson", example=_LINES)["content"],
            },
        },
    },
    "responses": {
        202: {
            "description": "The broker has acknowledged the request; of lines, each that was not refused.",
            "headers": {"Location": _LOCATION},
            **_content(
                {"oneOf": [_reference(Accepted), _reference(BulkAccepted)]},
                examples={
                    "request": {"summary": "To a request", "value": _ACCEPTED},
                    "lines": {"summary": "To lines", "value": _BULK_ACCEPTED},
                },
            ),
        },
        **_problems(
            *(code for code in Code if code not in _OF_WORKERS),
            *_INTAKE,
            EdgeCode.ALL_REFUSED,
            EdgeCode.STOPPING,
            EdgeCode.BODY_TIMEOUT,
            problem=_EITHER_PROBLEM,
        ),
    },
}
PREDICT: Final[Mapping[str, Any]] = {
    "openapi_extra": {
        "parameters": [_EITHER_MODEL, _PROBABILITIES, _PREFER],
        "requestBody": {
            "required": True,
            **_content({"oneOf": [{"type": "object"}, _reference(Body)]}, examples=_BOTH_SHAPES),
        },
    },
    "responses": {
        200: {
            "description": "The prediction, in the shape that belongs to the body's.",
            "headers": {
                "Location": _LOCATION,
                "X-Request-Id": {"description": "Id of the request.", "schema": {"type": "string"}},
                "Preference-Applied": {
                    "description": "The wait that was granted, where one was asked for.",
                    "schema": {"type": "string"},
                },
            },
            **_content({"oneOf": [_reference(Answer), _reference(Answers)]}, examples=_ANSWERS),
        },
        **_problems(
            *(code for code in Code if code is not Code.NULL_RECORD),
            *_INTAKE,
            EdgeCode.INVALID_PARAMETER,
            EdgeCode.INVALID_HEADER,
            EdgeCode.DEADLINE,
        ),
    },
}
PREDICTION: Final[Mapping[str, Any]] = {
    "openapi_extra": {"parameters": [_ID]},
    "responses": {
        200: {"description": "The prediction.", **_content(_reference(Prediction))},
        **_problems(EdgeCode.PREDICTION_NOT_FOUND, EdgeCode.INVALID_PARAMETER, EdgeCode.REDIS_UNAVAILABLE),
    },
}
MODELS: Final[Mapping[str, Any]] = {
    "responses": {
        200: {"description": "What is served, and what is refused.", **_content(_reference(Models))},
    },
}
LIVEZ: Final[Mapping[str, Any]] = {"responses": {200: {"description": "Alive.", **_content({"type": "object"})}}}
READYZ: Final[Mapping[str, Any]] = {
    "responses": {200: {"description": "Ready.", **_content(_reference(Ready))}, **_problems(EdgeCode.NOT_READY)},
}


def install(app: FastAPI) -> None:
    """Add the schemas of the messages to the application's OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document.setdefault("components", {})["schemas"] = _schemas()
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def _schemas() -> dict[str, Any]:
    messages = (Body, Accepted, BulkAccepted, Answer, Answers, Problem, BulkProblem, Models, Prediction, Ready)
    _, schemas = msgspec.json.schema_components(messages, ref_template=_SCHEMAS + "{name}")
    for schema in schemas.values():
        # The docstring's first line says what it is; the rest speaks to readers of the code.
        schema["description"] = schema.get("description", "").partition("\n")[0]
    row = {"oneOf": [{"type": "object"}, {"type": "array"}]}
    schemas["Body"]["properties"]["data"] = {"type": "array", "minItems": 1, "items": row}
    schemas["Prediction"]["properties"]["data"] = {"type": "array", "items": {"type": "object"}}
    return schemas
