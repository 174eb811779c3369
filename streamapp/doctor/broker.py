"""The broker: whether each of its addresses lets us in, those too that it sends its clients to."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from streamapp.clients import kafka
from streamapp.doctor.findings import Fault, Finding, Said, Seen, error, warning
from streamapp.doctor.knock import Closed, Versions, knock
from streamapp.doctor.visit import Looks, Visit

_ROLE: Final = "doctor"
#: Requests that records with headers need, by number: its name, and its least version. Kafka 0.11 has both.
_NEEDED: Final = {0: ("Produce", 3), 1: ("Fetch", 4)}


async def look(visit: Visit) -> Looks:
    """Knock at the addresses of the settings, then at those that the broker gives its clients."""
    servers = visit.settings.bootstrap_servers
    answers = await asyncio.gather(*(knock(visit.settings, server, visit.patience) for server in servers))
    for finding in entries(servers, answers):
        yield finding
    opened = [answer for answer in answers if not isinstance(answer, Closed)]
    if not opened:
        return
    for finding in abilities(visit.settings.broker, opened[0]):
        yield finding
    try:
        nodes = await _nodes(visit)
    except (KafkaError, OSError, TimeoutError) as exc:
        yield _mute(visit, exc)
        return
    for said in await _advertised(visit, [node for node in nodes if node not in servers]):
        yield said
    count = len(nodes)
    protocol = visit.settings.security_protocol
    yield Seen(f"{visit.settings.broker}: {count} node{'s' if count > 1 else ''}, {protocol}")


def entries(servers: Sequence[str], answers: Sequence[Versions | Closed]) -> Iterator[Finding]:
    """Yield a finding for each address that does not let us in: an error where none does."""
    closed = [(server, answer) for server, answer in zip(servers, answers, strict=True) if isinstance(answer, Closed)]
    say = error if len(closed) == len(servers) else warning
    for server, answer in closed:
        yield say(answer.fault, f"broker {server}", answer.what, answer.mend)


def abilities(broker: str, versions: Versions) -> Iterator[Finding]:
    """Yield an error where the broker lacks requests that every part of ours makes."""
    old = [name for number, (name, least) in _NEEDED.items() if versions.get(number, (0, -1))[1] < least]
    if old:
        yield error(
            Fault.BROKER_OLD,
            f"broker {broker}",
            f"It is too old: its {' and '.join(old)} know no headers of records.",
            "Use Redpanda, or Apache Kafka 0.11 or newer.",
        )


async def _nodes(visit: Visit) -> list[str]:
    """Return the addresses that the broker sends its clients to."""
    options = kafka.connection(visit.settings, _ROLE)
    client = AIOKafkaClient(**options, request_timeout_ms=int(visit.patience * 1000))
    try:
        async with asyncio.timeout(2 * visit.patience):
            await client.bootstrap()
        return sorted(f"{node.host}:{node.port}" for node in client.cluster.brokers())
    finally:
        await client.close()


async def _advertised(visit: Visit, nodes: Sequence[str]) -> list[Said]:
    answers = await asyncio.gather(*(knock(visit.settings, node, visit.patience) for node in nodes))
    return [
        error(
            Fault.BROKER_ADVERTISES,
            f"broker {node}",
            f"It is where {visit.settings.broker} sends its clients to, and we do not get in there. {answer.what}",
            "Have it advertise an address that is reached from here (advertised.listeners; Redpanda: "
            "--advertise-kafka-addr), or look from where that one is reached.",
        )
        for node, answer in zip(nodes, answers, strict=True)
        if isinstance(answer, Closed)
    ]


def _mute(visit: Visit, exc: BaseException) -> Finding:
    settings = visit.settings
    no_sasl = (
        " It may want SASL, which STREAMAPP_SECURITY_PROTOCOL does not give it." if not settings.uses_sasl else ""
    )
    return error(
        Fault.BROKER_REFUSES,
        f"broker {settings.broker}",
        f"It takes connections, and does not say which nodes it has ({type(exc).__name__}).{no_sasl}",
        "Set STREAMAPP_SECURITY_PROTOCOL as its listener has it; else see the broker's log.",
    )
