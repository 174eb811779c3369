"""What is thrown at the code: nearly valid requests, and anything at all."""

import json
from typing import Any

from hypothesis import strategies as st

from streamapp.contracts.card import Feature, ModelCard

ALIAS = "mixed"
CARD = ModelCard(
    ALIAS,
    "Mixed",
    "1",
    "run",
    "test",
    (
        Feature("Sleep_Hours"),
        Feature("Team Size", "integer"),
        Feature("city", "string"),
        Feature("pickup", "boolean"),
        Feature("since", "timestamp"),
    ),
    ignored=("note",),
)

_NAMES = st.sampled_from(["Sleep_Hours", "sleep hours", "Team Size", "city", "pickup", "since", "note", "Slep"])
_TIMES = st.datetimes().map(lambda time: time.isoformat()) | st.sampled_from(
    ["1677-12-31T23:00:00Z", "1678-01-01T00:00:00+23:59", "2261-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z"]
)
#: Strings in which reading could begin again at every character.
_LONG = st.sampled_from(['"' * 5_000, "\\" * 5_001, '":' * 2_000, "[{" * 2_000])
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=10)
    | _LONG
    | _TIMES
)


class Pairs(list[tuple[str, Any]]):
    """An object with its keys in order, some of them perhaps twice."""

    __slots__ = ()


_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(_NAMES | st.text(max_size=5), inner), max_size=3).map(Pairs)
    ),
    max_leaves=5,
)
_ROWS = st.lists(st.tuples(_NAMES, _SCALARS | _VALUES), max_size=5).map(Pairs) | st.lists(_VALUES, max_size=3)
_LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "Sleep_Hours": st.none() | st.floats(allow_nan=False) | st.integers(-(10**400), 10**400),
        "Team Size": st.none() | st.integers(-(2**64), 2**64) | st.just(3.0),
        "city": st.none() | st.text(max_size=10) | _LONG,
        "pickup": st.none() | st.booleans(),
        "since": st.none() | _TIMES,
        "note": _VALUES,
    },
).map(lambda row: Pairs(row.items()))
_DATA = st.lists(_LIKELY, max_size=4) | st.lists(_ROWS, max_size=4) | _VALUES
_COLUMNS = st.none() | st.lists(_NAMES, max_size=4) | _VALUES


@st.composite
def _bodies(draw: st.DrawFn) -> Pairs:
    body = Pairs([("data", draw(_DATA))])
    body += draw(st.lists(st.tuples(st.just("columns"), _COLUMNS), max_size=1))
    body += draw(st.lists(st.tuples(st.sampled_from(["data", "columns", "colums"]), _VALUES), max_size=1))
    return Pairs(draw(st.permutations(body)))


def text(value: Any, *, ascii_only: bool = False, blank: str = "") -> str:
    """Write a value as JSON, `Pairs` as objects."""
    if isinstance(value, Pairs):
        parts = (f"{json.dumps(key)}:{blank}{text(item, ascii_only=ascii_only, blank=blank)}" for key, item in value)
        return "{" + f",{blank}".join(parts) + "}"
    if isinstance(value, list):
        return "[" + f",{blank}".join(text(item, ascii_only=ascii_only, blank=blank) for item in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


@st.composite
def _damaged(draw: st.DrawFn, texts: st.SearchStrategy[bytes]) -> bytes:
    """Cut, repeat or replace a part of a text."""
    whole = draw(texts)
    start = draw(st.integers(0, len(whole)))
    end = draw(st.integers(start, min(len(whole), start + 20)))
    return whole[:start] + draw(st.binary(max_size=4) | st.just(whole[start:end] * 2)) + whole[end:]


def _written(values: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    writing = st.builds(text, values, ascii_only=st.booleans(), blank=st.sampled_from(["", " ", "\n"]))
    # Halves of surrogate pairs are written as they are where not all is ASCII; those are no UTF-8.
    return writing.map(lambda written: written.encode(errors="surrogatepass"))


#: Bodies as the edge takes them, most of them nearly right.
BODIES = _written(_bodies())
#: Rows alone.
DATA = _written(_DATA)
#: Anything.
BYTES = st.binary(max_size=200) | _damaged(BODIES) | _written(_VALUES)


def record(body: bytes, alias: str = ALIAS) -> bytes:
    """Return a body as a record of the input topic."""
    return b'{"payload":' + body + b',"model":' + json.dumps(alias).encode() + b"}"


RECORDS = st.one_of(BODIES.map(record), _damaged(BODIES.map(record)), BYTES)
