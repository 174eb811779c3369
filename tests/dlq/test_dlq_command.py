"""`streamapp dlq` as a person and a script meet it: a process, its output and its exit code."""

import json
import subprocess
import sys

import pytest
from dlq_support import HOUR, NOW, bury, dead, dlq, read

from streamapp.clients.scanning import partitions
from streamapp.contracts.errors import Code
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import free_port

ID = "019faee1-8d0e-7c3b-9f1e-0123456789ab"


async def test_list_filters_and_hides_what_was_redriven(either: Settings) -> None:
    await bury(either, [dead(either, 1, code=Code.MODEL_TIMEOUT), dead(either, 2, model="knn")], age=3 * HOUR)
    await bury(either, [dead(either, 3, partition=1), dead(either, 4, code=Code.MODEL_TIMEOUT, model="knn")])

    async def ids(*options: str) -> list[str]:
        listed = await dlq(either, "list", "--json", *options)
        assert (listed.code, listed.err) == (0, "")
        return sorted(line["id"] for line in listed.lines)

    assert await ids() == ["id-1", "id-2", "id-3", "id-4"]
    assert await ids("--code", "model_timeout", "--model", "svm") == ["id-1"]
    assert await ids("--code", "model_timeout", "--code", "model_failed", "--since", "2h") == ["id-3", "id-4"]
    assert await ids("--until", "2h", "--limit", "1") == ["id-2"]
    assert (await dlq(either, "redrive", "--id", "id-1", "--id", "id-4", "--json")).lines[0]["redriven"] == 2
    assert await ids() == ["id-2", "id-3"]
    everything = {line["id"]: line["redriven"] for line in (await dlq(either, "list", "--json", "--all")).lines}
    assert {name for name, redriven in everything.items() if redriven} == {"id-1", "id-4"}


async def test_a_line_of_the_list_says_what_a_script_needs(settings: Settings) -> None:
    await bury(settings, [dead(settings, 7, partition=2, attempt=3)])
    (line,) = (await dlq(settings, "list", "--json")).lines
    assert line.pop("time").endswith("Z")
    assert line == {
        "id": "id-7",
        "code": "model_failed",
        "error": "PredictionError",
        "message": "The model raised.",
        "model": "svm",
        "version": "3",
        "attempt": 3,
        "size": 7,
        "origin": {"topic": settings.input_topic, "partition": 2, "offset": 7},
        "letter": {"topic": settings.dead_letters_topic, "partition": 2, "offset": 0},
        "redriven": None,
    }


@pytest.mark.parametrize("columns", [80, 100])
async def test_the_table_fits_and_keeps_ids_whole(settings: Settings, columns: int) -> None:
    letters = [
        dead(settings, 1, headers=(("ce_id", ID.encode()),), code=Code.MALFORMED_REQUEST),
        dead(settings, 2, message="\x1b[31mred", model="\x07bell"),
    ]
    await bury(settings, letters)
    await dlq(settings, "redrive", "--id", ID)
    table = (await dlq(settings, "list", "--all", columns=columns)).out
    assert max(map(len, table.splitlines())) <= columns
    assert ID in table
    assert "attempt 1, redriven" in table
    assert not {"\x1b", "\x07"} & set(table)
    newest = (await dlq(settings, "list", "--all", "--limit", "1", columns=columns)).out
    assert "The newest 1 of 2." in newest


async def test_without_topics_there_are_none_and_none_are_made(either: Settings) -> None:
    assert (await dlq(either, "list")).out == f"No dead letters wait on {either.dead_letters_topic}.\n"
    assert (await dlq(either, "list", "--json")).out == ""
    assert (await dlq(either, "stats", "--json")).lines[0]["letters"] == 0
    assert (await dlq(either, "redrive", "--dry-run")).out == "0 dead letters would be redriven.\n"
    assert await partitions(either, either.dead_letters_topic) == []


@pytest.mark.parametrize("command", ["list", "show", "stats"])
async def test_a_time_beyond_the_calendar_is_its_last_day(settings: Settings, command: str) -> None:
    """As of a producer that sends microseconds."""
    await bury(settings, [dead(settings, 1), dead(settings, 2)], age=NOW - NOW * 1000)
    seen = await dlq(settings, command, *(["id-1"] if command == "show" else []))
    assert (seen.code, seen.err) == (0, "")
    assert "9999-12-31" in seen.out


async def test_show_gives_the_bytes_as_they_came(settings: Settings) -> None:
    letters = [
        dead(settings, 1),
        dead(settings, 2, value=b"\x00\xff", headers=(("ce_id", b"id-2"), ("odd", b"\xfe"))),
    ]
    await bury(settings, letters)
    text = (await dlq(settings, "show", "id-1")).out
    assert "model_failed (PredictionError)" in text
    assert f"{settings.input_topic}-0 at offset 1" in text
    assert text.endswith('\n{"n":1}\n')
    assert (await dlq(settings, "show", "id-2")).out.endswith("\n00000000  00 ff\n")
    (shown,) = (await dlq(settings, "show", "id-2", "--json")).lines
    assert shown["value"] == {"base64": "AP8="}
    assert shown["headers"] == [
        {"name": "ce_id", "value": {"text": "id-2"}},
        {"name": "odd", "value": {"base64": "/g=="}},
    ]


