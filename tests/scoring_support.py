"""What the tests of scoring share: records, models made of functions, a scorer with a fixed clock."""

import json
from typing import Any, NamedTuple

import numpy as np

from streamapp.contracts import codec
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.messages import DeadLetter, Headers, Prediction
from streamapp.scoring.model import FunctionModel, Model, Table
from streamapp.scoring.records import Outcome
from streamapp.scoring.score import Limits, Scorer

NOW = "2026-01-02T03:04:05.678Z"


class In(NamedTuple):
    """A record as the consumer hands it over."""

    value: bytes | None
    offset: int = 0
    topic: str = "mlops_stream"
    partition: int = 2
    timestamp: int = 1_700_000_000_000
    key: bytes | None = None
    headers: Headers = ()

    @property
    def header_names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.headers)


def card(alias: str = "svm", **changes: Any) -> ModelCard:
    values = {
        "registered_name": alias.upper(),
        "version": "3",
        "run_id": "run",
        "flavor": "test",
        "features": (Feature("Sleep_Hours"), Feature("Team_Size")),
    }
    return ModelCard(alias=alias, **{**values, **changes})


def rounded_sum(table: Table) -> list[Any]:
    return [int(value) for value in np.nansum(np.asarray(table, dtype=float), axis=1)]


def scorer(*models: Model, **limits: float) -> Scorer:
    """Return a scorer with these models, or with one that adds up each row."""
    models = models or (FunctionModel(card(), rounded_sum),)
    return Scorer({model.card.alias: model for model in models}, Limits(**limits), clock=lambda: NOW)  # type: ignore[arg-type]


def ask(rows: Any, model: str = "svm", offset: int = 0, columns: list[str] | None = None, **record: Any) -> In:
    return In(json.dumps({"payload": {"data": rows, "columns": columns}, "model": model}).encode(), offset, **record)


def predictions(outcome: Outcome) -> list[Prediction]:
    return [codec.decode_prediction(scored.value) for scored in outcome.predictions]


def only_letter(outcome: Outcome) -> DeadLetter:
    assert not outcome.predictions
    (letter,) = outcome.dead_letters
    return letter
