"""How columns become numbers, by scikit-learn's own steps: a model made of them needs no code of ours."""

from typing import Final

import numpy as np
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from models.tabular.data import Table

#: What the steps hold beyond skops' own list.
TRUSTED: Final = ("numpy.asarray", "numpy.dtype")
#: Most categories that are told apart; LightGBM's bins of a column are as many.
_MAX_CATEGORIES: Final = 255
#: Most categories that get a column of their own.
_MAX_DUMMIES: Final = 50
#: What NumPy makes of a missing time: before all times.
_NO_TIME: Final = float(np.iinfo(np.int64).min)


def for_trees(table: Table) -> ColumnTransformer:
    """Return steps whose output may lack values: categories as whole numbers first, then the rest in some order.

    Categories that training did not see are missing ones. A missing time comes before all others, so that a tree can
    split it off.
    """
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=_MAX_CATEGORIES,
    )
    return make_column_transformer(
        (encoder, table.names("string")),
        (_numbers(), table.names("number", "integer", "boolean")),
        (_seconds(), table.names("timestamp")),
    )


def for_lines(table: Table) -> ColumnTransformer:
    """Return steps whose output is complete and scaled; categories that training did not see are the rare ones."""
    dummies = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_MAX_DUMMIES)
    medians = SimpleImputer(strategy="median", add_indicator=True)
    dates = SimpleImputer(strategy="median", missing_values=_NO_TIME, add_indicator=True)
    return make_column_transformer(
        (dummies, table.names("string")),
        (make_pipeline(_numbers(), medians, StandardScaler()), table.names("number", "integer", "boolean")),
        (make_pipeline(_seconds(), dates, StandardScaler()), table.names("timestamp")),
    )


def _numbers() -> FunctionTransformer:
    """True and false are 1 and 0; whatever is missing is NaN."""
    return FunctionTransformer(np.asarray, kw_args={"dtype": "float64"})


def _seconds() -> Pipeline:
    """Times are seconds since 1970."""
    return make_pipeline(FunctionTransformer(np.asarray, kw_args={"dtype": "datetime64[s]"}), _numbers())
