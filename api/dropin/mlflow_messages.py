"""What MLflow's scoring server takes and answers, as far as it is taken and answered here."""

from typing import Any

import msgspec


class Split(msgspec.Struct, frozen=True):
    """Rows as arrays, as `DataFrame.to_dict(orient="split")` gives them.

    Attributes:
        columns: Names of their fields.
        data: The rows.
    """

    columns: tuple[str, ...]
    data: msgspec.Raw


class Invocation(msgspec.Struct, frozen=True):
    """Rows in exactly one of four forms. Other fields, such as `params`, are passed over, as MLflow does.

    Attributes:
        dataframe_split: Rows as arrays, with the names of their fields.
        dataframe_records: Rows as objects.
        instances: Rows as objects, or as arrays in the order of the model's features.
        inputs: The same, or columns: an array of values by name.
    """

    dataframe_split: Split | None = None
    dataframe_records: msgspec.Raw = msgspec.Raw()
    instances: msgspec.Raw = msgspec.Raw()
    inputs: msgspec.Raw = msgspec.Raw()


class Predictions(msgspec.Struct, frozen=True):
    """The predictions of the rows of an invocation.

    Attributes:
        predictions: One label or value a row.
    """

    predictions: list[Any]
