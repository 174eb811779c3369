"""Score a batch: decode, group by model, predict, put together again in the order of the input.

Nothing that a record or a model does leaves `Scorer.score` as an exception. A record that cannot be scored becomes a
dead letter and the others of its batch are scored. Where a model raises on a group of requests, each is tried alone,
so that only those that fail by themselves are refused.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

import msgspec
import numpy as np

from streamapp.contracts import codec
from streamapp.contracts.errors import Code, PredictionError, RecordError, UnknownModel
from streamapp.contracts.messages import DeadLetter, Payload, Prediction
from streamapp.contracts.rows import Row, RowDecoder
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


class Limits(NamedTuple):
    """What a request and its prediction may be.

    Attributes:
        rows: Most rows of a request.
        prediction_bytes: Largest prediction, encoded.
    """

    rows: int = 10_000
    prediction_bytes: int = 4_000_000


DEFAULT_LIMITS: Final = Limits()


class Scorer:
    """Scores batches with the models it is given. Not thread-safe: one batch at a time.

    Args:
        models: Loaded models by alias.
        limits: What a request and its prediction may be.
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
        self._model = model
        self._card = model.card
        self._limits = limits
        self._decoder = RowDecoder(model.card, limits.rows)
        self._clock = clock

    def score(self, requests: Sequence[Request]) -> list[Result]:
        """Predict requests together; where that fails, each by itself."""
        results: list[Result] = []
        decoded = self._decode(requests, results)
        if not decoded:
            return results
        try:
            results.extend(self._predict(decoded))
        except Exception as exc:  # noqa: BLE001  # a model may raise anything
            log.warning("Model %s failed on %d requests: %r; trying each alone.", self._card.alias, len(decoded), exc)
            results.extend(chain.from_iterable(self._predict_alone(one) for one in decoded))
        return results

    def _decode(self, requests: Sequence[Request], results: list[Result]) -> list[tuple[Request, list[Row]]]:
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

    def _predict(self, decoded: Sequence[tuple[Request, list[Row]]]) -> list[Result]:
        table = to_table(self._card, [row for _, rows in decoded for row in rows])
        predicted = self._model.predict(table)
        check_answer(predicted, len(table))
        imputed = missing(self._card, table)
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
        value = codec.encode(prediction)
        if len(value) <= self._limits.prediction_bytes:
            return Scored(request.record, prediction.id, value)
        limit = self._limits.prediction_bytes
        detail = f"Its prediction takes {len(value)} bytes; at most {limit} fit the topic. Send fewer rows a request."
        return self._refuse(request, RecordError(Code.RECORD_TOO_LARGE, detail))

    def _predict_alone(self, one: tuple[Request, list[Row]]) -> list[Result]:
        try:
            return self._predict([one])
        except Exception as exc:  # noqa: BLE001  # a model may raise anything
            return [(one[0].place, self._refuse(one[0], exc))]

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
        code=exc.code if isinstance(exc, RecordError) else Code.MODEL_FAILED,
        error=type(exc).__name__,
        message=str(exc)[: codec.MAX_MESSAGE],
        model=model,
        version=version,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        attempt=1,
        time=now,
    )
