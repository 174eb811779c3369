"""`POST /predict`: rows in the shapes of both older systems, answered with their predictions."""

from typing import Final

from fastapi import APIRouter, Request, Response

from api.admission.room import Share
from api.documents import declarations
from api.edge import Edge
from api.errors import EdgeCode, Refusal
from api.http.routing import DirectRoute
from api.intake import bodies
from api.intake.query import query_of
from api.messages import Answer, Answers
from api.routes import answers, asking
from api.routes.asking import Asked, ask
from api.routes.gate import needs
from api.routes.repeats import idempotent
from streamapp.contracts.messages import Prediction

_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}

router = APIRouter(route_class=DirectRoute, tags=["Predictions"])


@router.post("/predict", **declarations.PREDICT)
@needs("predict")
@idempotent
async def predict(request: Request) -> Response:
    """Predict rows, and answer with the prediction.

    The request goes the way of every record, so that a worker that dies costs time and no prediction. Where the
    prediction does not come in time, the answer is 504 with the request's id: the prediction will be where `Location`
    says.
    """
    return await ask(request, _read)


async def _read(request: Request, edge: Edge, share: Share) -> Asked:
    probabilities = _wants_probabilities(request)
    body = await bodies.read_body(request, edge.settings.max_body_bytes, share)
    flat = bodies.is_flat(body)
    alias = query_of(request).get("model", bodies.FLAT_MODEL if flat else edge.settings.default_model)
    rows = await bodies.check_rows(body, asking.decoder_of(request, edge, alias), flat=flat)

    def shape(prediction: Prediction) -> Answer | Answers:
        return answers.answer(prediction, flat=flat, cards=edge.catalogue.cards if probabilities else None)

    return asking.asked(rows, alias, shape)


def _wants_probabilities(request: Request) -> bool:
    text = query_of(request).get("probabilities", "false").lower()
    if text not in _FLAGS:
        raise Refusal(EdgeCode.INVALID_PARAMETER, "`probabilities` is true or false.")
    return _FLAGS[text]
