"""`streamapp produce requests`: the older system's client."""

import asyncio
import io
import json
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import typer
from aiohttp import web
from rich.console import Console
from typer.testing import CliRunner
from waiting import eventually

from producer.address import server as base_url
from producer.answers import Bar, Tally
from producer.ask import Outcome
from producer.cli import app
from producer.marketplace import item_rows
from producer.requests import report
from streamapp.embedded.processes import free_port


@dataclass
class Older:
    """A server in the place of the older system's, and what it was asked."""

    port: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    under_way: int = 0
    most: int = 0


@pytest.fixture
async def older() -> AsyncIterator[Older]:
    """Answers by what the row says: an answer, a refusal, silence, or the end of the connection."""
    seen = Older()

    async def predict(request: web.Request) -> web.Response:
        body = await request.json()
        seen.bodies.append(body)
        seen.under_way += 1
        seen.most = max(seen.most, seen.under_way)
        await asyncio.sleep(0.02)  # as long as an answer takes
        seen.under_way -= 1
        match body.get("wish"):
            case "refusal":
                return web.json_response({"detail": "no"}, status=422)
            case "silence":
                await asyncio.sleep(30)
            case "hang up" if request.transport is not None:
                request.transport.close()
        return web.json_response({"prediction": "used"})

    application = web.Application()
    application.router.add_post("/predict", predict)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    seen.port = runner.addresses[0][1]
    yield seen
    await runner.cleanup()


async def started(older: Older, *options: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "producer", "requests", *(str(option) for option in options)),
        env={"SERVER_HOST": f"127.0.0.1:{older.port}", "PATH": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def asked(older: Older, *options: object) -> tuple[int | None, str]:
    process = await started(older, *options)
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_rows_of_a_file_are_sent_many_at_a_time_and_each_answer_is_printed(
    older: Older, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"number": i, "condition": "new"}) + "\n" for i in range(10)))
    code, out = await asked(older, "--rows", file, "--count", 25, "--concurrency", 5, "--delay", 0, 0.01)
    assert code == 0
    assert sorted(body["number"] for body in older.bodies) == sorted([*range(10), *range(10), *range(5)])
    assert all(body.keys() == {"number"} for body in older.bodies)
    assert 1 < older.most <= 5
    assert out.count('200 {"prediction": "used"} (') == 25
    assert "25 requests, 0 failed" in out
    assert "p99" in out


async def test_whatever_is_no_answer_is_told_counted_and_ends_with_1(older: Older, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    wishes = ["answer", "refusal", "silence", "hang up"]
    file.write_text("".join(json.dumps({"wish": wish}) + "\n" for wish in wishes))
    options = ("--rows", file, "--count", 8, "--delay", 0, 0, "--timeout", 3)
    code, out = await asked(older, *options, "--json")
    summary = json.loads(out)
    assert code == 1
    assert summary["by_status"] == {"200": 2, "422": 2, "no_answer": 2, "timed_out": 2}
    assert (summary["requests"], summary["failed"]) == (8, 6)
    assert sum(bar["requests"] for bar in summary["histogram"]) == 4


async def test_without_a_file_generated_items_are_sent(older: Older) -> None:
    code, _ = await asked(older, "--count", 20, "--delay", 0, 0, "--json", "--seed", 7)
    assert code == 0
    sent = [json.dumps(row) for row in islice(item_rows(7), 20)]
    assert sorted(json.dumps(body) for body in older.bodies) == sorted(sent)


async def test_a_signal_ends_it_with_the_summary_so_far(older: Older) -> None:
    process = await started(older, "--count", 1000, "--concurrency", 2, "--delay", 0, 0, "--json")
    await eventually(lambda: len(older.bodies) >= 4, "some requests")
    process.send_signal(signal.SIGINT)
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert json.loads(out)["requests"] == len(older.bodies) < 1000


async def test_a_server_that_is_away_is_told(older: Older) -> None:
    older.port = free_port()
    code, out = await asked(older, "--count", 2, "--delay", 0, 0)
    assert code == 1
    assert out.count("no_answer ConnectError: ") == 2
    assert "2 requests, 2 failed" in out
    assert "p50 - ms" in out


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("shop", "http://shop:5000"),
        ("shop:8800", "http://shop:8800"),
        ("[::1]", "http://[::1]:5000"),
        ("https://shop.example/", "https://shop.example"),
        ("http://shop:80", "http://shop"),
    ],
)
def test_a_server_is_a_host_a_port_with_it_or_a_url(text: str, url: str) -> None:
    assert base_url(text) == url


@pytest.mark.parametrize("text", ["", "ftp://shop", "shop:port", "http://"])
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        base_url(text)
    assert CliRunner().invoke(app, ["requests", "--server", text]).exit_code == 2


def test_the_report_draws_the_time_that_answers_took() -> None:
    tally, out = Tally(), io.StringIO()
    for status, milliseconds in [("200", 40), ("200", 50), ("200", 51), ("503", 700), ("timed_out", 9000)]:
        tally.count(Outcome(status, milliseconds / 1000, ""))
    answers = tally.answers(1.0)
    assert answers.histogram == (Bar(50, 2), Bar(100, 1), Bar(200, 0), Bar(500, 0), Bar(1000, 1))
    assert (answers.p50_ms, answers.p99_ms) == (50.0, 700.0)
    report(answers, Console(file=out, width=100))
    assert "5 requests, 2 failed in 1.0 s; p50 50 ms, p99 700 ms" in out.getvalue()
    assert "█" in out.getvalue()
    assert "1,000 ms" in out.getvalue()


def test_an_answer_that_took_longest_of_all_is_in_the_last_bar() -> None:
    tally = Tally()
    tally.count(Outcome("200", 1000.0, ""))
    assert tally.answers(1.0).histogram == (Bar(None, 1),)
