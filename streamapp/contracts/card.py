"""The model card: all that other parts need to know of a model, without its libraries.

The scoring worker publishes one card a loaded model on the compacted topic `models` (key: the alias). The edge
validates requests against it, so that it needs no machine-learning library.
"""

from typing import Any, Literal

from msgspec import Struct

#: Types of a feature on the wire. `integer` and `number` are JSON numbers, `timestamp` an ISO 8601 string.
FeatureType = Literal["number", "integer", "string", "boolean", "timestamp"]


class Feature(Struct, frozen=True):
    """One input column.

    Attributes:
        name: Spelling that the model was trained with.
        type: JSON type of its values.
        required: Whether a row must have it. Where not, the model's own pipeline imputes it.
    """

    name: str
    type: FeatureType = "number"
    required: bool = False


class ModelCard(Struct, frozen=True, omit_defaults=True):
    """What a served model takes and gives.

    Attributes:
        alias: Name that requests use.
        registered_name: Name in the MLflow registry.
        version: Version in the MLflow registry.
        run_id: MLflow run that made it.
        flavor: Runtime that serves it (`sklearn`, `lightgbm`, `pyfunc`, ...).
        features: Input columns in the order of the model.
        task: What the predictions are.
        classes: Labels in the order of the probabilities; empty where the model gives none.
        class_names: Label to readable name, e.g. `{"0": "Low"}`.
        example: One row that the model predicts, as a request would carry it.
        metrics: Scores logged at training.
        notes: What a user must know, e.g. of a target leak.
    """

    alias: str
    registered_name: str
    version: str
    run_id: str
    flavor: str
    features: tuple[Feature, ...]
    task: Literal["classification", "regression"] = "classification"
    classes: tuple[Any, ...] = ()
    class_names: dict[str, str] = {}
    example: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    notes: tuple[str, ...] = ()
