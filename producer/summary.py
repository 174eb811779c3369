"""What became of the requests."""

from collections import Counter
from http import HTTPStatus
from typing import Final

from msgspec import Struct

#: Outcomes beside the HTTP statuses.
NO_ANSWER: Final = "no_answer"
ON_TOPIC: Final = "on_topic"
NOT_ACKNOWLEDGED: Final = "not_acknowledged"


class Summary(Struct, frozen=True):
    """The end of a run.

    Attributes:
        sent: Accepted requests: 202 over HTTP, or acknowledged on the topic, good or bad.
        rejected: 4xx answers.
        failed: Any other answer, none at all, and records that the broker did not acknowledge.
        to_topic: Of `sent`: put straight on the topic.
        by_status: Requests over HTTP by status, `no_answer` where there was none, and records that were
            `not_acknowledged`. With `to_topic` they add up to all requests.
        seconds: How long the run took.
        last_error: Why the last request that had no answer, or record that was not acknowledged, failed; it is
            known at the end of the run.
    """

    sent: int
    rejected: int
    failed: int
    to_topic: int
    by_status: dict[str, int]
    seconds: float
    last_error: str = ""

    @property
    def line(self) -> str:
        """The counts for a person."""
        return f"{self.sent} sent, {self.rejected} rejected, {self.failed} failed"


class Tally:
    """Counts outcomes: an HTTP status as text, or one of this module's constants."""

    def __init__(self) -> None:
        self._outcomes: Counter[str] = Counter()

    def count(self, outcome: str) -> None:
        """Count one request."""
        self._outcomes[outcome] += 1

    @property
    def total(self) -> int:
        """Requests whose outcome is known."""
        return self._outcomes.total()

    @property
    def line(self) -> str:
        """The counts so far for a person."""
        return self.summary(0).line

    def summary(self, seconds: float) -> Summary:
        """Return the counts so far."""
        outcomes = self._outcomes
        to_topic = outcomes[ON_TOPIC]
        sent = outcomes[str(HTTPStatus.ACCEPTED.value)] + to_topic
        rejected = sum(number for outcome, number in outcomes.items() if _is_client_error(outcome))
        by_status = {outcome: outcomes[outcome] for outcome in sorted(outcomes) if outcome != ON_TOPIC}
        return Summary(sent, rejected, self.total - sent - rejected, to_topic, by_status, round(seconds, 3))


def _is_client_error(outcome: str) -> bool:
    return outcome.isdigit() and outcome.startswith("4")
