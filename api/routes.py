"""What the edge answers. Requests are read and answers written by msgspec: nothing passes through Pydantic."""

from http import HTTPStatus

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.convertors import StringConvertor, register_url_convertor

from api import bulk, docs, idempotency, intake, problems, tracing
from api.admission import owner_headers, owner_of
from api.edge import JSON, SOURCE, DirectRoute, Edge, edge_of, query_of
from api.errors import EdgeCode, Lagging, Refusal
from api.gate import needs
from api.idempotency import idempotent
from api.messages import Accepted, Check, Model, Models, Ready
from api.room import Share
from streamapp.contracts import codec
from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.fleet import Served


class Anything(StringConvertor):
    """The rest of a path whatever is in it, slashes and line ends too, so that the route decides what it takes."""

    regex = r"[\s\S]*"


register_url_convertor("anything", Anything())
router = APIRouter(route_class=DirectRoute)


@router.post("/predict_stream", status_code=HTTPStatus.ACCEPTED, **docs.PREDICT_STREAM)
@needs("predict")
@idempotent
async def predict_stream(request: Request) -> Response:
    """Queue rows for prediction.

    The answer comes once the broker has acknowledged the request. The prediction follows on the predictions topic,
    and at the address in `Location`. A body of lines, each a record, is read as it comes: see `bulk`.
    """
    if intake.media_type(request) == bulk.MEDIA_TYPE:
        return await bulk.predict_stream(request)
    edge = edge_of(request)
    alias = query_of(request).get("model", edge.settings.default_model)
    topic = edge.settings.topic_of(alias)
    edge.lag.require_room(topic)
    decoder = edge.catalogue.decoder(alias)
    record_id = idempotency.record_id(request)
    traced = tracing.taken_up(request)
    with Share(edge.room) as share:
        body = await intake.read_body(request, edge.settings.max_body_bytes, share)
        payload = await intake.check_rows(body, decoder)
        stood = await edge.publisher.publish(
            codec.encode_request(payload.data, payload.columns, alias),
            codec.request_headers(record_id, SOURCE, [*traced.headers, *owner_headers(request)]),
            topic,
        )
    tracing.accepted(traced, record_id, alias, partition=stood.partition, offset=stood.offset)
    accepted = Accepted("queued", stood.topic, alias, record_id, stood.partition, stood.offset)
    location = {"Location": f"/predictions/{record_id}"}
    return Response(codec.encode(accepted), HTTPStatus.ACCEPTED, location, JSON)


@router.get("/predictions/{id:anything}", **docs.PREDICTION)  # noqa: FAST003  # a direct route reads it itself
@needs("read")
async def prediction(request: Request) -> Response:
    """Return the prediction of a request, once it is there."""
    value = await edge_of(request).lookup.get(_valid_id(request.path_params["id"]), owner_of(request))
    if value is None:
        raise Refusal(
            EdgeCode.PREDICTION_NOT_FOUND,
            "No prediction has this id. It may still be on its way, be among the dead letters, or have expired.",
        )
    return Response(value, media_type=JSON)


def _valid_id(text: str) -> str:
    """Return an id as records can have it: see `codec.record_id`."""
    if not 0 < len(text) <= codec.MAX_ID or not text.isprintable():
        raise Refusal(EdgeCode.INVALID_PARAMETER, f"An id has 1 to {codec.MAX_ID} printable characters.")
    return text


@router.get("/models", **docs.MODELS)
@needs("read")
async def models(request: Request) -> Response:
    """List the served models, with what the workers say of them, and the versions that they refuse."""
    edge = edge_of(request)
    fleet = edge.workers.fleet
    served = {(one.alias, one.version): one for one in fleet.served}
    listed = tuple(_listed(card, served.get((card.alias, card.version))) for card in edge.catalogue.cards)
    return Response(codec.encode(Models(listed, fleet.refused)), media_type=JSON)


def _listed(card: ModelCard, served: Served | None) -> Model:
    said = msgspec.structs.asdict(served) if served else {}
    return Model(**said | msgspec.structs.asdict(card))


@router.get("/livez", **docs.LIVEZ)
async def livez(_: Request) -> Response:
    """Say that the process answers."""
    return Response(b'{"status":"alive"}', media_type=JSON)


@router.get("/readyz", **docs.READYZ)
async def readyz(request: Request) -> Response:
    """Say whether requests can be accepted: the broker answers, and at least one model is served.

    Workers that lag do not make the edge unready: all edges would be taken away at once, with the predictions that
    they still find, and nobody would be told when to come back. `checks.lag` says how many records wait. Nor do
    replies that cannot be read: `checks.replies` says it, and requests that need none are accepted.
    """
    edge = edge_of(request)
    checks = {"broker": await _check_broker(edge), "models": _check_models(edge)}
    missing = [f"{name}: {check.detail}" for name, check in checks.items() if not check.ok]
    checks |= {"lag": _check_lag(edge), "replies": _check_replies(edge)}
    if missing:
        return problems.respond(request, EdgeCode.NOT_READY, "; ".join(missing) + ".", checks=checks)
    return Response(codec.encode(Ready("ready", checks)), media_type=JSON)


async def _check_broker(edge: Edge) -> Check:
    try:
        await edge.publisher.check()
        await edge.bulk.publisher.check()
    except BrokerUnavailable as exc:
        return Check(ok=False, detail=str(exc))
    return Check(ok=True, detail=edge.settings.broker)


def _check_models(edge: Edge) -> Check:
    aliases = ", ".join(card.alias for card in edge.catalogue.cards)
    return Check(ok=bool(aliases), detail=aliases or "no model card is known yet; the scoring worker publishes them")


def _check_lag(edge: Edge) -> Check:
    topics = edge.settings.input_topics
    try:
        for topic in topics:
            edge.lag.require_room(topic)
    except Lagging as exc:
        return Check(ok=False, detail=str(exc))
    return Check(ok=True, detail="; ".join(f"{topic}: {_waiting(edge.lag.records(topic))}" for topic in topics))


def _waiting(records: int | None) -> str:
    return "not known" if records is None else f"{records} records wait for the workers"


def _check_replies(edge: Edge) -> Check:
    partition = edge.replies.partition
    if partition is None:
        return Check(ok=False, detail="no replies can be read (yet); POST /predict is answered with 503")
    owned = "its own" if edge.replies.own else "shared with other edges"
    return Check(ok=True, detail=f"partition {partition}, {owned}")
