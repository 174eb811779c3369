"""`GET /predictions/{id}`: predictions that are there."""

from fastapi import APIRouter, Request, Response
from starlette.convertors import StringConvertor, register_url_convertor

from api.admission.callers import owner_of
from api.documents import declarations
from api.edge import edge_of
from api.errors import EdgeCode, Refusal
from api.http.routing import DirectRoute
from api.media_types import JSON
from api.routes.gate import needs
from streamapp.contracts import codec


class Anything(StringConvertor):
    """The rest of a path whatever is in it, slashes and line ends too, so that the route decides what it takes."""

    regex = r"[\s\S]*"


register_url_convertor("anything", Anything())
router = APIRouter(route_class=DirectRoute, tags=["Predictions"])


@router.get("/predictions/{id:anything}", **declarations.PREDICTION)  # noqa: FAST003  # a direct route reads it itself
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
