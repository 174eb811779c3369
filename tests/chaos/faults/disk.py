"""The disk under the CSV fills up, then the one under the broker's log. What is refused is told; nothing is torn."""

import asyncio
import contextlib
from typing import Final

from waiting import eventually

from chaos import small_disk
from chaos.brokers import Kafka
from chaos.fault import Fault
from chaos.trial import Trial

_CSV_MEBIBYTES: Final = 64
#: What the last block of a file has room for, though the disk is full.
_BLOCK: Final = 4096
#: The log's disk is as large as what is in the log already, and this.
_LOG_MEBIBYTES: Final = 100
_FULL_FOR: Final = 4.0
#: Seconds in which a broker notices that it cannot write, at the latest.
_NOTICED: Final = 20.0


async def _full(trial: Trial) -> None:
    """Fill the disk under the CSV and free it; then, where the broker keeps a log, that under the log."""
    await _full_csv(trial)
    if isinstance(trial.broker, Kafka):
        await _full_log(trial, trial.broker)


async def _full_csv(trial: Trial) -> None:
    csv = trial.settings.csv_path
    await trial.parts.terminate(trial.parts.sinks)
    small_disk.mount(csv.parent, _CSV_MEBIBYTES)
    trial.undo.callback(small_disk.unmount, csv.parent)
    trial.parts.start_sinks()
    await eventually(lambda: trial.observer.csv().count(b"\n") > 1, "the CSV on the small disk has rows")
    await asyncio.to_thread(small_disk.fill, csv.parent)
    size, committed = csv.stat().st_size, await trial.observer.committed()
    await asyncio.sleep(_FULL_FOR)
    trial.expect(csv.stat().st_size < size + _BLOCK, "the CSV grew on a disk that was full")
    trial.expect(await trial.observer.committed() > committed, "predictions stood still, the CSV's disk full")
    small_disk.free(csv.parent)


async def _full_log(trial: Trial, broker: Kafka) -> None:
    await _move_log(trial, broker)
    await asyncio.to_thread(small_disk.fill, broker.data)
    with contextlib.suppress(AssertionError):  # one that lives on while it cannot write is as welcome
        await eventually(lambda: not _lives(broker), timeout=_NOTICED)
    mark = len(trial.traffic.ledger)
    await asyncio.sleep(_FULL_FOR)
    answers = {sent.answer for sent in trial.traffic.ledger[mark:]}
    trial.expect("202" not in answers, "the edge said 202 while the broker could not write")
    trial.expect("503" in answers, "the edge did not say 503 while the broker could not write")
    small_disk.free(broker.data)
    if not _lives(broker):
        await broker.start()
    await trial.traffic.connect()


async def _move_log(trial: Trial, broker: Kafka) -> None:
    """Have the broker keep its log on a small disk until the trial is over."""
    aside = broker.data.with_name("aside")
    await broker.stop()
    broker.data.rename(aside)
    small_disk.mount(broker.data, small_disk.mebibytes(aside) + _LOG_MEBIBYTES)
    trial.undo.push_async_callback(_move_back, broker)
    await asyncio.to_thread(small_disk.move, aside, broker.data)
    await broker.start()


async def _move_back(broker: Kafka) -> None:
    aside = broker.data.with_name("aside")
    await broker.stop()
    await asyncio.to_thread(small_disk.move, broker.data, aside)
    small_disk.unmount(broker.data)
    broker.data.rmdir()
    aside.rename(broker.data)
    await broker.start()


def _lives(broker: Kafka) -> bool:
    return broker.child is not None and broker.child.process.poll() is None


FAULTS = (Fault(19, "the disk full under the CSV, then under the broker's log", _full, repeats=False),)
