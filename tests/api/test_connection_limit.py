"""The number of connections that an edge keeps."""

import asyncio
from functools import partial

from edge_process import GOOD, EdgeProcess, head, read_answer, serving
from waiting import eventually

from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Processes

CARD = ModelCard("large", "Large", "1", "run", "lightgbm", (Feature("Sleep_Hours"), Feature("Team_Size")))
MOST = 5
#: More than are told that they are refused, at one time.
MANY = 400


async def accepted(edge: EdgeProcess) -> bool:
    answer = await edge.converse([head("GET", "/livez", {})])
    return answer is not None and answer.status == 200


async def test_connections_above_the_limit_are_refused_until_others_are_closed(
    own: Processes, settings: Settings
) -> None:
    async for edge in serving(own, settings.model_copy(update={"max_connections": MOST}), CARD):
        served = partial(accepted, edge)
        await eventually(served, "the connections that looked whether it is ready to be closed")
        idle = [await edge.connect() for _ in range(MOST)]
        for reader, writer in idle:
            writer.write(head("GET", "/livez", {}))
            answer = await asyncio.wait_for(read_answer(reader), 5)
            assert answer is not None
            assert answer.status == 200
        reader, writer = await edge.connect()
        refused = await asyncio.wait_for(read_answer(reader), 5)
        assert refused is not None
        assert (refused.status, refused.code, refused.headers["retry-after"]) == (503, "overloaded", "1")
        for _, each in [*idle, (reader, writer)]:
            each.close()
        await eventually(served, "room for another connection")
        assert (await edge.post(GOOD)).status == 202


async def test_refused_connections_are_bounded_too(own: Processes, settings: Settings) -> None:
    async for edge in serving(own, settings.model_copy(update={"max_connections": MOST}), CARD):
        await eventually(partial(accepted, edge), "the connections that looked whether it is ready to be closed")
        before = edge.process.num_fds()
        opened = [await edge.connect() for _ in range(MANY)]
        last, _ = opened[-1]
        assert await asyncio.wait_for(last.read(), 5) == b""
        assert edge.process.num_fds() - before < MANY - 50
        for _, writer in opened[:MOST]:
            writer.close()
        # Those that are refused are still open, and take nobody's place.
        await eventually(partial(accepted, edge), "room for another connection", timeout=1)
        for _, writer in opened[MOST:]:
            writer.close()
