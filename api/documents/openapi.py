"""The OpenAPI document: what routes are declared with, and the components that they refer to.

Schemas are made from the messages, and those of rows and aliases from the cards of the models that are served when
the document is asked for, so that it says what this edge takes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec
from fastapi import FastAPI

from api import media_types
from api.bulk.report import BulkAccepted, BulkProblem
from api.documents import examples, problem_pages, schemas
from api.documents.schemas import Schema
from api.edge import Edge
from api.errors import EdgeCode
from api.media_types import JSON
from api.messages import Accepted, Answer, Answers, Body, Model, Models, Ready
from api.problems.kinds import KINDS, Problem
from streamapp.contracts.messages import Prediction

_SCHEMAS: Final = "#/components/schemas/"
_EXAMPLES: Final = "#/components/examples/"
#: Of the served models: an alias, and a row.
ALIAS: Final = {"$ref": _SCHEMAS + "Alias"}
ROW: Final = {"$ref": _SCHEMAS + "Row"}
#: What routes need a key for, where keys are asked for; that they may be asked for nowhere is what `{}` says.
SECURITY: Final[list[dict[str, list[str]]]] = [{}, {"bearer": []}, {"header": []}]
_KEYS: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
}
#: What any request may be answered with: HTTP that is none, too much of it, too many at once, and a failure of ours.
_ANY_REQUEST: Final = (
    EdgeCode.MALFORMED_HTTP,
    EdgeCode.HEADERS_TOO_LARGE,
    EdgeCode.OVERLOADED,
    EdgeCode.INTERNAL_ERROR,
)
#: What a caller may be refused for by these.
CALLERS: Final = (EdgeCode.UNAUTHENTICATED, EdgeCode.WRONG_SCOPE, EdgeCode.RATE_LIMITED)


def content(schema: Mapping[str, Any], media_type: str = JSON, **more: Any) -> dict[str, Any]:
    """Return the content of a request or of an answer."""
    return {"content": {media_type: {"schema": schema, **more}}}


def reference(message: type) -> dict[str, str]:
    """Return a reference to the schema of a message."""
    return {"$ref": _SCHEMAS + message.__name__}


def example(*names: str) -> dict[str, dict[str, str]]:
    """Return references to examples of `examples.of_bodies`, or of the problem of a code."""
    return {name: {"$ref": _EXAMPLES + name} for name in names}


def problems(*codes: str, problem: Mapping[str, Any] | None = None) -> dict[int | str, dict[str, Any]]:
    """Return the error responses that these codes make, by status, and those that any request may get.

    Args:
        *codes: Codes of `kinds.KINDS`.
        problem: Schema of the answers; None: that of a problem.
    """
    by_status: dict[int | str, list[str]] = {}
    for code in dict.fromkeys((*codes, *_ANY_REQUEST)):
        by_status.setdefault(KINDS[code][0], []).append(code)
    schema = problem or reference(Problem)
    return {status: _response(schema, same) for status, same in by_status.items()}


def _response(schema: Mapping[str, Any], codes: Iterable[str]) -> dict[str, Any]:
    said = " ".join(f"`{code}`: {KINDS[code][1]}." for code in codes)
    return {
        "description": said,
        **content(schema, media_types.PROBLEM, examples=example(*codes)),
    }


def install(app: FastAPI, messages: Sequence[type[msgspec.Struct]]) -> None:
    """Add the components to the application's OpenAPI document.

    Args:
        app: The application.
        messages: What other protocols take and answer, beside our own messages.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = _of_operations(generate(), _summarised)
        edge: Edge | None = getattr(app.state, "edge", None)
        made = {**document, "components": {**document.get("components", {}), **_components(edge, messages)}}
        return _of_operations(made, _with_keys) if edge and edge.admission.keys else made

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def _of_operations(document: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    paths = {
        path: {method: change(operation) for method, operation in item.items()}
        for path, item in document["paths"].items()
    }
    return {**document, "paths": paths}


def _summarised(operation: dict[str, Any]) -> dict[str, Any]:
    """Return an operation with the first line of its endpoint's docstring as its summary, and the rest below."""
    summary, _, description = operation["description"].partition("\n\n")
    others = {name: value for name, value in operation.items() if name != "description"}
    return {**others, "summary": summary.rstrip("."), **({"description": description} if description else {})}


def _with_keys(operation: dict[str, Any]) -> dict[str, Any]:
    """Return an operation that needs a key where it may need one."""
    if "security" not in operation:
        return operation
    return {**operation, "security": [one for one in operation["security"] if one]}


def _components(edge: Edge | None, messages: Sequence[type[msgspec.Struct]]) -> dict[str, dict[str, Any]]:
    cards = edge.catalogue.cards if edge else ()
    default = edge.settings.default_model if edge else "svm"
    aliases = {"enum": [card.alias for card in cards]} if cards else {}
    alias = {"type": "string", "description": "Alias of a served model.", **aliases}
    return {
        "schemas": {**_schemas(tuple(messages)), "Alias": alias, "Row": schemas.row(cards)},
        "securitySchemes": _KEYS,
        "examples": {**_problem_examples(), **examples.of_bodies(cards, default)},
    }


@cache
def _schemas(others: Sequence[type[msgspec.Struct]]) -> dict[str, Schema]:
    messages = (Accepted, BulkAccepted, Answer, Answers, Problem, BulkProblem, Model, Models, Prediction, Ready)
    made = schemas.of_messages((*messages, *others, Body), _SCHEMAS + "{name}")
    made["Prediction"]["properties"]["data"] |= {"type": "array", "items": {"type": "object"}}
    return {**made, "Body": _body(made["Body"])}


def _body(schema: Schema) -> Schema:
    """Return the schema of a body with `data`: rows as objects, or rows as `columns` says."""
    said = {name: property_["description"] for name, property_ in schema["properties"].items()}
    rows = {"type": "array", "minItems": 1, "description": said["data"]}
    columns = {"type": "array", "minItems": 1, "items": {"type": "string"}, "description": said["columns"]}
    shapes: list[Schema] = [
        {"title": "Rows as objects", "properties": {"data": {**rows, "items": ROW}, "columns": {"type": "null"}}},
        {
            "title": "Rows as arrays",
            "properties": {"data": {**rows, "items": {"type": ["array", "object"]}}, "columns": columns},
        },
    ]
    for shape, required in zip(shapes, (["data"], ["data", "columns"]), strict=True):
        shape |= {"type": "object", "required": required, "additionalProperties": False}
    return {"description": schema["description"], "anyOf": shapes}


@cache
def _problem_examples() -> dict[str, dict[str, Any]]:
    return {code: {"summary": title, "value": problem_pages.example(code)} for code, (_, title) in KINDS.items()}
