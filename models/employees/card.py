"""The model card: for people as Markdown, for programs as metadata of the logged model."""

from collections.abc import Mapping
from typing import Any, Final

from models.employees.data import CLASS_NAMES, Split

LEAK: Final = (
    "Target leak: work hours, sleep, work-life balance, manager support, deadline pressure and recognition were "
    "added to the data afterwards, by a rule that looks at the target (all of them switch at a burn rate of 0.40). "
    "The scores show how well that rule is found again; they say little about real people."
)
GAPS: Final = (
    "Every feature may be missing: the model imputes it, or has learned where rows without it go. The fewer are "
    "given, the weaker the prediction (macro_f1_partial: each row with a random share of its values)."
)
USE: Final = "For demonstrations and tests of the system. Not for decisions about people."

_TEMPLATE: Final = """\
# {name}: burn-out risk of employees

Predicts Low (0), Medium (1) or High (2): a burn rate below 0.33, below 0.66, or above.

**{leak}**

- Intended use: {use}
- Input: thirteen features in raw units. {gaps}
- Data: {source}; {train} rows to train, {test} to test, {dropped} left out (no target, or two values missing).
- Class shares in training: {shares}.
- Scores on the test part (80/20, seed 42, not stratified): {scores}.
"""


def facts(metrics: Mapping[str, float]) -> dict[str, Any]:
    """Return what programs need to know beside the signature."""
    return {
        "task": "classification",
        "classes": list(range(len(CLASS_NAMES))),
        "class_names": {str(label): name for label, name in enumerate(CLASS_NAMES)},
        "notes": [LEAK, GAPS, USE],
        "metrics": dict(metrics),
    }


def text(name: str, data: Split, metrics: Mapping[str, float]) -> str:
    """Return the card for people."""
    shares = data.train_labels.value_counts(normalize=True)
    return _TEMPLATE.format(
        name=name,
        leak=LEAK,
        use=USE,
        gaps=GAPS,
        source=data.source,
        train=len(data.train),
        test=len(data.test),
        dropped=data.dropped,
        shares=", ".join(f"{label} {shares.get(i, 0.0):.1%}" for i, label in enumerate(CLASS_NAMES)),
        scores=", ".join(f"{metric} {score:.4f}" for metric, score in metrics.items()),
    )
