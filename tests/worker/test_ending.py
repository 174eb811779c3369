"""A worker that is told to end ends in time, whatever hangs."""

import signal
from pathlib import Path

import pytest
from draining import longest, seconds_to_end
from waiting import eventually
from worker_support import Stack

from streamapp.clients import kafka
from streamapp.clients.consuming import started
from streamapp.contracts.topics import topics
from streamapp.embedded import services
from streamapp.embedded.processes import Child, Processes, answering, free_port

SHORT = 1.0


async def ready(stack: Stack, *argv: str, **env: str) -> Child:
    port = free_port()
    own = {"STREAMAPP_WORKER_WEB_PORT": str(port), "STREAMAPP_SHUTDOWN_TIMEOUT": str(SHORT)}
    worker = stack.worker(*argv, **own, **env)
    await eventually(answering(f"http://127.0.0.1:{port}/readyz"), timeout=60)
    return worker


async def joined_before(stack: Stack) -> None:
    """Be the first member of the workers' group, and go.

    Tansu counts a group's generations from 0, and aiokafka asks to leave only in later ones: a worker that came first
    would end at once, by itself.
    """
    async with started(kafka.consumer(stack.settings, "test", group_id=stack.settings.group)) as member:
        member.subscribe([stack.settings.input_topic])
        await eventually(lambda: bool(member.assignment()), timeout=60)


async def told_and_timed(worker: Child) -> None:
    """Tell a worker to end, which cannot end by itself, and see how it does."""
    assert await seconds_to_end(worker) < longest("worker", SHORT)
    assert worker.process.returncode == 1
    assert "STREAMAPP_SHUTDOWN_TIMEOUT" in worker.log_tail()


@pytest.mark.parametrize("argv", [(), ("streamapp", "worker", "--processes", "2")], ids=["alone", "supervised"])
async def test_a_worker_whose_broker_hangs_ends_in_time(stack: Stack, tmp_path: Path, argv: tuple[str, ...]) -> None:
    async with Processes(tmp_path / "logs") as own:
        broker = await own.run(services.broker(port := free_port()))
        stack = Stack(stack.settings.model_copy(update={"broker": f"127.0.0.1:{port}"}), own)
        await kafka.ensure_topics(stack.settings, topics(stack.settings), "test")
        await joined_before(stack)
        worker = await ready(stack, *argv)
        await stack.ask(1)
        await stack.predictions(1)  # ready says nothing of the group
        broker.process.send_signal(signal.SIGSTOP)
        await told_and_timed(worker)


async def test_a_worker_whose_thread_hangs_ends_in_time(stack: Stack, tmp_path: Path) -> None:
    (hang := tmp_path / "hang").touch()
    worker = await ready(stack, "hanging_worker", HANG=str(hang), PYTHONPATH=str(Path(__file__).parent))
    await stack.put(b"{}")
    await eventually(hang.with_suffix(".reached").exists)
    await told_and_timed(worker)
