"""`POST /predict_stream`: rows, or lines of them, queued for prediction."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from api import media_types
from api.admission.callers import owner_headers
from api.admission.room import Share
from api.bulk import stream
from api.documents import declarations
from api.edge import SOURCE, edge_of
from api.http.routing import DirectRoute
from api.intake import bodies, tracing
from api.intake.query import query_of
from api.messages import Accepted
from api.routes import repeats
from api.routes.gate import needs
from api.routes.repeats import idempotent
from api.telemetry.requests import asks
from streamapp.contracts import codec
from streamapp.metrics import edge as metrics

router = APIRouter(route_class=DirectRoute, tags=["Predictions"])


@router.post("/predict_stream", status_code=HTTPStatus.ACCEPTED, **declarations.PREDICT_STREAM)
@needs("predict")
@idempotent
async def predict_stream(request: Request) -> Response:
    """Queue rows for prediction.

    The answer comes once the broker has acknowledged the request. The prediction follows on the predictions topic,
    and at the address in `Location`. A body of lines, each a record, is read as it comes.
    """
    if bodies.media_type(request) == media_types.LINES:
        return await stream.predict_stream(request)
    edge = edge_of(request)
    alias = query_of(request).get("model", edge.settings.default_model)
    topic = edge.settings.topic_of(alias)
    edge.lag.require_room(topic)
    decoder = edge.catalogue.decoder(alias)
    asks(request, alias)
    record_id = repeats.record_id(request)
    with Share(edge.room) as share:
        body = await bodies.read_body(request, edge.settings.max_body_bytes, share)
        payload, rows = await bodies.check_rows(body, decoder)
        with tracing.Publishing(request, topic, record_id) as traced:
            stood = await edge.publisher.publish(
                codec.encode_request(payload.data, payload.columns, alias),
                codec.request_headers(record_id, SOURCE, [*traced.headers, *owner_headers(request)]),
                topic,
            )
    metrics.accepted(alias, 1, rows)
    tracing.accepted(traced, record_id, alias, partition=stood.partition, offset=stood.offset)
    accepted = Accepted("queued", stood.topic, alias, record_id, stood.partition, stood.offset)
    location = {"Location": f"/predictions/{record_id}"}
    return Response(codec.encode(accepted), HTTPStatus.ACCEPTED, location, media_types.JSON)
