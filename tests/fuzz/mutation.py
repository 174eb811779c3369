"""Requests with something wrong with them: bytes cut, repeated, replaced, or put in."""

from random import Random
from typing import Final

#: What parsers stumble over.
_TOKENS: Final = (
    *(b"\r\n", b"\n", b"\0", b"\x1b[31m", b" ", b":", b"%", b"%0d%0a", b"%c0%af", b"\xff", b"{", b"[", b'"', b"\\"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Connection: upgrade\r\nUpgrade: h2c\r\n",
        b"Expect: 100-continue\r\n",
    ),
    *(b"-1", b"1e999", b"NaN", b"null", b"\\ud800", b"HTTP/1.0", b"HTTP/2.0", b"?model=", b"&", b";q=", b"\xf0\x9f"),
)


def mutated(random: Random, valid: bytes) -> bytes:
    """Return bytes with one to four things wrong with them."""
    changed = valid
    for _ in range(random.randint(1, 4)):
        start = random.randint(0, len(changed))
        end = min(len(changed), start + random.choice([0, 1, 1, 2, 8, 40]))
        inside = changed[start:end]
        put = random.choice([b"", inside * 2, random.randbytes(random.randint(1, 4)), random.choice(_TOKENS)])
        changed = changed[:start] + put + changed[end:]
    return changed
