"""Quix Streams: a streaming dataframe, which takes one record at a time.

The fast call for a batch gets batches of one. A prediction goes to the partition that its key chooses, so the place
of its request is in its headers, as everywhere.
"""

from pathlib import Path
from typing import Any

from quixstreams import Application, message_context
from served import Served, task

given = task()
served = Served(Path(given.model))
app = Application(
    broker_address=given.broker,
    consumer_group=given.group,
    auto_offset_reset="earliest",
    state_dir=given.state,
    auto_create_topics=False,
    use_changelog_topics=False,
    commit_interval=1.0,
    loglevel="WARNING",
    consumer_extra_config={"session.timeout.ms": 6000},
)
requests = app.topic(given.input, value_deserializer="bytes")
predictions = app.topic(given.output, value_serializer="bytes")


def named(headers: Any) -> bytes:
    """Return the id of a request."""
    return next(bytes(value) for name, value in headers if name == "ce_id")


def score(value: bytes, _key: Any, _timestamp: int, headers: Any) -> bytes:
    """Answer one request."""
    return served.answer([value], [named(headers).decode()])[0]


def place(_value: bytes, _key: Any, _timestamp: int, headers: Any) -> list[tuple[str, bytes]]:
    """Return the headers of a prediction."""
    context = message_context()
    return [
        ("ce_id", named(headers)),
        ("input_partition", str(context.partition).encode()),
        ("input_offset", str(context.offset).encode()),
    ]


app.dataframe(requests).apply(score, metadata=True).set_headers(place).to_topic(predictions)

if __name__ == "__main__":
    app.run()