async def test_show_gives_each_time_that_a_record_failed(settings: Settings) -> None:
    await bury(settings, [dead(settings, 1), dead(settings, 9, headers=(("ce_id", b"id-1"),), attempt=2)])
    assert [one["attempt"] for one in (await dlq(settings, "show", "id-1", "--json")).lines] == [1, 2]


async def test_stats_count_by_code_model_and_hour(either: Settings) -> None:
    await bury(either, [dead(either, number, model="knn") for number in (1, 2)], age=3 * HOUR)
    await bury(either, [dead(either, 3, code=Code.NULL_RECORD, model="", partition=1), dead(either, 4)])
    await dlq(either, "redrive", "--id", "id-4")
    (stats,) = (await dlq(either, "stats", "--json")).lines
    assert (stats["letters"], stats["redriven"]) == (3, 1)
    assert stats["codes"] == {"model_failed": 2, "null_record": 1}
    assert stats["models"] == {"knn": 2, "": 1}
    assert list(stats["hours"].values()) == [2, 1]
    table = (await dlq(either, "stats")).out
    assert "Waiting: 3 dead letters. Redriven: 1." in table
    assert "(none)" in table


async def test_redrive_says_what_stays_and_why(settings: Settings) -> None:
    await bury(settings, [dead(settings, 1), dead(settings, 2, attempt=settings.max_attempts)])
    done = await dlq(settings, "redrive")
    assert done.code == 0
    assert done.out == "1 dead letter redriven.\nNot redriven: 1, failed STREAMAPP_MAX_ATTEMPTS times.\n"
    assert len(await read(settings, settings.input_topic)) == 1


@pytest.mark.parametrize("command", [("show", "nobody"), ("redrive", "--id", "id-1", "--id", "nobody", "--dry-run")])
async def test_an_unknown_id_is_named(settings: Settings, command: tuple[str, ...]) -> None:
    await bury(settings, [dead(settings, 1)])
    failed = await dlq(settings, *command)
    assert failed.code == 1
    assert failed.err == f"streamapp: No dead letter on {settings.dead_letters_topic} has the id nobody.\n"


async def test_a_record_that_was_asked_for_by_its_id_and_stays_is_named(settings: Settings) -> None:
    await bury(settings, [dead(settings, 1), dead(settings, 2, attempt=settings.max_attempts)])
    asked = ("redrive", "--id", "id-1", "--id", "id-2")
    for summary in ("1 dead letter redriven.", "0 dead letters redriven, 1 redriven before."):
        failed = await dlq(settings, *asked)
        assert failed.out.startswith(summary)
        assert failed.code == 1
        assert failed.err == "streamapp: id-2 was not redriven: failed STREAMAPP_MAX_ATTEMPTS times.\n"
    assert (await dlq(settings, *asked[:3])).code == 0


async def test_ids_beyond_the_limit_are_not_missed(settings: Settings) -> None:
    await bury(settings, [dead(settings, 1), dead(settings, 2)])
    done = await dlq(settings, "redrive", "--id", "id-1", "--id", "id-2", "--limit", "1")
    assert (done.code, done.out) == (0, "1 dead letter redriven.\n")


@pytest.mark.parametrize("command", [("list",), ("show", "x"), ("stats",), ("redrive", "--dry-run")])
async def test_without_a_broker_one_line_names_the_setting(settings: Settings, command: tuple[str, ...]) -> None:
    failed = await dlq(settings.model_copy(update={"broker": f"127.0.0.1:{free_port()}"}), *command)
    assert failed.code == 1
    assert "(STREAMAPP_BROKER)" in failed.err
    assert failed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "said"), [(("--since", "yesterday"), "is no time"), (("--code", "nonsense"), "model_timeout")]
)
def test_a_wrong_filter_is_a_usage_error_that_says_what_is_right(options: tuple[str, ...], said: str) -> None:
    command = (sys.executable, "-m", "streamapp", "dlq", "list", *options)
    failed = subprocess.run(command, text=True, capture_output=True, check=False)
    assert failed.returncode == 2
    assert said in failed.stderr


def test_help_of_the_command_imports_no_client() -> None:
    script = (
        "import json, sys\n"
        "from streamapp.cli import app\n"
        "app(['dlq', 'list', '--help'], standalone_mode=False)\n"
        "print(json.dumps([name for name in ('aiokafka', 'rich.progress') if name in sys.modules]))\n"
    )
    done = subprocess.run((sys.executable, "-c", script), text=True, capture_output=True, check=True)
    assert "aiokafka" not in json.loads(done.stdout.splitlines()[-1])
