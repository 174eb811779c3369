"""The document as a page: what is in it, and nothing that is not."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from fastapi import Response

from api.documents import html

_ACTIONS: Final = {"receive": "read by streamapp", "send": "written by streamapp"}
_KEYWORDS: Final = ("const", "enum", "pattern", "minLength", "maxLength")


def page(document: Mapping[str, Any]) -> Response:
    """Return an AsyncAPI document of ours as a page."""
    info, components = document["info"], document["components"]
    actions = {
        operation["channel"]["$ref"].rpartition("/")[2]: operation["action"]
        for operation in document["operations"].values()
    }
    parts = [
        f"<h1>{escape(info['title'])}: the topics</h1><p>{html.inline(info['description'])}</p>",
        f"<p>{html.link('/asyncapi.json', 'The document')}: AsyncAPI {document['asyncapi']}.</p>",
        html.table(
            ("topic", "for", "", "records", "settings, where streamapp creates it"),
            _contents(document["channels"], actions),
        ),
        "<h1>Records</h1>",
        *(_message(name, message) for name, message in components["messages"].items()),
        "<h1>Values</h1>",
        *(_schema(name, schema) for name, schema in components["schemas"].items()),
    ]
    return html.page("The topics", "\n".join(parts))


def _contents(channels: Mapping[str, Any], actions: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    for name, channel in channels.items():
        yield (
            html.inline(f"`{channel['address']}`"),
            html.inline(channel["title"]),
            _ACTIONS[actions[name]],
            ", ".join(html.link(f"#record-{message}", message) for message in channel["messages"]),
            _settings(channel["bindings"]["kafka"]),
        )


def _settings(kafka: Mapping[str, Any]) -> str:
    said = {"partitions": kafka["partitions"], "replicas": kafka["replicas"], **kafka["topicConfiguration"]}
    return "<br>".join(html.inline(f"`{name}` {_plain(value)}") for name, value in said.items())


def _message(name: str, message: Mapping[str, Any]) -> str:
    key = message.get("bindings", {}).get("kafka", {}).get("key")
    rows = [("key", _type(key), html.inline(key["description"]))] if key else []
    rows.append(("value", _type(message["payload"]), html.inline(message["payload"].get("description", ""))))
    parts = [
        f'<h2 id="record-{escape(name)}">{html.inline(message["title"])}</h2>',
        f"<p>{html.inline(message['summary'])}</p>",
        html.table(("", "type", ""), rows),
    ]
    if headers := message.get("headers"):
        others = " There may be others." if headers["additionalProperties"] else ""
        parts.append(f"<p>Headers, in UTF-8.{others}</p>{_properties(headers)}")
    return "".join(parts)


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    return f'<h2 id="value-{escape(name)}">{escape(name)}</h2><p>{html.inline(schema["description"])}</p>' + (
        _properties(schema)
    )


def _properties(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = (
        (f"<code>{escape(name)}</code>", "" if name in required else "optional", _type(one), _said(one))
        for name, one in schema["properties"].items()
    )
    return html.table(("name", "", "type", ""), rows)


def _said(schema: Mapping[str, Any]) -> str:
    bounds = (f"`{keyword}`: `{_plain(schema[keyword])}`" for keyword in _KEYWORDS if keyword in schema)
    return "<br>".join(html.inline(text) for text in (schema.get("description", ""), *bounds) if text)


def _type(schema: Mapping[str, Any]) -> str:
    """Return the type of a value, with links to what it is made of."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return html.link(f"#value-{name}", name)
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(map(_type, choices))
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    given = schema.get("type", "string" if {"const", "enum"} & schema.keys() else "any")
    return escape(given if isinstance(given, str) else " or ".join(given))


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
