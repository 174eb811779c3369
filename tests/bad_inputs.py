"""Bodies that are no good requests, and what each gets: at the edge a status and a code, on the topic a dead letter.

The numbers are those of the table of bad inputs in docs/limits.md. A body asks a model with the features
`Sleep_Hours` and `Team_Size`.
"""

from typing import NamedTuple

#: Stands in what is sent, and may not stand in what is answered.
MARK = "c0ffee-of-theirs"
#: Most rows and fields of a request in these tests.
MOST_ROWS = 100
MOST_FIELDS = 50


class Bad(NamedTuple):
    """A body, the status and code that it gets, and its number in the table."""

    number: int
    what: str
    body: bytes
    status: int
    code: str

    def __str__(self) -> str:
        return f"{self.number:02}-{self.what.replace(' ', '_')}"


def rows(value: str | bytes, name: str = "Team_Size") -> bytes:
    """Return a body of one row with one value."""
    text = value if isinstance(value, bytes) else value.encode()
    return b'{"data": [{"%b": %b, "Sleep_Hours": 7}]}' % (name.encode(), text)


def nested(depth: int) -> bytes:
    return b"[" * depth + f'"{MARK}"'.encode() + b"]" * depth


def keys(count: int) -> bytes:
    """Return a body of one row with so many fields."""
    return b'{"data": [{' + b",".join(b'"%d":1' % i for i in range(count)) + b"}]}"


BODIES = [
    Bad(4, "JSON nested 100,000 deep", rows(nested(100_000)), 400, "malformed_json"),
    Bad(5, "JSON nested 900 deep", rows(nested(900)), 422, "too_deep"),
    Bad(5, "objects nested 900 deep", rows(b'{"a":' * 900 + b"1" + b"}" * 900), 422, "too_deep"),
    Bad(6, "a record of too many keys", keys(MOST_FIELDS + 1), 422, "too_many_fields"),
    Bad(6, "a record of 50,000 keys", keys(50_000), 422, "too_many_fields"),
    Bad(
        6,
        "a known key 50,000 times",
        b'{"data": [{' + b",".join([b'"Team_Size":1'] * 50_000) + b"}]}",
        422,
        "too_many_fields",
    ),
    Bad(7, "NaN", rows("NaN"), 422, "not_finite"),
    Bad(8, "Infinity", rows("Infinity"), 422, "not_finite"),
    Bad(8, "-Infinity", rows("-Infinity"), 422, "not_finite"),
    Bad(8, "1e999", rows("1e999"), 422, "not_finite"),
    Bad(9, "a 400-digit integer", rows("9" * 400), 422, "wrong_type"),
    Bad(10, "a 5,000-digit integer", rows("9" * 5000), 400, "malformed_json"),
    Bad(11, "a lone surrogate", rows(rf'"{MARK}\ud800"'), 422, "wrong_type"),
    Bad(12, "invalid UTF-8", rows(f'"{MARK}'.encode() + b'\xff"'), 400, "malformed_json"),
    Bad(13, "duplicate keys in a row", b'{"data": [{"Team_Size": 1, "Team_Size": 2}]}', 400, "duplicate_key"),
    Bad(
        13,
        "duplicate keys, one of them null",
        b'{"data": [{"Team_Size": null, "Team_Size": 2}]}',
        400,
        "duplicate_key",
    ),
    Bad(
        13,
        "duplicate keys, one in other letters",
        rb'{"data": [{"Team_Size": 1, "\u0054eam_Size": 2}]}',
        400,
        "duplicate_key",
    ),
    Bad(
        13,
        "duplicate keys in a row in another spelling",
        b'{"data": [{"team size": 1, "team size": 2}]}',
        400,
        "duplicate_key",
    ),
    Bad(13, "duplicate data", b'{"data": [{"Team_Size": 1}], "data": [{"Team_Size": 2}]}', 400, "duplicate_key"),
    Bad(
        13,
        "duplicate columns",
        b'{"columns": null, "data": [{"Team_Size": 1}], "columns": null}',
        400,
        "duplicate_key",
    ),
    Bad(14, "true for a number", rows("true"), 422, "wrong_type"),
    Bad(14, "a string for a number", rows(f'"1.5{MARK}"'), 422, "wrong_type"),
    Bad(14, "a string of 400,000 quotation marks", rows(b'"' + rb"\"" * 400_000 + b'"'), 422, "wrong_type"),
    Bad(15, "an unknown field", rows(f'"{MARK}"', "Team_Siez"), 422, "unknown_field"),
    Bad(15, "an unknown field with a long name", rows("1", "x" * 60 + MARK), 422, "unknown_field"),
    Bad(30, "empty data", b'{"data": []}', 422, "empty_data"),
    Bad(30, "a row without a value", b'{"data": [{}]}', 422, "empty_data"),
    Bad(30, "data that is no list", f'{{"data": "{MARK}"}}'.encode(), 422, "wrong_type"),
    Bad(
        30,
        "more rows than the limit",
        b'{"data": [' + b",".join([b'{"Team_Size": 1}'] * (MOST_ROWS + 1)) + b"]}",
        413,
        "too_many_rows",
    ),
]
