"""`streamapp worker --processes 2`: one command, two workers of one group, and what becomes of them together."""

import json
import os
import re
import signal
from collections import Counter

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from waiting import eventually
from worker_support import Stack, assigned

from streamapp.embedded.processes import Child, free_port

NAMES = ("worker-1", "worker-2")
AWAY = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}


def two(stack: Stack, **environment: str) -> Child:
    environment = {"STREAMAPP_LOG_FORMAT": "console", **environment}
    return stack.worker("streamapp", "worker", "--processes", "2", **environment)


def workers(supervisor: Child) -> list[psutil.Process]:
    """The worker processes; not the reaper."""
    children = psutil.Process(supervisor.pid).children()
    return [child for child in children if "streamapp.embedded.reaper" not in child.cmdline()]


def runs(process: psutil.Process) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked for its exit code does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def freeze(process: psutil.Process) -> None:
    """Stop a process as Ctrl-Z does; until it has stopped, a SIGTERM still ends it."""
    process.suspend()
    await eventually(process.status, expected=psutil.STATUS_STOPPED)


def lines(supervisor: Child, name: str) -> str:
    """What one of the processes has logged, without its name."""
    return "".join(re.findall(rf"^{name}: (.*\n)", supervisor.log.read_text(), re.MULTILINE))


async def test_two_processes_share_the_partitions_and_one_page_and_predict_each_record_once(stack: Stack) -> None:
    port = free_port()
    supervisor = two(stack, STREAMAPP_WORKER_WEB_PORT=str(port), STREAMAPP_REBALANCE_TIMEOUT="6")
    # One that is much slower to load joins later, and the other has all partitions until then.
    topic = stack.settings.input_topic

    def shares() -> list[set[int]]:
        return [assigned(lines(supervisor, name), topic) for name in NAMES]

    await eventually(lambda: [len(share) for share in shares()], expected=[2, 2], timeout=90)
    ids = await stack.ask(400)
    found = await stack.predictions(400)
    assert Counter(prediction.id for prediction in found) == Counter(ids)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as page:
        live, ready, metrics = [await page.get(path) for path in ("/livez", "/readyz", "/metrics")]
    assert (live.status_code, live.json()["status"]) == (200, "alive")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert set(ready.json()["processes"]) == set(NAMES)
    rows = {
        sample.labels["process"]: sample.value
        for family in text_string_to_metric_families(metrics.text)
        for sample in family.samples
        if sample.name == "streamapp_model_rows_total"
    }
    assert rows == {"worker-1": 200, "worker-2": 200}
    assert set.union(*shares()) == {0, 1, 2, 3}
    assert {process.environ()["OMP_NUM_THREADS"] for process in workers(supervisor)} == {
        str(max(1, len(os.sched_getaffinity(0)) // 2))
    }
    said = supervisor.log.read_text().splitlines()
    assert not [line for line in said if not line.startswith(("worker-1: ", "worker-2: ", "supervisor: "))]


async def test_sigterm_drains_all_processes_and_repeats_nothing(stack: Stack) -> None:
    await stack.ask(2000)
    environment = {"STREAMAPP_MAX_BATCH_RECORDS": "20", "STREAMAPP_COMMIT_INTERVAL": "60"}
    supervisor = two(stack, STREAMAPP_LOG_FORMAT="json", **environment)
    await stack.predictions(100)
    supervisor.process.terminate()
    assert await supervisor.wait(20) == 0
    said = [json.loads(line) for line in supervisor.log.read_text().splitlines()]
    assert len({line["process"] for line in said}) == 3
    stack.worker()
    assert len(await stack.predictions(2000)) == 2000


async def test_a_process_that_is_killed_ends_the_others_with_its_exit_code_and_nothing_is_lost(
    kafka_stack: Stack,
) -> None:
    stack = kafka_stack
    ids = await stack.ask(3000)
    supervisor = two(stack, STREAMAPP_MAX_BATCH_RECORDS="20")
    await stack.predictions(200)
    killed, other = workers(supervisor)
    killed.kill()
    assert await supervisor.wait(20) == 128 + signal.SIGKILL
    assert not runs(other)
    assert re.search(r"supervisor: .*worker-[12] ended with exit code 137", supervisor.log.read_text())
    two(stack)
    found = await stack.predictions(3000)
    assert Counter(prediction.id for prediction in found) == Counter(ids)


async def test_no_process_outlives_a_supervisor_that_is_killed(stack: Stack) -> None:
    supervisor = two(stack, **AWAY)
    await eventually(lambda: all("MLFLOW_TRACKING_URI" in lines(supervisor, name) for name in NAMES), timeout=60)
    left = psutil.Process(supervisor.pid).children(recursive=True)
    assert len(left) == 3
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.process.wait()
    await eventually(lambda: [process for process in left if runs(process)], expected=[])


@pytest.mark.parametrize(("patience", "signals"), [("30", 2), ("0.1", 1)], ids=["told again", "late"])
async def test_a_process_that_does_not_end_is_killed(stack: Stack, patience: str, signals: int) -> None:
    supervisor = two(stack, STREAMAPP_SHUTDOWN_TIMEOUT=patience, **AWAY)
    await eventually(lambda: len(workers(supervisor)), expected=2)
    frozen = workers(supervisor)[0]
    await freeze(frozen)
    supervisor.process.terminate()
    await eventually(lambda: "Told to end" in supervisor.log.read_text())
    if signals > 1:
        supervisor.process.terminate()
    assert await supervisor.wait(15) == 128 + signal.SIGKILL
    assert "worker-1 has not ended: it is killed" in supervisor.log.read_text()
    assert not runs(frozen)


async def test_who_tells_to_end_once_lets_those_drain_that_end_with_another(stack: Stack) -> None:
    supervisor = two(stack, **AWAY)
    await eventually(lambda: all("MLFLOW_TRACKING_URI" in lines(supervisor, name) for name in NAMES), timeout=60)
    drains, killed = workers(supervisor)
    await freeze(drains)
    killed.kill()
    await eventually(lambda: "the others end with it" in supervisor.log.read_text())
    supervisor.process.terminate()
    await eventually(lambda: "Told to end" in supervisor.log.read_text())
    drains.resume()
    assert await supervisor.wait(20) == 128 + signal.SIGKILL
    assert "has not ended" not in supervisor.log.read_text()


async def test_a_process_that_ends_unasked_is_a_failure_even_where_it_says_that_all_is_well(stack: Stack) -> None:
    supervisor = two(stack, **AWAY)
    await eventually(lambda: all("MLFLOW_TRACKING_URI" in lines(supervisor, name) for name in NAMES), timeout=60)
    workers(supervisor)[1].terminate()
    assert await supervisor.wait(20) == 1
    assert "worker-2 ended with exit code 0" in supervisor.log.read_text()
