"""Models that others registered: what plain MLflow answers is what the stream answers, row by row."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from foreign_support import Function, one_by_one, ours, plain, served
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import LinearSVC

from streamapp.contracts.errors import ModelLoadError, PredictionError
from streamapp.scoring.model import to_table

#: Named, MLflow need not find them out by loading the model.
BARE: dict[str, Any] = {"pip_requirements": ["pandas"]}
PICKLED: dict[str, Any] = {**BARE, "serialization_format": "cloudpickle"}


# MLflow advises to give an example; most authors give none.
pytestmark = pytest.mark.filterwarnings("ignore:.*An input example was not provided")


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Columns of every type, with and without gaps."""
    rng = np.random.default_rng(3)
    n = 120
    return pd.DataFrame(
        {
            "height": rng.normal(170, 10, n).round(1),
            "weight": pd.Series(rng.normal(70, 9, n).round(1)).mask(rng.random(n) < 0.2),
            "children": rng.integers(0, 5, n),
            "city": pd.Series(rng.choice(["Köln", "Bonn", "Ulm"], n), dtype=object).mask(rng.random(n) < 0.2),
            "member": rng.choice([True, False], n),
            "vip": pd.Series(rng.choice([True, False], n), dtype=object).mask(rng.random(n) < 0.3),
            "since": pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D")).mask(
                rng.random(n) < 0.2
            ),
        }
    )


@pytest.fixture(scope="module")
def labels(people: pd.DataFrame) -> "pd.Series[Any]":
    worth = people["height"] / 10 + people["children"] + 2 * (people["city"] == "Ulm")
    return pd.cut(worth, 3, labels=["low", "mid", "high"]).astype(str)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "theirs"


def signature(people: pd.DataFrame, answer: Any = None) -> ModelSignature:
    """Return what `infer_signature` finds, without its advice on integers."""
    with pytest.warns(UserWarning, match="integer column"):
        return infer_signature(people, answer)


