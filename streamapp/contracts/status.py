"""What a scoring worker says of its models: which it serves, since which offset, and which it refuses and why.

A `WorkerStatus` stands under the worker's name on the compacted topic `model_status`, renewed while the worker lives.
A `Switch` stands on the topic `model_switches`, committed together with the first prediction of a version on a
partition: of the records for its alias, those from its offset on are predicted by its version, up to the next switch.
"""

from typing import Final

from msgspec import Struct

#: Tag of a registered model: the alias that it is to be served under.
ALIAS_TAG: Final = "streamapp.alias"
#: Tag of a model version: the digest of its files, see `runtimes.digest`.
DIGEST_TAG: Final = "streamapp.sha256"
#: Seconds after which a status that was not renewed is that of a worker which is gone.
STALE_AFTER: Final = 30.0


class Switch(Struct, frozen=True):
    """A version takes effect for an alias on one input partition.

    Attributes:
        alias: Name that requests use.
        registered_name: Name in the MLflow registry.
        version: Version in the MLflow registry.
        run_id: MLflow run that made it.
        topic: Input topic.
        partition: Input partition.
        offset: First record for the alias that the version was asked to predict.
        time: When, UTC, ISO 8601 with milliseconds.
    """

    alias: str
    registered_name: str
    version: str
    run_id: str
    topic: str
    partition: int
    offset: int
    time: str


class Serving(Struct, frozen=True):
    """A version that a worker serves, with what it has done since.

    Attributes:
        alias: Name that requests use.
        registered_name: Name in the MLflow registry.
        version: Version in the MLflow registry.
        run_id: MLflow run that made it.
        flavor: Runtime that serves it.
        since: When the worker began to serve it, UTC, ISO 8601.
        rows: Rows that it predicted.
        calls: Calls of its `predict` that answered.
        p50_ms: Median time of the latest calls, in milliseconds; 0 before the first.
        p99_ms: 99th percentile of them.
    """

    alias: str
    registered_name: str
    version: str
    run_id: str
    flavor: str
    since: str
    rows: int = 0
    calls: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0


class Refused(Struct, frozen=True):
    """A version that a worker does not serve.

    Attributes:
        alias: Name that requests would use.
        registered_name: Name in the MLflow registry.
        version: Version in the MLflow registry; "" where there is none.
        reason: One sentence for a person.
        since: When it was refused, UTC, ISO 8601.
    """

    alias: str
    registered_name: str
    version: str
    reason: str
    since: str


class WorkerStatus(Struct, frozen=True):
    """What one worker says of its models.

    Attributes:
        worker: The worker's name.
        time: When it said so, UTC, ISO 8601.
        serving: What it serves, by alias.
        refused: What it refuses, by alias.
    """

    worker: str
    time: str
    serving: tuple[Serving, ...] = ()
    refused: tuple[Refused, ...] = ()
