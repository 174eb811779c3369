import numpy as np
import pandas as pd
import pytest

from models.employees.data import Split
from models.employees.recipes import RECIPES
from models.evaluation import macro_f1
from models.flavors import Fitted
from producer.employees import FEATURES

#: Macro-F1 that the older system logged on the same split of the real data.
OLDER = {"SVC": 0.862, "Knn_Classifier": 0.827, "LightGBM_Classifier": 0.862}
HANDBOOK = {"Designation": 1.5, "Resource_Allocation": 1.7, "Sleep_Hours": 7.0}


@pytest.fixture(scope="module", params=RECIPES)
def model(request: pytest.FixtureRequest, split: Split) -> Fitted:
    return RECIPES[request.param](split.train, split.train_labels, 42)


@pytest.mark.parametrize("name", RECIPES)
def test_score_on_the_real_data_is_at_least_the_older_systems(name: str, real: Split) -> None:
    fitted = RECIPES[name](real.train, real.train_labels, 42)
    assert macro_f1(real.test_labels.to_numpy(), fitted.predict(real.test)) >= OLDER[name]


def test_any_value_may_be_missing(model: Fitted, split: Split) -> None:
    row = split.test.dropna().head(1)
    rows = pd.concat([row.assign(**{name: np.nan}) for name in FEATURES])
    nothing = pd.DataFrame([dict.fromkeys(FEATURES, np.nan)])
    probabilities = model.probabilities(pd.concat([rows, nothing]))
    assert probabilities.shape == (14, 3)
    assert np.isfinite(probabilities).all()
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(14))


def test_handbook_row_of_a_relaxed_employee_is_not_high(model: Fitted) -> None:
    row = pd.DataFrame([HANDBOOK]).reindex(columns=FEATURES)
    assert model.predict(row)[0] in {0, 1}


def test_a_feature_that_was_never_missing_is_not_taken_for_zero(model: Fitted, split: Split) -> None:
    # No hours of sleep at all would speak for a strained employee, whatever the rest says.
    rows = split.test.dropna()
    without = rows.assign(Sleep_Hours=np.nan)
    assert (model.predict(without) == model.predict(rows)).mean() > 0.95


def test_label_is_the_most_probable_class(model: Fitted, split: Split) -> None:
    assert (model.predict(split.test) == model.probabilities(split.test).argmax(axis=1)).mean() > 0.99
