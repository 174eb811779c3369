"""Whether the edge lives, and whether it can accept requests."""

from fastapi import APIRouter, Request, Response

from api.documents import declarations
from api.edge import Edge, edge_of
from api.errors import EdgeCode, Lagging
from api.http.routing import DirectRoute
from api.media_types import JSON
from api.messages import Check, Ready
from api.problems import responses
from streamapp.contracts import codec
from streamapp.contracts.errors import BrokerUnavailable

router = APIRouter(route_class=DirectRoute, tags=["Operation"])


@router.get("/livez", **declarations.LIVEZ)
async def livez(_: Request) -> Response:
    """Say that the process answers."""
    return Response(b'{"status":"alive"}', media_type=JSON)


@router.get("/readyz", **declarations.READYZ)
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
        return responses.respond(request, EdgeCode.NOT_READY, "; ".join(missing) + ".", checks=checks)
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
