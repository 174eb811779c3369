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
    split it off. Trees learn what a gap says only where there are some: in other columns LightGBM would take it for
    0, so that there the median stands for it.
    """
    gaps = {name for name in table.train if table.train[name].isna().any()}
    numbers, times = table.names("number", "integer", "boolean"), table.names("timestamp")
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=_MAX_CATEGORIES,
    )
    return make_column_transformer(
        (encoder, table.names("string")),
        (_numbers(), [name for name in numbers if name in gaps]),
        (_seconds(), [name for name in times if name in gaps]),
        (make_pipeline(_numbers(), _medians()), [name for name in numbers if name not in gaps]),
        (make_pipeline(_seconds(), _medians(_NO_TIME)), [name for name in times if name not in gaps]),
    )


def for_lines(table: Table) -> ColumnTransformer:
    """Return steps whose output is complete and scaled; categories that training did not see are the rare ones."""
    dummies = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_MAX_DUMMIES)
    numbers, times = table.names("number", "integer", "boolean"), table.names("timestamp")
    return make_column_transformer(
        (dummies, table.names("string")),
        (make_pipeline(_numbers(), _medians(), StandardScaler()), numbers),
        (make_pipeline(_seconds(), _medians(_NO_TIME), StandardScaler()), times),
    )


def _medians(missing: float = np.nan) -> SimpleImputer:
    """Gaps are medians; where training has some, a column beside them says which are."""
    return SimpleImputer(missing_values=missing, strategy="median", add_indicator=True)


def _numbers() -> FunctionTransformer:
    """True and false are 1 and 0; whatever is missing is NaN."""
    return FunctionTransformer(np.asarray, kw_args={"dtype": "float64"})


def _seconds() -> Pipeline:
    """Times are seconds since 1970."""
    return make_pipeline(FunctionTransformer(np.asarray, kw_args={"dtype": "datetime64[s]"}), _numbers())
