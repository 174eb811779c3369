"""How a model of a table is fitted, by each library."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

import lightgbm
import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import Pipeline

from models.flavors import Fitted, SklearnModel
from models.tabular import Kind, Library
from models.tabular.data import Table
from models.tabular.errors import TableError
from models.tabular.preparing import TRUSTED, for_lines, for_trees

_TREES: Final[Mapping[str, Any]] = MappingProxyType({"n_estimators": 200, "learning_rate": 0.05, "num_leaves": 15})
#: Rows from which on a second thread helps; below, threads mostly wait for each other.
_THREADS_HELP: Final = 20_000
#: LightGBM's own least rows of a leaf; small tables get a twentieth of their rows.
_LEAF_ROWS: Final = 20
#: What AutoGluon chooses from: each comes with AutoGluon itself or with the worker.
_SEARCHED: Final[Mapping[str, Any]] = MappingProxyType(
    {"GBM": [{}, {"extra_trees": True, "ag_args": {"name_suffix": "XT"}}], "RF": {}, "XT": {}, "LR": {}}
)
#: What a fitted LightGBM estimator holds beyond skops' own list.
_LIGHTGBM: Final = ("collections.OrderedDict", "lightgbm.basic.Booster")


@dataclass(frozen=True)
class Effort:
    """What a training may take.

    Attributes:
        folder: Where a library may keep what it makes until the model is registered.
        seed: Of what is random.
        seconds: Time that a library may search; those that fit one model do not look at it.
    """

    folder: Path
    seed: int = 42
    seconds: float = 60.0


class FittedTable(Fitted, Protocol):
    """A fitted model that knows its labels."""

    @property
    def classes(self) -> list[Any]:
        """Labels in the order of the probabilities; empty where it predicts values."""


#: Fits a model to the training part of a table.
Fit = Callable[[Table, Effort], FittedTable]


def boosted_trees(table: Table, effort: Effort) -> FittedTable:
    """Fit LightGBM: categories are split as such, and missing values have branches of their own."""
    classes = table.task is Kind.CLASSIFICATION
    make = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    estimator = make(
        **_TREES,
        min_child_samples=min(_LEAF_ROWS, max(2, len(table.train) // 20)),
        n_jobs=1 if len(table.train) < _THREADS_HELP else None,
        random_state=effort.seed,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    )
    pipeline = Pipeline([("prepare", for_trees(table)), ("model", estimator)])
    categories = list(range(len(table.names("string"))))
    pipeline.fit(table.train, table.train_target, model__categorical_feature=categories)
    estimator.set_params(n_jobs=1)  # handing the few rows of a batch to many threads costs more than it brings
    trusted = (*TRUSTED, *_LIGHTGBM, f"lightgbm.sklearn.{make.__name__}")
    return SklearnModel(pipeline, trusted, (lightgbm, np))


def linear(table: Table, effort: Effort) -> FittedTable:
    """Fit a logistic regression, or a ridge regression with a penalty chosen by cross-validation."""
    classes = table.task is Kind.CLASSIFICATION
    estimator = LogisticRegression(max_iter=1000, random_state=effort.seed) if classes else RidgeCV()
    pipeline = Pipeline([("prepare", for_lines(table)), ("model", estimator)])
    return SklearnModel(pipeline.fit(table.train, table.train_target), TRUSTED, (np,))


def searched(table: Table, effort: Effort) -> FittedTable:
    """Let AutoGluon choose and combine models, in its time.

    Raises:
        TableError: AutoGluon is not installed.
    """
    try:
        from autogluon.tabular import TabularPredictor
    except ImportError as exc:
        raise TableError("AutoGluon is not installed: pip install 'streamapp[autogluon]'.") from exc
    from models.autogluon import AutogluonModel, quiet

    quiet()
    predictor = TabularPredictor(
        table.target, problem_type=_problem(table), path=str(effort.folder / "predictor"), verbosity=0
    )
    rows = table.train.assign(**{table.target: table.train_target})
    return AutogluonModel(predictor.fit(rows, time_limit=effort.seconds, hyperparameters=dict(_SEARCHED), num_gpus=0))


def _problem(table: Table) -> str:
    if table.task is Kind.REGRESSION:
        return "regression"
    return "binary" if table.train_target.nunique() == 2 else "multiclass"  # noqa: PLR2004  # two classes


#: Library to recipe.
RECIPES: Final[Mapping[Library, Fit]] = MappingProxyType(
    {Library.LIGHTGBM: boosted_trees, Library.SKLEARN: linear, Library.AUTOGLUON: searched}
)
