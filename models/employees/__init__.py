"""Burn-out risk of employees: Low, Medium or High, by three models."""

from typing import Final

#: Rows that are generated where there is no file: about as many as the real data has.
ROWS: Final = 20_000
