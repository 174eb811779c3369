"""Bytes to messages and back. Pure: every function here raises only `RecordError`."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import Code, MalformedRecord
from streamapp.contracts.json_faults import fault, require_names_once
from streamapp.contracts.messages import DeadLetter, Headers, Payload, Prediction, Request
from streamapp.contracts.status import Switch, WorkerStatus

T = TypeVar("T")

#: CloudEvents 1.0, Kafka protocol binding, binary content mode: attributes are headers `ce_*`.
#: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
SPEC_VERSION: Final = b"1.0"
REQUEST_TYPE: Final = b"streamapp.request"
PREDICTION_TYPE: Final = b"streamapp.prediction"
#: What the value of a request or prediction is: the attribute `datacontenttype`, which the binding names otherwise.
CONTENT_TYPE: Final = ("content-type", b"application/json")
#: Of a prediction: where its request stood, and when the broker's record says it was made.
INPUT_TOPIC: Final = "input_topic"
INPUT_PARTITION: Final = "input_partition"
INPUT_OFFSET: Final = "input_offset"
INPUT_TIMESTAMP: Final = "input_timestamp"
#: Of a request whose sender waits, and of the reply to it: who waits, a name that the sender made up. The request
#: says beside it in which partition of the replies topic the sender listens.
REPLY_TO: Final = "reply_to"
REPLY_PARTITION: Final = "reply_partition"
#: Whose a request and its prediction are: the name of an API key (a CloudEvents extension attribute). Without it they
#: are for everybody.
OWNER: Final = "ce_owner"
#: Of a dead letter: its own headers start with this, so that the original ones stay apart.
DEAD_LETTER_PREFIX: Final = "dl_"
#: Header of a record that was redriven: how often it has failed so far. It is a dead letter's own as well.
ATTEMPT: Final = DEAD_LETTER_PREFIX + "attempt"
#: A dead letter's message is cut to this many characters.
MAX_MESSAGE: Final = 500
#: Ids longer than this are not taken from headers: they end up in Redis keys and URLs.
MAX_ID: Final = 200
#: Digits of the largest offset; what is longer is no number of ours.
_MAX_DIGITS: Final = 19

#: Strings of a request beside its rows and `columns`: three names, and the model's.
_STRINGS: Final = 4

#: Bytes of a request without `columns` beside its rows and the model's name.
_SHORTEST: Final = len(b'{"payload":{"data":},"model":""}')

_ENCODER: Final = msgspec.json.Encoder()
_REQUEST: Final = msgspec.json.Decoder(Request)
_PREDICTION: Final = msgspec.json.Decoder(Prediction)
_CARD: Final = msgspec.json.Decoder(ModelCard)
_STATUS: Final = msgspec.json.Decoder(WorkerStatus)
_SWITCH: Final = msgspec.json.Decoder(Switch)

encode = _ENCODER.encode


def decode_request(value: bytes | None) -> Request:
    """Decode a record of the input topic. The rows stay JSON text: their fields are the model card's business.

    Raises:
        RecordError: The value is null, not JSON, not `{"payload": {"data": [...]}, "model": "..."}`, or has a key
            twice.
    """
    if value is None:
        raise MalformedRecord(Code.NULL_RECORD, "The record's value is null; a request is expected.")
    try:
        request = _REQUEST.decode(value)
    except msgspec.ValidationError as exc:
        raise MalformedRecord(
            Code.MALFORMED_REQUEST,
            f'Not a request: {exc}. Send {{"payload": {{"data": [{{...}}]}}, "model": "svm"}}.',
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise fault(value, exc) from None
    payload = request.payload
    # One as short as it can be has no room for a name that is there twice (without `columns`, as others may send it),
    # and one that is the same when it is written again has none (with them, as we do).
    shortest = _SHORTEST + len(payload.data) + len(request.model)
    if (len(value) != shortest or payload.columns is not None) and encode(request) != value:
        require_names_once(value, bytes(payload.data), payload.columns, _STRINGS)
    return request


def encode_request(data: bytes | msgspec.Raw, columns: Sequence[str] | None, model: str) -> bytes:
    """Encode a request in the layout of the input topic; `data` is the rows' JSON text, taken over as it is."""
    return encode(Request(Payload(msgspec.Raw(data), tuple(columns) if columns is not None else None), model))


def decode_prediction(value: bytes) -> Prediction:
    """Decode a record of the predictions topic.

    Raises:
        MalformedRecord: It is not one of ours.
    """
    return _own(_PREDICTION, value, "a prediction")


