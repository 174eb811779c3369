"""What counts as an answer to whether a broker has transactions, and what does not."""

from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IncompatibleBrokerVersion

from streamapp.clients import kafka
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import load_settings


class Answer:
    """An answer to InitProducerId."""

    def __init__(self, error_code: int) -> None:
        self.error_code = error_code


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[int | Exception]:
    """What the broker answers, one after the other; the last one for ever."""
    script: list[int | Exception] = []

    async def nothing(*_: Any) -> int:
        return 1

    async def send(*_: Any, **__: Any) -> Answer:
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer)

    monkeypatch.setattr(AIOKafkaClient, "bootstrap", nothing)
    monkeypatch.setattr(AIOKafkaClient, "get_random_node", lambda _: 1)
    monkeypatch.setattr(AIOKafkaClient, "coordinator_lookup", nothing)
    monkeypatch.setattr(AIOKafkaClient, "send", send)
    return script


@pytest.mark.parametrize("passing", [15, 14, 16, 51, 7], ids=str)
async def test_a_coordinator_that_is_not_ready_is_asked_again(answers: list[int | Exception], passing: int) -> None:
    answers += [passing, -1, passing, 0]
    assert await kafka.transactions(load_settings(), "test")


async def test_an_unknown_error_is_a_no_when_it_stays(answers: list[int | Exception]) -> None:
    answers += [-1]
    assert not await kafka.transactions(load_settings(), "test")


async def test_a_broker_that_does_not_list_the_request_has_none(answers: list[int | Exception]) -> None:
    answers += [IncompatibleBrokerVersion()]
    assert not await kafka.transactions(load_settings(), "test")


@pytest.mark.parametrize("refusal", [53, 50, 31], ids=["acl", "timeout", "cluster acl"])
async def test_a_refusal_is_told_where_transactions_are_needed(answers: list[int | Exception], refusal: int) -> None:
    answers += [refusal]
    with pytest.raises(BrokerUnavailable, match="ACL"):
        await kafka.transactions(load_settings(), "test")
    assert not await kafka.transactions(load_settings(), "test", needed=False)
