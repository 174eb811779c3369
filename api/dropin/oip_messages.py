"""What the Open Inference Protocol's routes take and answer; `tensors` has the tensors themselves."""

from typing import Annotated, Self

import msgspec

from api.dropin import tensors
from api.dropin.tensors import Output, Tensor
from streamapp.contracts.card import ModelCard


class RequestedOutput(msgspec.Struct, frozen=True):
    """An output that is asked for.

    Attributes:
        name: `predict`, or `probabilities`.
    """

    name: str


class InferenceRequest(msgspec.Struct, frozen=True):
    """Rows as tensors.

    Attributes:
        inputs: A tensor a feature, or one matrix of all features in their order.
        id: Id that the caller gives the request.
        outputs: The outputs that are asked for; without them, all.
    """

    inputs: Annotated[list[Tensor], msgspec.Meta(min_length=1)]
    id: str | None = None
    outputs: list[RequestedOutput] | None = None


class Inference(msgspec.Struct, frozen=True, omit_defaults=True):
    """The predictions of the rows of a request.

    Attributes:
        model_name: Alias of the model.
        model_version: Its version in the MLflow registry.
        outputs: `predict`, a label or value a row; and `probabilities`, where the model gives them.
        id: As the request had it.
    """

    model_name: str
    model_version: str
    outputs: list[Output]
    id: str | None = None


class ServerMetadata(msgspec.Struct, frozen=True):
    """What answers.

    Attributes:
        name: `streamapp`.
        version: Its version.
        extensions: Extensions of the protocol that it speaks in full: none.
    """

    name: str
    version: str
    extensions: tuple[str, ...] = ()


class TensorMetadata(msgspec.Struct, frozen=True):
    """An input or output of a model.

    Attributes:
        name: Its name.
        datatype: Datatype of its elements.
        shape: Its dimensions; -1 where any number goes.
    """

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct, frozen=True):
    """A served model.

    Attributes:
        name: Its alias.
        versions: The version that is served.
        platform: `mlflow_` and the flavor that it was logged with.
        inputs: Its features.
        outputs: What is predicted, and the probabilities where it gives them.
    """

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """Return what the card of a model says of it."""
        inputs = [TensorMetadata(one.name, tensors.OF_FEATURES[one.type], [-1]) for one in card.features]
        regression = card.task == "regression"
        labels = "FP64" if regression else tensors.datatype(card.classes) if card.classes else "INT64"
        outputs = [TensorMetadata("predict", labels, [-1])]
        if card.classes:
            outputs.append(TensorMetadata("probabilities", "FP64", [-1, len(card.classes)]))
        return cls(card.alias, [card.version], f"mlflow_{card.flavor}", inputs, outputs)


class ModelReady(msgspec.Struct, frozen=True):
    """Whether a model is served.

    Attributes:
        name: Its alias.
        ready: Whether it is.
    """

    name: str
    ready: bool
