"""A batch by the models that its records ask for, and put together again in the order of the input. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec

from streamapp.contracts import codec
from streamapp.contracts.errors import Code, RecordError, UnknownModel
from streamapp.contracts.messages import DeadLetter, Payload
from streamapp.scoring.letters import dead_letter
from streamapp.scoring.records import Outcome, Record, Scored

#: What a record came to.
Result = Scored | DeadLetter
#: Returns the time that predictions and dead letters carry.
Clock = Callable[[], str]


class Request(msgspec.Struct, frozen=True, gc=False):
    """A request that its model has not seen yet.

    Attributes:
        record: The record.
        payload: The rows as they came.
    """

    record: Record
    payload: Payload


class Groups(NamedTuple):
    """The records of a batch, by the model that they ask for.

    Attributes:
        size: How many records there are.
        requests: Requests by alias, in input order.
        places: Their places in the batch.
        refused: Records that no model can be asked for, by place.
        unknown: Aliases among them that are not served.
    """

    size: int
    requests: dict[str, list[Request]]
    places: dict[str, list[int]]
    refused: dict[int, DeadLetter]
    unknown: set[str]


def group(records: Sequence[Record], served: Collection[str], clock: Clock = codec.utc_now) -> Groups:
    """Decode the records of a batch and group them by alias.

    Args:
        records: The records.
        served: Aliases that are served.
        clock: Returns the time that dead letters carry.
    """
    groups = Groups(len(records), {}, {}, {}, set())
    for place, record in enumerate(records):
        try:
            request = codec.decode_request(record.value)
        except RecordError as exc:
            groups.refused[place] = dead_letter(record, exc, clock())
            continue
        if request.model not in served:
            groups.unknown.add(request.model)
            groups.refused[place] = dead_letter(record, _unknown(request.model, served), clock())
        else:
            groups.requests.setdefault(request.model, []).append(Request(record, request.payload))
            groups.places.setdefault(request.model, []).append(place)
    return groups


def merge(groups: Groups, results: Mapping[str, Sequence[Result]]) -> Outcome:
    """Put what the models made of a batch's groups together again.

    Returns:
        Each record exactly once, as a prediction or a dead letter, both in input order.

    Raises:
        ValueError: There are not as many results as records.
    """
    if len(groups.places) == 1 and not groups.refused:
        (ordered,) = results.values()
    else:
        ordered = _interleaved(groups, results)
    if len(ordered) != groups.size:  # what is missing would be committed, and lost
        raise ValueError(f"{len(ordered)} results for {groups.size} records")
    return Outcome(
        [result for result in ordered if isinstance(result, Scored)],
        [result for result in ordered if isinstance(result, DeadLetter)],
    )


def _interleaved(groups: Groups, results: Mapping[str, Sequence[Result]]) -> list[Result]:
    merged: dict[int, Result] = dict(groups.refused)
    for alias, places in groups.places.items():
        merged.update(zip(places, results[alias], strict=True))
    return [merged[place] for place in range(groups.size)]


def _unknown(alias: str, served: Collection[str]) -> UnknownModel:
    known = ", ".join(sorted(served)) or "none"
    return UnknownModel(Code.UNKNOWN_MODEL, f"No model {alias[:60]!r} is served here. Served: {known}.")
