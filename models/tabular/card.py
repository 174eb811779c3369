"""The model card: for people as Markdown, for programs as metadata of the logged model."""

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from models.tabular.data import Table
from models.tabular.recipes import FittedTable

_TEMPLATE: Final = """\
# {name}: {task} of {target}

- Data: {source}; {train} rows to train, {test} to test, {dropped} left out (no target, or alone in their class).
- Input: {columns}. {required}
- Not used: {left_out}.
- Scores on the test part: {scores}.
- What matters most: {important}.
"""
#: Columns that the card names as important.
_TOP: Final = 5


def facts(table: Table, model: FittedTable, metrics: Mapping[str, float]) -> dict[str, Any]:
    """Return what programs need to know beside the signature."""
    unused = [f"Column {name!r} is not used: {reason}." for name, reason in table.left_out.items()]
    return {
        "task": str(table.task),
        "classes": model.classes,
        "notes": [f"Predicts {table.target!r} of {table.source}.", *unused, *model.notes],
        "metrics": dict(metrics),
        "ignored": [*table.left_out, table.target],
    }


def text(name: str, table: Table, metrics: Mapping[str, float], important: Mapping[str, float]) -> str:
    """Return the card for people."""
    required = [column.name for column in table.columns if column.required]
    return _TEMPLATE.format(
        name=name,
        task=table.task,
        target=table.target,
        source=table.source,
        train=len(table.train),
        test=len(table.test),
        dropped=table.dropped,
        columns=", ".join(f"{column.name} ({column.type})" for column in table.columns),
        required=f"Required are {', '.join(required)}." if required else "Each of them may be missing.",
        left_out=", ".join(f"{column} ({why})" for column, why in table.left_out.items()) or "none",
        scores=", ".join(f"{metric} {score:.4f}" for metric, score in metrics.items()),
        important=", ".join(f"{column} {loss:.3f}" for column, loss in islice(important.items(), _TOP)),
    )
