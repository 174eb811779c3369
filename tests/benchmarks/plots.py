"""What a run found as pictures."""

import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from benchmarks.bench import Figure, Section
from benchmarks.contenders import EXPERT

_WIDTH: Final = 8.0
_BAR: Final = 0.42
_OURS: Final = "#1f6f8b"
_THEIRS: Final = "#b8b8b8"
_RATE: Final = re.compile(r"([\d,]+) records/s$")
_COLOURS: Final = ("#1f6f8b", "#e07a3f", "#7a7a7a", "#6a994e")


def draw(sections: Sequence[Section], folder: Path) -> dict[str, str]:
    """Write a picture for each section that has something to draw, as SVG.

    Returns:
        The name of the picture's file, by the section's title.
    """
    pictures: dict[str, str] = {}
    for section in sections:
        if (made := _picture(section)) is not None:
            name = "performance-" + re.sub(r"\W+", "-", section.title.lower()).strip("-") + ".svg"
            made.savefig(folder / name, metadata={"Date": None})
            pictures[section.title] = name
    return pictures


def _picture(section: Section) -> Picture | None:
    for find, make in _KINDS:
        if figures := [figure for figure in section.figures if find(figure)]:
            return make(figures)
    return None


def _latency(figures: Sequence[Figure]) -> Picture:
    """Draw latency against rate, a line for the median and one for 99 %."""
    picture = Picture(figsize=(_WIDTH, 4.2), layout="constrained")
    axes: Axes = picture.subplots()
    whats = list(dict.fromkeys(figure.what for figure in figures))
    for what, colour in zip(whats, _COLOURS, strict=False):
        for unit, style in (("ms p50", "--"), ("ms p99", "-")):
            line = [figure for figure in figures if (figure.what, figure.unit) == (what, unit)]
            label = f"{what}, {unit.removeprefix('ms ')}"
            x, y = [_rate(figure) for figure in line], [figure.values[0] for figure in line]
            axes.plot(x, y, style, color=colour, marker="o", markersize=4, label=label)
    rates = sorted({_rate(figure) for figure in figures})
    axes.set(xscale="log", yscale="log", xlabel="records/s", ylabel="milliseconds to the visible prediction")
    axes.set_xticks(rates, [f"{rate:,}" for rate in rates], minor=False)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    return picture


def _bars(figures: Sequence[Figure]) -> Picture:
    """Draw bars of the medians, a panel for each workload, with the rounds as whiskers.

    In brackets is the ratio to the expert's loop, where it took part.
    """
    unders = list(dict.fromkeys(figure.under for figure in figures))
    panels = [[figure for figure in figures if figure.under == under] for under in unders]
    heights = [len(panel) * _BAR + 0.5 for panel in panels]
    picture = Picture(figsize=(_WIDTH, sum(heights) + 0.4), layout="constrained")
    subplots = picture.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, under, panel in zip(subplots, unders, panels, strict=True):
        _panel(axes, under, panel)
    subplots[-1].set_xlabel(figures[0].unit)
    return picture


def _panel(axes: Axes, title: str, panel: Sequence[Figure]) -> None:
    medians = [statistics.median(figure.values) for figure in panel]
    spread = [
        [median - min(figure.values) for median, figure in zip(medians, panel, strict=True)],
        [max(figure.values) - median for median, figure in zip(medians, panel, strict=True)],
    ]
    colours = [_OURS if figure.what.startswith("streamapp") else _THEIRS for figure in panel]
    bars = axes.barh([figure.what for figure in panel], medians, xerr=spread, color=colours, ecolor="#444444")
    against = next(
        (median for median, figure in zip(medians, panel, strict=True) if figure.what == EXPERT.name), None
    )
    ratios = ["" if against is None else f" ({median / against:.2f})" for median in medians]
    labels = [f" {median:,.0f}{ratio}" for median, ratio in zip(medians, ratios, strict=True)]
    axes.bar_label(bars, labels, fontsize=8, padding=3)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=9, loc="left")
    axes.margins(x=0.18)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _rate(figure: Figure) -> int:
    found = _RATE.search(figure.under)
    if found is None:
        raise ValueError(f"{figure.under!r} says no rate")
    return int(found[1].replace(",", ""))


#: Which figures make a picture, the first that a section has.
_KINDS: Final[Sequence[tuple[Callable[[Figure], bool], Callable[[Sequence[Figure]], Picture]]]] = (
    (lambda figure: figure.unit in {"ms p50", "ms p99"} and bool(_RATE.search(figure.under)), _latency),
    (lambda figure: figure.unit == "records/s", _bars),
)
