"""`POST /predict`: request and reply. The way is that of every record; the edge waits for what comes of it."""

import asyncio
from contextlib import ExitStack
from typing import Final, NamedTuple

from aiokafka import ConsumerRecord
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from api import answers, docs, ids, intake, preferences
from api.edge import SOURCE, DirectRoute, Edge, edge_of, query_of
from api.errors import EdgeCode, Refusal
from api.replies import Waiter
from api.room import Share
from streamapp.contracts import codec

#: Model for a flat body where the query names none: what the older request system served.
FLAT_MODEL: Final = "marketplace"
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}

router = APIRouter(route_class=DirectRoute)


@router.post("/predict", **docs.PREDICT)
async def predict(request: Request) -> Response:
    """Predict rows, and answer with the prediction.

    The request goes the way of every record, so that a worker that dies costs time and no prediction. Where the
    prediction does not come in time, the answer is 504 with the request's id: the prediction will be where `Location`
    says.
    """
    edge, record_id, arrived = edge_of(request), ids.request_id(), asyncio.get_running_loop().time()
    probabilities = _wants_probabilities(request)
    preferred = preferences.wait(request.headers.getlist("prefer"))
    seconds = edge.settings.predict_deadline if preferred is None else preferred
    with ExitStack() as waiting:
        # The rows take memory until the broker has them, and not while the request waits.
        with Share(edge.room) as share:
            asked = await _read(request, edge, share)
            waiter = waiting.enter_context(edge.replies.expect(record_id))
            traceparent = ids.valid_traceparent(request.headers.get("traceparent"))
            headers = codec.request_headers(record_id, SOURCE, traceparent) + waiter.headers
            await edge.publisher.publish(asked.value, headers, asked.topic)
        reply = await _reply(request, waiter, arrived + seconds - asyncio.get_running_loop().time())
    response = answers.respond(
        request, reply, record_id, flat=asked.flat, cards=edge.catalogue.cards if probabilities else None
    )
    if preferred is not None:
        response.headers["Preference-Applied"] = f"wait={seconds:g}"
    return response


class _Asked(NamedTuple):
    """A request that fits its model.

    Attributes:
        value: The record to publish.
        topic: Where to.
        flat: Whether the body was one record, without `data`.
    """

    value: bytes
    topic: str
    flat: bool


async def _read(request: Request, edge: Edge, share: Share) -> _Asked:
    body = await intake.read_body(request, edge.settings.max_body_bytes, share)
    flat = intake.is_flat(body)
    alias = query_of(request).get("model", FLAT_MODEL if flat else edge.settings.default_model)
    topic = edge.settings.topic_of(alias)
    edge.lag.require_room(topic)
    payload = await intake.check_rows(body, edge.catalogue.decoder(alias), flat=flat)
    return _Asked(codec.encode_request(payload.data, payload.columns, alias), topic, flat)


async def _reply(request: Request, waiter: Waiter, seconds: float) -> ConsumerRecord | None:
    """Wait for the reply; None where it does not come in time.

    Raises:
        ClientDisconnect: Nobody waits for the answer any more.
    """
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({waiter.reply, gone}, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
    if waiter.reply.done():
        return waiter.reply.result()
    if gone.done():
        raise ClientDisconnect
    return None


async def _disconnected(request: Request) -> None:
    # The server does not interrupt a request whose caller has hung up.
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _wants_probabilities(request: Request) -> bool:
    text = query_of(request).get("probabilities", "false").lower()
    if text not in _FLAGS:
        raise Refusal(EdgeCode.INVALID_PARAMETER, "`probabilities` is true or false.")
    return _FLAGS[text]
