"""How a worker works: its batches and their bounds, its time-outs, its page."""

from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator


class WorkerSettings(BaseModel):
    """Batches, bounds and time-outs."""

    max_batch_records: int = Field(
        2000, ge=1, description="Most records of one fetch; those of one partition are scored together."
    )
    max_rows: int = Field(10_000, ge=1, description="Most rows of one request.")
    max_fields: int = Field(
        1_000, ge=1, description="Most fields of one row; a model with more features takes as many as it has."
    )
    max_depth: int = Field(
        32, ge=2, description="Most levels of arrays and objects in the rows of a request; plain rows have two."
    )
    predict_timeout: float = Field(
        3.0,
        gt=0,
        description="Seconds that a model may take for the requests that wait for it together, under the rebalance "
        "timeout; what it has not answered by then becomes a dead letter.",
    )
    max_attempts: int = Field(
        5, ge=1, description="Times that a record may fail before `streamapp dlq redrive` leaves it where it is."
    )
    max_lag: int = Field(
        1_000_000,
        ge=1,
        description="Records that may wait for the workers; beyond that the edge answers 503 until they caught up.",
    )
    liveness_timeout: float = Field(
        60.0,
        gt=0,
        description="Seconds that records may wait without progress until a worker's `/livez` says that it hangs.",
    )
    max_record_bytes: int = Field(
        1_000_000,
        ge=1024,
        description="Largest record on a topic, in bytes; the broker's own bound is 1 MiB.",
    )
    session_timeout: float = Field(10.0, gt=0, description="Seconds without heartbeat until a worker is given up.")
    rebalance_timeout: float = Field(
        10.0, gt=0, description="Seconds that a rebalance waits for a worker; must exceed the slowest batch."
    )
    commit_interval: float = Field(0.5, gt=0, description="Seconds between commits of input offsets.")
    shutdown_timeout: float = Field(
        10.0, gt=0, description="Seconds that a part which is told to stop may take to finish what it has begun."
    )
    worker_web_host: str = Field(
        "127.0.0.1",
        description="Address that the worker's own page listens on; where probes come from elsewhere, `0.0.0.0`.",
    )
    worker_web_port: int = Field(
        6066, ge=0, le=65535, description="Port of the worker's own page; where it is taken, a free one."
    )
    worker_processes: int | Literal["auto"] = Field(
        1,
        description="Processes of `streamapp worker`, which share the partitions and one page. `auto`: one for each "
        "usable processor.",
    )

    @field_validator("worker_processes", mode="before")
    @classmethod
    def _number_or_auto(cls, value: Any) -> Any:
        if value != "auto" and not (str(value).isdigit() and int(value) > 0):
            raise ValueError(f"{value!r} is neither auto nor a whole number above 0")
        return value
