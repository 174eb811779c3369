"""`POST /predict`: request and reply. The way is that of every record; the edge waits for what comes of it."""

import asyncio
from typing import Final

from aiokafka import ConsumerRecord
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from api import answers, docs, ids, intake, preferences
from api.edge import SOURCE, DirectRoute, Edge, edge_of
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
    edge, record_id = edge_of(request), ids.request_id()
    probabilities = _wants_probabilities(request)
    preferred = preferences.wait(request.headers.getlist("prefer"))
    seconds = edge.settings.predict_deadline if preferred is None else preferred
    with edge.replies.expect(record_id) as waiter:
        flat = await _publish(request, edge, record_id, waiter)
        reply = await _reply(request, waiter, seconds)
    response = answers.respond(
        request, reply, record_id, flat=flat, cards=edge.catalogue.cards if probabilities else None
    )
    if preferred is not None:
        response.headers["Preference-Applied"] = f"wait={seconds:g}"
    return response


async def _publish(request: Request, edge: Edge, record_id: str, waiter: Waiter) -> bool:
    """Publish a request and say whether its body is flat. Its rows take memory here, and not while it waits."""
    traceparent = ids.valid_traceparent(request.headers.get("traceparent"))
    headers = codec.request_headers(record_id, SOURCE, traceparent) + waiter.headers
    with Share(edge.room) as share:
        body = await intake.read_body(request, edge.settings.max_body_bytes, share)
        flat = intake.is_flat(body)
        alias = request.query_params.get("model", FLAT_MODEL if flat else edge.settings.default_model)
        topic = edge.settings.topic_of(alias)
        edge.lag.require_room(topic)
        payload = await intake.check_rows(body, edge.catalogue.decoder(alias), flat=flat)
        await edge.publisher.publish(codec.encode_request(payload.data, payload.columns, alias), headers, topic)
    return flat


async def _reply(request: Request, waiter: Waiter, seconds: float) -> ConsumerRecord | None:
    """Wait for the reply; None where it does not come in time.

    Raises:
        ClientDisconnect: Nobody waits for the answer any more.
    """
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({waiter.reply, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
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
    text = request.query_params.get("probabilities", "false").lower()
    if text not in _FLAGS:
        raise Refusal(EdgeCode.INVALID_PARAMETER, "`probabilities` is true or false.")
    return _FLAGS[text]
