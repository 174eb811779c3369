"""Models of any flavour, called through MLflow."""

from pathlib import Path
from typing import Any

import mlflow
from mlflow.types import DataType, Schema, TensorSpec

from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import PredictionError
from streamapp.runtimes.adapter import Adapter, several_columns
from streamapp.runtimes.answers import labels
from streamapp.runtimes.columns import by_missing_integers
from streamapp.scoring.model import Predicted, Table


class PyFunc(Adapter):
    """Any model with a `python_function` flavour, called through MLflow, which enforces its signature.

    MLflow knows no missing integer: a column may only be left out as a whole. So rows that lack the same integers are
    predicted together, without those columns.

    Args:
        card: The model's card.
        path: Folder with the `MLmodel` file.

    Raises:
        ModelLoadError: It predicts several columns.
    """

    def __init__(self, card: ModelCard, path: Path) -> None:
        super().__init__(card, path)
        self._model = mlflow.pyfunc.load_model(str(path))
        columns = self._model.metadata.get_input_schema().inputs
        self._integers = {
            column.name: column.type.to_numpy()
            for column in columns
            if column.type in (DataType.integer, DataType.long)
        }
        self._booleans = [feature.name for feature in card.features if feature.type == "boolean"]
        _require_one_output(card, self._model.metadata.get_output_schema())

    def predict(self, table: Table) -> Predicted:
        """Predict the rows.

        Raises:
            PredictionError: It answered with more than one column, or with what is no label.
        """
        frame = self._frame(table)
        # MLflow takes a column in which all booleans are missing as None only.
        nones = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in self._booleans}
        found: dict[int, Any] = {}
        for places, rows in by_missing_integers(frame.assign(**nones), self._integers):
            answered = labels(self._model.predict(rows))
            if len(answered) != len(rows):
                raise PredictionError(f"The model answered {len(answered)} predictions for {len(rows)} rows.")
            found.update(zip(places, answered, strict=True))
        return Predicted([found[place] for place in sorted(found)])


def _require_one_output(card: ModelCard, outputs: Schema | None) -> None:
    if outputs is None:
        return
    first = outputs.inputs[0]
    columns = first.shape[-1] if isinstance(first, TensorSpec) and len(first.shape) > 1 else len(outputs.inputs)
    if columns > 1:
        raise several_columns(card, columns)
