"""Outcomes as horizontal bars, one panel for each day at which they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figures.style import (
    BLUE,
    ERROR,
    ERROR_WORDS,
    RANGE,
    footed,
    headed,
    named_rows,
    noted,
    range_words,
    row_height,
    sampling_error,
    styled,
    titled,
    told,
)
from sim.statistics.shown import date_words, percent, plural, with_range, words

WIDTH: Final = 12.0
#: Width of the column of sentences in inches, and least height of a row.
COLUMN: Final = 3.2
ROW: Final = 0.56
#: Up to here on the axis a label fits beside a bar.
ROOM: Final = 0.62


@styled
def draw(summary: Mapping[str, Any]) -> Figure:
    """Figure of the outcomes: bars, their sampling error (line with caps) and the range over the inputs (band)."""
    days, names = summary["days"], list(summary["outcomes"])
    sentences = [summary["sentences"]["outcomes"].get(name, "") for name in names]
    height = row_height(sentences, COLUMN, ROW)
    figure = Figure(figsize=(WIDTH, 1.5 + height * len(names)), layout="constrained")
    panel = (WIDTH - COLUMN) / len(days)
    first, *axes = figure.subplots(
        1, len(days) + 1, sharey=True, squeeze=False, width_ratios=[COLUMN, *[panel] * len(days)]
    )[0]
    told(first, [(words(name), sentence) for name, sentence in zip(names, sentences, strict=True)], COLUMN, height)
    for ax, (day, date) in zip(axes, days.items(), strict=True):
        _panel(
            ax,
            [summary["outcomes_by"][day][name] for name in names],
            ranged=summary["inputs"] > 0,
            narrow=len(days) > 3,
        )
        ax.set_title(f"on {date_words(date)} ({day} day{'' if day == '1' else 's'})")
    headed(figure, f"{summary['title']}: where it stands")
    footed(figure, summary, f"Bar: chance. Black line with caps: {ERROR_WORDS}. Band: {range_words(summary)}.")
    return figure


def on(ax: Axes, summary: Mapping[str, Any], day: str) -> None:
    """One panel alone: the outcomes on one day of the summary, with their names beside the bars."""
    names = list(summary["outcomes"])
    _panel(ax, [summary["outcomes_by"][day][name] for name in names], ranged=summary["inputs"] > 0, narrow=False)
    named_rows(ax, [words(name) for name in names])
    titled(ax, f"{summary['title']}: where it stands on {date_words(summary['days'][day])} ({plural(int(day), 'day')})")
    ranged = f"; band: {range_words(summary)}" if summary["inputs"] else ""
    noted(ax, summary, f"Bar: chance; line with caps: {ERROR_WORDS}{ranged}.")


def _panel(ax: Axes, five: Sequence[Mapping[str, float]], *, ranged: bool, narrow: bool) -> None:
    places = range(len(five))
    shares = [f["probability"] for f in five]
    if ranged:
        low, high = [f["range_low"] for f in five], [f["range_high"] for f in five]
        across = [b - a for a, b in zip(low, high, strict=True)]
        ax.barh(places, across, left=low, height=0.6, **RANGE)
    ax.barh(places, shares, height=0.26, color=BLUE)
    ax.errorbar(shares, places, xerr=sampling_error(five), **ERROR)
    for place, f in zip(places, five, strict=True):
        shown = (f["probability"], f["range_low"], f["range_high"])
        label = with_range(*shown) if ranged else percent(shown[0])
        # Beside what is drawn where there is room, above its end where there is none.
        end = max(f["probability"], f["range_high"], f["high"])
        beside = end < ROOM
        ax.annotate(
            label,
            (end, place if beside else place - (0.3 if ranged else 0.14)),
            (5 if beside else 0, 0),
            textcoords="offset points",
            ha="left" if beside else "right",
            va="center" if beside else "bottom",
            fontsize=8.5,
        )
    ax.set_xlim(0, 1)
    # The sign stands at the last number only, and inside the panel, so that it does not run into the next one.
    ax.set_xticks(
        (0.0, 0.25, 0.5, 0.75, 1.0), ("0", "", "50", "", "100 %") if narrow else ("0", "25", "50", "75", "100 %")
    )
    ax.get_xticklabels()[-1].set_horizontalalignment("right")
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0, labelleft=False)
