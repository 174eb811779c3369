"""Boosted trees as tables: every row's way through all trees is found by looking up, and not by walking.

LightGBM walks tree by tree, and where a branch goes next is hard to foresee for a processor. Here a leaf of a tree is
a bit. A node that sends a row to the right takes the bits of all leaves on its left away; the lowest bit that is left
over, when all nodes were asked, is the row's leaf (QuickScorer: Lucchese et al., SIGIR 2015). Which nodes on a
feature send a value to the right hangs on between which of their thresholds it lies, so that for each such interval
the bits of all trees stand in one line of a table: a row is one binary search and one line for each feature.

The values of the leaves are added in LightGBM's order, so that the sums are the same to the last bit. What the
sums are turned into may differ from LightGBM's probabilities in the last bits, where NumPy and the C library do not
round an exponential alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamapp.runtimes.parity import Function, Matrix
from streamapp.runtimes.ways import Quicker, Unknown

#: Leaves of a tree that the widest bits hold; LightGBM's default are 31.
_MOST_LEAVES: Final = 64
#: What LightGBM writes for the threshold that parts missing values from all others.
_INFINITE: Final = 1e300
#: Values up to this are 0 to LightGBM (`kZeroThreshold`, a float of 32 bits).
_ZERO: Final = float(np.float32(1e-35))
#: Bytes that the tables of a model may take: beyond, they fit no cache, and walking is faster.
_MOST_BYTES: Final = 32 * 2**20


def tables(booster: Any) -> Quicker:
    """Return what computes what the `predict` of a `lightgbm.Booster` does.

    Raises:
        Unknown: LightGBM has to compute it.
    """
    model = booster.dump_model()
    made = _Tables(model)
    return Quicker("tables", made.predict, made.thresholds(booster.num_feature()))


class _Node(NamedTuple):
    """A node of a tree.

    Attributes:
        tree: Number of the tree.
        feature: Number of the feature.
        threshold: What is larger goes to the right.
        missing_right: Whether a missing value does.
        leaves: Bits of the leaves on its left.
    """

    tree: int
    feature: int
    threshold: float
    missing_right: bool
    leaves: int


class _Table(NamedTuple):
    """What one feature says of all trees.

    Attributes:
        feature: Number of the feature.
        thresholds: Sorted, and infinity after them.
        bits: Shape (thresholds + 1, trees): a line for each interval of values up to a threshold, and one for missing
            values; the leaves that are still possible.
    """

    feature: int
    thresholds: Matrix
    bits: NDArray[np.unsignedinteger[Any]]


class _Tables:
    def __init__(self, model: Mapping[str, Any]) -> None:
        trees = [tree["tree_structure"] for tree in model["tree_info"]]
        self._convert = _conversion(model)
        self._outputs: int = model["num_tree_per_iteration"]
        nodes, leaves = _nodes_and_leaves(trees)
        width = max(map(len, leaves))
        self._kind = np.min_scalar_type(2**width - 1)
        own = _by_feature(nodes)
        thresholds = {number: np.unique([*(node.threshold for node in own[number]), np.inf]) for number in own}
        lines = sum(len(found) + 1 for found in thresholds.values())
        _require(lines * len(trees) * self._kind.itemsize <= _MOST_BYTES, "that many nodes")
        self._tables = [_table(number, thresholds[number], own[number], len(trees), self._kind) for number in own]
        self._values = np.concatenate([np.pad(np.array(values), (0, width - len(values))) for values in leaves])
        self._first = np.arange(len(trees), dtype=np.intp)[:, np.newaxis] * width

    def thresholds(self, features: int) -> list[Matrix]:
        """Return for each feature where its nodes part values."""
        known = {table.feature: table.thresholds[:-1] for table in self._tables}
        return [known.get(feature, np.zeros(0)) for feature in range(features)]

    def predict(self, rows: Matrix) -> Matrix:
        if len(rows) == 1:  # twice: NumPy adds the numbers of a single column in an order of its own
            return self.predict(np.repeat(rows, 2, axis=0))[:1]
        # A line of bits for each tree: its leaves are then added to those of the trees before.
        leaves = self._first + _lowest_bit(self._possible(rows)).T
        values = np.take(self._values, leaves)
        sums = np.stack([np.add.reduce(values[one :: self._outputs], axis=0) for one in range(self._outputs)], axis=1)
        return self._convert(sums)

    def _possible(self, rows: Matrix) -> NDArray[np.unsignedinteger[Any]]:
        """Return the leaves that all nodes left over: shape (rows, trees)."""
        possible: NDArray[np.unsignedinteger[Any]] | None = None
        for feature, thresholds, bits in self._tables:
            # Missing values come after infinity.
            lines = np.take(bits, np.searchsorted(thresholds, rows[:, feature]), axis=0)
            possible = lines if possible is None else np.bitwise_and(possible, lines, out=possible)
        if possible is None:
            return np.ones((len(rows), len(self._first)), self._kind)
        return possible


def _lowest_bit(bits: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.uint8]:
    lower: NDArray[np.uint8] = np.bitwise_count(~bits & (bits - bits.dtype.type(1)))
    return lower


def _require(known: bool, what: str) -> None:  # noqa: FBT001  # reads as an assertion
    if not known:
        raise Unknown(what)


def _nodes_and_leaves(trees: Sequence[Mapping[str, Any]]) -> tuple[list[_Node], list[list[float]]]:
    """Return the nodes of all trees, and of each tree the values of its leaves from left to right."""
    nodes: list[_Node] = []
    leaves: list[list[float]] = []
    for number, tree in enumerate(trees):
        values: list[float] = []
        nodes += _walk(number, tree, values)
        _require(len(values) <= _MOST_LEAVES, f"more than {_MOST_LEAVES} leaves of a tree")
        leaves.append(values)
    return nodes, leaves


def _walk(number: int, part: Mapping[str, Any], values: list[float]) -> Iterator[_Node]:
    """Yield the nodes of a tree from left to right, and note the values of its leaves."""
    if "leaf_value" in part:
        _require("leaf_coeff" not in part, "linear functions in leaves")
        values.append(part["leaf_value"])
        return
    _require(part["decision_type"] == "<=", "categories")
    _require(part["missing_type"] in {"None", "NaN"}, "zeros that are missing values")
    first = len(values)
    yield from _walk(number, part["left_child"], values)
    left = sum(1 << leaf for leaf in range(first, len(values)))
    threshold = _as_it_works(part["threshold"])
    # Where no value was missing in training, LightGBM takes a missing one for 0.
    missing_left = part["default_left"] if part["missing_type"] == "NaN" else threshold >= 0
    yield _Node(number, part["split_feature"], threshold, not missing_left, left)
    yield from _walk(number, part["right_child"], values)


def _as_it_works(threshold: float) -> float:
    """Return the threshold that does for all values what LightGBM does with the one that it wrote."""
    if threshold >= _INFINITE:
        return np.inf
    if abs(threshold) > _ZERO:
        return threshold
    return _ZERO if threshold >= 0 else float(np.nextafter(-_ZERO, -np.inf))


def _by_feature(nodes: Sequence[_Node]) -> dict[int, list[_Node]]:
    features = sorted({node.feature for node in nodes})
    return {feature: [node for node in nodes if node.feature == feature] for feature in features}


def _table(feature: int, thresholds: Matrix, own: Sequence[_Node], trees: int, kind: "np.dtype[Any]") -> _Table:
    bits = np.full((len(thresholds) + 1, trees), np.iinfo(kind).max, kind)
    for node in own:
        kept = kind.type(np.iinfo(kind).max ^ node.leaves)
        bits[np.searchsorted(thresholds, node.threshold) + 1 : -1, node.tree] &= kept
        if node.missing_right:
            bits[-1, node.tree] &= kept
    return _Table(feature, thresholds, bits)


def _conversion(model: Mapping[str, Any]) -> Function:
    """Return what turns a model's sums into what it predicts.

    Raises:
        Unknown: It does something that is not known here.
    """
    name, _, options = model.get("objective", "").partition(" ")
    _require(not model["average_output"], "averages of trees")
    _require(name in _CONVERSIONS, f"the objective {name or 'of its own'}")
    _require(name != "binary" or options == "sigmoid:1", f"the objective {name} {options}")
    _require(not (name == "regression" and options), f"the objective {name} {options}")
    return _CONVERSIONS[name]


def _softmax(sums: Matrix) -> Matrix:
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    # One class after the other, as LightGBM adds them; rows of eight or more NumPy would add in an order of its own.
    shares: Matrix = powers / np.add.reduce(np.ascontiguousarray(powers.T), axis=0)[:, np.newaxis]
    return shares


def _sigmoid(sums: Matrix) -> Matrix:
    return 1.0 / (1.0 + np.exp(-sums[:, 0]))


def _same(sums: Matrix) -> Matrix:
    return sums[:, 0]


_CONVERSIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {"binary": _sigmoid, "multiclass": _softmax, "regression": _same}
)
