"""Outcomes as horizontal bars, one panel for each day at which they are read."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figures.style import BLUE, GREY, INK, PERCENT, SKY, note, range_words, styled
from sim.statistics.shown import date_words, percent, with_range, words

#: Characters in a line of an outcome's sentence, and lines shown.
LINE: Final = 46
LINES: Final = 3
#: Up to here on the axis a label fits beside a bar.
ROOM: Final = 0.62


@styled
def draw(summary: Mapping[str, Any]) -> Figure:
    """Figure of the outcomes: bars, their sampling error (dark end of the bar) and the range over the inputs (line)."""
    days, names = summary["days"], list(summary["outcomes"])
    figure = Figure(figsize=(12.0, 1.5 + 0.58 * len(names)), layout="constrained")
    widths = [1.35, *[1.0] * len(days)]
    first, *axes = figure.subplots(1, len(days) + 1, sharey=True, squeeze=False, width_ratios=widths)[0]
    _sentences(first, names, summary["sentences"]["outcomes"])
    for ax, (day, date) in zip(axes, days.items(), strict=True):
        _panel(ax, [summary["outcomes_by"][day][name] for name in names], ranged=summary["inputs"] > 0)
        ax.set_title(f"on {date_words(date)} ({day} days)")
    figure.suptitle(f"{summary['title']}: where it stands", x=0.005, ha="left", fontsize=13, fontweight="bold")
    meaning = f"Bar: chance; its dark end: 95 % sampling error. Line: {range_words(summary)}."
    figure.supxlabel(note(summary, meaning), x=0.005, ha="left", fontsize=8.5)
    return figure


def _sentences(ax: Axes, names: Sequence[str], sentences: Mapping[str, str]) -> None:
    """Names of the outcomes with the sentence that tells each."""
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(len(names) - 0.5, -0.5)
    for place, name in enumerate(names):
        lines = textwrap.wrap(sentences.get(name, ""), LINE)
        if len(lines) > LINES:
            lines = [*lines[: LINES - 1], textwrap.shorten(" ".join(lines[LINES - 1 :]), LINE, placeholder=" …")]
        ax.text(0, place - 0.36, words(name), va="top", fontsize=10, fontweight="bold")
        ax.text(0, place - 0.06, "\n".join(lines), va="top", fontsize=7.5, color=GREY, linespacing=1.05)


def _panel(ax: Axes, five: Sequence[Mapping[str, float]], *, ranged: bool) -> None:
    places = range(len(five))
    ax.barh(places, [f["probability"] for f in five], height=0.5, color=SKY)
    ax.barh(places, [f["high"] - f["low"] for f in five], left=[f["low"] for f in five], height=0.5, color=BLUE)
    if ranged:
        ax.hlines(places, [f["range_low"] for f in five], [f["range_high"] for f in five], color=INK, linewidth=1.6)
    for place, f in zip(places, five, strict=True):
        shown = (f["probability"], f["range_low"], f["range_high"])
        label = with_range(*shown) if ranged else percent(shown[0])
        # Beside what is drawn where there is room, above its end where there is none.
        end = max(f["probability"], f["range_high"], f["high"])
        beside = end < ROOM
        ax.annotate(
            label,
            (end, place if beside else place - 0.28),
            (5 if beside else 0, 0),
            textcoords="offset points",
            ha="left" if beside else "right",
            va="center" if beside else "bottom",
            fontsize=8.5,
        )
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(PERCENT)
    ax.set_xticks((0.0, 0.25, 0.5, 0.75))  # a label at 100 % would run into the next panel
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0, labelleft=False)
