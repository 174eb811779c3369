"""What the edge takes and answers, beside the problems and the contracts' own messages."""

from typing import Any

import msgspec

from streamapp.contracts.card import ModelCard
from streamapp.contracts.status import Refused


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request: rows for one model.

    Attributes:
        data: The rows: objects, or arrays where `columns` names their fields.
        columns: Names of the fields of rows given as arrays, or the fields to use of rows given as objects.
    """

    data: msgspec.Raw
    columns: tuple[str, ...] | None = None


class Accepted(msgspec.Struct, frozen=True):
    """A request that the broker has acknowledged.

    Attributes:
        status: `queued`.
        stream: Topic that the request is on.
        model: Alias of the model that will predict it.
        id: Id of the request, and of its prediction.
        partition: Partition of the topic.
        offset: Offset in that partition.
    """

    status: str
    stream: str
    model: str
    id: str
    partition: int
    offset: int


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The prediction of one record that came as a flat body.

    Attributes:
        prediction: The label or value.
        probabilities: In the order of `classes`; where they were asked for and the model gives them.
        classes: The labels that the probabilities belong to.
    """

    prediction: Any
    probabilities: list[float] | None = None
    classes: tuple[Any, ...] = ()


class Answers(msgspec.Struct, frozen=True, omit_defaults=True):
    """The predictions of the rows of one request.

    Attributes:
        alias: Alias of the model.
        registered_name: Its name in the MLflow registry.
        version: Its version there.
        n_samples: Number of rows.
        predictions: One label or value a row.
        probabilities: One list a row, in the order of `classes`; where they were asked for and the model gives them.
        classes: The labels that the probabilities belong to.
    """

    alias: str
    registered_name: str
    version: str
    n_samples: int
    predictions: list[Any]
    probabilities: list[list[float]] | None = None
    classes: tuple[Any, ...] = ()


class Model(ModelCard, frozen=True, omit_defaults=False):
    """The card of a served model, with what the workers have done with it; see `contracts.fleet.Served`.

    Attributes:
        since: When the first of them began to serve this version, UTC, ISO 8601; "" where none says that it does.
        workers: How many serve it.
        rows: Rows that they predicted.
        calls: Calls that did.
        mean_batch: Rows a call.
        p50_ms: Median time of a call, in milliseconds.
        p99_ms: 99th percentile.
    """

    since: str = ""
    workers: int = 0
    rows: int = 0
    calls: int = 0
    mean_batch: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0


class Models(msgspec.Struct, frozen=True):
    """What is served and what is refused.

    Attributes:
        models: Served models, by alias.
        refused: Versions that workers refuse, with the reason.
    """

    models: tuple[Model, ...]
    refused: tuple[Refused, ...]


class Check(msgspec.Struct, frozen=True):
    """One thing that the edge needs in order to work.

    Attributes:
        ok: Whether it is there.
        detail: What is there, or what is missing.
    """

    ok: bool
    detail: str


class Ready(msgspec.Struct, frozen=True):
    """The edge can do its work.

    Attributes:
        status: `ready`.
        checks: What was looked at.
    """

    status: str
    checks: dict[str, Check]
