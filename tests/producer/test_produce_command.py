import asyncio
import io
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from producer_support import Edge, on_topic
from rich.console import Console
from typer.testing import CliRunner
from waiting import eventually

from producer.address import base_url
from producer.cli import app
from producer.progress import report, shown
from producer.summary import ON_TOPIC, Summary, Tally
from streamapp.contracts.settings import Settings, load_settings
from streamapp.embedded.processes import free_port


def read(path: Path) -> Summary:
    return msgspec.json.decode(path.read_bytes(), type=Summary)


async def produce(settings: Settings, *options: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "producer", *(str(option) for option in options)),
        env={"STREAMAPP_BROKER": settings.broker, "STREAMAPP_INPUT_TOPIC": settings.input_topic, "PATH": ""},
        stdout=asyncio.subprocess.PIPE,
    )


async def test_count_is_sent_and_the_answers_are_printed(edge: Edge, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    options = ("--count", 60, "--rate", 0, "--bad-fraction", 0.5, "--model", "knn", "--summary", file)
    process = await produce(settings, "--url", edge.url, *options)
    out, _ = await process.communicate()
    summary = read(file)
    assert process.returncode == 0
    assert summary.sent + summary.rejected == 60
    assert summary.by_status == {str(status): count for status, count in edge.statuses.items()}
    assert f"{summary.sent} sent, {summary.rejected} rejected, 0 failed" in out.decode()
    assert len(await on_topic(settings, summary.to_topic)) == summary.to_topic > 0


async def test_the_summary_is_there_while_it_runs_and_complete_after_sigterm(
    edge: Edge, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "summary.json"
    process = await produce(settings, "--url", edge.url, "--rate", 50, "--summary", file)
    await eventually(lambda: file.exists() and read(file).sent >= 5, "a count of five")
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0
    assert read(file).sent == edge.statuses[202]


async def test_duration_ends_it(edge: Edge, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    process = await produce(settings, "--url", edge.url, "--rate", 20, "--duration", 0.5, "--summary", file)
    await process.communicate()
    summary = read(file)
    assert process.returncode == 0
    assert summary.sent == edge.statuses[202]
    assert 1 <= summary.sent <= 11


def test_a_wrong_setting_is_named() -> None:
    command = (sys.executable, "-m", "producer", "--count", "1")
    done = subprocess.run(command, env={"STREAMAPP_BROKER": "nowhere"}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("producer: STREAMAPP_BROKER")


@pytest.mark.parametrize("url", ["localhost:8800", "localhost", "http://", "ftp://localhost:8800"])
def test_a_url_that_is_none_is_refused_before_anything_is_sent(url: str) -> None:
    result = CliRunner().invoke(app, ["--count", "1", "--url", url])
    assert result.exit_code == 2
    assert "no URL of a server" in " ".join(result.output.split())


def test_no_time_at_all_is_refused() -> None:
    assert CliRunner().invoke(app, ["--duration", "0"]).exit_code == 2


async def test_an_edge_that_is_away_is_told_with_the_reason_and_exit_code_1(settings: Settings) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    process = await produce(settings, "--url", url, "--count", 3, "--rate", 0, "--bad-fraction", 0)
    out, _ = await process.communicate()
    assert process.returncode == 1
    assert "0 sent, 0 rejected, 3 failed" in out.decode()
    assert f"last error: {url}/predict_stream: ConnectError: " in out.decode()


async def test_a_broker_that_is_away_is_told_with_the_reason_and_exit_code_1(settings: Settings) -> None:
    away = f"127.0.0.1:{free_port()}"
    process = await produce(settings.model_copy(update={"broker": away}), "--to", "topic", "--count", 1)
    out, _ = await process.communicate()
    assert process.returncode == 1
    assert f"last error: {away}: BrokerUnavailable: " in out.decode()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8800"),
        ("::1", "http://[::1]:8800"),
        ("0.0.0.0", "http://127.0.0.1:8800"),  # noqa: S104  # nothing listens here
        ("::", "http://[::1]:8800"),
    ],
)
def test_the_edges_url_is_one_that_can_be_connected_to(host: str, url: str) -> None:
    assert base_url(load_settings(api_host=host)) == url


def test_report_shows_every_answer() -> None:
    tally, out = Tally(), io.StringIO()
    for outcome in ("202", "202", "422", "503", "no_answer", "not_acknowledged", ON_TOPIC):
        tally.count(outcome)
    report(tally.summary(2.0), Console(file=out, width=100))
    lines = out.getvalue()
    assert "3 sent, 1 rejected, 3 failed in 2.0 s" in lines
    assert all(answer in lines for answer in ("202", "422", "503", "no_answer", "not_acknowledged", "on the topic"))


async def test_terminal_shows_the_counts_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    tally, out = Tally(), io.StringIO()
    tally.count("202")
    async with shown(tally, 2, Console(file=out, force_terminal=True, width=100)):
        await eventually(lambda: "1 sent" in out.getvalue(), "the live line")


async def test_plain_lines_are_written_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producer.progress._LINE_SECONDS", 0.01)
    tally, out = Tally(), io.StringIO()
    tally.count("422")
    async with shown(tally, None, Console(file=out)):
        await eventually(lambda: "0 sent, 1 rejected, 0 failed" in out.getvalue(), "a plain line")
    assert "\x1b" not in out.getvalue()
