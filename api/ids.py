"""Ids of requests and of traces."""

import os
import re
import time
import uuid
from typing import Final

# https://www.w3.org/TR/trace-context/#traceparent-header-field-values
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def request_id() -> str:
    """Return a new id: a UUID of version 7 (RFC 9562), so that ids sort by the millisecond they were made in."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76  # the version
    value = value & ~(0x3 << 62) | 0x2 << 62  # the variant
    digits = f"{value:032x}"  # not by `uuid.UUID`, which takes as long as the rest
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def valid_traceparent(header: str | None) -> str | None:
    """Return a W3C `traceparent` header, or None where it is missing or malformed."""
    return header if header and _TRACEPARENT.fullmatch(header) else None


def trace_id(header: str | None) -> str:
    """Return the trace id of a `traceparent` header, or a new one where it is missing or malformed."""
    match = _TRACEPARENT.fullmatch(header or "")
    return match[1] if match else uuid.uuid4().hex
