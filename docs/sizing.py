"""How much of each part a rate of records needs, from what a record costs: docs/scaling.md, with other figures.

python docs/sizing.py 100000 load=0.5 worker_rate=12000

The figures by default are those that benchmarks have written into performance.md and scaling.md.
"""

import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

_HERE: Final = Path(__file__).parent
_DAY: Final = 86_400
_GB: Final = 1e9
#: Partitions are a multiple of this: it can be shared out evenly by 2, 3, 4, 6 and 12 workers.
_EVEN: Final = 12
_FEWEST: Final = 4
#: Topics with as many partitions as the input topic: two of input, predictions, dead letters.
_TOPICS: Final = 4
_BENCH: Final = "performance.md"
_STORED: Final = "scaling.md"
#: Figures from here on are shown without decimals.
_LARGE: Final = 100

Positive = Annotated[float, Meta(gt=0)]


class Costs(Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured, of records of one row with 13 columns, and LightGBM."""

    worker_rate: Annotated[Positive, Meta(description="records/s of a worker process, exactly_once")]
    quick_rate: Annotated[Positive, Meta(description="records/s of one at which latency is still short")]
    quick_ms: Annotated[Positive, Meta(description="ms from request to prediction then, p99")]
    worker_mib: Annotated[Positive, Meta(description="MiB of a worker process")]
    edge_rate: Annotated[Positive, Meta(description="records/s of an edge, a record a request")]
    bulk_rate: Annotated[Positive, Meta(description="records/s of an edge, 10,000 lines a request")]
    sinks_rate: Annotated[Positive, Meta(description="records/s of the sinks")]
    request_bytes: Annotated[Positive, Meta(description="bytes of a request on its topic")]
    prediction_bytes: Annotated[Positive, Meta(description="bytes of a prediction on its topic")]
    redis_bytes: Annotated[Positive, Meta(description="bytes of a record in Redis, all together")]
    found_bytes: Annotated[Positive, Meta(description="of them, what is gone after STREAMAPP_PREDICTION_TTL")]
    csv_bytes: Annotated[Positive, Meta(description="bytes of a row of the CSV")]


class Choices(Struct, frozen=True, forbid_unknown_fields=True):
    """What was chosen, and not measured."""

    load: Annotated[float, Meta(gt=0, le=1, description="share of what a process can do that it is to do")] = 0.6
    spare: Annotated[float, Meta(ge=1, description="partitions a worker: room to grow")] = 2.0
    replication: Annotated[int, Meta(ge=1, description="replicas of each partition")] = 3
    broker_rate: Annotated[Positive, Meta(description="MB/s that a broker takes, replicas too: ask your own")] = 100.0
    retention_days: Annotated[Positive, Meta(description="STREAMAPP_RETENTION_DAYS")] = 7.0


#: Those of scaling.md.
DEFAULT: Final = Choices()
RATES: Final = (1e3, 1e5, 1e7)


class Plan(Struct, frozen=True):
    """What a rate needs."""

    workers: Annotated[int, Meta(description="worker processes")]
    quick_workers: Annotated[int, Meta(description="the same, where latency has to be short")]
    partitions: Annotated[int, Meta(description="partitions of each topic (`STREAMAPP_PARTITIONS`)")]
    worker_gib: Annotated[float, Meta(description="GiB of memory of the workers")]
    edges: Annotated[int, Meta(description="edges, where a request has one record")]
    bulk_edges: Annotated[int, Meta(description="edges, where a request has 10,000 lines")]
    brokers: Annotated[int, Meta(description="brokers")]
    broker_mb: Annotated[float, Meta(description="MB/s that they write, replicas too")]
    replicas: Annotated[int, Meta(description="replicas of partitions on them")]
    disk_tb: Annotated[float, Meta(description="TB that the topics keep")]
    sinks: Annotated[float, Meta(description="sinks processes that would be busy; there is one")]
    redis_gb: Annotated[float, Meta(description="GB that Redis has after a day")]
    csv_gb: Annotated[float, Meta(description="GB that the CSV grows in a day")]


def plan(rate: float, costs: Costs, choices: Choices) -> Plan:
    """Return what `rate` records a second need; scaling.md has the formulas."""
    workers = _count(rate, costs.worker_rate, choices)
    quick_workers = max(workers, math.ceil(rate / costs.quick_rate))
    partitions = (
        math.ceil(max(workers * choices.spare, quick_workers) / _EVEN) * _EVEN if quick_workers > 1 else _FEWEST
    )
    written = rate * (costs.request_bytes + costs.prediction_bytes) * choices.replication
    return Plan(
        workers=workers,
        quick_workers=quick_workers,
        partitions=partitions,
        worker_gib=workers * costs.worker_mib / 1024,
        edges=max(2, _count(rate, costs.edge_rate, choices)),
        bulk_edges=max(2, _count(rate, costs.bulk_rate, choices)),
        brokers=max(choices.replication, math.ceil(written / (choices.broker_rate * 1e6))),
        broker_mb=written / 1e6,
        replicas=_TOPICS * partitions * choices.replication,
        disk_tb=written * choices.retention_days * _DAY / 1e12,
        sinks=rate / costs.sinks_rate,
        redis_gb=rate * costs.redis_bytes * _DAY / _GB,
        csv_gb=rate * costs.csv_bytes * _DAY / _GB,
    )


def measured() -> Costs:
    """Return what the benchmarks have written last."""
    bench, stored = ((_HERE / name).read_text() for name in (_BENCH, _STORED))
    topics, quick = ("From topic to topic", "13 columns, one row.*, kafka"), r"13 columns, one row, kafka, 8,000 .*"
    ours, lines = "streamapp, exactly_once", ("Records a line", "one row, 13 columns, kafka")
    return Costs(
        worker_rate=_figure(bench, *topics, ours, "records/s"),
        quick_rate=8000,
        quick_ms=_figure(bench, "Latency", quick, ours, "ms p99"),
        worker_mib=_figure(bench, *topics, ours, "MiB"),
        edge_rate=_figure(bench, *lines, "A record a request, 64 connections", "records/s"),
        bulk_rate=_figure(bench, *lines, "10,000 lines a request", "records/s"),
        sinks_rate=_row(stored, "records/s of one sinks process"),
        request_bytes=_row(stored, "bytes of a request on its topic"),
        prediction_bytes=_row(stored, "bytes of a prediction on its topic"),
        redis_bytes=_row(stored, "bytes of a record in Redis"),
        found_bytes=_row(stored, "of them, of the prediction by its id"),
        csv_bytes=_row(stored, "bytes of a row of the CSV"),
    )


def rendered(page: str, costs: Costs, choices: Choices = DEFAULT) -> str:
    """Return scaling.md with its tables as these costs make them."""
    tables = {
        "costs": _named("measured", costs),
        "choices": _named("chosen", choices),
        "plans": plans_table(RATES, costs, choices),
    }
    for name, table in tables.items():
        page = re.sub(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", rf"\g<1>{table}\g<2>", page, flags=re.DOTALL)
    return page


def plans_table(rates: Sequence[float], costs: Costs, choices: Choices) -> str:
    """Return what each rate needs as Markdown."""
    plans = [plan(rate, costs, choices) for rate in rates]
    rows = [(about, *(_number(getattr(one, name)) for one in plans)) for name, about in _described(Plan)]
    return _table(("", *(f"{rate:,.0f} records/s" for rate in rates)), rows)


def _named(what: str, values: Struct) -> str:
    """Return values by the names that the command line takes."""
    rows = [(f"`{name}`", about, f"{getattr(values, name):,.6g}") for name, about in _described(type(values))]
    return _table(("name", "", what), rows, texts=2)


def _count(rate: float, of_one: float, choices: Choices) -> int:
    return math.ceil(rate / (of_one * choices.load))


def _described(kind: type[Struct]) -> Iterator[tuple[str, str]]:
    for field in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined]  # a struct's
        yield field.name, field.type.extra_json_schema["description"]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= _LARGE or value == int(value) else f"{value:.2g}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    rule = ["---"] * texts + ["---:"] * (len(headings) - texts)
    return "\n".join(f"| {' | '.join(line)} |" for line in (headings, rule, *rows)) + "\n"


def _figure(text: str, title: str, under: str, what: str, unit: str) -> float:
    """Return a figure of performance.md.

    Raises:
        ValueError: It is not there.
    """
    place = rf"^## {title}\n(?:(?!^## ).*\n)*?{under}:\n\n\|(?P<head>.*)\|\n.*\n(?:\|.*\n)*?\| {what} \|(?P<row>.*)\|"
    if (found := re.search(place, text, re.MULTILINE)) is None:
        raise ValueError(f"performance.md has no {unit} of {what!r} under {title!r}")
    head, row = ([cell.strip() for cell in found[part].split("|")] for part in ("head", "row"))
    return _read(row[head.index(unit) - 1])


def _row(text: str, what: str) -> float:
    """Return a figure of scaling.md's own measurement.

    Raises:
        ValueError: It is not there.
    """
    if (found := re.search(rf"^\| {re.escape(what)}[^|]*\|(.*)\|$", text, re.MULTILINE)) is None:
        raise ValueError(f"scaling.md has no row {what!r}")
    return _read(found[1])


def _read(cell: str) -> float:
    return float(cell.split(maxsplit=1)[0].replace(",", ""))


def main(arguments: Sequence[str]) -> None:
    """Print what the rates on the command line need."""
    given: dict[str, Any] = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    rates = [float(argument) for argument in arguments if "=" not in argument] or RATES
    chosen = {name: value for name, value in given.items() if name in Choices.__struct_fields__}
    costs = msgspec.structs.asdict(measured()) | {name: given[name] for name in given.keys() - chosen.keys()}
    try:
        tables = plans_table(
            rates, msgspec.convert(costs, Costs, strict=False), msgspec.convert(chosen, Choices, strict=False)
        )
    except msgspec.ValidationError as exc:
        sys.exit(f"{exc}. Names are those of docs/scaling.md: {', '.join((*costs, *Choices.__struct_fields__))}")
    print(tables, end="")  # noqa: T201  # what was asked for


if __name__ == "__main__":
    main(sys.argv[1:])
