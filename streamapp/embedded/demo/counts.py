"""What has flown so far, counted from the records of the topics. Pure."""

from collections import Counter, deque
from collections.abc import Collection, Iterable
from math import ceil
from typing import Final

from msgspec import structs

from streamapp.contracts.card import ModelCard
from streamapp.contracts.messages import Prediction
from streamapp.embedded.demo.snapshot import Last

#: Latencies are kept in whole milliseconds, as the broker stamps records, and never more of them than this.
_LONGEST_MS: Final = 600_000
#: Seconds that the rate looks back.
_WINDOW: Final = 5.0


class Latencies:
    """A histogram of whole milliseconds: exact percentiles, bounded memory."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, milliseconds: float) -> None:
        """Count one latency; a clock that stepped back counts as 0."""
        self._counts[min(max(round(milliseconds), 0), _LONGEST_MS)] += 1

    def percentile(self, share: float) -> int | None:
        """Return the smallest latency that `share` of all do not exceed (nearest rank); None where there are none."""
        rank = ceil(share * self._counts.total())
        for milliseconds in sorted(self._counts):
            rank -= self._counts[milliseconds]
            if rank <= 0:
                return milliseconds
        return None


class Rate:
    """Rows a second over the last seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def update(self, now: float, rows: int) -> float:
        """Take a sample.

        Args:
            now: Seconds on a monotonic clock.
            rows: All rows until now.

        Returns:
            Rows a second since the oldest sample of the window.
        """
        self._samples.append((now, rows))
        while self._samples[0][0] < now - _WINDOW:
            self._samples.popleft()
        then, before = self._samples[0]
        return (rows - before) / (now - then) if now > then else 0.0


class Counts:
    """Counts of the topics since their beginning.

    Attributes:
        sent: Records of the input topics.
        predictions: Records of the predictions topic.
        rows: Rows that these predict.
        dead_letters: Records of the dead-letter topic, by code.
        latencies: From acceptance to a prediction that can be read, of the requests accepted since the first
            prediction; those before it waited for the worker to join its group, which `first_at` shows.
        first_at: When the first prediction was read, in seconds since the epoch; None before.
        last_at: When the last one was.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.predictions = 0
        self.rows = 0
        self.dead_letters: Counter[str] = Counter()
        self.latencies = Latencies()
        self.first_at: float | None = None
        self.last_at: float | None = None
        self._last: dict[str, Last] = {}
        self._class_names: dict[str, dict[str, str]] = {}

    @property
    def models(self) -> Collection[str]:
        """Aliases of the models that have published a card."""
        return self._class_names.keys()

    @property
    def lag(self) -> int:
        """Records that wait for their outcome."""
        return max(self.sent - self.predictions - self.dead_letters.total(), 0)

    @property
    def rows_per_second(self) -> float:
        """Rows a second between the first prediction and the last."""
        seconds = (self.last_at or 0.0) - (self.first_at or 0.0)
        return self.rows / seconds if seconds else 0.0

    @property
    def last(self) -> tuple[Last, ...]:
        """The last prediction of each model, its labels in the words of the model's card."""
        return tuple(self._in_words(self._last[model]) for model in sorted(self._last))

    def add_prediction(self, prediction: Prediction, accepted_ms: int | None, now: float) -> None:
        """Count a prediction.

        Args:
            prediction: The record.
            accepted_ms: When its request was accepted, in milliseconds since the epoch; None: it does not say.
            now: When it was read, in seconds since the epoch.
        """
        latency = None if accepted_ms is None else round(now * 1000 - accepted_ms)
        self.predictions += 1
        self.rows += len(prediction.predictions)
        labels = tuple(str(label) for label in prediction.predictions)
        self._last[prediction.model] = Last(prediction.model, labels, latency, prediction.id)
        self.first_at = self.first_at or now
        self.last_at = now
        if accepted_ms is not None and accepted_ms >= self.first_at * 1000:
            self.latencies.add(now * 1000 - accepted_ms)

    def add_card(self, card: ModelCard) -> None:
        """Learn the readable names of a model's labels."""
        self._class_names[card.alias] = card.class_names

    def add_dead_letters(self, codes: Iterable[str]) -> None:
        """Count dead letters by their codes."""
        self.dead_letters.update(codes)

    def _in_words(self, last: Last) -> Last:
        names = self._class_names.get(last.model, {})
        return structs.replace(last, labels=tuple(names.get(label, label) for label in last.labels))
