"""The routes of other protocols in the OpenAPI document; `documents.declarations` has our own."""

from collections.abc import Mapping
from typing import Any, Final

from api.documents import openapi
from api.documents.declarations import IDEMPOTENCY, IDEMPOTENCY_KEY, INTAKE
from api.documents.openapi import content, example, problems, reference
from api.dropin.mlflow_messages import Predictions
from api.dropin.oip_messages import Inference, InferenceRequest, ModelMetadata, ModelReady, ServerMetadata
from api.errors import EdgeCode
from streamapp.contracts.errors import Code

#: What these routes take and answer.
MESSAGES: Final = (Predictions, InferenceRequest, Inference, ServerMetadata, ModelMetadata, ModelReady)
_ROWS: Final = {"type": "array", "minItems": 1, "items": openapi.ROW}
_VALUE: Final = {"type": ["number", "string", "boolean", "null"]}
_COLUMN: Final = {"type": "array", "minItems": 1, "items": _VALUE}
#: `Invocation` with its rows: they are text to the message itself.
_INVOCATION: Final = {
    "description": "Rows in exactly one of four forms.",
    "oneOf": [
        {
            "type": "object",
            "required": ["dataframe_split"],
            "properties": {
                "dataframe_split": {
                    "type": "object",
                    "required": ["columns", "data"],
                    "properties": {
                        "columns": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                        "data": {"type": "array", "minItems": 1, "items": {"type": "array", "items": _VALUE}},
                    },
                }
            },
        },
        {"type": "object", "required": ["dataframe_records"], "properties": {"dataframe_records": _ROWS}},
        {"type": "object", "required": ["instances"], "properties": {"instances": _ROWS}},
        {
            "type": "object",
            "required": ["inputs"],
            "properties": {"inputs": {"oneOf": [_ROWS, {"type": "object", "additionalProperties": _COLUMN}]}},
        },
    ],
}
_INFERENCE: Final = {
    "model_name": "svm",
    "model_version": "1",
    "id": "42",
    "outputs": [{"name": "predict", "shape": [2], "datatype": "INT64", "data": [1, 2]}],
}
_METADATA: Final = {
    "name": "svm",
    "versions": ["1"],
    "platform": "mlflow_sklearn",
    "inputs": [{"name": "Designation", "datatype": "FP64", "shape": [-1]}],
    "outputs": [{"name": "predict", "datatype": "INT64", "shape": [-1]}],
}
_ALIAS: Final = {
    "name": "model",
    "in": "query",
    "description": "Alias of the model; without it, the default model.",
    "schema": openapi.ALIAS,
}
_NAME: Final = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "Alias of the model.",
    "schema": openapi.ALIAS,
}
_VERSION: Final = {
    "name": "version",
    "in": "path",
    "required": True,
    "description": "Its version in the MLflow registry; the one that is served, or the answer is 404.",
    "schema": {"type": "string"},
}
#: What a request for predictions may be refused for.
_REFUSED: Final = (
    *(code for code in Code if code is not Code.NULL_RECORD),
    *INTAKE,
    EdgeCode.INVALID_HEADER,
    EdgeCode.INVALID_PARAMETER,
    EdgeCode.DEADLINE,
    *openapi.CALLERS,
    *IDEMPOTENCY,
)
_UNKNOWN: Final = (Code.UNKNOWN_MODEL, EdgeCode.NO_MODELS, EdgeCode.MODEL_NOT_READY, *openapi.CALLERS)


def _with(parameters: list[Mapping[str, Any]], route: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **route,
        "openapi_extra": {**route.get("openapi_extra", {}), "parameters": parameters, "security": openapi.SECURITY},
    }


def _answers(message: type, description: str, *codes: str, **more: Any) -> dict[str, Any]:
    said = {"description": description, **content(reference(message), **more)}
    return {"responses": {200: said, **problems(*codes)}}


def _asks(schema: Mapping[str, Any], *examples: str) -> dict[str, Any]:
    return {"openapi_extra": {"requestBody": {"required": True, **content(schema, examples=example(*examples))}}}


#: Keyword arguments of the routes.
INVOCATIONS: Final[Mapping[str, Any]] = _with(
    [_ALIAS, IDEMPOTENCY_KEY],
    {
        **_asks(_INVOCATION, "Split", "Records", "Instances", "Inputs"),
        **_answers(Predictions, "The predictions.", *_REFUSED, example={"predictions": [1, 2]}),
    },
)
_TEXT: Final = content({"type": "string"}, "text/plain")
PING: Final[Mapping[str, Any]] = {
    "responses": {200: {"description": "Ready; an empty line.", **_TEXT}, **problems(EdgeCode.NOT_READY)}
}
VERSION: Final[Mapping[str, Any]] = {
    "responses": {200: {"description": "The version.", **_TEXT}, **problems()},
}
SERVER: Final[Mapping[str, Any]] = _answers(ServerMetadata, "What answers.")
LIVE: Final[Mapping[str, Any]] = {
    "responses": {200: {"description": "Alive.", **content({"type": "object"}, example={"live": True})}, **problems()}
}
READY: Final[Mapping[str, Any]] = {
    "responses": {
        200: {"description": "Ready.", **content({"type": "object"}, example={"ready": True})},
        **problems(EdgeCode.NOT_READY),
    }
}
_MODEL: Final = _answers(ModelMetadata, "The model.", *_UNKNOWN, example=_METADATA)
MODEL: Final[Mapping[str, Any]] = _with([_NAME], _MODEL)
MODEL_VERSION: Final[Mapping[str, Any]] = _with([_NAME, _VERSION], _MODEL)
_MODEL_READY: Final = _answers(ModelReady, "It is served.", *_UNKNOWN, example={"name": "svm", "ready": True})
MODEL_READY: Final[Mapping[str, Any]] = _with([_NAME], _MODEL_READY)
MODEL_VERSION_READY: Final[Mapping[str, Any]] = _with([_NAME, _VERSION], _MODEL_READY)
_INFER: Final = {
    **_asks(reference(InferenceRequest), "Tensors"),
    **_answers(Inference, "The predictions.", *_REFUSED, example=_INFERENCE),
}
INFER: Final[Mapping[str, Any]] = _with([_NAME, IDEMPOTENCY_KEY], _INFER)
INFER_VERSION: Final[Mapping[str, Any]] = _with([_NAME, _VERSION, IDEMPOTENCY_KEY], _INFER)
