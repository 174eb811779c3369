"""Marketplace items, new or used, by an ensemble that AutoGluon makes."""

from typing import Final

#: Registered name.
NAME: Final = "AutoGluon_Marketplace"
#: Rows that are generated.
ROWS: Final = 20_000
#: Seconds that AutoGluon may take to fit; two cores take five.
TIME_LIMIT: Final = 30.0
