"""The oracles O1 to O6, and the order of each partition: what must hold after every fault. Pure.

Each returns what is wrong, one sentence a kind of fault with a few examples; an empty list: it holds.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from chaos.ledger import Answer, Fate, Outcome, Phase, Run, Sent
from streamapp.sinks.audit_rows import COLUMNS

#: Seconds within which the edge has to answer, whatever its broker does.
ANSWER_LIMIT: Final = 2.0
#: Seconds within which everything has to be processed once a fault has healed.
HEALING_LIMIT: Final = 60.0
#: Records that must have been accepted at least: over HTTP before the fault and after it, and on the topic.
FEW: Final = 20
_EXAMPLES: Final = 3
_ACCEPTED: Final = "202"
_UNAVAILABLE: Final = "503"
_INVALID: Final = "422"

#: Returns what a registered name and version says of rows.
Recompute = Callable[[str, str, Sequence[dict[str, float]]], Sequence[Answer]]
Oracle = Callable[[Run], list[str]]


def accepted(run: Run) -> list[Sent]:
    """Return the records of which somebody was told that they are accepted."""
    return [sent for sent in run.sent if sent.fate is Fate.ACCEPTED]


def lost(run: Run) -> list[Sent]:
    """Return the accepted records that have no outcome with both their id and their serial."""
    there = {(outcome.id, outcome.serial) for outcome in run.outcomes}
    return [sent for sent in accepted(run) if (sent.id, sent.serial) not in there]


def repeated(run: Run) -> int:
    """Return how many outcomes there are beyond one a record, raw; several records may have the same id."""
    return len(run.outcomes) - len({outcome.serial or outcome.id for outcome in run.outcomes})


def once(run: Run) -> list[str]:
    """O1: every accepted record is in predictions or dead letters, each once, and where it belongs."""
    visible = run.visible()
    # By serial: one record under two ids is there twice, and several records may have the same id.
    by_record: defaultdict[int | str, list[Outcome]] = defaultdict(list)
    for outcome in visible:
        by_record[outcome.serial or outcome.id].append(outcome)
    wanted = {sent.serial: sent for sent in run.sent}
    strayed = [o for o in visible if o.serial in wanted and wanted[o.serial].code != o.code]
    return [
        *_told("accepted records are lost", (f"{s.serial} {s.id}" for s in lost(run))),
        *_told("records have more than one outcome", (_several(found) for found in by_record.values() if found[1:])),
        *_told("records have an outcome of the wrong kind", (f"{o.id} {o.code or 'predicted'}" for o in strayed)),
    ]


def nothing_else(run: Run) -> list[str]:
    """O2: nothing is there that was not sent, or that was refused; what was sent is as it was sent."""
    may_be = {sent.serial: sent for sent in run.sent if sent.fate is not Fate.REFUSED}
    strangers = [o for o in run.outcomes if o.serial not in may_be]
    renamed = [
        o for o in run.outcomes if o.serial in may_be and may_be[o.serial].id not in {"", o.id}
    ]  # an id that its sender knows is the one that the outcome has
    return [
        *_told("outcomes are of records that nobody had accepted", (f"{o.id} {o.serial}" for o in strangers)),
        *_told("outcomes have another id than their record", (f"{o.id} {o.serial}" for o in renamed)),
    ]


def recomputed(run: Run, recompute: Recompute) -> list[str]:
    """O3: each prediction is what the stamped version says of the row that was sent."""
    rows = {sent.serial: sent.row for sent in run.sent if sent.row is not None}
    by_version: defaultdict[tuple[str, str], list[tuple[Outcome, dict[str, float]]]] = defaultdict(list)
    for outcome in run.outcomes:
        if outcome.answer is not None and outcome.serial in rows:
            by_version[outcome.name, outcome.version].append((outcome, rows[outcome.serial]))
    wrong: list[str] = []
    for (name, version), asked in by_version.items():
        answers = recompute(name, version, [row for _, row in asked])
        pairs = zip((outcome for outcome, _ in asked), answers, strict=True)
        wrong += [
            f"{outcome.id} {outcome.answer}, not {answer}" for outcome, answer in pairs if outcome.answer != answer
        ]
    return _told("predictions are not what their model says", wrong)


def mirrored(run: Run) -> list[str]:
    """O4: the mirror holds the visible predictions, each once, with equal values."""
    predictions = run.predictions()
    values = {(outcome.id, outcome.value) for outcome in predictions}
    ids = {outcome.id for outcome in predictions}
    other = [one for one, value in run.mirror if one in ids and (one, value) not in values]
    return [
        *_same_ids("the mirror", predictions, [one for one, _ in run.mirror]),
        *_told("mirrored predictions have another value", other),
    ]


def audited(run: Run) -> list[str]:
    """O5: the CSV parses, has no torn row, and holds the visible predictions, each once."""
    if not run.csv.endswith(b"\n"):
        return ["the CSV ends in the middle of a row"]
    csv.field_size_limit(2**31 - 1)  # a request's rows stand in one field
    header, *rows = csv.reader(io.StringIO(run.csv.decode()), strict=True)
    torn = [row for row in rows if len(row) != len(COLUMNS)]
    if tuple(header) != COLUMNS or torn:
        return _told("rows of the CSV are torn", map(str, torn)) or [f"the CSV's header is {header}"]
    ids = [row[COLUMNS.index("id")] for row in rows]
    return _same_ids("the CSV", run.predictions(), ids)


def caught_up(run: Run) -> list[str]:
    """O6: within a minute of healing everything is processed."""
    if run.healed_s is None or run.healed_s > HEALING_LIMIT:
        return [f"{run.lag} records were left {HEALING_LIMIT:g} s after healing"]
    return []


def answering(run: Run) -> list[str]:
    """O6, the edge's half: it answers in time, and who is not let in is told when to come again."""
    asked = [sent for sent in run.sent if sent.answer]
    late = [sent for sent in asked if sent.seconds > ANSWER_LIMIT]
    known = [sent for sent in asked if sent.answer.isdigit()]
    bare = [sent for sent in known if sent.answer == _UNAVAILABLE and not sent.retry_after]
    broken = [sent for sent in known if sent.answer >= "500" and sent.answer != _UNAVAILABLE]
    silent = [sent for sent in asked if not sent.answer.isdigit()]
    return [
        *_told(f"requests waited longer than {ANSWER_LIMIT:g} s", (f"{s.seconds:.2f} s: {s.answer}" for s in late)),
        *_told("requests were refused without Retry-After", (s.answer for s in bare)),
        *_told("requests met a failure of the edge", (s.answer for s in broken)),
        *_told("requests had no answer", (s.answer for s in silent)),
    ]


