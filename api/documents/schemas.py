"""JSON schemas of messages, with what their docstrings say of the fields, and of rows, as the cards have them."""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from streamapp.contracts.card import Feature, FeatureType, ModelCard

Schema = dict[str, Any]

#: One attribute in a docstring of Google's style: its name, and its text on as many lines as are indented further.
_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_TYPES: Final[Mapping[FeatureType, Mapping[str, Any]]] = {
    "number": {"type": "number"},
    "integer": {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1},
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "timestamp": {"type": "string", "format": "date-time"},
}
_OF_ROWS: Final = "One row. Case, spaces, underscores and hyphens make no difference in the names of its fields."
#: A row of which nothing is known.
_ANY_ROW: Final = {"type": "object", "minProperties": 1}


def of_messages(messages: Sequence[type[msgspec.Struct]], reference: str) -> dict[str, Schema]:
    """Return the schemas of messages, and of what they are made of, by name.

    Args:
        messages: The messages.
        reference: Where a schema will be found, with `{name}` in it.
    """
    _, schemas = msgspec.json.schema_components(messages, ref_template=reference)
    known = {message.__name__: message for message in messages}
    for name, schema in schemas.items():
        doc = inspect.cleandoc(schema.get("description", ""))
        # The docstring's first line says what it is; the rest speaks to readers of the code.
        schema["description"] = doc.partition("\n")[0]
        said = _of_class(known[name]) if name in known else _attributes(doc)
        for field, property_ in schema.get("properties", {}).items():
            if field in said and "$ref" not in property_:
                property_["description"] = said[field]
    return schemas


def _of_class(message: type) -> dict[str, str]:
    said: dict[str, str] = {}
    for cls in reversed(message.__mro__):
        said |= _attributes(inspect.cleandoc(cls.__doc__ or ""))
    return said


def _attributes(doc: str) -> dict[str, str]:
    _, _, attributes = doc.partition("Attributes:\n")
    return {found[1]: " ".join(found[2].split()) for found in _ATTRIBUTE.finditer(attributes)}


def row(cards: Iterable[ModelCard]) -> Schema:
    """Return the schema of a row as an object, for any of some models: a choice for each set of features.

    Names are spelled as identifiers are (`spelled`); the edge takes others of the same name too.
    """
    aliases: dict[tuple[Any, ...], list[str]] = {}
    for card in cards:
        aliases.setdefault((card.features, card.ignored), []).append(card.alias)
    choices = [
        {"title": f"Row of {', '.join(sorted(names))}", **_row(features, ignored)}
        for (features, ignored), names in aliases.items()
    ]
    return {"description": _OF_ROWS, **({"anyOf": choices} if choices else _ANY_ROW)}


def spelled(name: str) -> str:
    """Return the name of a field as an identifier: one of the spellings that it may have."""
    return name.replace(" ", "_").replace("-", "_")


def _row(features: Sequence[Feature], ignored: Iterable[str]) -> Schema:
    required = [spelled(feature.name) for feature in features if feature.required]
    schema: Schema = {
        "type": "object",
        "properties": {spelled(name): {} for name in ignored}
        | {spelled(feature.name): _value(feature) for feature in features},
        "additionalProperties": False,
    }
    if required:
        return {**schema, "required": required}
    # What has no value at all is refused.
    return {**schema, "not": {"properties": {spelled(feature.name): {"type": "null"} for feature in features}}}


def _value(feature: Feature) -> Schema:
    kind = _TYPES[feature.type]
    return dict(kind) if feature.required else {**kind, "type": [kind["type"], "null"]}
