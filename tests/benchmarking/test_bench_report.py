"""What `make bench` makes of what it measured."""

from pathlib import Path

import msgspec
import pytest
from benchmarks import page, plots, report
from benchmarks.bench import Figure, Section
from benchmarks.checking import Wrong, span
from benchmarks.run import Ran
from benchmarks.targets import Measured, Target

FASTER = Target(name="faster than that", at_least=1.3, aim=2.0)
QUICKER = Target(name="quicker than that", at_least=1.05, aim=1.0, better="less")
SECTION = Section(
    title="From topic to topic",
    method="So it was measured.",
    measured=[Measured(target=FASTER, ratios=[1.2, 1.5, 1.4], detail="42,000 / 30,000 records/s")],
    figures=[
        Figure(what="streamapp", under="13 columns", unit="records/s", values=[42_000, 41_000, 43_000]),
        Figure(what="streamapp", under="13 columns", unit="MiB", values=[250]),
        Figure(what="expert", under="13 columns", unit="records/s", values=[30_000]),
    ],
)


@pytest.mark.parametrize(
    ("target", "ratios", "passed"),
    [
        (FASTER, [1.0, 1.3, 5.0], True),
        (FASTER, [1.0, 1.29, 5.0], False),
        (QUICKER, [0.5, 1.05, 2.0], True),
        (QUICKER, [0.5, 1.06, 2.0], False),
    ],
)
def test_a_target_passes_by_its_median(target: Target, ratios: list[float], *, passed: bool) -> None:
    assert Measured(target=target, ratios=ratios, detail="").passed is passed


def test_json_has_each_target_with_what_was_measured_and_why_a_section_failed() -> None:
    ran = [Ran("throughput", SECTION), Ran("edge", None, "it broke")]
    found = msgspec.json.decode(report.as_json(ran, "make bench", "2026-01-01"))
    (target,) = found["targets"]
    assert (target["name"], target["at_least"], target["aim"]) == ("faster than that", 1.3, 2.0)
    assert (target["measured"], target["passed"], target["ratios"]) == (1.4, True, [1.2, 1.5, 1.4])
    assert found["failed"] == {"edge": "it broke"}
    assert len(found["figures"]) == 3


def test_the_page_has_a_table_a_workload_with_medians_and_spread() -> None:
    text = page.run([SECTION], ["Machine: this one"], {"From topic to topic": "picture.svg"})
    assert "| faster than that | ≥ 1.3 | ≥ 2 | 1.40 | 1.20-1.50 | 42,000 / 30,000 records/s | pass |" in text
    assert "| streamapp | 42,000 (41,000 to 43,000) | 250 |\n| expert | 30,000 |  |" in text
    assert "![From topic to topic](picture.svg)" in text


def test_what_is_written_by_hand_stays_when_the_page_is_renewed() -> None:
    written = page.replaced(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n", "new")
    assert written == f"before\n{page.BEGIN}\n\nnew\n\n{page.END}\nafter\n"
    with pytest.raises(ValueError, match="has no"):
        page.replaced("nothing", "new")


def test_a_section_with_rates_gets_a_picture(tmp_path: Path) -> None:
    latency = Section(
        title="Latency",
        method="",
        figures=[
            Figure(what="streamapp", under=f"13 columns, {rate:,} records/s", unit=unit, values=[rate / 100])
            for rate in (100, 2_000)
            for unit in ("ms p50", "ms p99")
        ],
    )
    pictures = plots.draw([SECTION, latency, Section(title="No figures", method="")], tmp_path)
    assert pictures == {
        "From topic to topic": "performance-from-topic-to-topic.svg",
        "Latency": "performance-latency.svg",
    }
    assert all("<svg" in (tmp_path / name).read_text() for name in pictures.values())


@pytest.mark.parametrize("at_once", [1, 100, 1_000])
def test_the_rate_is_the_same_however_many_come_at_once(at_once: int) -> None:
    times = [1_700_000_000_000 + number // at_once * at_once for number in range(20_000)]  # 1,000 a second
    assert span(times).rate == pytest.approx(1_000, rel=0.01)


def test_a_rate_takes_more_than_one_moment() -> None:
    with pytest.raises(Wrong, match="at once"):
        span([1_700_000_000_000] * 100)
