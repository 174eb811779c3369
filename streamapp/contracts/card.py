"""The model card: all that other parts need to know of a model, without its libraries.

The scoring worker publishes one card a loaded model on the compacted topic `models` (key: the alias). The edge
validates requests against it, so that it needs no machine-learning library.
"""

from typing import Any, Final, Literal

from msgspec import Struct

_SEPARATORS: Final = str.maketrans("", "", " _-")

#: Types of a feature on the wire. `integer` and `number` are JSON numbers, `timestamp` an ISO 8601 string.
FeatureType = Literal["number", "integer", "string", "boolean", "timestamp"]


def canonical(name: str) -> str:
    """Return the spelling under which names are compared: no spaces, underscores or hyphens, no case."""
    return name.translate(_SEPARATORS).casefold()


def sayable(name: str) -> bool:
    """Say whether a field can have this name: msgspec takes none with a quote, a backslash or a control character."""
    return name.isprintable() and not {'"', "\\"} & set(name)


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
        ignored: Fields that a row may have beside the features: other columns of the table that the model was made
            of.
        way: What computes its answers where that is quicker than its library and gives the same: `tables` for trees,
            `steps` for a pipeline; "" where the library does.
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
    ignored: tuple[str, ...] = ()
    way: str = ""


def incompatibility(old: ModelCard, new: ModelCard) -> str:
    """Say why requests for one model are not all requests for another, or "" where they are.

    What is accepted under an alias may wait for hours until it is predicted, by whatever is served by then. So the
    new model must take every field that the old one takes, as the same type or to ignore it, and require none that
    was not required.
    """
    if new.task != old.task:
        return f"it does {new.task}, version {old.version} does {old.task}"
    taken = {canonical(feature.name): feature for feature in new.features}
    known = {*taken, *map(canonical, new.ignored)}
    for name in (*(feature.name for feature in old.features), *old.ignored):
        if canonical(name) not in known:
            return f"it does not take the field {name!r} that version {old.version} takes"
    for feature in old.features:
        other = taken.get(canonical(feature.name))
        if other and other.type != feature.type and (feature.type, other.type) != ("integer", "number"):
            return f"its field {other.name!r} is a {other.type}, in version {old.version} a {feature.type}"
    required = {canonical(feature.name) for feature in old.features if feature.required}
    for feature in new.features:
        if feature.required and canonical(feature.name) not in required:
            return f"it requires the field {feature.name!r}, which version {old.version} does not"
    return ""