def prepared() -> Any:
    numbers = make_pipeline(FunctionTransformer(np.asarray, kw_args={"dtype": "float64"}), SimpleImputer())
    times = FunctionTransformer(np.asarray, kw_args={"dtype": "datetime64[s]"})
    seconds = make_pipeline(times, FunctionTransformer(np.asarray, kw_args={"dtype": "float64"}))
    return make_column_transformer(
        (numbers, ["height", "weight", "children", "member", "vip"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
        (make_pipeline(seconds, FunctionTransformer(np.sign)), ["since"]),
    )


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(20, random_state=1),
        FixedThresholdClassifier(RandomForestClassifier(20, random_state=1), threshold=0.9, pos_label="high"),
        LinearSVC(random_state=1),
        LinearRegression(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_sklearn_answers_as_plain_mlflow(
    people: pd.DataFrame, labels: "pd.Series[Any]", path: Path, estimator: Any
) -> None:
    target: Any = labels
    if isinstance(estimator, FixedThresholdClassifier):
        target = labels.where(labels == "high", "other")
    elif isinstance(estimator, LinearRegression):
        target = people["height"] * 2
    pipeline = make_pipeline(prepared(), estimator).fit(people, target)
    mlflow.sklearn.save_model(pipeline, path, signature=signature(people), **PICKLED)
    model = served(path)
    assert ours(model, people) == one_by_one(plain(path), people)
    classifies = not isinstance(estimator, LinearRegression)
    assert model.card.task == ("classification" if classifies else "regression")
    assert model.card.classes == (tuple(pipeline.classes_) if hasattr(pipeline, "predict_proba") else ())


@pytest.mark.parametrize("target", ["string", "boolean", "integer", "value"])
def test_lightgbm_estimator_answers_as_plain_mlflow(
    people: pd.DataFrame, labels: "pd.Series[Any]", path: Path, target: str
) -> None:
    rows = people[["height", "weight", "children", "member"]]
    options = {"n_estimators": 10, "n_jobs": 1, "verbose": -1}
    targets = {"string": labels, "boolean": labels == "mid", "integer": people["children"], "value": people["height"]}
    make = lightgbm.LGBMRegressor if target == "value" else lightgbm.LGBMClassifier
    fitted = make(**options).fit(rows, targets[target])
    mlflow.lightgbm.save_model(fitted, path, signature=signature(rows), **BARE)
    model = served(path)
    assert ours(model, rows) == one_by_one(plain(path), rows)
    assert model.card.classes == tuple(fitted.classes_.tolist() if target != "value" else ())


def test_lightgbm_booster_of_several_classes_answers_the_place_of_the_most_probable(
    people: pd.DataFrame, labels: "pd.Series[Any]", path: Path
) -> None:
    rows = people[["height", "weight"]]
    data = lightgbm.Dataset(rows.to_numpy(), labels.factorize()[0])  # without names: by position
    booster = lightgbm.train({"objective": "multiclass", "num_class": 3, "verbose": -1}, data, 5)
    mlflow.lightgbm.save_model(booster, path, signature=infer_signature(rows), **BARE)
    model = served(path)
    expected = plain(path).predict(rows)
    predicted = model.predict(to_table(model.card, [tuple(row) for row in rows.to_numpy()]))
    assert predicted.labels == expected.argmax(axis=1).tolist()
    np.testing.assert_array_equal(predicted.probabilities, expected)
    assert (model.card.classes, model.card.task) == ((0, 1, 2), "classification")


def test_lightgbm_with_categories_answers_as_the_library(
    people: pd.DataFrame, labels: "pd.Series[Any]", path: Path
) -> None:
    rows = people[["height", "city"]]
    fitted = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(rows.astype({"city": "category"}), labels)
    mlflow.lightgbm.save_model(fitted, path, signature=infer_signature(rows), **BARE)
    expected = [fitted.predict(rows.astype({"city": "category"}).iloc[[i]])[0] for i in range(len(rows))]
    assert ours(served(path), rows) == expected


def described(rows: pd.DataFrame) -> list[str]:
    """Say of each row what has arrived: a missing value in one way, whatever it is in the frame."""
    kinds = {name: rows[name].dtype for name in rows if rows[name].dtype.kind in "if"}
    cells = [
        [f"{name}={'' if pd.isna(row[name]) else row[name]!r} {kinds.get(name, '')}" for name in rows]
        for _, row in rows.astype(object).iterrows()
    ]
    return ["; ".join(row) for row in cells]


def test_function_sees_what_plain_mlflow_hands_it(people: pd.DataFrame, path: Path) -> None:
    frame = people.assign(
        small=people["children"].astype("int32"),
        maybe=pd.Series(people["children"], dtype=float).mask(people["weight"].isna()),
        single=people["height"].astype("float32"),
    )
    kinds = {
        "height": "double", "weight": "double", "children": "long", "city": "string", "member": "boolean",
        "vip": "boolean", "since": "datetime", "small": "integer", "maybe": "long", "single": "float",
    }  # fmt: skip
    optional = {"weight", "city", "vip", "since", "maybe"}
    inputs = Schema([ColSpec(kind, name, required=name not in optional) for name, kind in kinds.items()])
    mlflow.pyfunc.save_model(path, python_model=Function(described), signature=ModelSignature(inputs), **BARE)
    nothing = frame.iloc[:2].assign(vip=None, city=None, maybe=np.nan, since=pd.NaT, weight=np.nan)
    loaded, model = plain(path), served(path)
    for rows in (frame, nothing):
        assert ours(model, rows) == one_by_one(loaded, rows)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda rows: rows["x"].to_numpy().reshape(-1, 1), [1.5, 2.5]),
        (lambda rows: rows["x"], [1.5, 2.5]),
        (lambda rows: rows[["x"]], [1.5, 2.5]),
        (lambda rows: list(np.float32(rows["x"])), [1.5, 2.5]),
        (lambda rows: np.where(rows["x"] > 2, "new", "used"), ["used", "new"]),
        (lambda rows: rows["x"] > 2, [False, True]),
        (lambda rows: pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
        (lambda rows: pd.to_datetime(["2024-05-01", "2024-05-02"]), ["2024-05-01T00:00:00", "2024-05-02T00:00:00"]),
    ],
    ids=["column", "series", "frame", "list", "strings", "booleans", "categories", "times"],
)
def test_whatever_a_function_answers_with_becomes_labels(
    path: Path, function: Callable[[pd.DataFrame], Any], expected: list[Any]
) -> None:
    rows = pd.DataFrame({"x": [1.5, 2.5]})
    mlflow.pyfunc.save_model(path, python_model=Function(function), signature=infer_signature(rows), **BARE)
    found = ours(served(path), rows)
    assert found == expected
    assert [type(label) for label in found] == [type(label) for label in expected]


@pytest.mark.parametrize("answer", [[{"a": 1}], [None], np.ones((1, 2)), pd.DataFrame({"a": [1], "b": [2]})])
def test_an_answer_that_is_no_label_is_an_error_of_the_prediction(path: Path, answer: Any) -> None:
    rows = pd.DataFrame({"x": [1.5]})
    model = Function(lambda _: answer)
    mlflow.pyfunc.save_model(path, python_model=model, signature=infer_signature(rows), **BARE)
    with pytest.raises(PredictionError, match="answered"):
        ours(served(path), rows)


def test_more_answers_than_rows_are_an_error_of_the_prediction(path: Path) -> None:
    rows = pd.DataFrame({"x": [1.5, 2.5]})
    model = Function(lambda frame: [value for value in frame["x"] for _ in range(2)])
    mlflow.pyfunc.save_model(path, python_model=model, signature=infer_signature(rows), **BARE)
    with pytest.raises(PredictionError, match="answered 4 predictions for 2 rows"):
        ours(served(path), rows)


def test_a_name_that_no_request_can_have_is_refused(path: Path) -> None:
    rows = pd.DataFrame({'size "in"': [1.5]})
    mlflow.pyfunc.save_model(path, python_model=Function(len), signature=infer_signature(rows), **BARE)
    with pytest.raises(ModelLoadError, match=r'can be called .*size "in"'):
        served(path)


def test_times_of_an_example_are_what_a_request_carries(people: pd.DataFrame, path: Path) -> None:
    rows = people[["since", "children", "member"]].dropna()
    model = Function(lambda rows: rows["since"].dt.year)
    options = {"signature": signature(rows), "input_example": rows.head(1)}
    mlflow.pyfunc.save_model(path, python_model=model, **options, **BARE)
    example = served(path).card.example
    first = rows.iloc[0]
    assert example == {"since": first["since"].isoformat(), "children": first["children"], "member": first["member"]}
    assert [type(example[name]) for name in ("children", "member")] == [int, bool]


def test_metadata_of_others_is_not_taken_for_ours(path: Path) -> None:
    rows = pd.DataFrame({"x": [1.5]})
    theirs = {"task": "binary", "classes": 3, "metrics": {"auc": "high"}, "notes": "none"}
    signature = infer_signature(rows, ["new"])
    model = Function(lambda _: ["new"])
    mlflow.pyfunc.save_model(path, python_model=model, signature=signature, metadata=theirs, **BARE)
    card = served(path).card
    assert (card.task, card.classes, card.metrics, card.notes) == ("classification", (), {}, ())


def test_a_missing_library_is_named_with_what_installs_it(path: Path) -> None:
    rows = pd.DataFrame({"x": [1.5]})
    mlflow.pyfunc.save_model(
        path, python_model=Function(len), signature=infer_signature(rows), pip_requirements=["xgboost==2.1.3"]
    )
    description = yaml.safe_load((path / "MLmodel").read_text())
    description["flavors"] = {
        "xgboost": {"data": "model.ubj", "model_class": "xgboost.core.Booster"},
        "python_function": {"loader_module": "mlflow.xgboost", "data": "model.ubj", "env": {}},
    }
    (path / "MLmodel").write_text(yaml.safe_dump(description))
    (path / "model.ubj").touch()
    with pytest.raises(
        ModelLoadError, match=r"needs xgboost, which is not installed .* pip install 'xgboost==2.1.3'"
    ):
        served(path)


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ([ColSpec("binary", "picture")], "'picture' is of type .*binary.*, which no request can carry"),
        ([ColSpec("double")], "not one of named columns"),
        ([ColSpec("double", "a b"), ColSpec("double", "A_b")], "'a b', 'A_b' differ only in spaces"),
    ],
    ids=["type", "nameless", "clash"],
)
def test_inputs_that_cannot_be_served_are_refused(path: Path, inputs: list[ColSpec], reason: str) -> None:
    described = ModelSignature(Schema(inputs))
    mlflow.pyfunc.save_model(path, python_model=Function(len), signature=described, **BARE)
    with pytest.raises(ModelLoadError, match=reason):
        served(path)


def test_several_outputs_are_refused(people: pd.DataFrame, labels: "pd.Series[Any]", tmp_path: Path) -> None:
    rows = people[["height"]]
    both = MultiOutputClassifier(LogisticRegression()).fit(rows, np.column_stack([labels, labels]))
    mlflow.sklearn.save_model(both, tmp_path / "sklearn", signature=infer_signature(rows), **PICKLED)
    described = infer_signature(rows, rows.assign(other=1.0))
    function = Function(lambda rows: rows.assign(other=1.0))
    mlflow.pyfunc.save_model(tmp_path / "pyfunc", python_model=function, signature=described, **BARE)
    for kind in ("sklearn", "pyfunc"):
        with pytest.raises(ModelLoadError, match="predicts 2 columns"):
            served(tmp_path / kind)


def test_categories_that_the_wire_cannot_tell_are_refused(
    people: pd.DataFrame, labels: "pd.Series[Any]", path: Path
) -> None:
    rows = people[["height", "children"]]
    fitted = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(rows.astype({"children": "category"}), labels)
    mlflow.lightgbm.save_model(fitted, path, signature=signature(rows), **BARE)
    with pytest.raises(ModelLoadError, match="fitted with 1 categorical columns, and its signature has 0"):
        served(path)
