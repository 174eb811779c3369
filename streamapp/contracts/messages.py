"""What travels on the topics, as frozen structs. JSON on the wire; see `codec` for the bytes.

Those that are made for every record are not tracked by the garbage collector (`gc=False`): they are trees.
"""

from typing import Any

from msgspec import Raw, Struct

#: JSON types of a prediction: class labels (int or str) or regression values (float).
Label = int | float | str | bool

#: Record headers as aiokafka has them.
Headers = tuple[tuple[str, bytes], ...]


class Payload(Struct, frozen=True, gc=False):
    """The rows of a request.

    Attributes:
        data: JSON text of the rows, untouched: an array of objects, or of arrays where `columns` names the fields.
        columns: Field names for rows given as arrays, or the fields to use of rows given as objects.
    """

    data: Raw
    columns: tuple[str, ...] | None = None


class Request(Struct, frozen=True, gc=False):
    """A record of the input topic: rows, and the alias of the model that is to predict them."""

    payload: Payload
    model: str


class Prediction(Struct, frozen=True, omit_defaults=True, gc=False):
    """A record of the predictions topic: what one model says of the rows of one request.

    Attributes:
        id: The request's id: its `ce_id` header, else `topic-partition-offset`.
        model: The alias that the request named.
        registered_name: Name in the MLflow registry.
        version: Version in the MLflow registry.
        run_id: MLflow run that made the model.
        predictions: One label or value a row.
        timestamp: When it was predicted, UTC, ISO 8601 with milliseconds.
        data: The rows as JSON objects.
        probabilities: One list a row, in the order of the model card's `classes`; where the model gives them.
        imputed: One list a row: the features that the request left out or gave as null, and that the model's own
            pipeline filled in. Absent where no row lacks any.
    """

    id: str
    model: str
    registered_name: str
    version: str
    run_id: str
    predictions: list[Any]
    timestamp: str
    data: Raw
    probabilities: list[list[float]] | None = None
    imputed: list[list[str]] | None = None


class DeadLetter(Struct, frozen=True):
    """A record of the dead-letter topic: the original bytes, with the reason in headers (see `codec`).

    Attributes:
        key: The original key.
        value: The original bytes; None where the record was a null.
        headers: The original headers.
        code: Machine-readable reason, one of `errors.Code`.
        error: Class name of the error.
        message: One sentence for a person.
        model: The alias asked for, "" where it is not known.
        version: Version of the model that refused it, "" where none was reached.
        topic: Input topic.
        partition: Input partition.
        offset: Input offset.
        attempt: How often the record has failed: 1, or more where it was redriven.
        time: When it failed, UTC, ISO 8601 with milliseconds.
    """

    key: bytes | None
    value: bytes | None
    headers: Headers
    code: str
    error: str
    message: str
    model: str
    version: str
    topic: str
    partition: int
    offset: int
    attempt: int
    time: str


class Marker(Struct, frozen=True):
    """A record of the topic of redriven dead letters: that one was put back on its input topic.

    Attributes:
        id: The record's id.
        written: When the dead letter was written, in milliseconds. It tells the letter from another one at the same
            place of a topic that was made anew.
    """

    id: str
    written: int
