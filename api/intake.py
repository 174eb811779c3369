"""Bodies of requests: read up to a limit, taken apart without touching the rows, checked against a model's card."""

import asyncio
import difflib
import json
from typing import Final, NoReturn

import msgspec
from fastapi import Request

from api.errors import EdgeCode, Refusal
from api.messages import Body
from api.room import Share
from streamapp.contracts.errors import Code, InvalidRows, MalformedRecord, RecordError
from streamapp.contracts.messages import Payload
from streamapp.contracts.rows import RowDecoder

#: Rows of larger bodies are checked in a thread, so that a large request holds up no small one.
LARGE: Final = 32 * 1024
#: Field names are repeated in errors; longer ones are cut.
_MAX_NAME: Final = 60
_BODY: Final = msgspec.json.Decoder(Body)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


async def read_body(request: Request, limit: int, share: Share) -> bytes:
    """Read the body of a request.

    Args:
        request: The request.
        limit: Most bytes that it may have, whether announced or not.
        share: Takes memory for it as it comes in.

    Raises:
        Overloaded: There is no memory left for it.
        Refusal: It is too large, compressed, or not declared as JSON.
    """
    _check_headers(request, limit)
    body = bytearray()
    async for chunk in request.stream():
        share.take(len(chunk))
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def is_flat(body: bytes) -> bool:
    """Say whether a body is one record as a JSON object, without `data`; what is no object is none."""
    try:
        return "data" not in _FIELDS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


async def check_rows(body: bytes, decoder: RowDecoder, *, flat: bool = False) -> Payload:
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


def _check_headers(request: Request, limit: int) -> None:
    if media_type(request) != "application/json":
        raise Refusal(EdgeCode.MEDIA_TYPE_UNSUPPORTED, "Send JSON, with the header `Content-Type: application/json`.")
    check_encoding(request)
    if int(request.headers.get("content-length", 0)) > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> Refusal:
    return Refusal(EdgeCode.BODY_TOO_LARGE, f"A body may have {limit} bytes; send fewer rows at once.")


def _check_rows(body: bytes, decoder: RowDecoder) -> Payload:
    request = decode(body)
    decoder.decode(request.data, request.columns)
    return Payload(request.data, request.columns)


def _check_record(body: bytes, decoder: RowDecoder) -> Payload:
    data = msgspec.Raw(b"[" + body + b"]")
    try:
        decoder.decode(data)
    except RecordError as exc:
        # It points into the row that the caller sees as the whole.
        exc.pointer = exc.pointer.removeprefix("/data/0")
        raise
    return Payload(data)


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
        raise _not_json(body, exc) from None


def _not_a_request(body: bytes, reason: str) -> RecordError:
    """Say what is wrong with JSON that is no request, naming the nearest field where one is unknown."""
    try:
        unknown = _FIELDS.decode(body).keys() - set(Body.__struct_fields__)
    except msgspec.ValidationError:
        unknown = set()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        return _not_json(body, exc)  # its fault stands behind the unknown field
    if not unknown:
        return MalformedRecord(Code.MALFORMED_REQUEST, f'{reason}. Send {{"data": [{{...}}]}}.')
    name = min(unknown)[:_MAX_NAME]
    nearest = difflib.get_close_matches(name, Body.__struct_fields__, n=1, cutoff=0.0)[0]
    return InvalidRows(
        Code.UNKNOWN_FIELD, f"A body has `data` and `columns`, no {name!r}; the nearest is {nearest!r}."
    )


def _not_json(body: bytes, reason: Exception) -> RecordError:
    """Say why a body is not JSON. The standard library reads some of what JSON forbids, so it tells that apart."""
    try:
        json.loads(body.decode(), parse_constant=_not_finite)
    except InvalidRows as exc:
        return exc
    except (ValueError, RecursionError):
        told = str(reason) if isinstance(reason, msgspec.DecodeError) else type(reason).__name__
        return MalformedRecord(Code.MALFORMED_JSON, f"{told}.")
    return InvalidRows(Code.WRONG_TYPE, "A string holds half of a surrogate pair, which is no Unicode text.")


def _not_finite(_: str) -> NoReturn:
    raise InvalidRows(Code.NOT_FINITE, "NaN and Infinity are no JSON; leave the field out, or send null.")
