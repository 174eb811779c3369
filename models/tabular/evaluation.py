"""Scores, plots and importances of a model of a table, on its test part."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import PredictionErrorDisplay, mean_absolute_error, r2_score, root_mean_squared_error

from models import evaluation
from models.flavors import Array
from models.tabular import Kind
from models.tabular.data import Table
from models.tabular.recipes import FittedTable

#: Rows that importances are measured on: enough to rank columns.
_ROWS: Final = 1000
#: Columns that the plot of importances shows.
_SHOWN: Final = 20
#: Classes up to which plots of them can be read.
_MAX_CLASSES: Final = 12


def scores(model: FittedTable, table: Table) -> dict[str, float]:
    """Return macro-F1, accuracy and log loss of classes, or RMSE, MAE and R2 of values."""
    if table.task is Kind.CLASSIFICATION:
        truth, predicted, probabilities, names = _positions(model, table)
        every = evaluation.scores(truth, predicted, probabilities, names)
        return {name: every[name] for name in ("macro_f1", "accuracy", "log_loss")}
    truth, predicted = table.test_target.to_numpy(), model.predict(table.test)
    return {
        "rmse": float(root_mean_squared_error(truth, predicted)),
        "mae": float(mean_absolute_error(truth, predicted)),
        "r2": float(r2_score(truth, predicted)),
    }


def importances(model: FittedTable, table: Table, seed: int) -> dict[str, float]:
    """Return by how much the model gets worse where a column's values are shuffled, the most important first.

    In accuracy of classes, else in the share of the target's variance that is explained.
    """
    part = table.test.head(_ROWS)
    truth = table.test_target.head(_ROWS).to_numpy()
    rng = np.random.default_rng(seed)
    best = _quality(truth, model.predict(part), table)
    losses = {
        column: best - _quality(truth, model.predict(_shuffled(part, column, rng)), table) for column in part.columns
    }
    return dict(sorted(losses.items(), key=lambda item: -item[1]))


def plots(model: FittedTable, table: Table, important: dict[str, float]) -> Iterator[tuple[str, Figure]]:
    """Yield each plot under its file name."""
    yield "importances.png", _importances(important)
    if table.task is Kind.REGRESSION:
        truth, predicted = table.test_target.to_numpy(), model.predict(table.test)
        yield "predicted.png", _errors(truth, predicted, "actual_vs_predicted")
        yield "residuals.png", _errors(truth, predicted, "residual_vs_predicted")
    elif len(model.classes) <= _MAX_CLASSES:
        yield from evaluation.plots(*_positions(model, table))


def _positions(model: FittedTable, table: Table) -> tuple[Array, Array, Array, list[str]]:
    """Return truth and prediction as places in the model's classes, the probabilities, and the classes' names."""
    index = pd.Index(model.classes)
    known = table.test_target.isin(model.classes)
    rows = table.test[known]
    names = [str(label) for label in model.classes]
    truth = index.get_indexer(table.test_target[known])
    return truth, index.get_indexer(model.predict(rows)), model.probabilities(rows), names


def _quality(truth: Array, predicted: Array, table: Table) -> float:
    if table.task is Kind.CLASSIFICATION:
        return float((truth == predicted).mean())
    return float(r2_score(truth, predicted))


def _shuffled(rows: pd.DataFrame, column: str, rng: np.random.Generator) -> pd.DataFrame:
    order = rng.permutation(len(rows))
    return rows.assign(**{column: rows[column].iloc[order].set_axis(rows.index)})


def _importances(important: dict[str, float]) -> Figure:
    shown = list(important.items())[:_SHOWN][::-1]
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    axes.barh([name for name, _ in shown], [loss for _, loss in shown])
    axes.set_xlabel("loss where the column is shuffled")
    return figure


def _errors(truth: Array, predicted: Array, kind: str) -> Figure:
    figure = Figure(layout="constrained")
    PredictionErrorDisplay.from_predictions(truth, predicted, kind=kind, ax=figure.subplots())
    return figure
