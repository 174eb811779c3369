"""What `streamapp watch` shows of the records that it reads. Pure."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from streamapp.cli.terminal import printable
from streamapp.contracts import codec
from streamapp.contracts.errors import MalformedRecord
from streamapp.contracts.messages import Prediction
from streamapp.contracts.status import Switch

#: Where the time of day is in a time: `01:12:27.123`.
_CLOCK = slice(11, 23)


class Shown:
    """Turns records into lines, up to a number of predictions.

    Args:
        models: Aliases of models to show; empty: all.
        ids: Ids of requests to show; empty: all.
        limit: Most predictions to show; None: no bound.
        json: Whether predictions are shown as they are on the topic.

    Attributes:
        json: The same.
        left: Predictions that may still be shown; None: no bound.
    """

    def __init__(
        self, models: Collection[str] = (), ids: Collection[str] = (), limit: int | None = None, *, json: bool = False
    ) -> None:
        self.json = json
        self.left = limit
        self._models = models
        self._ids = ids

    def predictions(self, records: Sequence[Any]) -> Iterator[str]:
        """Yield the lines of records of the predictions topic; what is no prediction is left out."""
        for record in records:
            if self.left == 0:
                return
            try:
                prediction = codec.decode_prediction(record.value or b"")
            except MalformedRecord:
                continue
            if self._wants(prediction.model) and (not self._ids or prediction.id in self._ids):
                self.left = None if self.left is None else self.left - 1
                yield record.value.decode() if self.json else predicted(prediction)

    def switches(self, records: Sequence[Any]) -> Iterator[str]:
        """Yield the lines of records of the switches topic; what is no switch is left out."""
        for record in records:
            try:
                switch = codec.decode_switch(record.value or b"")
            except MalformedRecord:
                continue
            if self._wants(switch.alias) and not self._ids:
                yield switched(switch)

    def _wants(self, alias: str) -> bool:
        return not self._models or alias in self._models


def predicted(prediction: Prediction) -> str:
    """Return the line of a prediction."""
    labels = codec.encode(prediction.predictions).decode()
    filled = sorted({name for row in prediction.imputed or () for name in row})
    imputed = f"  imputed: {', '.join(filled)}" if filled else ""
    where = f"{prediction.id}  {prediction.model} {prediction.version}"
    return printable(f"{prediction.timestamp[_CLOCK]}  {where}  {labels}{imputed}")


def switched(switch: Switch) -> str:
    """Return the line of a switch."""
    now = f"{switch.alias} is {switch.registered_name} {switch.version}"
    return printable(
        f"{switch.time[_CLOCK]}  -- {now} from {switch.topic}-{switch.partition} offset {switch.offset} on"
    )
