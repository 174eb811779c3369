"""What is answered to who waits for a prediction; and by `POST /predict`, in the shapes of both older systems."""

import logging
from collections.abc import Callable, Iterable

import msgspec
from aiokafka import ConsumerRecord
from fastapi import Request, Response

from api.errors import EdgeCode
from api.media_types import JSON
from api.messages import Answer, Answers
from api.problems import kinds, responses
from streamapp.contracts import codec
from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import Code, MalformedRecord, RecordError
from streamapp.contracts.messages import Prediction

log = logging.getLogger(__name__)


def respond(
    request: Request,
    reply: ConsumerRecord | None,
    record_id: str,
    shape: Callable[[Prediction], msgspec.Struct],
) -> Response:
    """Return the response to a request that was accepted. It raises nothing, so that a repeated one gets the same.

    Args:
        request: The request.
        reply: The worker's reply: a prediction, or without a value and with the headers of a dead letter. None: it
            has not come in time.
        record_id: Id of the request.
        shape: Makes what is answered of a prediction; a `RecordError` of it is answered, with the record's id.
    """
    if reply is None:
        response = late(request, record_id)
    else:
        try:
            response = _replied(request, reply, record_id, shape)
        except Exception:
            log.exception("The reply to a request could not be answered", extra={"record_id": record_id})
            response = _failed(request, reply, record_id)
    response.headers["X-Request-Id"] = record_id
    return response


def _replied(
    request: Request, reply: ConsumerRecord, record_id: str, shape: Callable[[Prediction], msgspec.Struct]
) -> Response:
    if reply.value is None:
        return _refused(request, reply, record_id)
    return _predicted(request, _decoded(reply.value), record_id, shape)


def _failed(request: Request, reply: ConsumerRecord, record_id: str) -> Response:
    """Return what is answered where the edge fails with a reply: of a prediction, where it is."""
    location = "" if reply.value is None else _location(record_id)
    response = responses.respond(
        request, EdgeCode.INTERNAL_ERROR, "The edge failed; its log says why.", id=record_id, location=location
    )
    if location:
        response.headers["Location"] = location
    return response


def _predicted(
    request: Request, prediction: Prediction, record_id: str, shape: Callable[[Prediction], msgspec.Struct]
) -> Response:
    """Return a prediction in its shape; where it is not what was asked for, why, and where it is all the same."""
    location = _location(record_id)
    try:
        response = Response(codec.encode(shape(prediction)), media_type=JSON)
    except RecordError as exc:
        response = responses.respond(request, exc.code, exc.detail, id=record_id, location=location)
    response.headers["Location"] = location
    return response


def answer(prediction: Prediction, *, flat: bool, cards: Iterable[ModelCard] | None) -> Answer | Answers:
    """Return a prediction in the shape that belongs to the shape of its request.

    Args:
        prediction: The prediction.
        flat: Whether the body was one record, without `data`.
        cards: The cards of the served models, where the probabilities are asked for.
    """
    told = prediction.probabilities if cards is not None else None
    classes = _classes(prediction, cards) if told and cards is not None else ()
    if flat:
        return Answer(prediction.predictions[0], told[0] if told else None, classes)
    return Answers(
        alias=prediction.model,
        registered_name=prediction.registered_name,
        version=prediction.version,
        n_samples=len(prediction.predictions),
        predictions=prediction.predictions,
        probabilities=told,
        classes=classes,
    )


def _classes(prediction: Prediction, cards: Iterable[ModelCard]) -> tuple[object, ...]:
    """Return the labels in the order of the probabilities: as the card says that is of the version that predicted."""
    made = (prediction.model, prediction.version)
    return next((card.classes for card in cards if (card.alias, card.version) == made), ())


def _decoded(value: bytes) -> Prediction:
    try:
        return codec.decode_prediction(value)
    except MalformedRecord as exc:
        raise RuntimeError("A worker has sent a reply that is no prediction.") from exc  # no fault of the caller's


def late(request: Request, record_id: str) -> Response:
    """Return the response to a request that was accepted, and whose prediction is not there yet."""
    location = _location(record_id)
    detail = f"The request was accepted, and its prediction has not come in time; it will be at {location}."
    response = responses.respond(request, EdgeCode.DEADLINE, detail, id=record_id, location=location)
    response.headers["Location"] = location
    return response


def _refused(request: Request, reply: ConsumerRecord, record_id: str) -> Response:
    """Return a dead letter as the problem of its code; its status is the one that the edge itself would answer."""
    letter = codec.decode_dead_letter(None, None, reply.headers)
    code = letter.code if letter.code in kinds.KINDS else Code.MODEL_FAILED
    return responses.respond(request, code, letter.message, id=record_id)


def _location(record_id: str) -> str:
    return f"/predictions/{record_id}"
