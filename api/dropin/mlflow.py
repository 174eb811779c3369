"""What `mlflow models serve` answers, so that its clients need no change: `/invocations`, `/ping`, `/version`.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/. See docs/decisions/0027-drop-in-protocols.md for
what is left out.
"""

from functools import partial
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from api.admission.room import Share
from api.dropin import declarations, tables
from api.dropin.mlflow_messages import Invocation, Predictions
from api.edge import Edge
from api.http.routing import DirectRoute
from api.intake import bodies
from api.intake.query import query_of
from api.routes import asking, health
from api.routes.asking import Asked, ask
from api.routes.gate import needs
from api.routes.repeats import idempotent
from streamapp import __version__
from streamapp.contracts.errors import Code, InvalidRows, MalformedRecord
from streamapp.contracts.messages import Payload, Prediction
from streamapp.contracts.rows import RowDecoder

router = APIRouter(route_class=DirectRoute, tags=["MLflow's scoring server"])


#: MLflow's server says JSON of these, which they are not.
_TEXT: Final = "text/plain"
_INVOCATION: Final = msgspec.json.Decoder(Invocation)
_COLUMNS: Final = msgspec.json.Decoder(dict[str, list[tables.Scalar]])
_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ONE: Final = "Send one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`."


@router.post("/invocations", **declarations.INVOCATIONS)
@needs("predict")
@idempotent
async def invocations(request: Request) -> Response:
    """Predict rows as MLflow's scoring server does. The way is that of `POST /predict`."""
    return await ask(request, _read)


@router.get("/ping", **declarations.PING)
@router.get("/health", **declarations.PING)
async def ping(request: Request) -> Response:
    """Say whether requests can be accepted, as `/readyz` does."""
    ready = await health.readyz(request)
    return Response("\n", media_type=_TEXT) if ready.status_code == HTTPStatus.OK else ready


@router.get("/version", **declarations.VERSION)
async def version(_: Request) -> Response:
    """Return the version of streamapp, where MLflow's server has its own."""
    return Response(__version__, media_type=_TEXT)


async def _read(request: Request, edge: Edge, share: Share) -> Asked:
    body = await bodies.read_body(request, edge.settings.max_body_bytes, share)
    alias = query_of(request).get("model", edge.settings.default_model)
    decoder = asking.decoder_of(request, edge, alias)
    rows = await asking.checked(len(body), partial(_fitting, body, decoder))
    return asking.asked(rows, alias, _shape)


def _shape(prediction: Prediction) -> Predictions:
    return Predictions(prediction.predictions)


def _fitting(body: bytes, decoder: RowDecoder) -> bodies.Fitting:
    given = bodies.decode_as(_INVOCATION, body, _ONE)
    forms = [given.dataframe_split, given.dataframe_records, given.instances, given.inputs]
    if sum(map(bool, forms)) != 1:
        raise MalformedRecord(Code.MALFORMED_REQUEST, _ONE)
    return tables.fitting(_rows(given, decoder), decoder)


def _rows(given: Invocation, decoder: RowDecoder) -> Payload:
    split = given.dataframe_split
    if split is not None:
        return Payload(split.data, split.columns)
    if given.inputs and bytes(given.inputs).lstrip().startswith(b"{"):
        return tables.by_column(_columns(given.inputs))
    rows = given.dataframe_records or given.instances or given.inputs
    return Payload(rows, tables.features(decoder.card) if _are_arrays(rows) else None)


def _columns(data: msgspec.Raw) -> dict[str, list[tables.Scalar]]:
    try:
        return _COLUMNS.decode(data)
    except msgspec.ValidationError:
        raise InvalidRows(
            Code.WRONG_TYPE, "`inputs` is an object of arrays of values, or an array of rows."
        ) from None


def _are_arrays(rows: msgspec.Raw) -> bool:
    try:
        return all(bytes(row).startswith(b"[") for row in _ROWS.decode(rows)[:1])
    except msgspec.ValidationError:
        return False  # no array at all: the decoder says so
