"""The brokers that everything is measured on."""

from pathlib import Path

from apache_kafka import ApacheKafka

from benchmarks.bench import Broker
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port


async def start(kind: Broker, processes: Processes, folder: Path) -> str:
    """Start a broker with its data in `folder`; return its address."""
    if kind == "kafka":
        broker = ApacheKafka(processes, folder / "kafka")
        await broker.start()
        return broker.address
    port = free_port()
    await processes.run(services.broker(port))
    return f"127.0.0.1:{port}"
