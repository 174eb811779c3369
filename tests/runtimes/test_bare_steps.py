"""The steps of pipelines without all around them: scikit-learn's answers, or scikit-learn itself."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # sklearn wants it said
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC

from streamapp.runtimes.parity import TOLERANCE, batches, differences, probes
from streamapp.runtimes.steps import steps
from streamapp.runtimes.ways import Unknown, Ways

Matrix = NDArray[np.float64]


def svc() -> Any:
    return CalibratedClassifierCV(LinearSVC(dual=False), ensemble=False, cv=3)


PIPELINES = {
    "svc": lambda: make_pipeline(
        IterativeImputer(random_state=1), StandardScaler(), PolynomialFeatures(2, include_bias=False), svc()
    ),
    "averaged": lambda: make_pipeline(
        IterativeImputer(random_state=1, min_value=-1, max_value=3), StandardScaler(),
        CalibratedClassifierCV(LinearSVC(dual=False), ensemble=True, cv=3),
    ),
    "knn": lambda: make_pipeline(
        IterativeImputer(random_state=1), StandardScaler(), LinearDiscriminantAnalysis(),
        KNeighborsClassifier(9, algorithm="kd_tree"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PIPELINES)
def test_steps_answer_as_scikit_learn_does(name: str, rows: Matrix, classes: NDArray[np.int64]) -> None:
    pipeline = PIPELINES[name]().fit(rows, classes)
    quick = steps(pipeline)
    given = rows.copy()
    np.testing.assert_allclose(quick.function(rows), pipeline.predict_proba(rows), rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_array_equal(rows, given)
    both = Ways(pipeline.predict_proba, quick.function, least=1)
    assert set(differences(pipeline.predict_proba, both, batches(probes(quick.values)))) == {""}


@pytest.mark.parametrize(
    ("empty", "others"),
    [(3, 0), (3, 2), (1500, 0), (1200, 300), (600, 601)],
    ids=["all", "some", "many", "blocks", "block"],
)
def test_rows_without_any_value_are_filled_as_scikit_learn_does(
    empty: int, others: int, rows: Matrix, classes: NDArray[np.int64]
) -> None:
    """It leaves the means only where no row of a call has any value; large batches are cut into blocks."""
    pipeline = PIPELINES["svc"]().fit(rows, classes)
    both = Ways(pipeline.predict_proba, steps(pipeline).function, least=1)
    batch = np.vstack([np.full((empty, 5), np.nan), np.resize(rows, (others, 5))])
    np.testing.assert_allclose(both(batch), pipeline.predict_proba(batch), rtol=TOLERANCE)


def test_what_overflows_is_for_scikit_learn_to_refuse(rows: Matrix, classes: NDArray[np.int64]) -> None:
    pipeline = PIPELINES["svc"]().fit(rows, classes)
    both = Ways(pipeline.predict_proba, steps(pipeline).function, least=1)
    huge = rows[:2].copy()
    huge[0, 0] = 1e200
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="infinity"):
        both(huge)


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(with_mean=False), KNeighborsClassifier()),
        make_pipeline(StandardScaler(), PolynomialFeatures(3), KNeighborsClassifier(algorithm="kd_tree")),
        make_pipeline(StandardScaler(), KNeighborsClassifier(weights="distance", algorithm="kd_tree")),
        make_pipeline(StandardScaler(), CalibratedClassifierCV(LinearSVC(), method="isotonic", ensemble=False)),
        make_pipeline(IterativeImputer(add_indicator=True), StandardScaler(), svc()),
    ],
    ids=["estimator", "scaler", "degree", "weights", "method", "indicator"],
)
def test_what_the_steps_do_not_know_is_left_to_scikit_learn(
    pipeline: Any, rows: Matrix, classes: NDArray[np.int64]
) -> None:
    with pytest.raises(Unknown):
        steps(pipeline.fit(np.nan_to_num(rows), classes))
