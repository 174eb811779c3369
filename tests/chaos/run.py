"""Runs faults one after the other on what they share, and tells of each as it goes."""

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

import apache_kafka
from msgspec import Struct, structs

from chaos import faults, oracles, parts
from chaos.brokers import Broker, Embedded, Kafka
from chaos.fault import Fault, NotPossible
from chaos.ledger import Run
from chaos.registry import Registry
from chaos.result import Result
from chaos.trial import EXACTLY_ONCE, Ground, Trial
from streamapp.embedded.processes import Processes

KAFKA: Final = "kafka"
EMBEDDED: Final = "embedded"
AT_LEAST_ONCE: Final = "at_least_once"
#: Accepted records a fault: with 20 faults well above 100,000.
RECORDS: Final = 6000

#: Is told what is being done.
Tell = Callable[[str], None]


class Plan(Struct, frozen=True):
    """What is to be run.

    Attributes:
        faults: Numbers of the faults, in order; each stands for all brokers that it can be made on.
        brokers: `kafka`, `embedded` or both.
        guarantee: Guarantee on Apache Kafka; the embedded broker has at_least_once only.
        seed: Seed of everything that is left to chance.
        records: Records that are accepted of each fault's traffic at least.
    """

    faults: tuple[int, ...]
    brokers: tuple[str, ...] = (KAFKA,)
    guarantee: str = EXACTLY_ONCE
    seed: int = 1
    records: int = RECORDS

    def trials(self) -> list[tuple[str, Fault]]:
        """Return the trials in their order: all faults of one broker, then of the next.

        Raises:
            KeyError: There is no fault with a number.
        """
        known = faults.load()
        chosen = [known[number] for number in self.faults]
        return [
            (kind, fault) for kind in self.brokers for fault in chosen if kind == KAFKA or not fault.restarts_broker
        ]


async def run(plan: Plan, folder: Path, tell: Tell) -> AsyncIterator[Result]:
    """Run a plan; yields each fault's result as soon as it is there.

    Args:
        plan: What is to be run.
        folder: Folder for logs and data.
        tell: Is told what is being done.
    """
    trials = plan.trials()
    async with Processes(folder / "logs") as processes:
        tell("Starting MLflow and the brokers")
        registry = Registry(processes, folder / "mlflow")
        async with contextlib.AsyncExitStack() as stack:
            grounds = {kind: _ground(plan, kind, folder, processes, registry) for kind in plan.brokers}
            possible = [kind for kind in grounds if not missing(kind)]
            await asyncio.gather(registry.fill(), *(_open(grounds[kind].broker, stack) for kind in possible))
            for kind, fault in trials:
                if reason := missing(kind):
                    yield _result(fault, grounds[kind], detail=reason)
                else:
                    tell(f"Fault {fault.number} on {kind}: {fault.title}")
                    yield await attempt(fault, grounds[kind], tell)


def missing(kind: str) -> str:
    """Say what this machine lacks to run a kind of broker; "" where nothing is."""
    return apache_kafka.missing() if kind == KAFKA else ""


async def attempt(fault: Fault, ground: Ground, tell: Tell) -> Result:
    """Run one fault. Whatever goes wrong is its result, so that those behind it are run too."""
    try:
        async with Trial(fault, ground) as trial:
            return _judged(trial, fault, ground, await _carry_out(trial, fault, tell))
    except NotPossible as exc:
        return _result(fault, ground, detail=str(exc))
    except Exception as exc:  # noqa: BLE001  # a part that did not start, a wait that was over, a mistake of the suite
        (ground.folder / f"{ground.kind}-{fault.number:02d}" / "traceback.txt").write_text(traceback.format_exc())
        return _result(fault, ground, passed=False, detail=f"{type(exc).__name__}: {exc}")
    finally:
        await _restore(ground)


async def _restore(ground: Ground) -> None:
    """Undo what a fault that failed half-way did to what all share."""
    ground.broker.proxy.clear()
    for server in (ground.broker, ground.registry):
        if server.child is not None and server.child.process.poll() is None:
            parts.resume(server.child)
        else:
            await server.start()


async def _carry_out(trial: Trial, fault: Fault, tell: Tell) -> Run:
    tell("starting edge, worker and sinks")
    await trial.warm_up()
    tell("the fault")
    await fault.run(trial)
    tell("healing")
    healed_s, lag = await trial.come_to_rest()
    tell("looking")
    return await trial.look(healed_s, lag)


def _judged(trial: Trial, fault: Fault, ground: Ground, seen: Run) -> Result:
    wrong = trial.judge(seen)
    return _result(
        fault,
        ground,
        records=len(seen.sent),
        accepted=len(oracles.accepted(seen)),
        lost=len(oracles.lost(seen)),
        repeated=oracles.repeated(seen),
        healed_s=None if seen.healed_s is None else round(seen.healed_s, 1),
        passed=not wrong,
        detail="; ".join(wrong),
    )


def _ground(plan: Plan, kind: str, folder: Path, processes: Processes, registry: Registry) -> Ground:
    broker: Broker = Kafka(processes, folder / "kafka") if kind == KAFKA else Embedded(processes)
    guarantee = plan.guarantee if kind == KAFKA else AT_LEAST_ONCE
    return Ground(processes, folder, kind, broker, registry, guarantee, plan.seed, plan.records)


async def _open(broker: Broker, stack: contextlib.AsyncExitStack) -> None:
    await stack.enter_async_context(broker.proxy)
    await broker.start()


def _result(fault: Fault, ground: Ground, **figures: object) -> Result:
    result = Result(fault.number, fault.title, ground.guarantee, ground.kind, ground.seed)
    return structs.replace(result, **figures)


def succeeded(results: Sequence[Result]) -> bool:
    """Say whether all that could be run passed, and something could."""
    return any(result.passed for result in results) and all(result.passed is not False for result in results)
