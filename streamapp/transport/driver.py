"""The transport that Faust finds under the URL scheme `batch` (entry-point group `faust.transports`)."""

from typing import ClassVar

from faust.transport.drivers import aiokafka as stock

from streamapp.transport.consumer import Consumer


class Transport(stock.Transport):
    """Faust's aiokafka transport with the batch consumer; producers are Faust's own."""

    Consumer: ClassVar[type[Consumer]] = Consumer
    driver_version = f"batch+{stock.Transport.driver_version}"
