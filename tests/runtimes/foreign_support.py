"""Models as their authors save them, loaded by us and by plain MLflow."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel
from mlflow.types import ColSpec, DataType

from streamapp.contracts.rows import Row
from streamapp.runtimes.load import load_model
from streamapp.runtimes.registry import ModelVersion, Registry
from streamapp.scoring.model import Model, to_table


class Folder(Registry):
    """A registry whose only version is a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def download(self, version: ModelVersion, folder: Path) -> Path:
        return Path(shutil.copytree(self._path, folder / "model"))


class Function(PythonModel):
    """A user's function as a model."""

    def __init__(self, function: Callable[[pd.DataFrame], Any]) -> None:
        self.function = function

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        return self.function(model_input)


def served(path: Path) -> Model:
    return load_model(Folder(path), "mine", ModelVersion("Theirs", "3", "run"))


def plain(path: Path) -> Any:
    return mlflow.pyfunc.load_model(str(path))


def rows_of(frame: pd.DataFrame) -> list[Row]:
    """Return rows as the wire brings them: Python's types, None where a value is missing."""
    return [
        tuple(None if pd.isna(value) else getattr(value, "item", lambda value=value: value)() for value in row)
        for row in zip(*(_python(frame[name]) for name in frame), strict=True)
    ]


def _python(values: "pd.Series[Any]") -> list[Any]:
    if values.dtype.kind == "M":
        return [None if pd.isna(time) else time.to_pydatetime() for time in values]
    return list(values)


def ours(model: Model, frame: pd.DataFrame) -> list[Any]:
    return model.predict(to_table(model.card, rows_of(frame))).labels


def one_by_one(loaded: Any, frame: pd.DataFrame) -> list[Any]:
    """Return what plain MLflow answers for each row alone.

    It takes a missing boolean of a single row as None only, and a missing integer as a column that is left out.
    """
    columns = loaded.metadata.get_input_schema().inputs
    return [loaded.predict(_as_mlflow_takes_it(frame.iloc[[place]], columns))[0] for place in range(len(frame))]


def _as_mlflow_takes_it(row: pd.DataFrame, columns: list[ColSpec]) -> pd.DataFrame:
    missing = [column for column in columns if pd.isna(row[column.name].iloc[0])]
    booleans = {column.name: None for column in missing if column.type == DataType.boolean}
    integers = [column.name for column in columns if column.type in (DataType.integer, DataType.long)]
    left_out = [column.name for column in missing if column.name in integers]
    kinds = {name: row[name].dtype if row[name].dtype.kind == "i" else "int64" for name in integers}
    return row.assign(**booleans).drop(columns=left_out).astype({n: k for n, k in kinds.items() if n not in left_out})
