"""Tensors of the Open Inference Protocol, and tables made of them. Pure.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md. Tensors may
follow the JSON as bytes too, as Triton's clients send them unless they are told otherwise:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md.
"""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec

from api.dropin import tables
from streamapp.contracts.card import FeatureType, ModelCard
from streamapp.contracts.errors import Code, InvalidRows, MalformedRecord
from streamapp.contracts.messages import Payload

#: Format of an element as bytes, by datatype; BYTES have each its length in front.
_FORMATS: Final[Mapping[str, str]] = {
    "BOOL": "?",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
}
_LENGTH: Final = struct.Struct("<I")
#: Datatype of what a feature or a label is.
OF_FEATURES: Final[Mapping[FeatureType, str]] = {
    "number": "FP64",
    "integer": "INT64",
    "string": "BYTES",
    "boolean": "BOOL",
    "timestamp": "BYTES",
}
_OF_LABELS: Final[Mapping[type, str]] = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}
#: Dimensions of a matrix: rows, and features.
_MATRIX: Final = 2


class Parameters(msgspec.Struct, frozen=True):
    """Parameters of a tensor; others than these are passed over.

    Attributes:
        binary_data_size: How many of the bytes behind the JSON are its elements.
    """

    binary_data_size: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Tensor(msgspec.Struct, frozen=True):
    """An input of a model: a column, or a matrix of all features.

    Attributes:
        name: Name of the field; of a matrix, any.
        shape: Number of rows; or rows and columns.
        datatype: Datatype of its elements.
        data: Its elements, row by row, flat or as arrays of arrays; null where a row has no value.
        parameters: Where its elements are, if not in `data`.
    """

    name: str
    shape: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0)], ...], msgspec.Meta(min_length=1, max_length=_MATRIX)]
    datatype: str
    data: list[Any] | None = None
    parameters: Parameters = Parameters()


class Output(msgspec.Struct, frozen=True):
    """An output of a model.

    Attributes:
        name: `predict`, or `probabilities`.
        shape: Number of rows; of probabilities, rows and classes.
        datatype: Datatype of its elements.
        data: Its elements, row by row.
    """

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


def table(inputs: Sequence[Tensor], binary: bytes, card: ModelCard) -> Payload:
    """Return the rows that tensors hold: each is a column, or the only one a matrix of all features in their order.

    Args:
        inputs: The tensors.
        binary: The bytes behind the JSON, in the order of the tensors.
        card: The model's card.

    Raises:
        RecordError: Shapes, datatypes and elements do not fit each other.
    """
    values = list(_elements(inputs, binary))
    if len(inputs) == 1 and len(inputs[0].shape) == _MATRIX and inputs[0].shape[1] != 1:
        return _matrix(inputs[0], values[0], card)
    if any(math.prod(tensor.shape[1:]) != 1 for tensor in inputs):
        raise InvalidRows(Code.COLUMNS_MISMATCH, "Of several tensors each is a column: its shape is [n] or [n, 1].")
    columns = {tensor.name: column for tensor, column in zip(inputs, values, strict=True)}
    if len(columns) != len(inputs):
        raise InvalidRows(Code.DUPLICATE_FIELD, "Two tensors have the same name.")
    return tables.by_column(columns)


def output(name: str, labels: list[Any]) -> Output:
    """Return labels as a tensor."""
    return Output(name, [len(labels)], datatype(labels), labels)


def matrix(name: str, rows: list[list[float]]) -> Output:
    """Return lists of numbers, each as long as the others, as a tensor."""
    return Output(name, [len(rows), len(rows[0])], "FP64", [value for row in rows for value in row])


def datatype(labels: Sequence[Any]) -> str:
    """Return the datatype that all of some labels have."""
    kinds = {type(label) for label in labels}
    if kinds == {int, float}:
        return "FP64"
    return _OF_LABELS.get(kinds.pop(), "BYTES") if len(kinds) == 1 else "BYTES"


def _matrix(tensor: Tensor, values: Sequence[Any], card: ModelCard) -> Payload:
    rows, width = tensor.shape
    if width != len(card.features):
        raise InvalidRows(
            Code.COLUMNS_MISMATCH,
            f"A matrix of {width} columns; model {card.alias} has {len(card.features)} features.",
        )
    return tables.by_row([values[width * row : width * (row + 1)] for row in range(rows)], card)


def _elements(inputs: Sequence[Tensor], binary: bytes) -> Iterator[Sequence[Any]]:
    """Yield the elements of each tensor, flat."""
    start = 0
    values: Sequence[Any]
    for tensor in inputs:
        size = tensor.parameters.binary_data_size
        if size is None:
            values = _checked(tensor, _flat(tensor.data or [], len(tensor.shape)))
        else:
            values = _unpacked(tensor, binary[start : start + size], size)
            start += size
        if len(values) != math.prod(tensor.shape):
            raise InvalidRows(Code.COLUMNS_MISMATCH, "A tensor must have as many elements as its shape says.")
        yield values
    if start != len(binary):
        raise MalformedRecord(Code.MALFORMED_REQUEST, "Behind the JSON are other bytes than `binary_data_size` says.")


def _flat(values: list[Any], dimensions: int) -> list[Any]:
    for _ in range(dimensions - 1):
        if all(isinstance(row, list) for row in values):
            values = [value for row in values for value in row]
    return values


def _checked(tensor: Tensor, values: list[Any]) -> list[Any]:
    try:
        checked: list[Any] = msgspec.convert(values, list[_type(tensor) | None])  # type: ignore[misc]  # made of a name
    except (ValueError, OverflowError):  # msgspec's own errors among them
        raise _wrong_elements(tensor) from None
    return checked


def _type(tensor: Tensor) -> Any:
    if tensor.datatype == "BYTES":
        return str
    if tensor.datatype not in _FORMATS:
        known = ", ".join([*_FORMATS, "BYTES"])
        raise InvalidRows(Code.WRONG_TYPE, f"A datatype is one of {known}.")
    return bool if tensor.datatype == "BOOL" else float if tensor.datatype.startswith("FP") else tables.Integer


def _unpacked(tensor: Tensor, raw: bytes, size: int) -> Sequence[Any]:
    _type(tensor)
    try:
        if len(raw) != size:
            raise _wrong_elements(tensor)
        if tensor.datatype == "BYTES":
            return list(_strings(raw))
        form = _FORMATS[tensor.datatype]
        values = struct.unpack(f"<{size // struct.calcsize('<' + form)}{form}", raw)
    except (struct.error, UnicodeDecodeError):
        raise _wrong_elements(tensor) from None
    return _checked(tensor, list(values)) if form == "Q" else values


def _strings(raw: bytes) -> Iterator[str]:
    start = 0
    while start < len(raw):
        (length,) = _LENGTH.unpack_from(raw, start)
        start += _LENGTH.size + length
        if start > len(raw):
            raise struct.error
        yield raw[start - length : start].decode()


def _wrong_elements(tensor: Tensor) -> InvalidRows:
    return InvalidRows(
        Code.WRONG_TYPE, f"A tensor has elements that are not {tensor.datatype}, as its datatype says."
    )