def admitting(run: Run) -> list[str]:
    """O6, for every edge: it lets good rows in or says that it cannot now, and lets them in again after the fault."""
    over_http = [sent for sent in run.sent if sent.answer]
    let_in = Counter(sent.phase for sent in over_http if sent.fate is Fate.ACCEPTED)
    on_topic = sum(1 for sent in accepted(run) if not sent.answer)
    counts = {"over HTTP before": let_in[Phase.BEFORE], "over HTTP after": let_in[Phase.AFTER], "on": on_topic}
    good, bad = {_ACCEPTED, _UNAVAILABLE}, {_INVALID, _UNAVAILABLE}
    wrong = [s for s in over_http if s.answer.isdigit() and s.answer not in (bad if s.bad else good)]
    return [
        *_told("requests got an answer of the wrong kind", (f"{s.answer} {s.phase}" for s in wrong)),
        *(
            f"{count} records were accepted {where} the {'topic' if where == 'on' else 'fault'}, not {FEW} at least"
            for where, count in counts.items()
            if count < FEW
        ),
    ]


def ordered(run: Run) -> list[str]:
    """Visible predictions, and dead letters, follow each other as their requests did, partition by partition."""
    newest: dict[tuple[bool, int], int] = {}
    behind = []
    for outcome in run.visible():
        key = (bool(outcome.code), outcome.place.partition)
        if outcome.place.offset < newest.get(key, -1) or outcome.partition != outcome.place.partition:
            behind.append(f"{outcome.id} at {outcome.place}")
        newest[key] = max(outcome.place.offset, newest.get(key, -1))
    return _told("outcomes are out of order", behind)


def unrepeated(run: Run) -> list[str]:
    """Nothing is there twice, raw, whatever the guarantee: for faults after which nothing may be."""
    return [f"{repeated(run)} outcomes are repeats"] if repeated(run) else []


def _same_ids(where: str, predictions: Sequence[Outcome], found: Sequence[str]) -> list[str]:
    wanted, counts = Counter(outcome.id for outcome in predictions), Counter(found)
    above = counts - wanted
    return [
        *_told(f"predictions are missing in {where}", wanted - counts),
        *_told(f"entries of {where} are no visible prediction", above.keys() - wanted.keys()),
        *_told(f"predictions are more than once in {where}", above.keys() & wanted.keys()),
    ]


def _several(outcomes: Sequence[Outcome]) -> str:
    places = (f"{o.id} from {o.place.partition}:{o.place.offset} ({o.code or 'predicted'})" for o in outcomes)
    return ", ".join(places)


def _told(what: str, examples: Iterable[str]) -> list[str]:
    found = list(examples)
    return [f"{len(found)} {what}, e.g. {'; '.join(found[:_EXAMPLES])}"] if found else []
