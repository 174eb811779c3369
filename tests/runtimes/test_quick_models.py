"""Models of a registry that are served in quicker ways than their libraries'."""

from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
from foreign_support import Folder, ours
from foreign_support import served as loaded
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_info, threadpool_limits

from streamapp.runtimes.load import load_model
from streamapp.runtimes.registry import ModelVersion
from streamapp.scoring.model import Model

NAMES = ["a", "b", "c"]
VERSION = ModelVersion("Theirs", "3", "run")

pytestmark = pytest.mark.filterwarnings("ignore:.*An input example was not provided")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(3).normal(size=(500, 3)), columns=NAMES)


@pytest.fixture(scope="module")
def pipeline(rows: pd.DataFrame) -> Any:
    classifier = CalibratedClassifierCV(LinearSVC(dual=False), ensemble=False, cv=3)
    labels = pd.cut(rows["a"] + 3 * rows["c"], 3, labels=["low", "mid", "high"]).astype(str)
    return make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), classifier).fit(rows, labels)


def served(pipeline: Any, path: Path, *, kind: str = "double", quicken: bool = True) -> Model:
    """Load a pipeline whose signature has its columns in another order."""
    mlflow.sklearn.save_model(
        pipeline,
        path,
        signature=ModelSignature(Schema([ColSpec(kind, name) for name in reversed(NAMES)])),
        serialization_format="cloudpickle",
        pip_requirements=["pandas"],
    )
    return load_model(Folder(path), "mine", VERSION, quicken=quicken)


def test_a_pipeline_of_known_steps_is_served_by_them(rows: pd.DataFrame, pipeline: Any, tmp_path: Path) -> None:
    model = served(pipeline, tmp_path / "model")
    assert model.card.way == "steps"
    predicted = model.predict(rows[NAMES[::-1]].to_numpy())
    assert predicted.labels == pipeline.predict(rows).tolist()
    np.testing.assert_allclose(predicted.probabilities, pipeline.predict_proba(rows), rtol=1e-12)


def test_where_it_is_not_wanted_none_is(pipeline: Any, tmp_path: Path) -> None:
    assert served(pipeline, tmp_path / "model", quicken=False).card.way == ""


@pytest.mark.parametrize("kind", ["float", "long"])
def test_columns_that_are_no_doubles_are_for_the_library(kind: str, pipeline: Any, tmp_path: Path) -> None:
    assert served(pipeline, tmp_path / "model", kind=kind).card.way == ""


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize("name", ["", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"])
def test_matrices_have_one_thread_unless_somebody_has_set_another_number(
    name: str, pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for known in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(known, raising=False)
    if name:
        monkeypatch.setenv(name, "2")
    with threadpool_limits(limits=2, user_api="blas"):
        served(pipeline, tmp_path / "model")
        assert blas_threads() == ({2} if name else {1})


def test_a_booster_that_splits_on_no_category_is_served_the_rows_with_their_categories(
    rows: pd.DataFrame, tmp_path: Path
) -> None:
    """It has nothing but numbers in its trees, and still is called with columns of strings."""
    people = rows.assign(city="Lima")
    fitted = lightgbm.LGBMClassifier(n_estimators=150, num_leaves=8, verbose=-1, n_jobs=1)
    fitted.fit(people.astype({"city": "category"}), people["a"] > 0)
    mlflow.lightgbm.save_model(fitted, tmp_path, signature=infer_signature(people), pip_requirements=["pandas"])
    model = loaded(tmp_path)
    assert ours(model, people) == fitted.predict(people.astype({"city": "category"})).tolist()
    assert model.card.way == ""
