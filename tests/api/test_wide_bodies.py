"""What a very wide record costs an edge that takes bodies as large as that."""

from collections.abc import Callable
from statistics import median

import pytest
from bad_inputs import keys
from edge_process import GOOD, EdgeProcess, serving

from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Processes

CARD = ModelCard("large", "Large", "1", "run", "lightgbm", (Feature("Sleep_Hours"), Feature("Team_Size")))
MILLION = 1_000_000
#: Seconds of processor time for a body of eleven megabytes, most of which it takes to receive it.
MOST = 0.1
ATTEMPTS = 5


def flat(body: bytes) -> bytes:
    return body.removeprefix(b'{"data": [').removesuffix(b"]}")


async def cost(edge: EdgeProcess, body: bytes) -> float:
    """Return the processor time that an edge takes to refuse a body."""
    before = edge.cpu_seconds
    answer = await edge.post(body, "/predict?model=large")
    assert (answer.status, answer.code) == (422, "too_many_fields")
    return edge.cpu_seconds - before


@pytest.mark.bad_input(6)
@pytest.mark.parametrize("shape", [bytes, flat])
async def test_06_a_record_of_a_million_keys_costs_less_than_its_keys(
    own: Processes, settings: Settings, shape: Callable[[bytes], bytes]
) -> None:
    wide = settings.model_copy(update={"max_body_bytes": 20_000_000})
    body = shape(keys(MILLION))
    async for edge in serving(own, wide, CARD):
        assert (await edge.post(GOOD)).status == 202
        spent = [await cost(edge, body) for _ in range(ATTEMPTS)]
        assert median(spent) < MOST, spent
        assert (await edge.post(GOOD)).status == 202
