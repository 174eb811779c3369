"""A soak as a picture: memory of our processes, of the others, and lag over time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from soak.figures import Figures
from soak.sampling import Sample
from soak.stack import OURS

_SIZE: Final = 10, 9
_DOTS_PER_INCH: Final = 110
_MIB: Final = 2**20


def draw(figures: Figures, samples: Sequence[Sample], path: Path) -> None:
    """Write the picture, as PNG.

    Args:
        figures: For the title and the marks.
        samples: What is drawn.
        path: Where to; its folder is made where it is missing.
    """
    others = sorted(samples[0].memory.keys() - set(OURS))
    picture = Figure(figsize=_SIZE, dpi=_DOTS_PER_INCH, layout="constrained")
    ours, theirs, lag = picture.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
    picture.suptitle(
        f"{figures.processed:,.0f} records/s for {figures.duration:,.0f} s on {figures.broker}; "
        f"largest growth after {figures.settling:.0f} s: {max(figures.growth[name].percent for name in OURS):+.1f} %"
    )
    _memory(ours, samples, OURS, "our processes, MiB")
    _memory(theirs, samples, others, "broker and Redis, MiB")
    seen = [sample for sample in samples if sample.lag is not None]
    lag.plot([sample.seconds for sample in seen], [sample.lag for sample in seen], color="black", linewidth=1)
    lag.set(ylabel="lag, records", xlabel="seconds", ylim=(0, None))
    for axes in (ours, theirs, lag):
        axes.axvline(figures.settling, color="grey", linestyle=":", linewidth=1)
        axes.axvline(figures.duration, color="grey", linestyle="--", linewidth=1)
        axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(path)


def _memory(axes: Axes, samples: Sequence[Sample], names: Sequence[str], label: str) -> None:
    seconds = [sample.seconds for sample in samples]
    for name in names:
        axes.plot(seconds, [sample.memory[name] / _MIB for sample in samples], label=name, linewidth=1.2)
    axes.set(ylabel=label, ylim=(0, None))
    axes.legend(loc="center right", framealpha=0.9)
