"""Score a batch: decode, group by model, predict, put together again in the order of the input.

Nothing that a record or a model does leaves `Scorer.score` as an exception. A record that cannot be scored becomes a
dead letter and the others of its batch are scored. Where a model raises or hangs on a group of requests, those that
it does so on are found and refused; see `isolate`.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from streamapp.contracts import codec
from streamapp.contracts.errors import Code, PredictionError, PredictionTimeout, RecordError, UnknownModel
from streamapp.contracts.messages import DeadLetter, Payload, Prediction
from streamapp.contracts.rows import Row, RowDecoder
from streamapp.scoring.call import Caller
from streamapp.scoring.isolate import isolate
from streamapp.scoring.model import Model, Predicted, missing, to_table
from streamapp.scoring.records import Outcome, Record, Scored

log = logging.getLogger(__name__)

#: A record's place in its batch, and what it came to.
Result = tuple[int, Scored | DeadLetter]


class Request(NamedTuple):
    """A request that its model has not seen yet.

    Attributes:
        place: Place of its record in the batch.
        record: The record.
        payload: The rows as they came.
    """

    place: int
    record: Record
    payload: Payload


#: A request with its rows.
Decoded = tuple[Request, list[Row]]


class Limits(NamedTuple):
    """What a request and its prediction may be.

    Attributes:
        rows: Most rows of a request.
        prediction_bytes: Largest prediction, encoded.
        predict_seconds: Time that a model may take for its requests of one batch.
    """

    rows: int = 10_000
    prediction_bytes: int = 4_000_000
    predict_seconds: float = 3.0


DEFAULT_LIMITS: Final = Limits()


class Scorer:
    """Scores batches with the models it is given. Not thread-safe: one batch at a time.

    Args:
        models: Loaded models by alias.
        limits: What a request and its prediction may be, and how long a model may take.
        clock: Returns the time that predictions and dead letters carry.
    """

    def __init__(
        self, models: Mapping[str, Model], limits: Limits = DEFAULT_LIMITS, clock: Callable[[], str] = codec.utc_now
    ) -> None:
        self._models = {alias: ModelScorer(model, limits, clock) for alias, model in models.items()}
        self._clock = clock

    def score(self, records: Sequence[Record]) -> Outcome:
        """Score the records of one batch.

        Returns:
            Each record exactly once, as a prediction or a dead letter, both in input order.
        """
        results: list[Result] = []
        for alias, requests in self._by_model(records, results).items():
            results.extend(self._models[alias].score(requests))
        results.sort(key=lambda result: result[0])
        return Outcome(
            [result for _, result in results if isinstance(result, Scored)],
            [result for _, result in results if isinstance(result, DeadLetter)],
        )

    def _by_model(self, records: Sequence[Record], results: list[Result]) -> dict[str, list[Request]]:
        """Decode the records and group them by alias; those that cannot be used go to the results."""
        groups: dict[str, list[Request]] = {alias: [] for alias in self._models}
        for index, record in enumerate(records):
            try:
                request = codec.decode_request(record.value)
                self._require(request.model)
            except RecordError as exc:
                results.append((index, dead_letter(record, exc, self._clock())))
            else:
                groups[request.model].append(Request(index, record, request.payload))
        return groups

    def _require(self, alias: str) -> None:
        if alias not in self._models:
            known = ", ".join(sorted(self._models)) or "none"
            raise UnknownModel(Code.UNKNOWN_MODEL, f"No model {alias[:60]!r} is served here. Served: {known}.")


class ModelScorer:
    """Scores the requests of one model."""

    def __init__(self, model: Model, limits: Limits, clock: Callable[[], str]) -> None:
        self._caller = Caller(model)
        self._card = model.card
        self._limits = limits
        self._decoder = RowDecoder(model.card, limits.rows)
        self._clock = clock

    def score(self, requests: Sequence[Request]) -> list[Result]:
        """Predict requests together; where that fails, all but those that it fails on."""
        results: list[Result] = []
        if decoded := self._decode(requests, results):
            results.extend(self._isolate(decoded))
        return results

    def _isolate(self, decoded: Sequence[Decoded]) -> list[Result]:
        started, called = time.monotonic(), self._caller.available
        found = isolate(
            decoded, self._predict, self._limits.predict_seconds, available=lambda: self._caller.available
        )
        if found.failed and called:
            self._tell([exc for _, exc in found.failed], len(decoded), time.monotonic() - started)
        return found.results + [(one[0].place, self._refuse(one[0], exc)) for one, exc in found.failed]

    def _tell(self, failures: list[Exception], requests: int, seconds: float) -> None:
        reasons = Counter(type(exc).__name__ for exc in failures)
        what = ", ".join(f"{count} {name}" for name, count in reasons.items())
        log.warning(
            "Model %s refused %d of %d requests after %.1f s: %s",
            self._card.alias,
            len(failures),
            requests,
            seconds,
            what,
        )

    def _decode(self, requests: Sequence[Request], results: list[Result]) -> list[Decoded]:
        if all(request.payload.columns is None for request in requests):
            together = self._decoder.decode_many([request.payload.data for request in requests])
            if together is not None:
                return list(zip(requests, together, strict=True))
        decoded = []
        for request in requests:
            try:
                decoded.append((request, self._decoder.decode(request.payload.data, request.payload.columns)))
            except RecordError as exc:
                results.append((request.place, self._refuse(request, exc)))
        return decoded

    def _predict(self, decoded: Sequence[Decoded], timeout: float) -> list[Result]:
        rows_together = [row for _, rows in decoded for row in rows]
        table = to_table(self._card, rows_together)
        imputed = missing(self._card, table)  # before the model has the table, and may write into it
        predicted = self._caller.predict(table, timeout)
        check_answer(predicted, len(rows_together))
        now = self._clock()
        results: list[Result] = []
        start = 0
        for request, rows in decoded:
            part = slice(start, start + len(rows))
            prediction = self._prediction(request, rows, predicted, part, now)
            if imputed is not None and any(imputed[part]):
                prediction = msgspec.structs.replace(prediction, imputed=imputed[part])
            results.append((request.place, self._encode(request, prediction)))
            start = part.stop
        return results

    def _encode(self, request: Request, prediction: Prediction) -> Scored | DeadLetter:
        value, limit = codec.encode(prediction), self._limits.prediction_bytes
        size = len(value) + len(request.record.key or b"")
        if size <= limit:
            return Scored(request.record, prediction.id, value)
        detail = f"Its prediction takes {size} bytes, its key included; the topic takes {limit}. Send fewer rows."
        return self._refuse(request, RecordError(Code.RECORD_TOO_LARGE, detail))

    def _prediction(
        self, request: Request, rows: list[Row], predicted: Predicted, part: slice, now: str
    ) -> Prediction:
        card, record, payload = self._card, request.record, request.payload
        return Prediction(
            id=codec.record_id(record.headers, record.topic, record.partition, record.offset),
            model=card.alias,
            registered_name=card.registered_name,
            version=card.version,
            run_id=card.run_id,
            predictions=predicted.labels[part],
            timestamp=now,
            data=one_line(payload.data, record.value) if payload.columns is None else self._decoder.as_records(rows),
            probabilities=None if predicted.probabilities is None else predicted.probabilities[part],
        )

    def _refuse(self, request: Request, exc: Exception) -> DeadLetter:
        return dead_letter(request.record, exc, self._clock(), self._card.alias, self._card.version)


def check_answer(predicted: Predicted, rows: int) -> None:
    """Check that a model answered for each row, and with something.

    Raises:
        PredictionError: It answered for more or fewer, or with NaN or infinity.
    """
    if len(predicted.labels) != rows:
        raise PredictionError(f"The model answered {len(predicted.labels)} predictions for {rows} rows.")
    if predicted.probabilities is not None and len(predicted.probabilities) != rows:
        raise PredictionError(f"The model answered {len(predicted.probabilities)} probabilities for {rows} rows.")
    numbers = [label for label in predicted.labels if isinstance(label, float)]
    if not np.isfinite(numbers).all() or not np.isfinite(predicted.probabilities or []).all():
        raise PredictionError("The model answered with NaN or infinity.")


def one_line(data: msgspec.Raw, value: bytes | None) -> msgspec.Raw:
    """Return JSON text without line breaks, so that a prediction is one line wherever it is written.

    Args:
        data: The text.
        value: The record that it was cut from: looking there first spares a copy.
    """
    if value is None or (b"\n" not in value and b"\r" not in value):
        return data
    return msgspec.Raw(msgspec.json.format(data, indent=-1))


def dead_letter(record: Record, exc: Exception, now: str, model: str = "", version: str = "") -> DeadLetter:
    """Make the dead letter of a record: its original bytes, and why it was refused."""
    return DeadLetter(
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        code=code_of(exc),
        error=type(exc).__name__,
        message=message_of(exc),
        model=model,
        version=version,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        attempt=codec.next_attempt(record.headers),
        time=now,
    )


def code_of(exc: Exception) -> Code:
    """Return the code under which a record is refused for an error."""
    if isinstance(exc, RecordError):
        return exc.code
    return Code.MODEL_TIMEOUT if isinstance(exc, PredictionTimeout) else Code.MODEL_FAILED


def message_of(exc: Exception) -> str:
    """Return the message of an error, bounded, and as text that can be encoded whatever a model put there."""
    try:
        text = str(exc)[: codec.MAX_MESSAGE]
    except Exception as broken:  # noqa: BLE001  # the text of a model's own error is the model's code, too
        return f"Its message cannot be read: {type(broken).__name__}."
    return text.encode(errors="replace").decode()
