"""The model card: for people as Markdown, for programs as metadata of the logged model."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from models.autogluon import PICKLE
from models.marketplace.data import Split
from producer.marketplace import NEW, USED

GENERATED: Final = (
    "Trained on generated items: they have the real ones' values, shares and quantities column by column; how the "
    "columns hang together is guessed. The scores say how well the generator is seen through."
)
VALUES: Final = "Values that it has never seen, of state, city or any other field, are taken for missing."

_TEMPLATE: Final = """\
# {name}: is a marketplace item new or used?

Predicts `new` or `used`, with probabilities, by boosted trees that AutoGluon fits and weighs.

**{generated}**

- Input: sixteen required fields and three optional ones, in the types of the signature. {values}
- Data: {source}; {train} rows to train, {validation} to stop and weigh, {test} to test.
- Share of used items in training: {share:.1%}.
- Scores on the test part (F1 of `used`): {scores}.
- What it looks at, by how much F1 falls when a column is shuffled: {importances}.
- One call takes about 25 ms up to a hundred rows, so it has an input topic of its own.
- {pickle}
"""
#: Columns that the card names.
_NAMED: Final = 5


def facts(classes: Sequence[str], metrics: Mapping[str, float]) -> dict[str, Any]:
    """Return what programs need to know beside the signature."""
    return {
        "task": "classification",
        "classes": list(classes),
        "class_names": {NEW: "New", USED: "Used"},
        "notes": [GENERATED, VALUES, PICKLE],
        "metrics": dict(metrics),
    }


def text(name: str, split: Split, metrics: Mapping[str, float], importances: pd.DataFrame) -> str:
    """Return the card for people."""
    named = importances["importance"].head(_NAMED)
    return _TEMPLATE.format(
        name=name,
        generated=GENERATED,
        values=VALUES,
        source=split.source,
        train=len(split.train),
        validation=len(split.validation),
        test=len(split.test),
        share=(split.train["condition"] == USED).mean(),
        scores=", ".join(f"{metric} {score:.4f}" for metric, score in metrics.items()),
        importances=", ".join(f"{column} {value:.3f}" for column, value in named.items()),
        pickle=PICKLE,
    )
