"""The transport that Faust finds under the URL scheme `batch` (entry-point group `faust.transports`)."""

from typing import ClassVar

from faust.transport.drivers import aiokafka as stock

from streamapp.transport.consumer import Consumer


class Transport(stock.Transport):
    """Faust's aiokafka transport with the batch consumer; producers are Faust's own.

    Attributes:
        commits: Whether the consumer commits the offsets of acknowledged batches. To be set to False, before the app
            consumes, where the agent commits them itself, e.g. in a transaction with what it writes.
        drain_timeout: Seconds that a stopping app waits for the batches that its agents work on.
    """

    Consumer: ClassVar[type[Consumer]] = Consumer
    commits: bool = True
    drain_timeout: float = 10.0
    driver_version = f"batch+{stock.Transport.driver_version}"
