"""API keys: what their file holds, and how a key that is presented is told from all others. Pure.

A key is `streamapp_ID_SECRET`. The file has a JSON object a line with the id and the SHA-256 of the whole key. The
secret is 256 random bits: nobody tries them all, however little one digest costs. Slow digests such as argon2 are for
what people think up, of which there is less, and would cost each request tens of milliseconds.
"""

import hmac
import secrets
from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final

import msgspec

from streamapp.contracts.codec import utc_now
from streamapp.contracts.errors import SettingsError
from streamapp.contracts.rates import PATTERN

_PREFIX: Final = "streamapp"
_ID_BYTES: Final = 4
_SECRET_BYTES: Final = 32
#: Compared with what is presented under an id that is not there, so that it takes as long.
_NOBODYS: Final = "0" * 64

#: Whose a key is. It is part of keys in Redis and of record headers.
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}\Z")]
_Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}\Z")]
_Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Limit = Annotated[str, msgspec.Meta(pattern=rf"^(?:{PATTERN})?\Z")]


class Scope(StrEnum):
    """What a key is for."""

    PREDICT = "predict"
    READ = "read"
    METRICS = "metrics"
    ADMIN = "admin"


class ApiKey(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A key as it is kept: without its secret.

    Attributes:
        id: Its public part.
        name: Whose it is. Several keys may have one name, so that a new one can replace an old one in peace; what one
            of them asked for, all of them see.
        scopes: What it is for; `admin` is for everything.
        sha256: Digest of the whole key, in hexadecimal digits.
        created: When it was made, UTC, ISO 8601.
        limit: Its own rate limit, e.g. `100/second`; "" where `STREAMAPP_RATE_LIMIT` is its limit.
    """

    id: _Id
    name: Name
    scopes: Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1)]
    sha256: _Digest
    created: str = ""
    limit: _Limit = ""

    def allows(self, scope: Scope) -> bool:
        """Say whether the key is for this."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


_DECODER: Final = msgspec.json.Decoder(ApiKey)


def new_key(name: str, scopes: Iterable[Scope], limit: str = "") -> tuple[ApiKey, str]:
    """Make a key; return what is to be kept, and the key itself, which is nowhere else.

    Raises:
        SettingsError: The name or the limit is none.
    """
    public = secrets.token_hex(_ID_BYTES)
    token = f"{_PREFIX}_{public}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    try:
        kept = msgspec.convert(
            {
                "id": public,
                "name": name,
                "scopes": sorted(set(scopes)),
                "sha256": _digest(token),
                "created": utc_now(),
                "limit": limit,
            },
            ApiKey,
        )
    except msgspec.ValidationError as exc:
        raise SettingsError(f"No key was made: {exc}.") from None
    return kept, token


def find(keys: Mapping[str, ApiKey], token: str) -> ApiKey | None:
    """Return the key that was presented; None where it is none of these.

    The public part finds it; the rest is compared in a time that does not depend on where it differs.

    Args:
        keys: The keys in force, by id.
        token: What was presented.
    """
    known = keys.get(token.removeprefix(_PREFIX + "_").partition("_")[0])
    matches = hmac.compare_digest(_digest(token), known.sha256 if known else _NOBODYS)
    return known if matches else None


def encode_keys(keys: Iterable[ApiKey]) -> bytes:
    """Return the content of the file: a key a line."""
    return b"".join(msgspec.json.encode(key) + b"\n" for key in keys)


def decode_keys(content: bytes) -> dict[str, ApiKey]:
    """Return the keys of a file by id, in its order.

    Raises:
        SettingsError: A line is no key, or repeats an id; the message says which line.
    """
    keys: dict[str, ApiKey] = {}
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            key = _decoded(line, number)
            if key.id in keys:
                raise SettingsError(f"line {number} repeats the id {key.id}")
            keys[key.id] = key
    return keys


def _decoded(line: bytes, number: int) -> ApiKey:
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        told = str(exc) if isinstance(exc, msgspec.DecodeError) else type(exc).__name__
        raise SettingsError(f"line {number} is no key: {told}") from None


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
