"""Score batches: decode, group by model, predict, put together again in the order of the input.

Nothing that a record or a model does leaves this module as an exception. A record that cannot be scored becomes a
dead letter and the others of its batch are scored. Where a model raises or hangs on a group of requests, those that
it does so on are found and refused; see `isolate`.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate, chain, count, islice
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple

import msgspec
import numpy as np

from streamapp.contracts import codec
from streamapp.contracts.errors import Code, PredictionError, RecordError
from streamapp.contracts.messages import DeadLetter, Payload, Prediction
from streamapp.contracts.rows import Row, RowDecoder
from streamapp.scoring.call import Caller
from streamapp.scoring.gathered import Gathered
from streamapp.scoring.groups import Clock, Request, Result, group, merge
from streamapp.scoring.isolate import isolate
from streamapp.scoring.letters import dead_letter
from streamapp.scoring.model import Model, Predicted, missing
from streamapp.scoring.records import Outcome, Record, Scored
from streamapp.scoring.stats import Stats

log = logging.getLogger(__name__)

#: These run in C.
_PLACE: Final = itemgetter(0)
_DATA: Final = attrgetter("payload.data")
_COLUMNS: Final = attrgetter("payload.columns")
#: Bytes of JSON that are decoded together: what is made of them stays in the processor's cache.
_PIECE_BYTES: Final = 32_768


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """A request whose rows are decoded.

    Attributes:
        place: Its place among the requests of the call.
        request: The request.
        start: Place of its first row among those of the call.
        end: One past that of its last row; it has at least one.
        echo: Its rows as the prediction has them: JSON on one line.
    """

    place: int
    request: Request
    start: int
    end: int
    echo: msgspec.Raw


class Limits(NamedTuple):
    """What a request and its prediction may be.

    Attributes:
        rows: Most rows of a request.
        prediction_bytes: Largest prediction, encoded.
        predict_seconds: Time that a model may take for its requests of one batch.
        fields: Most fields of a row.
        depth: Most levels of arrays and objects in the rows of a request.
    """

    rows: int = 10_000
    prediction_bytes: int = 4_000_000
    predict_seconds: float = 3.0
    fields: int = 1_000
    depth: int = 32


DEFAULT_LIMITS: Final = Limits()


class Scorer:
    """Scores batches with the models it is given, one model after the other. Not thread-safe.

    The worker does the same with the models side by side: see `agents.scoring`.

    Args:
        models: Loaded models by alias.
        limits: What a request and its prediction may be, and how long a model may take.
        clock: Returns the time that predictions and dead letters carry.
    """

    def __init__(
        self, models: Mapping[str, Model], limits: Limits = DEFAULT_LIMITS, clock: Clock = codec.utc_now
    ) -> None:
        self._models = {alias: ModelScorer(model, limits, clock) for alias, model in models.items()}
        self._clock = clock

    def score(self, records: Sequence[Record]) -> Outcome:
        """Score the records of one batch.

        Returns:
            Each record exactly once, as a prediction or a dead letter, both in input order.
        """
        groups = group(records, self._models, self._clock)
        return merge(
            groups, {alias: self._models[alias].score(requests) for alias, requests in groups.requests.items()}
        )


class ModelScorer:
    """Scores the requests of one model. Not thread-safe: one call at a time.

    Args:
        model: The model.
        limits: What a request and its prediction may be, and how long the model may take.
        clock: Returns the time that predictions and dead letters carry.

    Attributes:
        card: The model's card.
        stats: What its calls came to.
    """

    def __init__(self, model: Model, limits: Limits = DEFAULT_LIMITS, clock: Clock = codec.utc_now) -> None:
        self.card: Final = model.card
        self.stats: Final = Stats()
        self._caller = Caller(model)
        self._limits = limits
        self._decoder = RowDecoder(model.card, limits.rows, limits.fields, limits.depth)
        self._clock = clock

    def score(self, requests: Sequence[Request]) -> list[Result]:
        """Predict requests together; where that fails, all but those that it fails on.

        Returns:
            What became of each request, in their order.
        """
        results: list[tuple[int, Result]] = []
        rows = Gathered(self.card)
        if decoded := self._decode(requests, rows, results):
            results += self._isolate(decoded, rows)
        return [result for _, result in sorted(results, key=_PLACE)]

    def _isolate(self, decoded: Sequence[Decoded], rows: Gathered) -> list[tuple[int, Result]]:
        started, called = time.monotonic(), self._caller.available
        found = isolate(
            decoded,
            partial(self._predict, rows),
            self._limits.predict_seconds,
            available=lambda: self._caller.available,
        )
        if found.failed and called:
            self._tell([exc for _, exc in found.failed], len(decoded), time.monotonic() - started)
        return found.results + [(one.place, self._refuse(one.request, exc)) for one, exc in found.failed]

    def _tell(self, failures: list[Exception], requests: int, seconds: float) -> None:
        reasons = Counter(type(exc).__name__ for exc in failures)
        what = ", ".join(f"{count} {name}" for name, count in reasons.items())
        log.warning(
            "Model %s refused %d of %d requests after %.1f s: %s",
            self.card.alias,
            len(failures),
            requests,
            seconds,
            what,
        )

    def _decode(
        self, requests: Sequence[Request], gathered: Gathered, results: list[tuple[int, Result]]
    ) -> list[Decoded]:
        decoded: list[Decoded] = []
        for first, end in _pieces(requests):
            piece = requests[first:end]
            decoded += self._together(piece, first, gathered) or self._one_by_one(piece, first, gathered, results)
        return decoded

    def _together(self, requests: Sequence[Request], first: int, gathered: Gathered) -> list[Decoded] | None:
        """Decode requests in one go, or return None where any of them needs more."""
        if set(map(_COLUMNS, requests)) != {None}:
            return None
        datas = list(map(_DATA, requests))
        together = self._decoder.decode_many(datas)
        if together is None:
            return None
        ends = list(accumulate(map(len, together), initial=len(gathered)))
        gathered.extend(list(chain.from_iterable(together)))
        echoes = map(_on_one_line, datas) if _has_line_break(b"".join(datas)) else datas
        return list(map(Decoded, count(first), requests, ends, islice(ends, 1, None), echoes))

    def _one_by_one(
        self, requests: Sequence[Request], first: int, gathered: Gathered, results: list[tuple[int, Result]]
    ) -> list[Decoded]:
        decoded = []
        for place, request in enumerate(requests, first):
            try:
                rows = self._decoder.decode(request.payload.data, request.payload.columns)
            except RecordError as exc:
                results.append((place, self._refuse(request, exc)))
            else:
                start = len(gathered)
                gathered.extend(rows)
                decoded.append(Decoded(place, request, start, len(gathered), self._echo(request.payload, rows)))
        return decoded

    def _predict(self, rows: Gathered, decoded: Sequence[Decoded], timeout: float) -> list[tuple[int, Result]]:
        # `isolate` attempts neighbours together.
        start, end = decoded[0].start, decoded[-1].end
        table = rows.table(start, end)
        imputed = missing(self.card, table)  # before the model has the table, and may write into it
        started = time.monotonic()
        predicted = self._caller.predict(table, timeout)
        check_answer(predicted, end - start)
        self.stats.add(end - start, time.monotonic() - started)
        return self._results(decoded, predicted, imputed)

    def _results(
        self, decoded: Sequence[Decoded], predicted: Predicted, imputed: list[list[str]] | None
    ) -> list[tuple[int, Result]]:
        card, now, limit = self.card, self._clock(), self._limits.prediction_bytes
        labels, probabilities = predicted
        results: list[tuple[int, Result]] = []
        before = decoded[0].start
        encode, record_id = codec.encode, codec.record_id
        # In one loop, with few calls: a record's time in the interpreter is spent here more than anywhere else.
        for one in decoded:
            request = one.request
            record = request.record
            start, end = one.start - before, one.end - before
            lacking = [] if imputed is None else imputed[start:end]
            prediction = Prediction(
                record_id(record.headers, record.topic, record.partition, record.offset),
                card.alias,
                card.registered_name,
                card.version,
                card.run_id,
                labels[start:end],
                now,
                one.echo,
                None if probabilities is None else probabilities[start:end],
                lacking if any(lacking) else None,
            )
            value = encode(prediction)
            size = len(value) + len(record.key or b"")
            scored = Scored(record, prediction.id, value) if size <= limit else self._too_large(request, size)
            results.append((one.place, scored))
        return results

    def _echo(self, payload: Payload, rows: list[Row]) -> msgspec.Raw:
        return _on_one_line(payload.data) if payload.columns is None else self._decoder.as_records(rows)

    def _too_large(self, request: Request, size: int) -> DeadLetter:
        limit = self._limits.prediction_bytes
        detail = f"Its prediction takes {size} bytes, its key included; the topic takes {limit}. Send fewer rows."
        return self._refuse(request, RecordError(Code.RECORD_TOO_LARGE, detail))

    def _refuse(self, request: Request, exc: Exception) -> DeadLetter:
        return dead_letter(request.record, exc, self._clock(), self.card.alias, self.card.version)


def _pieces(requests: Sequence[Request]) -> Iterator[tuple[int, int]]:
    """Return where each piece starts and ends; a request that is longer than a piece is one of its own."""
    start, size = 0, 0
    for place, length in enumerate(map(len, map(_DATA, requests))):
        if size and size + length > _PIECE_BYTES:
            yield start, place
            start, size = place, 0
        size += length
    if requests:
        yield start, len(requests)


def _on_one_line(data: msgspec.Raw) -> msgspec.Raw:
    """Return rows without line breaks: a prediction is one line wherever it is written."""
    return msgspec.Raw(msgspec.json.format(data, indent=-1)) if _has_line_break(bytes(data)) else data


def _has_line_break(text: bytes) -> bool:
    return b"\n" in text or b"\r" in text


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
