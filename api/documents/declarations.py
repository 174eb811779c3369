"""The routes in the OpenAPI document: what each takes, and every status that it answers."""

from collections.abc import Mapping
from typing import Any, Final

from api import media_types
from api.bulk.report import BulkAccepted, BulkProblem
from api.documents import examples, openapi
from api.documents.openapi import content, problems, reference
from api.errors import EdgeCode
from api.idempotency.key import PATTERN as KEY_PATTERN
from api.intake.bodies import FLAT_MODEL
from api.intake.preferences import LONGEST_WAIT
from api.messages import Accepted, Answer, Answers, Body, Models, Ready
from api.problems.kinds import KINDS, Problem
from streamapp.contracts.codec import MAX_ID
from streamapp.contracts.errors import Code
from streamapp.contracts.messages import Prediction

DESCRIPTION: Final = """Real-time predictions on Kafka.

`POST /predict_stream` puts rows on the input topic and answers once the broker has acknowledged them. A scoring
worker predicts them; `GET /predictions/{id}` finds the result. `POST /predict` goes the same way and answers with the
prediction. A body of `application/x-ndjson` is a record a line. Errors are `application/problem+json` (RFC 9457);
`code` says which one in one stable word, and `/problems` has a page for each. `/asyncapi` describes the topics."""

