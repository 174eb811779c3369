"""Ids of requests."""

import os
import time


def request_id() -> str:
    """Return a new id: a UUID of version 7 (RFC 9562), so that ids sort by the millisecond they were made in."""
    return _uuid((time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10)), 7)


def derived_id(digest: bytes) -> str:
    """Return the id that belongs to a digest: a UUID of version 8, in which all but version and variant is free."""
    return _uuid(int.from_bytes(digest[:16]), 8)


def _uuid(value: int, version: int) -> str:
    value = value & ~(0xF << 76) | version << 76
    value = value & ~(0x3 << 62) | 0x2 << 62  # the variant
    digits = f"{value:032x}"  # not by `uuid.UUID`, which takes as long as the rest
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
