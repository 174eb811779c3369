"""However the demo ends, it leaves no process behind."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from demo_support import Start, descendants, free_ports, gone
from waiting import until

#: Reaper, MLflow, broker, Valkey, edge, sinks.
PROCESSES = 6


def started(demo: "subprocess.Popen[str]") -> list[psutil.Process]:
    """Wait until the demo has its processes, and return them."""
    until(lambda: len(descendants(demo.pid)) >= PROCESSES, "the processes of the demo", timeout=60)
    return descendants(demo.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_before_the_demo_itself_ends(start: Start, number: signal.Signals) -> None:
    demo = start()
    processes = started(demo)
    demo.send_signal(number)
    _, errors = demo.communicate(timeout=30)
    assert gone(processes)
    assert demo.returncode == 130
    assert "Traceback" not in errors


def test_a_sigkill_leaves_nothing_behind(start: Start) -> None:
    demo = start()
    processes = started(demo)
    demo.send_signal(signal.SIGKILL)
    demo.wait()
    until(lambda: gone(processes), "the end of the processes", timeout=15)


def test_the_end_of_the_watched_process_ends_everything(start: Start) -> None:
    with subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE) as watched:
        demo = start("--watch-pid", str(watched.pid))
        processes = started(demo)
        watched.kill()
    demo.communicate(timeout=30)
    assert gone(processes)
    assert demo.returncode == 130


@pytest.mark.parametrize("option", ["--broker-port", "--redis-port", "--mlflow-port", "--api-port"])
def test_a_taken_port_is_named_with_its_option(start: Start, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ports = free_ports()
        ports[ports.index(option) + 1] = port
        demo = start(ports=ports)
        output, errors = demo.communicate(timeout=30)
    assert demo.returncode == 1
    assert errors.startswith(f"streamapp: Port {port} for ")
    assert option in errors
    assert not output


def test_a_process_that_dies_ends_the_demo_with_its_name_code_and_log(start: Start, tmp_path: Path) -> None:
    demo = start()
    processes = started(demo)
    broker = next(process for process in processes if "--listener-url" in process.cmdline())
    broker.kill()
    _, errors = demo.communicate(timeout=30)
    assert demo.returncode == 1
    assert "streamapp: broker ended with -9" in errors
    assert gone(processes)
    assert (tmp_path / "kept" / "logs" / "broker.log").exists()
