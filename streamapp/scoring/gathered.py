"""The rows of one call of a model, gathered while its requests are decoded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from streamapp.contracts.card import ModelCard
from streamapp.contracts.rows import Row
from streamapp.scoring.model import Table, is_matrix, to_matrix, to_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Values that are kept as Python's objects before they become a part of the matrix: 64 KB of them.
_VALUES: Final = 2048


class Gathered:
    """Rows that become parts of a matrix as they come, where the model takes one.

    A value takes 32 bytes as an object in a tuple, and 8 in a matrix. The objects of a few rows stay in the
    processor's cache; those of a whole batch would go to memory and come back from there.

    Args:
        card: The card of the model.
    """

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._is_matrix = is_matrix(card)
        self._part = max(1, _VALUES // len(card.features))
        self._rows: list[Row] = []
        self._parts: list[NDArray[np.float64]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, rows: Sequence[Row]) -> None:
        """Add rows.

        Args:
            rows: Values in the order of the card's features; where the model takes a matrix, floats or None.
        """
        self._rows.extend(rows)
        self._count += len(rows)
        if self._is_matrix and len(self._rows) >= self._part:
            self._pack()

    def table(self, start: int, end: int) -> Table:
        """Return some of the rows, once all are there.

        Args:
            start: Place of the first.
            end: One past the place of the last; there is at least one.

        Returns:
            A table of the caller's own: a float64 matrix (rows x features, NaN where a value is missing), or a frame.

        Raises:
            OverflowError: An integer has more than 64 bits.
            ValueError: A time is outside the years 1678 to 2261.
        """
        if not self._is_matrix:
            return to_table(self._card, self._rows[start:end])
        self._pack()
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0][start:end].copy()

    def _pack(self) -> None:
        if self._rows:
            self._parts.append(to_matrix(self._rows))
            self._rows.clear()