_MODEL: Final = {
    "name": "model",
    "in": "query",
    "description": "Alias of the model; without it, the default model. `GET /models` lists the aliases.",
    "schema": openapi.ALIAS,
}
_ID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The `id` of the answer to the request.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": "^[ -~]+$"},
}
_EITHER_MODEL: Final = {
    "name": "model",
    "in": "query",
    "description": f"Alias of the model; without it, `{FLAT_MODEL}` for a flat body, else the default model.",
    "schema": openapi.ALIAS,
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
_CODE: Final = {
    "name": "code",
    "in": "path",
    "required": True,
    "description": "The `code` of a problem.",
    "schema": {"type": "string", "enum": list(KINDS)},
}
IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes it safe to send the request again: with the same key and body it has no second effect, and "
    "gets the answer of the first. Not with a body of lines.",
    "schema": {"type": "string", "pattern": KEY_PATTERN},
}
_LOCATION: Final = {"description": "Where the prediction will be found.", "schema": {"type": "string"}}
#: What only a worker finds.
_OF_WORKERS: Final = {Code.NULL_RECORD, Code.MODEL_FAILED, Code.MODEL_TIMEOUT}
#: What a request for predictions may be refused for beside its rows.
INTAKE: Final = (
    EdgeCode.BODY_TOO_LARGE,
    EdgeCode.MEDIA_TYPE_UNSUPPORTED,
    EdgeCode.ENCODING_UNSUPPORTED,
    EdgeCode.NO_MODELS,
    EdgeCode.MODEL_NOT_READY,
    EdgeCode.BROKER_UNAVAILABLE,
    EdgeCode.OVERLOADED,
    EdgeCode.LAGGING,
    EdgeCode.BODY_TIMEOUT,
)
#: What a request may be refused for that has an `Idempotency-Key`.
IDEMPOTENCY: Final = (
    EdgeCode.IDEMPOTENCY_KEY_INVALID,
    EdgeCode.IDEMPOTENCY_KEY_REUSED,
    EdgeCode.IDEMPOTENCY_KEY_IN_FLIGHT,
    EdgeCode.REDIS_UNAVAILABLE,
)
#: A request of lines is told more, wherever it gets as far as its lines.
_EITHER_PROBLEM: Final = {"anyOf": [reference(Problem), reference(BulkProblem)]}
#: Keyword arguments of the routes.
PREDICT_STREAM: Final[Mapping[str, Any]] = {
    "openapi_extra": {
        "parameters": [_MODEL, IDEMPOTENCY_KEY],
        "security": openapi.SECURITY,
        "requestBody": {
            "required": True,
            "content": {
                **content(reference(Body), examples=openapi.example("Rows", "Arrays"))["content"],
                **content({"type": "string"}, media_types.LINES, examples=openapi.example("Lines"))["content"],
            },
        },
    },
    "responses": {
        202: {
            "description": "The broker has acknowledged the request; of lines, each that was not refused.",
            "headers": {"Location": _LOCATION},
            **content(
                {"oneOf": [reference(Accepted), reference(BulkAccepted)]},
                examples={
                    "request": {"summary": "To a request", "value": examples.ACCEPTED},
                    "lines": {"summary": "To lines", "value": examples.BULK_ACCEPTED},
                },
            ),
        },
        **problems(
            *(code for code in Code if code not in _OF_WORKERS),
            *INTAKE,
            *openapi.CALLERS,
            *IDEMPOTENCY,
            EdgeCode.INVALID_PARAMETER,
            EdgeCode.ALL_REFUSED,
            EdgeCode.STOPPING,
            problem=_EITHER_PROBLEM,
        ),
    },
}
PREDICT: Final[Mapping[str, Any]] = {
    "openapi_extra": {
        "parameters": [_EITHER_MODEL, _PROBABILITIES, _PREFER, IDEMPOTENCY_KEY],
        "security": openapi.SECURITY,
        "requestBody": {
            "required": True,
            **content(
                {"anyOf": [openapi.ROW, reference(Body)]}, examples=openapi.example("Record", "Rows", "Arrays")
            ),
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
            **content({"oneOf": [reference(Answer), reference(Answers)]}, examples=examples.ANSWERS),
        },
        **problems(
            *(code for code in Code if code is not Code.NULL_RECORD),
            *INTAKE,
            *openapi.CALLERS,
            *IDEMPOTENCY,
            EdgeCode.INVALID_PARAMETER,
            EdgeCode.INVALID_HEADER,
            EdgeCode.DEADLINE,
        ),
    },
}
PREDICTION: Final[Mapping[str, Any]] = {
    "openapi_extra": {"parameters": [_ID], "security": openapi.SECURITY},
    "responses": {
        200: {"description": "The prediction.", **content(reference(Prediction), example=examples.PREDICTION)},
        **problems(
            EdgeCode.PREDICTION_NOT_FOUND, EdgeCode.INVALID_PARAMETER, EdgeCode.REDIS_UNAVAILABLE, *openapi.CALLERS
        ),
    },
}
MODELS: Final[Mapping[str, Any]] = {
    "openapi_extra": {"security": openapi.SECURITY},
    "responses": {
        200: {
            "description": "What is served, and what is refused.",
            **content(reference(Models), example=examples.MODELS),
        },
        **problems(*openapi.CALLERS),
    },
}
_PAGE: Final = {"content": {"text/html": {"schema": {"type": "string"}}}}
PROBLEM_PAGES: Final[Mapping[str, Any]] = {
    "responses": {200: {"description": "A page that lists them.", **_PAGE}, **problems()}
}
PROBLEM_PAGE: Final[Mapping[str, Any]] = {
    "openapi_extra": {"parameters": [_CODE]},
    "responses": {200: {"description": "The page of a kind of problem.", **_PAGE}, **problems(EdgeCode.NOT_FOUND)},
}
ASYNCAPI: Final[Mapping[str, Any]] = {
    "responses": {200: {"description": "An AsyncAPI 3 document.", **content({"type": "object"})}, **problems()}
}
ASYNCAPI_PAGE: Final[Mapping[str, Any]] = {
    "responses": {200: {"description": "The same as a page.", **_PAGE}, **problems()}
}
LIVEZ: Final[Mapping[str, Any]] = {
    "responses": {
        200: {"description": "Alive.", **content({"type": "object"}, example={"status": "alive"})},
        **problems(),
    }
}
METRICS: Final[Mapping[str, Any]] = {
    "openapi_extra": {"security": openapi.SECURITY},
    "responses": {
        200: {
            "description": "The metrics, as Prometheus's text or, where `Accept` asks for it, as OpenMetrics.",
            "content": {
                media: {"schema": {"type": "string"}} for media in ("text/plain", "application/openmetrics-text")
            },
        },
        **problems(EdgeCode.UNAUTHENTICATED, EdgeCode.WRONG_SCOPE),
    },
}
READYZ: Final[Mapping[str, Any]] = {
    "responses": {
        200: {"description": "Ready.", **content(reference(Ready), example=examples.READY)},
        **problems(EdgeCode.NOT_READY),
    },
}
