"""What all peers have in common: their task, and the model behind one call that takes a batch.

It is the fastest way to a prediction that an expert finds with NumPy, msgspec and LightGBM's own `Booster`: the rows
of a batch are decoded at one go, predicted at one go, in one thread. So the peers differ in how they consume and
produce, and not in how they call the model. Runs in the virtual environment of each peer.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any

import lightgbm
import msgspec
import numpy as np


class Task(msgspec.Struct, frozen=True):
    """What a peer is to do.

    Attributes:
        broker: Bootstrap server.
        group: Consumer group; it has committed nothing yet.
        input: Topic with the requests.
        output: Topic for the predictions, with as many partitions.
        model: Folder with `model.txt`, a LightGBM booster, and `model.json`, a `Card`.
        partitions: Of either topic.
        state: Folder for what the peer keeps.
    """

    broker: str
    group: str
    input: str
    output: str
    model: str
    partitions: int
    state: str


class Card(msgspec.Struct, frozen=True):
    """What a prediction says of its model, and what the model takes and gives."""

    alias: str
    registered_name: str
    version: str
    run_id: str
    features: tuple[str, ...]
    classes: tuple[Any, ...]


class Payload(msgspec.Struct, frozen=True, gc=False):
    """The rows of a request, as JSON text."""

    data: msgspec.Raw


class Request(msgspec.Struct, frozen=True, gc=False):
    """A record of the input topic."""

    payload: Payload
    model: str


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A record of the output topic.

    Attributes:
        input_partition: Where the request stood; for frameworks that cannot say it in a header.
        input_offset: As above.
    """

    id: str
    model: str
    registered_name: str
    version: str
    run_id: str
    predictions: list[Any]
    timestamp: str
    data: msgspec.Raw
    probabilities: list[list[float]]
    input_partition: int = -1
    input_offset: int = -1


class Served:
    """The model.

    Args:
        folder: Folder with `model.txt` and `model.json`.
    """

    def __init__(self, folder: Path) -> None:
        self.card = msgspec.json.decode((folder / "model.json").read_bytes(), type=Card)
        self._booster = lightgbm.Booster(model_file=folder / "model.txt")
        self._classes = np.array(self.card.classes)
        names = {f"f{i}": name for i, name in enumerate(self.card.features)}
        fields = [(field, float | None, None) for field in names]
        row = msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=True, gc=False)
        self._request = msgspec.json.Decoder(Request)
        self._rows = msgspec.json.Decoder(list[list[row]])  # type: ignore[valid-type]  # made at run time
        self._encode = msgspec.json.Encoder().encode

    def predict(self, datas: Sequence[bytes | msgspec.Raw]) -> list[tuple[list[Any], list[list[float]]]]:
        """Return label and probabilities of each row, by request; each of `datas` is a JSON array of rows."""
        requests = self._rows.decode(b"[" + b",".join(datas) + b"]")
        astuple = msgspec.structs.astuple
        table = np.array([astuple(row) for row in chain.from_iterable(requests)], dtype=np.float64)
        probable = np.asarray(self._booster.predict(table, num_threads=1))
        labels = self._classes[probable.argmax(axis=1)].tolist()
        probabilities = probable.tolist()
        if len(requests) == len(labels):
            return [([label], [each]) for label, each in zip(labels, probabilities, strict=True)]
        ends = accumulate(map(len, requests), initial=0)
        return [(labels[start:end], probabilities[start:end]) for start, end in pairwise(ends)]

    def answer(
        self, values: Sequence[bytes], ids: Sequence[str], places: Sequence[tuple[int, int]] = ()
    ) -> list[bytes]:
        """Answer requests.

        Args:
            values: Records of the input topic.
            ids: Their ids.
            places: Partition and offset of each, where the predictions are to say them.

        Returns:
            A prediction each, as JSON.
        """
        decode, encode, card = self._request.decode, self._encode, self.card
        requests = [decode(value) for value in values]
        datas = [request.payload.data for request in requests]
        named = (card.registered_name, card.version, card.run_id)
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        predicted = zip(ids, requests, self.predict(datas), places or ((-1, -1),) * len(values), strict=True)
        return [
            encode(Prediction(name, request.model, *named, labels, now, request.payload.data, probable, *place))
            for name, request, (labels, probable), place in predicted
        ]


def task() -> Task:
    """Return the task, from the file that the command line names."""
    return msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Task)
