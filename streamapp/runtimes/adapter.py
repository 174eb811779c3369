"""What the adapters share: a loaded MLflow model of one flavour behind the port `scoring.model.Model`."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import ModelLoadError
from streamapp.runtimes.answers import labels
from streamapp.runtimes.columns import single_precision
from streamapp.runtimes.parity import Function, Matrix
from streamapp.runtimes.ways import Quicker, choose
from streamapp.scoring.model import Table


class Adapter:
    """What all adapters share: the card, and columns in the model's own order and precision."""

    def __init__(self, card: ModelCard, path: Path) -> None:
        self._card = card
        self._names = [feature.name for feature in card.features]
        self._order: list[int] | None = None
        self._single = single_precision(path)

    @property
    def card(self) -> ModelCard:
        """What the model takes and gives."""
        return self._card

    def _frame(self, table: Table) -> pd.DataFrame:
        """Return the table as a frame with the card's names, in the model's order."""
        frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(table, columns=self._names, copy=False)
        if self._single:
            frame = frame.astype(dict.fromkeys(self._single, np.float32))
        return frame if self._order is None else frame.iloc[:, self._order]

    def _classifies(self, classes: Any) -> None:
        """Note the classes that the model itself knows, in the order of its probabilities."""
        known = self._card.classes or tuple(labels(np.asarray(classes)))
        self._card = msgspec.structs.replace(self._card, task="classification", classes=known)


class Computed(Adapter, ABC):
    """An adapter of models that compute numbers from numbers; there may be a quicker way than the library's."""

    def __init__(self, card: ModelCard, path: Path) -> None:
        super().__init__(card, path)
        self._compute: Function = self._plainly

    def quicken(self) -> None:
        """Take the quicker way where it answers the same and takes less time; the card says its name then."""
        way, self._compute = choose(
            f"{self._card.registered_name} {self._card.version}", self._plainly, self._quicker
        )
        self._card = msgspec.structs.replace(self._card, way=way)

    @abstractmethod
    def _plainly(self, rows: Any) -> Matrix:
        """Return values of shape (rows,), or probabilities of shape (rows, classes), as the library computes them."""

    @abstractmethod
    def _quicker(self) -> Quicker:
        """Return the quicker way.

        Raises:
            Unknown: There is none.
        """


def several_columns(card: ModelCard, columns: int) -> ModelLoadError:
    """Return the error of a model that predicts more than one column."""
    return ModelLoadError(
        f"{card.registered_name} {card.version} predicts {columns} columns; one can be served. Register a model for "
        "each."
    )
