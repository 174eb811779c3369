"""The demo as a process, on ports of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo_support import Start, free_ports


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a demo that keeps everything in the test's folder; what is left of it is ended."""
    started: list[subprocess.Popen[str]] = []

    def command(*arguments: str, ports: list[str] | None = None) -> "subprocess.Popen[str]":
        demo = subprocess.Popen(
            (sys.executable, "-m", "streamapp", "demo", "--keep", "kept", *(ports or free_ports()), *arguments),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(demo)
        return demo

    yield command
    for demo in started:
        if demo.poll() is None:
            demo.send_signal(signal.SIGKILL)
        demo.communicate()
