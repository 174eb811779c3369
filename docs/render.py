"""Writes what the code says into the documentation: `make docs`.

The table of settings in README.md comes from the settings, that of topics in redpanda/README.md from the contracts,
problems.md from what the edge tells of each problem, the tables of metrics.md from the metrics, those of scaling.md
from what benchmarks have measured.
"""

import re
from functools import partial
from pathlib import Path

import sizing

from api.documents import problem_pages
from streamapp.contracts.settings import Settings, variable
from streamapp.contracts.shown import masked
from streamapp.contracts.topics import Topic, topics
from streamapp.metrics import edge, sinks, worker
from streamapp.metrics.families import Part

README = Path(__file__).parents[1] / "README.md"
TOPICS = Path(__file__).parents[1] / "redpanda/README.md"
PROBLEMS = Path(__file__).parent / "problems.md"
METRICS = Path(__file__).parent / "metrics.md"
SCALING = Path(__file__).parent / "scaling.md"
MARKS = re.compile(r"(<!-- (settings|topics|edge|worker|sinks) -->\n).*?(<!-- /\2 -->)", re.DOTALL)
PARTS = {"edge": edge.PART, "worker": worker.PART, "sinks": sinks.PART}


def settings_table() -> str:
    """Return the settings as a Markdown table."""
    rows = [
        f"| `{variable(name)}` | {_code(masked(field.default))} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | |", "| --- | --- | --- |", *rows]) + "\n"


def topics_table() -> str:
    """Return the topics, as they are created where nothing is set, as a Markdown table."""
    rows = [_row(topic) for topic in topics(Settings.model_construct())]
    return "\n".join(["| topic | partitions | configuration |", "| --- | --- | --- |", *rows]) + "\n"


def _row(topic: Topic) -> str:
    config = ", ".join(f"`{name}={value}`" for name, value in topic.config.items())
    return f"| `{topic.name}` | {topic.partitions} | {config} |"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def metrics_table(part: Part) -> str:
    """Return the metrics of a part as a Markdown table."""
    rows = [
        f"| `{one.name}` | {one.kind} | {' '.join(map(_code, one.labels))} | {one.unit} | {one.says} |"
        for one in part.described
    ]
    return "\n".join(["| name | type | labels | unit | |", "| --- | --- | --- | --- | --- |", *rows]) + "\n"


def rendered(text: str) -> str:
    """Return a page's text with its tables as they should be."""
    parts = {name: partial(metrics_table, part) for name, part in PARTS.items()}
    tables = {"settings": settings_table, "topics": topics_table, **parts}
    return MARKS.sub(lambda found: f"{found[1]}{tables[found[2]]()}{found[3]}", text)


if __name__ == "__main__":
    for page in (README, TOPICS, METRICS):
        page.write_text(rendered(page.read_text()))
    PROBLEMS.write_text(problem_pages.markdown())
    SCALING.write_text(sizing.rendered(SCALING.read_text(), sizing.measured()))
