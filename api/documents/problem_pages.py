"""A page for each kind of problem: where the `type` of a problem leads, and `docs/problems.md`."""

import json
from typing import Any, Final

from fastapi import Response

from api.documents import html
from api.problems import kinds
from api.problems.texts import TEXTS

_HEADINGS: Final = ("What it means", "Where it comes from", "What to do")
_TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
_INTRODUCTION: Final = (
    "Every error is answered as `application/problem+json` (RFC 9457). `code` says which one it is in one word that "
    "does not change, `detail` what is wrong with this request, and `type` leads to the page of its code here. A "
    "record that is refused behind the edge becomes a dead letter, with the same word in its header `dl_code`."
)


def example(code: str) -> dict[str, Any]:
    """Return a problem of a kind as the edge answers it."""
    status, title = kinds.KINDS[code]
    text = TEXTS[code]
    return {
        "type": kinds.type_of(code),
        "title": title,
        "status": status,
        "detail": text.detail,
        "instance": text.instance,
        "code": code,
        "trace_id": _TRACE,
        **text.more,
    }


def page(code: str) -> Response:
    """Return the page of a kind of problem."""
    status, title = kinds.KINDS[code]
    parts = [
        f"<p>{html.link('/problems', 'All problems')}</p>",
        f'<h1>{html.inline(title)} <span class="status">{status}</span></h1>',
        f"<p><code>{code}</code></p>",
        *(f"<h2>{heading}</h2><p>{html.inline(text)}</p>" for heading, text in _said(code)),
        f"<h2>Example</h2>{html.block(_json(code))}",
    ]
    return html.page(title, "\n".join(parts))


def index() -> Response:
    """Return the page that lists them all."""
    rows = (
        (html.link(kinds.type_of(code), f"`{code}`"), str(status), html.inline(title))
        for code, (status, title) in kinds.KINDS.items()
    )
    body = f"<h1>Problems</h1><p>{html.inline(_INTRODUCTION)}</p>" + html.table(("code", "status", "title"), rows)
    return html.page("Problems", body)


def markdown() -> str:
    """Return all pages as one document."""
    return "\n\n".join(["# Problems", _INTRODUCTION, _list(), *map(_section, kinds.KINDS)]) + "\n"


def _list() -> str:
    rows = (f"| [`{code}`](#{code}) | {status} | {title} |" for code, (status, title) in kinds.KINDS.items())
    return "\n".join(["| code | status | |", "| --- | --- | --- |", *rows])


def _section(code: str) -> str:
    status, title = kinds.KINDS[code]
    said = "\n\n".join(f"**{heading}.** {text}" for heading, text in _said(code))
    return f"## {code}\n\n{status}: {title}.\n\n{said}\n\n```json\n{_json(code)}\n```"


def _said(code: str) -> list[tuple[str, str]]:
    text = TEXTS[code]
    return list(zip(_HEADINGS, (text.means, text.why, text.remedy), strict=True))


def _json(code: str) -> str:
    return json.dumps(example(code), indent=2)
