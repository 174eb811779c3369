"""How each of the three models is fitted. Every one takes rows in raw units and with any value missing.

The settings come from five-fold cross-validation on the training part of the real data. Their macro-F1 is within one
standard error (.003) of the best found: .850 (SVC), .847 (KNN), .852 (LightGBM); small and fast ones were preferred.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import lightgbm
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # sklearn wants it said
from sklearn.impute import IterativeImputer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC

from models.employees.data import CLASS_NAMES, with_gaps
from models.flavors import Fitted, LightgbmModel, SklearnModel

#: Fits a model to features, labels and a seed.
Fit = Callable[[pd.DataFrame, pd.Series, int], Fitted]

_PENALTY: Final = 0.1
_NEIGHBOURS: Final = 50
_TREES: Final[Mapping[str, Any]] = MappingProxyType({"num_leaves": 8, "learning_rate": 0.2})
_ROUNDS: Final = 50


def svc(features: pd.DataFrame, labels: pd.Series, seed: int) -> Fitted:
    """Fit a support vector classifier on the features' products of degree two.

    The classes overlap, so a kernel machine keeps a third of the training rows as support vectors and predicts 3,000
    rows/s. This one is linear in the products, scores the same, and predicts fifty times as many (batches of 2,000,
    one core). Platt's method turns its scores into probabilities.
    """
    classifier = LinearSVC(C=_PENALTY, dual=False, tol=1e-2, random_state=seed)
    return SklearnModel(
        make_pipeline(
            IterativeImputer(random_state=seed),
            StandardScaler(),
            PolynomialFeatures(2, include_bias=False),
            StandardScaler(),
            CalibratedClassifierCV(classifier, ensemble=False, cv=3),
        ).fit(features, labels)
    )


def knn(features: pd.DataFrame, labels: pd.Series, seed: int) -> Fitted:
    """Fit nearest neighbours in the plane that separates the classes best.

    The plane (linear discriminant analysis) keeps features that say nothing out of the distance, and two dimensions
    let a k-d tree find neighbours fast.
    """
    return SklearnModel(
        make_pipeline(
            IterativeImputer(random_state=seed),
            StandardScaler(),
            LinearDiscriminantAnalysis(),
            KNeighborsClassifier(_NEIGHBOURS, algorithm="kd_tree"),
        ).fit(features, labels)
    )


def lightgbm_classifier(features: pd.DataFrame, labels: pd.Series, seed: int) -> Fitted:
    """Fit boosted trees to the rows and to a copy of each with gaps.

    LightGBM handles missing values by itself, but only in features that lacked some in training: in the others it
    takes them for 0. The copies teach it where rows go whose value is missing.
    """
    gaps = with_gaps(features, seed)
    data = lightgbm.Dataset(pd.concat([features, gaps]), pd.concat([labels, labels]))
    params = {
        "objective": "multiclass",
        "num_class": len(CLASS_NAMES),
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        **_TREES,
    }
    return LightgbmModel(lightgbm.train(params, data, num_boost_round=_ROUNDS))


#: Registered name to recipe.
RECIPES: Final[Mapping[str, Fit]] = MappingProxyType(
    {"SVC": svc, "Knn_Classifier": knn, "LightGBM_Classifier": lightgbm_classifier}
)
