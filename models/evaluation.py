"""Scores and plots of a classifier whose labels are 0, 1, 2, ..."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, f1_score, log_loss

from models.flavors import Array


def scores(truth: Array, predicted: Array, probabilities: Array, names: Sequence[str]) -> dict[str, float]:
    """Return macro-F1, accuracy, log loss, and the F1 of each class.

    Args:
        truth: Labels, shape (rows,).
        predicted: Labels, shape (rows,).
        probabilities: Shape (rows, classes).
        names: Name of each class, in the order of the labels.
    """
    labels = list(range(len(names)))
    by_class = f1_score(truth, predicted, labels=labels, average=None, zero_division=0.0)
    return {
        "macro_f1": macro_f1(truth, predicted),
        "accuracy": float(accuracy_score(truth, predicted)),
        "log_loss": float(log_loss(truth, probabilities, labels=labels)),
        **{f"f1_{name.lower()}": float(score) for name, score in zip(names, by_class, strict=True)},
    }


def macro_f1(truth: Array, predicted: Array) -> float:
    """Return the mean of the classes' F1 scores."""
    return float(f1_score(truth, predicted, average="macro"))


def plots(truth: Array, predicted: Array, probabilities: Array, names: Sequence[str]) -> Iterator[tuple[str, Figure]]:
    """Yield each plot under its file name."""
    yield "confusion_matrix.png", _confusion_matrix(truth, predicted, names)
    yield "calibration.png", _calibration(truth, probabilities, names)


def _confusion_matrix(truth: Array, predicted: Array, names: Sequence[str]) -> Figure:
    figure = Figure(layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        truth,
        predicted,
        labels=list(range(len(names))),
        display_labels=names,
        normalize="true",
        ax=figure.subplots(),
    )
    return figure


def _calibration(truth: Array, probabilities: Array, names: Sequence[str]) -> Figure:
    """Draw, for each class, how often it is true where the model gives it a certain probability."""
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    for label, name in enumerate(names):
        CalibrationDisplay.from_predictions(
            np.asarray(truth) == label, probabilities[:, label], n_bins=10, name=name, ax=axes
        )
    return figure
