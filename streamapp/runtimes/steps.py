"""The steps of scikit-learn pipelines on bare matrices: their arithmetic, in its own order, without all around it.

A call of a scikit-learn step looks at names, types and shapes for 0.2 to 2 ms before it computes anything, and
imputation looks at all rows where few have gaps. Here that is done once, when the model is loaded. What a step does
is read from its fitted attributes; where one is of another kind, or fitted with settings that are not known here, the
pipeline is left to scikit-learn. So is each call in which a value is no longer finite before the classifier:
scikit-learn refuses it in its own words. And so is one with rows that have no value, and no others among them.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from streamapp.runtimes.parity import Function, Matrix
from streamapp.runtimes.ways import Declined, Quicker, Unknown

#: Multiples of its standard deviation that a column's values lie within, for the most part.
_SPREAD: Final = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])


def steps(estimator: Any) -> Quicker:
    """Return what computes the probabilities that a fitted classifier or pipeline gives.

    Args:
        estimator: Fitted on columns of numbers.

    Raises:
        Unknown: scikit-learn has to compute it.
    """
    fitted = [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]
    transform = [_known(_TRANSFORMERS, step) for step in fitted[:-1]]
    classify = _known(_CLASSIFIERS, fitted[-1])

    def probabilities(rows: Matrix) -> Matrix:
        for step in transform:
            rows = step(rows)
        if not np.isfinite(rows).all():
            raise Declined
        return classify(rows)

    return Quicker("steps", probabilities, _ranges(fitted))


def _known(known: Mapping[str, Callable[[Any], Function]], step: Any) -> Function:
    make = known.get(f"{type(step).__module__.partition('.')[0]}.{type(step).__name__}")
    if make is None:
        raise Unknown(f"no quicker way for {type(step).__name__} there")
    return make(step)


def _ranges(fitted: Sequence[Any]) -> list[Matrix]:
    """Return for each column some of the values that it may have, from the first step that was fitted with them."""
    for step in fitted:
        if hasattr(step, "mean_"):
            return [mean + scale * _SPREAD for mean, scale in zip(step.mean_, step.scale_, strict=True)]
        if hasattr(step, "_fit_X"):
            return list(np.quantile(step._fit_X, np.linspace(0, 1, 11), axis=0).T)  # noqa: SLF001
    raise Unknown("the range of its columns is not known")


def _require(known: bool, step: Any) -> None:  # noqa: FBT001  # reads as an assertion
    if not known:
        raise Unknown(f"no quicker way for these settings of {type(step).__name__}")


def _fill_from_others(imputer: Any) -> Function:
    """Fill gaps, in the rows that have any, by rounds of regressions on the other columns as they were fitted."""
    means: Matrix = imputer.initial_imputer_.statistics_
    _require(
        not imputer.sample_posterior
        and not imputer.add_indicator
        and np.isnan(imputer.missing_values)
        and bool(np.isfinite(means).all())
        and all(type(triplet.estimator).__name__ == "BayesianRidge" for triplet in imputer.imputation_sequence_),
        imputer,
    )
    rounds = [_regression(imputer, triplet) for triplet in imputer.imputation_sequence_]

    def fill(rows: Matrix) -> Matrix:
        gaps = np.isnan(rows)
        places = np.flatnonzero(gaps.any(axis=1))
        if not len(places):
            return rows
        # scikit-learn leaves the means where no row of a call has any value; here is a part of a call, maybe.
        if gaps.all():
            raise Declined
        return _placed(rows, places, _filled(rows[places], means, rounds))

    return fill


def _regression(imputer: Any, triplet: Any) -> tuple[int, Matrix, float, float, float]:
    place, regression = triplet.feat_idx, triplet.estimator
    weights = np.zeros(imputer.n_features_in_)
    weights[triplet.neighbor_feat_idx] = regression.coef_
    return place, weights, regression.intercept_, imputer._min_value[place], imputer._max_value[place]  # noqa: SLF001


def _filled(rows: Matrix, means: Matrix, rounds: Sequence[tuple[int, Matrix, float, float, float]]) -> Matrix:
    gaps = np.isnan(rows)
    filled = np.where(gaps, means, rows)
    lacking = set(np.flatnonzero(gaps.any(axis=0)).tolist())
    for place, weights, constant, least, most in rounds:
        if place in lacking:
            guessed = np.clip(filled @ weights + constant, least, most)
            np.copyto(filled[:, place], guessed, where=gaps[:, place])
    return filled


def _placed(rows: Matrix, places: NDArray[np.intp], others: Matrix) -> Matrix:
    rows = rows.copy()
    rows[places] = others
    return rows


def _scale(scaler: Any) -> Function:
    mean, scale = scaler.mean_, scaler.scale_
    _require(scaler.with_mean and scaler.with_std, scaler)

    def standardise(rows: Matrix) -> Matrix:
        rows = rows - mean
        rows /= scale
        return rows

    return standardise


def _multiply(products: Any) -> Function:
    """Multiply the columns with each other; of each column or pair there is one product."""
    powers = products.powers_
    _require(bool((powers.sum(axis=1) > 0).all() and (powers.sum(axis=1) <= 2).all()), products)  # noqa: PLR2004
    factors = [np.repeat(np.arange(powers.shape[1]), row) for row in powers]
    one = powers.shape[1]
    left = np.array([pair[0] for pair in factors])
    right = np.array([pair[1] if len(pair) > 1 else one for pair in factors])

    def multiplied(rows: Matrix) -> Matrix:
        columns = np.vstack([rows.T, np.ones(len(rows))])
        product: Matrix = np.multiply(columns[left], columns[right])
        return product.T

    return multiplied


def _project(discriminants: Any) -> Function:
    _require(discriminants.solver == "svd", discriminants)
    centre, axes, most = discriminants.xbar_, discriminants.scalings_, discriminants._max_components  # noqa: SLF001
    return lambda rows: ((rows - centre) @ axes)[:, :most]


def _calibrate(calibrated: Any) -> Function:
    """Turn the scores of linear classifiers into probabilities by Platt's method; several are averaged."""
    members = [_platt(one) for one in calibrated.calibrated_classifiers_]
    return lambda rows: np.add.reduce([member(rows) for member in members]) / len(members)


