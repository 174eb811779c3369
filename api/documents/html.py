"""Pages of the edge's own: plain HTML that loads nothing, so that they show wherever the edge is reached."""

import re
from collections.abc import Iterable
from html import escape
from typing import Final

from fastapi import Response

#: A page may use the style that stands in it, and nothing else. What it shows is ours, and escaped; this is the belt
#: to those braces.
HEADERS: Final = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
_CODE: Final = re.compile(r"`([^`]+)`")
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8885; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
code, pre { font: 0.9em ui-monospace, monospace; background: var(--soft); border-radius: 4px; }
code { padding: 0.1em 0.3em; overflow-wrap: break-word; } pre { padding: 0.8rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.6rem; border-bottom: 1px solid var(--line); }
table + h1 { margin-top: 4rem; }
@media (max-width: 45rem) { table { display: block; overflow-x: auto; } }
.status { float: right; font: 1.1rem ui-monospace, monospace; opacity: 0.7; }
"""


def page(title: str, body: str) -> Response:
    """Return a page.

    Args:
        title: Its title, as text.
        body: What stands on it, as HTML.
    """
    text = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)} · streamapp</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )
    return Response(text, media_type="text/html", headers=HEADERS)


def inline(text: str) -> str:
    """Return text as HTML; what stands between backquotes is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))


def link(path: str, text: str) -> str:
    """Return a link."""
    return f'<a href="{escape(path)}">{inline(text)}</a>'


def block(text: str) -> str:
    """Return text as it stands, such as JSON."""
    return f"<pre>{escape(text, quote=False)}</pre>"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of cells that are HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    lines = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    return f"<table><tr>{head}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
