"""Request and reply: the way is that of every record; the edge waits for what comes of it.

Each protocol that answers with predictions (`predict`, `dropin.mlflow`, `dropin.oip`) says how to read a request and
what an answer looks like; what lies between is here, once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import NamedTuple, TypeVar

import msgspec
from aiokafka import ConsumerRecord
from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from api.admission.callers import owner_headers
from api.admission.room import Share
from api.edge import SOURCE, Edge, edge_of
from api.intake import bodies, preferences, tracing
from api.replies.waiters import Waiter
from api.routes import answers, repeats
from api.telemetry.requests import asks
from streamapp.contracts import codec
from streamapp.contracts.messages import Prediction
from streamapp.contracts.rows import RowDecoder
from streamapp.metrics import edge as metrics

T = TypeVar("T")
#: Makes what is answered of a prediction.
Shape = Callable[[Prediction], msgspec.Struct]


class Asked(NamedTuple):
    """A request that fits its model.

    Attributes:
        value: The record to publish.
        rows: How many rows it has.
        alias: Alias of the model.
        shape: Makes what is answered of the prediction.
    """

    value: bytes
    rows: int
    alias: str
    shape: Shape


#: Reads a request, taking memory for it as it comes in.
Read = Callable[[Request, Edge, Share], Awaitable[Asked]]


async def ask(request: Request, read: Read) -> Response:
    """Publish a request, wait for its reply, and answer.

    A worker that dies costs time and no prediction. Where the prediction does not come in time, the answer is 504
    with the request's id: the prediction will be where `Location` says.

    Args:
        request: The request.
        read: Reads it.

    Raises:
        StreamappError: It was not accepted.
    """
    edge, record_id, arrived = edge_of(request), repeats.record_id(request), asyncio.get_running_loop().time()
    preferred = preferences.wait(request.headers.getlist("prefer"))
    seconds = edge.settings.predict_deadline if preferred is None else preferred
    with ExitStack() as waiting:
        # The rows take memory until the broker has them, and not while the request waits.
        with Share(edge.room) as share:
            value, rows, alias, shape = await read(request, edge, share)
            waiter = waiting.enter_context(edge.replies.expect(record_id))
            topic = edge.settings.topic_of(alias)
            with tracing.Publishing(request, topic, record_id) as traced:
                more = [*traced.headers, *owner_headers(request), *waiter.headers]
                await edge.publisher.publish(value, codec.request_headers(record_id, SOURCE, more), topic)
            del value
        metrics.accepted(alias, 1, rows)
        tracing.accepted(traced, record_id, alias)
        await repeats.accepted(request, seconds)
        reply = await _reply(request, waiter, arrived + seconds - asyncio.get_running_loop().time())
    response = answers.respond(request, reply, record_id, shape)
    if preferred is not None:
        response.headers["Preference-Applied"] = f"wait={seconds:g}"
    return response


def asked(fitting: bodies.Fitting, alias: str, shape: Shape) -> Asked:
    """Return a request whose rows were checked."""
    payload, rows = fitting
    return Asked(codec.encode_request(payload.data, payload.columns, alias), rows, alias, shape)


def decoder_of(request: Request, edge: Edge, alias: str) -> RowDecoder:
    """Return the decoder of a model's rows, for a request that asks the model.

    Raises:
        Lagging: Too many records wait for the workers on its topic.
        UnknownModel: Nothing serves under this alias.
        ModelNotReady: Nothing does yet.
    """
    edge.lag.require_room(edge.settings.topic_of(alias))
    decoder = edge.catalogue.decoder(alias)
    asks(request, alias)
    return decoder


async def checked(size: int, check: Callable[[], T]) -> T:
    """Return what a body holds once it is checked: a large one in a thread, as `bodies.LARGE` says.

    Args:
        size: Bytes of the body.
        check: Takes it apart and checks it.

    Raises:
        RecordError: It is not what is expected, or its rows do not fit.
    """
    return await asyncio.to_thread(check) if size > bodies.LARGE else check()


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
