"""`GET /models`: what is served, and what is refused."""

import msgspec
from fastapi import APIRouter, Request, Response

from api.documents import declarations
from api.edge import edge_of
from api.http.routing import DirectRoute
from api.media_types import JSON
from api.messages import Model, Models
from api.routes.gate import needs
from streamapp.contracts import codec
from streamapp.contracts.card import ModelCard
from streamapp.contracts.fleet import Served

router = APIRouter(route_class=DirectRoute, tags=["Models"])


@router.get("/models", **declarations.MODELS)
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
