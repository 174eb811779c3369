"""An edge that is told to end ends, also where neither its clients nor its broker help."""

import signal

from draining import longest, seconds_to_end
from edge_process import GOOD, head, serving
from edge_support import card

from streamapp.contracts.settings import Settings
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port


async def test_an_edge_whose_client_and_broker_hang_ends_within_its_time(own: Processes, settings: Settings) -> None:
    port = free_port()
    broker = await own.run(services.broker(port))
    settings = settings.model_copy(update={"broker": f"127.0.0.1:{port}", "shutdown_timeout": 2.0})
    async for edge in serving(own, settings, card("svm")):
        assert (await edge.post(GOOD, "/predict_stream?model=svm")).status == 202
        _, writer = await edge.connect()
        writer.write(head("POST", "/predict_stream?model=svm", {"Content-Length": "1000"}) + b"{")
        await writer.drain()
        broker.process.send_signal(signal.SIGSTOP)
        assert 2.0 <= await seconds_to_end(edge.child) < longest("edge", 2.0)
        writer.close()
