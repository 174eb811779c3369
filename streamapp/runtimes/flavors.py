"""The adapters by MLflow flavour."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from mlflow.models import Model as MlflowModel

from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import ModelLoadError
from streamapp.runtimes.apart import Apart
from streamapp.runtimes.autogluon import AutoGluon
from streamapp.runtimes.lightgbm import LightGBM
from streamapp.runtimes.pyfunc import PyFunc
from streamapp.runtimes.requirements import requirement
from streamapp.runtimes.sklearn import Sklearn
from streamapp.scoring.model import Model


def autogluon(card: ModelCard, path: Path) -> Apart:
    """Load a tabular predictor of AutoGluon, in a process of its own; see `Apart` for the errors."""
    return Apart(AutoGluon, card, path / MlflowModel.load(str(path)).flavors["autogluon"]["predictor"])


#: Adapters by MLflow flavour, the most direct first; `python_function` serves what no other does.
ADAPTERS: Final[Mapping[str, Callable[[ModelCard, Path], Model]]] = {
    "autogluon": autogluon,
    "lightgbm": LightGBM,
    "sklearn": Sklearn,
    "python_function": PyFunc,
}


def adapter(flavors: Mapping[str, Any], name: str) -> tuple[str, Callable[[ModelCard, Path], Model]]:
    """Return the most direct flavour of a model that we have an adapter for, with the adapter.

    Raises:
        ModelLoadError: There is none; the adapter raises it where a library of the model is not installed.
    """
    for flavor, make in ADAPTERS.items():
        if flavor in flavors:
            return flavor, partial(_with_libraries, make)
    raise ModelLoadError(
        f"{name}: no flavour of it can be served ({', '.join(flavors)}). Served: {', '.join(ADAPTERS)}."
    )


def _with_libraries(make: Callable[[ModelCard, Path], Model], card: ModelCard, path: Path) -> Model:
    try:
        return make(card, path)
    except ModuleNotFoundError as exc:
        module = (exc.name or "").partition(".")[0]
        raise ModelLoadError(
            f"{card.registered_name} {card.version} needs {module}, which is not installed where the worker runs: "
            f"pip install '{requirement(path, module)}'"
        ) from exc
