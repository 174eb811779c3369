"""The Open Inference Protocol's REST (version 2), as KServe, Triton and MLServer speak it, below `/v2`.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md. See
docs/decisions/0027-drop-in-protocols.md for what is left out.
"""

from functools import partial
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from api.admission.room import Share
from api.dropin import declarations, tables, tensors
from api.dropin.oip_messages import Inference, InferenceRequest, ModelMetadata, ModelReady, ServerMetadata
from api.edge import Edge, edge_of
from api.errors import EdgeCode, Refusal
from api.http.routing import DirectRoute
from api.intake import bodies
from api.media_types import JSON
from api.routes import asking, health
from api.routes.asking import Asked, ask
from api.routes.gate import needs
from api.routes.repeats import idempotent
from api.telemetry.requests import asks
from streamapp import __version__
from streamapp.contracts import codec
from streamapp.contracts.errors import Code, MalformedRecord, UnknownModel
from streamapp.contracts.messages import Prediction
from streamapp.contracts.rows import RowDecoder

PREDICT: Final = "predict"
PROBABILITIES: Final = "probabilities"
#: Where tensors follow the JSON as bytes: how long the JSON is.
_JSON_LENGTH: Final = "inference-header-content-length"
#: Triton's client sends no content type at all.
_MEDIA_TYPES: Final = frozenset({JSON, "application/octet-stream", ""})
_REQUEST: Final = msgspec.json.Decoder(InferenceRequest)
_HINT: Final = 'Send {"inputs": [{"name": ..., "shape": [...], "datatype": ..., "data": [...]}]}.'

router = APIRouter(route_class=DirectRoute, tags=["Open Inference Protocol"])


@router.get("/v2", **declarations.SERVER)
async def server(_: Request) -> Response:
    """Say what answers here."""
    return _answer(ServerMetadata("streamapp", __version__))


@router.get("/v2/health/live", **declarations.LIVE)
async def live(_: Request) -> Response:
    """Say that the process answers."""
    return Response(b'{"live":true}', media_type=JSON)


@router.get("/v2/health/ready", **declarations.READY)
async def ready(request: Request) -> Response:
    """Say whether requests can be accepted, as `/readyz` does."""
    said = await health.readyz(request)
    return Response(b'{"ready":true}', media_type=JSON) if said.status_code == HTTPStatus.OK else said


@router.get("/v2/models/{name}", **declarations.MODEL)  # noqa: FAST003  # a direct route reads it itself
@router.get("/v2/models/{name}/versions/{version}", **declarations.MODEL_VERSION)  # as above
@needs("read")
async def model(request: Request) -> Response:
    """Describe a served model."""
    card = _decoder(request, edge_of(request)).card
    return _answer(ModelMetadata.of(card))


@router.get("/v2/models/{name}/ready", **declarations.MODEL_READY)  # noqa: FAST003  # as above
@router.get("/v2/models/{name}/versions/{version}/ready", **declarations.MODEL_VERSION_READY)  # as above
@needs("read")
async def model_ready(request: Request) -> Response:
    """Say that a model is served."""
    card = _decoder(request, edge_of(request)).card
    return _answer(ModelReady(card.alias, ready=True))


@router.post("/v2/models/{name}/infer", **declarations.INFER)  # noqa: FAST003  # as above
@router.post("/v2/models/{name}/versions/{version}/infer", **declarations.INFER_VERSION)  # as above
@needs("predict")
@idempotent
async def infer(request: Request) -> Response:
    """Predict rows that come as tensors. The way is that of `POST /predict`."""
    return await ask(request, _read)


async def _read(request: Request, edge: Edge, share: Share) -> Asked:
    body = await bodies.read_body(request, edge.settings.max_body_bytes, share, _MEDIA_TYPES)
    edge.lag.require_room(edge.settings.topic_of(request.path_params["name"]))
    decoder = _decoder(request, edge)
    asks(request, decoder.card.alias)
    end = _json_length(request, len(body))
    asked, rows = await asking.checked(len(body), partial(_checked, body[:end], body[end:], decoder))
    return asking.asked(rows, decoder.card.alias, partial(_shape, request, asked))


def _decoder(request: Request, edge: Edge) -> RowDecoder:
    """Return the decoder of the model and version in the path.

    Raises:
        UnknownModel: They are not served.
        ModelNotReady: Nothing is yet.
    """
    decoder = edge.catalogue.decoder(request.path_params["name"])
    _require_version(request, decoder.card.version)
    return decoder


def _require_version(request: Request, version: str) -> None:
    if request.path_params.get("version", version) != version:
        raise UnknownModel(Code.UNKNOWN_MODEL, f"Of this model version {version} is served, and no other.")


def _json_length(request: Request, size: int) -> int:
    text = request.headers.get(_JSON_LENGTH, str(size))
    length = codec.whole(text.encode()) if text.isascii() and text.isdigit() else -1
    if not 0 <= length <= size:
        raise Refusal(EdgeCode.INVALID_HEADER, "`Inference-Header-Content-Length` is how long the JSON is, in bytes.")
    return length


def _decoded(text: bytes) -> InferenceRequest:
    asked = bodies.decode_as(_REQUEST, text, _HINT)
    if not {wanted.name for wanted in asked.outputs or ()} <= {PREDICT, PROBABILITIES}:
        raise MalformedRecord(Code.MALFORMED_REQUEST, f"A model has the outputs `{PREDICT}` and `{PROBABILITIES}`.")
    return asked


def _checked(text: bytes, binary: bytes, decoder: RowDecoder) -> tuple[InferenceRequest, bodies.Fitting]:
    asked = _decoded(text)
    return asked, tables.fitting(tensors.table(asked.inputs, binary, decoder.card), decoder)


def _shape(request: Request, asked: InferenceRequest, prediction: Prediction) -> Inference:
    # Another version may have taken its place meanwhile.
    _require_version(request, prediction.version)
    outputs = [tensors.output(PREDICT, prediction.predictions)]
    if prediction.probabilities:
        outputs.append(tensors.matrix(PROBABILITIES, prediction.probabilities))
    wanted = {one.name for one in asked.outputs} if asked.outputs else {PREDICT, PROBABILITIES}
    given = [output for output in outputs if output.name in wanted]
    return Inference(prediction.model, prediction.version, given, asked.id)


def _answer(message: msgspec.Struct) -> Response:
    return Response(codec.encode(message), media_type=JSON)