def _platt(member: Any) -> Function:
    machine, classes = member.estimator, member.classes
    _require(
        type(machine).__name__ == "LinearSVC"
        and member.method == "sigmoid"
        and len(classes) > 2  # noqa: PLR2004  # of two, only the second has a score
        and np.array_equal(machine.classes_, classes),
        member,
    )
    weights, constants = machine.coef_.T, machine.intercept_
    slopes = np.array([curve.a_ for curve in member.calibrators])
    shifts = np.array([curve.b_ for curve in member.calibrators])

    def probabilities(rows: Matrix) -> Matrix:
        found: Matrix = expit(-(slopes * (rows @ weights + constants) + shifts))
        total = found.sum(axis=1, keepdims=True)
        even = np.full_like(found, 1 / len(classes))
        np.divide(found, total, out=even, where=total != 0)
        return even

    return probabilities


def _vote(neighbours: Any) -> Function:
    """Count the classes of the nearest neighbours that a tree finds, whatever their order."""
    tree, labels, count = neighbours._tree, neighbours._y, neighbours.n_neighbors  # noqa: SLF001
    _require(neighbours.weights == "uniform" and tree is not None and not neighbours.outputs_2d_, neighbours)
    classes = np.arange(len(neighbours.classes_))

    def share(rows: Matrix) -> Matrix:
        nearest = tree.query(np.ascontiguousarray(rows), count, return_distance=False, sort_results=False)
        votes = labels[nearest]
        shares: Matrix = np.stack([np.count_nonzero(votes == one, axis=1) for one in classes], axis=1) / count
        return shares

    return share


_TRANSFORMERS: Final[Mapping[str, Callable[[Any], Function]]] = MappingProxyType(
    {
        "sklearn.IterativeImputer": _fill_from_others,
        "sklearn.LinearDiscriminantAnalysis": _project,
        "sklearn.PolynomialFeatures": _multiply,
        "sklearn.StandardScaler": _scale,
    }
)
_CLASSIFIERS: Final[Mapping[str, Callable[[Any], Function]]] = MappingProxyType(
    {"sklearn.CalibratedClassifierCV": _calibrate, "sklearn.KNeighborsClassifier": _vote}
)
