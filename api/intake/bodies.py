"""Bodies of requests: read up to a limit, taken apart without touching the rows, checked against a model's card."""

import asyncio
import difflib
import re
from collections.abc import Container
from typing import Final, NamedTuple, TypeVar

import msgspec
from fastapi import Request

from api import media_types
from api.admission.room import Share
from api.errors import EdgeCode, Refusal
from api.messages import Body
from streamapp.contracts.errors import Code, InvalidRows, MalformedRecord, RecordError
from streamapp.contracts.json_faults import fault, is_deeper, require_each_key_once, require_names_once
from streamapp.contracts.messages import Payload
from streamapp.contracts.rows import RowDecoder

T = TypeVar("T")

#: Model for a flat body where the query names none: what the older request system served.
FLAT_MODEL: Final = "marketplace"
#: Rows of larger bodies are checked in a thread, so that a large request holds up no small one.
LARGE: Final = 32 * 1024
#: Field names are repeated in errors; longer ones are cut.
_MAX_NAME: Final = 60
_JSON: Final = frozenset({media_types.JSON})
_BODY: Final = msgspec.json.Decoder(Body)
#: Says which field msgspec does not know.
_UNKNOWN: Final = re.compile("unknown field `(.*?)`", re.DOTALL)
#: Levels of arrays and objects that a body may have which is no request at all.
_MOST_LEVELS: Final = 64


class Fitting(NamedTuple):
    """Rows that fit their model.

    Attributes:
        payload: The rows.
        rows: How many they are.
    """

    payload: Payload
    rows: int


class _Data(msgspec.Struct, frozen=True, gc=False):
    """Of an object, the one field that tells a body from a record."""

    data: msgspec.Raw = msgspec.Raw()


_DATA: Final = msgspec.json.Decoder(_Data)


async def read_body(request: Request, limit: int, share: Share, types: Container[str] = _JSON) -> bytes:
    """Read the body of a request.

    Args:
        request: The request.
        limit: Most bytes that it may have, whether announced or not.
        share: Takes memory for it as it comes in.
        types: Media types that it may be declared as.

    Raises:
        Overloaded: There is no memory left for it.
        Refusal: It is too large, compressed, or not declared as JSON.
    """
    _check_headers(request, limit, types)
    pieces, size = [], 0
    async for piece in request.stream():
        share.take(len(piece))
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
    return b"".join(pieces)  # of one piece no copy


def is_flat(body: bytes) -> bool:
    """Say whether a body is one record as a JSON object, without `data`; what is no object is none."""
    try:
        return not _DATA.decode(body).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


async def check_rows(body: bytes, decoder: RowDecoder, *, flat: bool = False) -> Fitting:
    """Return the payload of a body whose rows fit the model.

    Args:
        body: JSON text.
        decoder: Decoder of the model's rows.
        flat: Whether the body is one record, without `data`.

    Raises:
        RecordError: The body is not JSON, not a request, or its rows do not fit.
    """
    check = _check_record if flat else _check_rows
    if len(body) > LARGE:
        return await asyncio.to_thread(check, body, decoder)
    return check(body, decoder)


def media_type(request: Request) -> str:
    """Return the media type that the body of a request is declared as, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_encoding(request: Request) -> None:
    """Check that the body of a request comes as it is.

    Raises:
        Refusal: It is compressed.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refusal(EdgeCode.ENCODING_UNSUPPORTED, "Send the body as it is, without `Content-Encoding`.")


def _check_headers(request: Request, limit: int, types: Container[str]) -> None:
    if media_type(request) not in types:
        raise Refusal(EdgeCode.MEDIA_TYPE_UNSUPPORTED, "Send JSON, with the header `Content-Type: application/json`.")
    check_encoding(request)
    if int(request.headers.get("content-length", 0)) > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> Refusal:
    return Refusal(EdgeCode.BODY_TOO_LARGE, f"A body may have {limit} bytes; send fewer rows at once.")


def _check_rows(body: bytes, decoder: RowDecoder) -> Fitting:
    request = decode(body)
    data = bytes(request.data)  # each time a copy
    require_names_once(body, data, request.columns, 1)
    rows = decoder.decode(data, request.columns)
    return Fitting(Payload(request.data, request.columns), len(rows))


def _check_record(body: bytes, decoder: RowDecoder) -> Fitting:
    data = b"[" + body + b"]"
    try:
        decoder.decode(data)
    except RecordError as exc:
        # It points into the row that the caller sees as the whole.
        exc.pointer = exc.pointer.removeprefix("/data/0")
        raise
    return Fitting(Payload(msgspec.Raw(data)), 1)


def decode(body: bytes) -> Body:
    """Decode a request's body; its rows stay JSON text.

    Raises:
        RecordError: It is not JSON, or not a request.
    """
    try:
        return _BODY.decode(body)
    except msgspec.ValidationError as exc:
        raise _not_a_request(body, str(exc)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise fault(body, exc) from None


def decode_as(decoder: msgspec.json.Decoder[T], body: bytes, hint: str) -> T:
    """Decode the body of another protocol, in which no object may have a key twice.

    Args:
        decoder: What it has to be.
        body: JSON text.
        hint: What to send instead.

    Raises:
        RecordError: It is not JSON, or not that.
    """
    try:
        decoded = decoder.decode(body)
    except msgspec.ValidationError as exc:
        raise MalformedRecord(Code.MALFORMED_REQUEST, f"{exc}. {hint}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise fault(body, exc) from None
    require_each_key_once(body)
    return decoded


def _not_a_request(body: bytes, reason: str) -> RecordError:
    """Say what is wrong with JSON that is no request, naming the nearest field where one is unknown."""
    try:
        _DATA.decode(body)
    except msgspec.ValidationError:
        pass  # it is no object
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        return fault(body, exc)  # its fault stands behind the unknown field
    else:
        if is_deeper(body, _MOST_LEVELS):
            return InvalidRows(Code.TOO_DEEP, f"The body is nested deeper than {_MOST_LEVELS} levels.")
    unknown = _UNKNOWN.search(reason)
    if unknown is None:
        return MalformedRecord(Code.MALFORMED_REQUEST, f'{reason}. Send {{"data": [{{...}}]}}.')
    name = unknown[1][:_MAX_NAME]
    nearest = difflib.get_close_matches(name, Body.__struct_fields__, n=1, cutoff=0.0)[0]
    return InvalidRows(
        Code.UNKNOWN_FIELD, f"A body has `data` and `columns`, no {name!r}; the nearest is {nearest!r}."
    )
