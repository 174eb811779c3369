"""`Idempotency-Key`: a request that is repeated has no second effect, and gets the answer of the first.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/. What is promised, and what is not, is in
docs/decisions/0023-idempotency.md.
"""

import asyncio
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from typing import Final, NamedTuple

from fastapi import Request, Response
from starlette.types import Message

from api import media_types
from api.admission.callers import owner_of
from api.admission.room import Share
from api.edge import edge_of
from api.errors import EdgeCode, Refusal
from api.http.routing import Endpoint
from api.idempotency.key import parsed
from api.idempotency.reservations import Answer, Entry, Reservation
from api.intake import bodies, ids
from api.routes import answers

_HEADER: Final = "idempotency-key"
#: Of the Open Inference Protocol: how many bytes of a body are JSON.
_JSON_LENGTH: Final = "inference-header-content-length"
#: Where a request keeps its attempt.
_ATTEMPT: Final = "streamapp.attempt"


class _Attempt(NamedTuple):
    """A request that has reserved its key.

    Attributes:
        record_id: Id of its record.
        reservation: Its key.
    """

    record_id: str
    reservation: Reservation


def idempotent(endpoint: Endpoint) -> Endpoint:
    """Decorate an endpoint that publishes one record, so that it takes the header `Idempotency-Key`.

    The endpoint takes the record's id from `record_id`. Where it waits after the broker has the record, it says so to
    `accepted`. A caller that hangs up does not end it: it may come again, and gets the answer then.
    """

    @wraps(endpoint)
    async def once(request: Request) -> Response:
        keys = request.headers.getlist(_HEADER)
        return await (_once(request, parsed(keys), endpoint) if keys else endpoint(request))

    return once


def record_id(request: Request) -> str:
    """Return the id for the record of a request: a new one, or the one that its key and content always have."""
    attempt: _Attempt | None = request.scope.get(_ATTEMPT)
    return ids.request_id() if attempt is None else attempt.record_id


async def accepted(request: Request, seconds: float) -> None:
    """Note that the broker has the record of a request, before its answer is waited for.

    Args:
        request: The request.
        seconds: For how long.
    """
    attempt: _Attempt | None = request.scope.get(_ATTEMPT)
    if attempt is not None:
        await attempt.reservation.accept(seconds)


async def _once(request: Request, key: str, endpoint: Endpoint) -> Response:
    if bodies.media_type(request) == media_types.LINES:
        raise Refusal(
            EdgeCode.IDEMPOTENCY_KEY_INVALID,
            "A body of lines takes no `Idempotency-Key`: they are accepted as they come, and the answer says where "
            "to go on. Send it without.",
        )
    edge, owner = edge_of(request), owner_of(request)
    with Share(edge.room) as share:
        # The endpoint says which types it takes.
        declared = {bodies.media_type(request)}
        body = await bodies.read_body(request, edge.settings.max_body_bytes, share, declared)
        fingerprint = _fingerprint(request, body)
        name = ids.derived_id(sha256(f"{owner}\n{key}\n".encode() + fingerprint).digest())
        # The body is held until Redis has answered, and counts for as long.
        reservation = await edge.reservations.reserve(owner, key, fingerprint)
    if isinstance(reservation, Entry):
        return _again(request, reservation, fingerprint, name)
    request.scope[_ATTEMPT] = _Attempt(name, reservation)
    replayed = _Replayed(body)
    del body  # the endpoint holds and counts it, for as long as it needs it
    return await _first(Request(request.scope, replayed), endpoint, reservation)


async def _first(request: Request, endpoint: Endpoint, reservation: Reservation) -> Response:
    try:
        response = await endpoint(request)
    except BaseException:
        if not reservation.accepted:
            await reservation.give_up()
        raise
    if reservation.accepted or response.status_code < HTTPStatus.BAD_REQUEST:
        await reservation.answer(Answer(response.status_code, response.raw_headers, bytes(response.body)))
    else:
        await reservation.give_up()
    return response


def _again(request: Request, entry: Entry, fingerprint: bytes, name: str) -> Response:
    """Answer a request whose key is not free."""
    if entry.fingerprint != fingerprint:
        raise Refusal(
            EdgeCode.IDEMPOTENCY_KEY_REUSED,
            "This `Idempotency-Key` came with another request; send this one with a new key.",
        )
    if entry.is_under_way:
        raise Refusal(
            EdgeCode.IDEMPOTENCY_KEY_IN_FLIGHT,
            "The request with this `Idempotency-Key` is under way; send it again for its answer.",
        )
    if entry.answer is None:
        return answers.late(request, name)
    response = Response(entry.answer.body, entry.answer.status)
    response.raw_headers = entry.answer.headers
    return response


class _Replayed:
    """A request that was read already, for who reads it next; its caller never hangs up.

    Args:
        body: Its body; given up once it is read.
    """

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    async def __call__(self) -> Message:
        if self._body is None:
            await asyncio.get_running_loop().create_future()  # for ever
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _fingerprint(request: Request, body: bytes) -> bytes:
    scope = request.scope
    place = f"{scope['method']} {scope['path']}?".encode() + scope["query_string"] + b"\n"
    # They say what the body is: the same bytes can be two requests.
    declared = f"{bodies.media_type(request)}\n{request.headers.get(_JSON_LENGTH, '')}\n"
    return sha256(place + declared.encode() + body).digest()
