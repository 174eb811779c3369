"""AutoGluon's tabular predictors, called without MLflow's `pyfunc` in between.

One call takes about 25 ms up to a hundred rows and 40 ms for a thousand (two boosters, 19 features, one core): nearly
all of it goes into AutoGluon's feature generators, whatever the number of rows.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import ThreadpoolController

from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import ModelLoadError
from streamapp.scoring.model import Predicted, Table


class AutoGluon:
    """A tabular predictor with its models in memory.

    Args:
        card: The model's card.
        folder: Folder of the predictor.

    Raises:
        ModelLoadError: AutoGluon is not installed, or the predictor's columns or classes are not those of the card.
    """

    def __init__(self, card: ModelCard, folder: Path) -> None:
        self._card = card
        self._names = [feature.name for feature in card.features]
        self._classes = list(card.classes)
        self._predictor = _load(folder)
        self._require("columns", set(self._predictor.original_features) - set(self._names))
        self._require("classes", set(self._classes) ^ set(self._labels()))
        # Made when all libraries are loaded that have threads.
        self._threads = ThreadpoolController()

    @property
    def card(self) -> ModelCard:
        """What the model takes and gives."""
        return self._card

    def predict(self, table: Table) -> Predicted:
        """Predict the rows; for classes, with all probabilities."""
        rows = table if isinstance(table, pd.DataFrame) else pd.DataFrame(table, columns=self._names, copy=False)
        # One thread: handing a small batch to many costs more than it brings, three times as much on a busy machine.
        with self._threads.limit(limits=1, user_api="openmp"):
            if not self._classes:
                return Predicted(np.asarray(self._predictor.predict(rows)).tolist())
            probabilities = self._predictor.predict_proba(rows, as_multiclass=True)
            labels = self._predictor.predict_from_proba(probabilities)
        # By place: a list of True and False would choose rows.
        ordered = probabilities.iloc[:, probabilities.columns.get_indexer(self._classes)]
        return Predicted(labels.tolist(), ordered.to_numpy().tolist())

    def _labels(self) -> list[Any]:
        return list(self._predictor.class_labels or ()) if self._classes else []

    def _require(self, what: str, different: set[Any]) -> None:
        if different:
            raise ModelLoadError(
                f"{self._card.registered_name} {self._card.version}: its {what} and those that the registry names "
                f"differ in {', '.join(sorted(map(str, different)))}."
            )


def _load(folder: Path) -> Any:
    """Load a predictor, and its models into memory.

    Raises:
        ModelLoadError: AutoGluon is not installed.
    """
    try:
        from autogluon.tabular import TabularPredictor
    except ModuleNotFoundError as exc:
        raise ModelLoadError(
            f"{exc.name} is not installed; install the extra: pip install 'streamapp[autogluon]'"
        ) from exc
    logging.getLogger("autogluon").setLevel(logging.ERROR)
    predictor = TabularPredictor.load(str(folder))
    predictor.persist(max_memory=None)
    return predictor
