"""Records as scoring sees them, and what becomes of them."""

from collections.abc import Sequence
from functools import cached_property
from operator import attrgetter
from typing import Final, Protocol

import msgspec

from streamapp.contracts.messages import DeadLetter, Headers
from streamapp.contracts.status import Switch

#: attrgetter runs in C.
_HEADER_NAMES: Final = attrgetter("record.header_names")


class Record(Protocol):
    """A record of the input topic. The transport's is one."""

    @property
    def topic(self) -> str:
        """Its topic."""

    @property
    def partition(self) -> int:
        """Its partition."""

    @property
    def offset(self) -> int:
        """Its offset."""

    @property
    def timestamp(self) -> int:
        """When the broker has it to be made, in milliseconds."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """Its value."""

    @property
    def headers(self) -> Headers:
        """Its headers."""

    @property
    def header_names(self) -> frozenset[str]:
        """Their names."""


class Scored(msgspec.Struct, frozen=True, gc=False):
    """A prediction and the record that asked for it.

    Attributes:
        record: The record.
        id: The prediction's id.
        value: The prediction as JSON; see `contracts.messages.Prediction`.
    """

    record: Record
    id: str
    value: bytes


class Outcome(msgspec.Struct, frozen=True, dict=True):
    """What became of a batch: each of its records is in exactly one of the two, in the order of the input.

    Attributes:
        predictions: Records that were predicted.
        dead_letters: Records that were refused.
        switches: Versions that take effect with this batch.
    """

    predictions: Sequence[Scored]
    dead_letters: Sequence[DeadLetter]
    switches: Sequence[Switch] = ()

    @cached_property
    def header_names(self) -> frozenset[str]:
        """The names of all headers of its records: most batches have none that anything is to be done for."""
        letters = {name for letter in self.dead_letters for name, _ in letter.headers}
        return frozenset(letters).union(*set(map(_HEADER_NAMES, self.predictions)))
