"""`streamapp models`: what living workers serve and refuse, together."""

import json

from cli_support import put, refused, run, say, serving, status

from streamapp.contracts import codec
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.fleet import Served, fleet
from streamapp.contracts.settings import Settings

LATER = "2026-11-22T02:00:00.000Z"


def test_workers_that_serve_the_same_version_count_together_and_the_busiest_says_how_long_calls_take() -> None:
    busy = serving(rows=90, calls=30, since=LATER, p50_ms=2.0, p99_ms=9.0)
    idle = serving(rows=10, calls=10, p50_ms=7.0, p99_ms=7.0)
    found = fleet([status("b", busy), status("a", idle)])
    assert found.workers == ("a", "b")
    assert found.served == (Served("svm", "SVC", "1", "run-1", "sklearn", idle.since, 2, 100, 40, 2.5, 2.0, 9.0),)


def test_versions_that_differ_are_told_apart_the_newest_first() -> None:
    found = fleet(
        [status("a", serving(version="9")), status("b", serving(version="10", since=LATER), serving("knn"))]
    )
    assert [(one.alias, one.version, one.workers) for one in found.served] == [
        ("knn", "1", 1),
        ("svm", "10", 1),
        ("svm", "9", 1),
    ]


def test_what_two_workers_refuse_for_one_reason_is_said_once() -> None:
    found = fleet([status("a", refused(since=LATER)), status("b", refused(), refused(reason="Another."))])
    assert found.refused == (refused(reason="Another."), refused())


def test_a_worker_that_has_not_renewed_its_status_is_gone() -> None:
    times = ("2026-01-01T00:00:00.000Z", "2026-01-01", "yesterday")
    assert fleet([status(time, serving(), refused(), time=time) for time in times]) == fleet([])


async def test_the_table_shows_models_numbers_and_refusals(settings: Settings) -> None:
    await say(settings, status("gone", serving("knn")), status("b", serving(version="2", run_id="evil\x1b[31m")))
    await put(settings, settings.status_topic, ("gone", None), ("strange", b"{}"))
    await say(settings, status("a", serving(rows=12345, calls=1000, p50_ms=1.5, p99_ms=70.25), refused(version="3")))
    result = await run(settings, "models")
    assert result.exit_code == 0
    assert "2 workers serve" in result.stdout
    for text in ("SVC 1, sklearn", "on 1 of 2 workers", "run-1", "2026-11-22", "01:12:27"):
        assert text in result.stdout
    for text in ("12,345", "12.3 a call", "p50 1.50", "p99 70.25", "svm: SVC 3", "It has no signature."):
        assert text in result.stdout
    assert "knn" not in result.stdout
    assert "\x1b" not in result.stdout


async def test_as_json_it_is_one_object(settings: Settings) -> None:
    await say(settings, status("a", serving(rows=3, calls=2), refused()))
    found = json.loads((await run(settings, "models", "--json")).stdout)
    assert found["workers"] == ["a"]
    assert found["models"][0] | {"mean_batch": 1.5, "workers": 1, "version": "1"} == found["models"][0]
    assert found["refused"] == [json.loads(codec.encode(refused()))]


async def test_it_says_when_no_worker_lives(settings: Settings) -> None:
    assert "No worker lives" in (await run(settings, "models")).stdout
    card = ModelCard("svm", "SVC", "7", "run", "sklearn", (Feature("a"),))
    await put(settings, settings.models_topic, ("svm", codec.encode(card)), ("x", b"no card"), ("knn", None))
    result = await run(settings, "models")
    assert result.exit_code == 0
    assert "No worker lives" in result.stdout
    assert "Served before: svm (SVC 7)." in result.stdout
    assert json.loads((await run(settings, "models", "--json")).stdout) == {
        "workers": [],
        "models": [],
        "refused": [],
    }
