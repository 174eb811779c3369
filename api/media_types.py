"""Media types of what the edge takes and answers."""

from typing import Final

JSON: Final = "application/json"
#: A record a line.
LINES: Final = "application/x-ndjson"
#: RFC 9457.
PROBLEM: Final = "application/problem+json"