def decode_card(value: bytes) -> ModelCard:
    """Decode a record of the models topic.

    Raises:
        MalformedRecord: It is not a model card.
    """
    return _own(_CARD, value, "a model card")


def decode_status(value: bytes) -> WorkerStatus:
    """Decode a record of the status topic.

    Raises:
        MalformedRecord: It is not one of ours.
    """
    return _own(_STATUS, value, "a worker's status")


def decode_switch(value: bytes) -> Switch:
    """Decode a record of the switches topic.

    Raises:
        MalformedRecord: It is not one of ours.
    """
    return _own(_SWITCH, value, "a switch")


def record_id(headers: Iterable[tuple[str, bytes]], topic: str, partition: int, offset: int) -> str:
    """Return the id of an input record: its `ce_id` where that is usable, else `topic-partition-offset`."""
    for name, value in headers:
        if name == "ce_id" and value and len(value) <= MAX_ID:
            try:
                text = value.decode()
            except UnicodeDecodeError:
                break
            if text.isprintable():
                return text
            break
    return f"{topic}-{partition}-{offset}"


def owner(headers: Iterable[tuple[str, bytes]]) -> str:
    """Return whose a record is; "" where it is for everybody.

    What is no name of a key is kept as it can be shown: nobody has that name, so nobody sees what is of that owner.
    """
    value = next((value for name, value in headers if name == OWNER), None)
    return "" if value is None else value[:MAX_ID].decode("ascii", "backslashreplace")


def next_attempt(headers: Iterable[tuple[str, bytes]]) -> int:
    """Return which attempt at an input record this is: 1, or one more than a redriven one has behind it."""
    return whole(next((value for name, value in headers if name == ATTEMPT), None), 0) + 1


def request_headers(record_id: str, source: str, trace: Iterable[tuple[str, bytes]] = ()) -> list[tuple[str, bytes]]:
    """Return the CloudEvents headers of a request, its id first, and those of its trace: see `contracts.trace`."""
    return [
        ("ce_id", record_id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", REQUEST_TYPE),
        ("ce_specversion", SPEC_VERSION),
        CONTENT_TYPE,
        *trace,
    ]


def dead_letter_headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """Return the original headers followed by the reason, each of it under `dl_*`."""
    reason = {
        "code": letter.code,
        "class": letter.error,
        "message": letter.message[:MAX_MESSAGE],
        "model": letter.model,
        "version": letter.version,
        "topic": letter.topic,
        "partition": str(letter.partition),
        "offset": str(letter.offset),
        "attempt": str(letter.attempt),
        "time": letter.time,
    }
    kept = [header for header in letter.headers if not header[0].startswith(DEAD_LETTER_PREFIX)]
    return kept + [(DEAD_LETTER_PREFIX + name, value.encode()) for name, value in reason.items()]


def decode_dead_letter(key: bytes | None, value: bytes | None, headers: Headers) -> DeadLetter:
    """Rebuild a dead letter from a record of its topic. Headers that are missing or no numbers come back empty."""
    own = {
        name[len(DEAD_LETTER_PREFIX) :]: value or b""
        for name, value in headers
        if name.startswith(DEAD_LETTER_PREFIX)
    }
    text = {name: value.decode(errors="replace") for name, value in own.items()}
    return DeadLetter(
        key=key,
        value=value,
        headers=tuple(header for header in headers if not header[0].startswith(DEAD_LETTER_PREFIX)),
        code=text.get("code", ""),
        error=text.get("class", ""),
        message=text.get("message", ""),
        model=text.get("model", ""),
        version=text.get("version", ""),
        topic=text.get("topic", ""),
        partition=whole(own.get("partition")),
        offset=whole(own.get("offset")),
        attempt=whole(own.get("attempt"), 1),
        time=text.get("time", ""),
    )


def utc_now() -> str:
    """Return the time as predictions and dead letters carry it: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole(value: bytes | None, otherwise: int = -1) -> int:
    """Return a header's value as a number, or another where it is none."""
    # Python reads longer numbers than it is ready to write.
    if not value or len(value) > _MAX_DIGITS:
        return otherwise
    try:
        return int(value)
    except ValueError:
        return otherwise


def _own(decoder: "msgspec.json.Decoder[T]", value: bytes, what: str) -> T:
    try:
        return decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedRecord(Code.MALFORMED_JSON, f"Not {what}: {_reason(exc)}.") from None


def _reason(exc: Exception) -> str:
    """Say what is wrong with JSON without repeating its content."""
    return str(exc).rstrip(".") if isinstance(exc, msgspec.DecodeError) else type(exc).__name__
