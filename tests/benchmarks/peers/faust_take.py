"""Stock Faust: `stream.take_events` for a batch, `topic.send` for each prediction."""

from pathlib import Path
from typing import Any

import faust
from served import Served, task

given = task()
served = Served(Path(given.model))
app = faust.App(
    given.group,
    broker=f"kafka://{given.broker}",
    value_serializer="raw",
    datadir=given.state,
    consumer_auto_offset_reset="earliest",
    broker_session_timeout=6.0,
    broker_rebalance_timeout=4.0,
    broker_heartbeat_interval=0.6,
    stream_buffer_maxsize=8192,
    topic_allow_declare=False,
    topic_disable_leader=True,
    web_enabled=False,
)
requests = app.topic(given.input, value_serializer="raw")
predictions = app.topic(given.output, value_serializer="raw")


@app.agent(requests)
async def score(stream: Any) -> None:
    """Answer batches; a batch is acknowledged when its predictions were."""
    async for events in stream.take_events(1000, within=0.1):
        records = [event.message for event in events]
        names = [dict(record.headers)["ce_id"] for record in records]
        answers = served.answer([event.value for event in events], [name.decode() for name in names])
        sent = [
            await predictions.send(
                value=value,
                partition=record.partition,
                headers={
                    "ce_id": name,
                    "input_partition": str(record.partition).encode(),
                    "input_offset": str(record.offset).encode(),
                },
            )
            for record, name, value in zip(records, names, answers, strict=True)
        ]
        for future in sent:
            await future


if __name__ == "__main__":
    app.finalize()
    worker = faust.Worker(app, loglevel="WARNING")
    worker.execute_from_commandline()
