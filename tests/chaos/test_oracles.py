"""Each oracle holds of a good run, and fails on each way in which a run can be broken."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chaos import oracles, report, result
from chaos.ledger import Answer, Fate, Outcome, Phase, Place, Run, Sent
from chaos.result import Result
from chaos.run import succeeded
from streamapp.sinks.audit_rows import HEADER

Break = Callable[[Run], Run]


def predicted(number: int, stands: int, **changes: Any) -> Outcome:
    """Return the prediction of a record that stands at an offset of partition 0."""
    answer = Answer((number % 2,), (0.5, 0.5))
    made = Outcome(f"id-{number}", number, Place(0, stands), 0, stands, value=b"v%d" % number, answer=answer)
    return made._replace(**changes)


def over_http(serial: int, fate: Fate = Fate.ACCEPTED, status: str = "202") -> Sent:
    return Sent(serial, fate, f"id-{serial}" if fate is Fate.ACCEPTED else "", {"Serial": serial}, answer=status)


def csv_of(*serials: int) -> bytes:
    rows = [
        b'2026-01-01T00:00:00,large,[1],"[{""Serial"": %d}]",id-%d,1,0,%d,%d,1,in,' % (s, s, s, s) for s in serials
    ]
    return b"".join(line + b"\n" for line in (HEADER, *rows))


def few(first: int, phase: Phase, **changes: Any) -> list[Sent]:
    """Return as many accepted records as there have to be in a phase."""
    return [over_http(n)._replace(phase=phase, **changes) for n in range(first, first + oracles.FEW)]


LETTER = Outcome("id-3", 3, Place(0, 2), 0, 0, code="malformed_json")
BEFORE, AFTER = few(10, Phase.BEFORE), few(30, Phase.AFTER)
ON_TOPIC = few(50, Phase.DURING, answer="")
PREDICTED = (1, 2, 5, *(record.serial for record in (*BEFORE, *AFTER, *ON_TOPIC)))
GOOD = Run(
    sent=[
        over_http(1),
        over_http(2),
        over_http(3)._replace(code="malformed_json", row=None, answer=""),
        over_http(4, Fate.REFUSED, "422")._replace(bad=True),
        over_http(5, Fate.UNKNOWN, "503")._replace(retry_after=True),
        over_http(6, Fate.UNKNOWN, "503")._replace(retry_after=True),
        *BEFORE,
        *AFTER,
        *ON_TOPIC,
    ],
    outcomes=[*(predicted(serial, serial - 1) for serial in PREDICTED), LETTER],
    exactly_once=True,
    mirror=[(f"id-{serial}", b"v%d" % serial) for serial in PREDICTED],
    csv=csv_of(*PREDICTED),
    healed_s=3.0,
)


def recompute(name: str, version: str, rows: Sequence[dict[str, float]]) -> list[Answer]:
    return [Answer((int(row["Serial"]) % 2,), (0.5, 0.5)) for row in rows]


def recomputed(run: Run) -> list[str]:
    return oracles.recomputed(run, recompute)


def outcomes(*made: Outcome) -> Break:
    return lambda run: replace(run, outcomes=made)


def more(*made: Outcome) -> Break:
    return lambda run: replace(run, outcomes=[*run.outcomes, *made])


def sent(*records: Sent) -> Break:
    return lambda run: replace(run, sent=[*run.sent, *records])


def never_again(status: str) -> Break:
    """Have the edge answer every good row like this after the fault."""
    fate = Fate.UNKNOWN if status == "503" else Fate.REFUSED
    refused = {s.serial: s._replace(fate=fate, id="", answer=status, retry_after=True) for s in AFTER}
    return lambda run: replace(run, sent=[refused.get(s.serial, s) for s in run.sent])


def without(*records: Sent) -> Break:
    return lambda run: replace(run, sent=[one for one in run.sent if one not in records])


def mirror(*entries: tuple[str, bytes]) -> Break:
    return lambda run: replace(run, mirror=entries)


def csv(text: bytes) -> Break:
    return lambda run: replace(run, csv=text)


ALL = (
    oracles.once,
    oracles.nothing_else,
    recomputed,
    oracles.mirrored,
    oracles.audited,
    oracles.caught_up,
    oracles.answering,
    oracles.admitting,
    oracles.ordered,
    oracles.unrepeated,
)

BROKEN = {
    "a record is lost": (oracles.once, sent(over_http(7))),
    "a record is predicted twice from one place": (oracles.once, more(predicted(1, 0, offset=109))),
    "a record is predicted twice from two places": (oracles.once, more(predicted(1, 108))),
    "a record is a prediction and a dead letter": (oracles.once, more(predicted(1, 0, code="model_failed"))),
    "a good record is a dead letter": (
        oracles.once,
        outcomes(predicted(1, 0, code="model_timeout"), *GOOD.outcomes[1:]),
    ),
    "a bad record is predicted": (oracles.once, outcomes(*GOOD.outcomes[:-1], LETTER._replace(code=""))),
    "an unknown record is there twice": (oracles.once, more(predicted(5, 108))),
    "an unknown record is there twice under two ids": (oracles.once, more(predicted(5, 108, id="id-55"))),
    "an accepted id has the outcome of another record": (
        oracles.once,
        outcomes(predicted(1, 0, id="id-2"), predicted(2, 1, id="id-1"), *GOOD.outcomes[2:]),
    ),
    "something was never sent": (oracles.nothing_else, more(predicted(99, 109))),
    "something without a serial is there": (oracles.nothing_else, more(predicted(99, 109, serial=None))),
    "a refused record is there": (oracles.nothing_else, more(predicted(4, 109))),
    "a record has another id": (oracles.nothing_else, outcomes(predicted(1, 0, id="id-9"), *GOOD.outcomes[1:])),
    "a prediction is another": (recomputed, more(predicted(6, 109, answer=Answer((1,), (0.5, 0.5))))),
    "a probability is another": (recomputed, more(predicted(6, 109, answer=Answer((0,), (0.4, 0.6))))),
    "the mirror lacks one": (oracles.mirrored, mirror(*GOOD.mirror[1:])),
    "the mirror has one twice": (oracles.mirrored, mirror(*GOOD.mirror, GOOD.mirror[0])),
    "the mirror has one too many": (oracles.mirrored, mirror(*GOOD.mirror, ("id-9", b"v9"))),
    "the mirror has another value": (oracles.mirrored, mirror(("id-1", b"other"), *GOOD.mirror[1:])),
    "the CSV lacks one": (oracles.audited, csv(csv_of(*PREDICTED[1:]))),
    "the CSV has one twice": (oracles.audited, csv(csv_of(*PREDICTED, 5))),
    "the CSV's last row is torn": (oracles.audited, csv(GOOD.csv[:-4])),
    "a row of the CSV is torn": (oracles.audited, csv(GOOD.csv + b"2026,large\n")),
    "the CSV has no header": (oracles.audited, csv(GOOD.csv.split(b"\n", 1)[1])),
    "the CSV is empty": (oracles.audited, csv(b"")),
    "it did not heal": (oracles.caught_up, lambda run: replace(run, healed_s=None, lag=5)),
    "it healed late": (oracles.caught_up, lambda run: replace(run, healed_s=61.0)),
    "the edge answered late": (oracles.answering, sent(over_http(7)._replace(seconds=2.5))),
    "the edge did not answer": (oracles.answering, sent(over_http(7, Fate.UNKNOWN, "TimeoutError"))),
    "the edge failed": (oracles.answering, sent(over_http(7, Fate.UNKNOWN, "500"))),
    "a 503 does not say when to come again": (oracles.answering, sent(over_http(7, Fate.UNKNOWN, "503"))),
    "the edge says 503 for ever after the fault": (oracles.admitting, never_again("503")),
    "the edge says 422 to every good row": (oracles.admitting, never_again("422")),
    "the edge says 404 to every good row": (oracles.admitting, never_again("404")),
    "a good row is refused once": (oracles.admitting, sent(over_http(7, Fate.REFUSED, "422"))),
    "a bad row is let in": (oracles.admitting, sent(over_http(7)._replace(bad=True))),
    "the edge let in too few before the fault": (oracles.admitting, without(BEFORE[0])),
    "the edge let in too few after the fault": (oracles.admitting, without(AFTER[0])),
    "nothing was accepted at all": (oracles.admitting, lambda run: replace(run, sent=[])),
    "too few records came straight to the topic": (oracles.admitting, without(*ON_TOPIC)),
    "predictions are out of order": (
        oracles.ordered,
        outcomes(predicted(2, 1), predicted(1, 0), *GOOD.outcomes[2:]),
    ),
    "a prediction is in another partition": (oracles.ordered, more(predicted(6, 109, partition=1))),
    "something is repeated": (oracles.unrepeated, more(predicted(1, 0, offset=109))),
}


@pytest.mark.parametrize("oracle", ALL)
def test_every_oracle_holds_of_a_good_run(oracle: oracles.Oracle) -> None:
    assert oracle(GOOD) == []


@pytest.mark.parametrize(("oracle", "broken"), BROKEN.values(), ids=list(BROKEN))
def test_an_oracle_fails_where(oracle: oracles.Oracle, broken: Break) -> None:
    assert len(oracle(broken(GOOD))) >= 1


def test_each_oracle_is_shown_to_fail() -> None:
    assert {oracle for oracle, _ in BROKEN.values()} == set(ALL)


def test_at_least_once_forgives_repeats_of_one_place_alone_and_counts_them() -> None:
    again = predicted(1, 0, offset=109, value=b"a later one")
    run = replace(GOOD, exactly_once=False, outcomes=[*GOOD.outcomes, again])
    assert [oracle(run) for oracle in ALL[:-1]] == [[]] * (len(ALL) - 1)
    assert (oracles.repeated(run), len(oracles.lost(run))) == (1, 0)
    twice_on_the_input = replace(run, outcomes=[*GOOD.outcomes, predicted(1, 108)])
    assert oracles.once(twice_on_the_input) != []


def test_records_that_were_sent_with_one_id_have_an_outcome_each() -> None:
    first, second = over_http(7)._replace(id="same"), over_http(8)._replace(id="same")
    made = [predicted(7, 6, id="same"), predicted(8, 7, id="same")]
    run = replace(
        GOOD,
        sent=[*GOOD.sent, first, second],
        outcomes=[*GOOD.outcomes, *made],
        mirror=[*GOOD.mirror, *((one.id, one.value) for one in made)],
        csv=GOOD.csv + csv_of(7, 8).split(b"\n", 1)[1].replace(b"id-7", b"same").replace(b"id-8", b"same"),
    )
    assert [oracle(run) for oracle in ALL if oracle is not oracles.ordered] == [[]] * (len(ALL) - 1)
    assert oracles.once(replace(run, outcomes=run.outcomes[:-1])) != []
    assert oracles.mirrored(replace(run, mirror=run.mirror[:-1])) != []


def test_lost_records_are_named() -> None:
    (told,) = oracles.once(sent(over_http(7), over_http(8))(GOOD))
    assert told == "2 accepted records are lost, e.g. 7 id-7; 8 id-8"


def test_results_are_kept_and_shown(tmp_path: Path) -> None:
    done = Result(1, "one", "exactly_once", "kafka", 7, 5000, 4990, 0, 0, 4.25, passed=True)
    not_run = Result(2, "two", "at_least_once", "embedded", 7, detail="no tmpfs")
    path = tmp_path / "var/chaos.json"
    result.save([done, not_run], path)
    assert result.load(path) == [done, not_run]
    page = report.rendered("before\n<!-- chaos -->\nold\n<!-- /chaos -->\nafter\n", [done, not_run])
    assert page.startswith("before\n<!-- chaos -->\n| fault |")
    assert "| 1 | one | `exactly_once` | kafka | 5,000 | 4,990 | 0 | 0 | 4.2 | passed |" in page
    assert "| 2 | two | `at_least_once` | embedded |  |  |  |  |  | not run |" in page
    assert page.endswith("<!-- /chaos -->\nafter\n")
    assert report.rendered(page, [done, not_run]) == page


def test_a_run_succeeds_where_all_that_could_be_run_passed() -> None:
    passed = Result(1, "", "", "", 7, passed=True)
    failed = Result(1, "", "", "", 7, passed=False)
    not_run = Result(1, "", "", "", 7)
    assert succeeded([passed, not_run])
    assert not succeeded([passed, failed])
    assert not succeeded([not_run])
    assert not succeeded([])
