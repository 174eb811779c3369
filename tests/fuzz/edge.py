"""An edge process that knows a model, with little patience."""

import sys
from random import Random

from unique import environment

from fuzz import http
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.embedded.processes import Child, Processes, Program, answering, free_port

CARD = ModelCard("large", "Large", "1", "run", "lightgbm", (Feature("Sleep_Hours"), Feature("Team_Size")))


class Edge:
    """The process and where it listens."""

    def __init__(self, child: Child, port: int) -> None:
        self.child = child
        self.port = port

    async def fuzz(self, random: Random, count: int) -> None:
        """Send damaged requests, and look whether it goes on.

        Raises:
            BadAnswer: It was not answered as it should, or its log tells of what it did not expect.
        """
        await http.fuzz(self.port, random, count)
        alive = await http.exchange(self.port, http.SEEDS[0])
        if b'{"status":"alive"}' not in alive or self.child.process.poll() is not None:
            raise http.BadAnswer("The edge has ended.")
        if "Traceback" in (text := self.child.log.read_text(errors="replace")):
            raise http.BadAnswer(text[text.index("Traceback") :].splitlines()[0][-2000:])


async def start(processes: Processes, settings: Settings) -> Edge:
    """Start the edge and wait until it is ready."""
    changes = {"api_port": free_port(), "request_timeout": 0.5, "predict_deadline": 0.3}
    own = settings.model_copy(update={**changes, "models": {"large": "Large"}, "default_model": "large"})
    await kafka.ensure_topics(own, topics(own), "test")
    async with kafka.producer(own, "test") as producer:
        await producer.send_and_wait(own.models_topic, codec.encode(CARD), b"large")
    ready = answering(f"http://127.0.0.1:{own.api_port}/readyz")
    program = Program("fuzzed-edge", (sys.executable, "-m", "api"), ready, env=environment(own))
    return Edge(await processes.run(program), own.api_port)
