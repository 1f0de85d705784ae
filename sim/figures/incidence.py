"""How soon: the chance that something has happened by a date, one panel for each milestone."""

from __future__ import annotations

import datetime
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PERCENT,
    PURPLE,
    SKY,
    VERMILION,
    note,
    range_words,
    styled,
)
from sim.statistics.shown import MONTHS, words

#: Panels drawn when nobody chooses.
PANELS: Final = 6
#: Marks of past cases: form and colour both differ.
MARKS: Final = (("D", VERMILION), ("s", ORANGE), ("^", PURPLE), ("v", GREY))
LINE: Final = 50
#: Least distance of two date labels, as a share of the axis.
LEAST_GAP: Final = 0.16


def chosen(summary: Mapping[str, Any], milestones: Sequence[str] | None = None) -> list[str]:
    """Milestones to draw, in the summary's order: those asked for; else those with base rates, then the likeliest.

    Raises ValueError for an unknown name.
    """
    known = summary["milestones"]
    unknown = [name for name in milestones or () if name not in known]
    if unknown:
        raise ValueError(f"milestones {', '.join(unknown)}: unknown; choose from {', '.join(known)}")
    if milestones:
        return list(milestones)
    last = str(summary["until_days"])
    based = {rate["milestone"] for rate in summary["base_rates"]}
    order = sorted(known, key=lambda name: (name not in based, -known[name]["by"][last]["probability"]))
    return [name for name in known if name in order[:PANELS]]


@styled
def draw(summary: Mapping[str, Any], curves: Mapping[str, Any], milestones: Sequence[str] | None = None) -> Figure:
    """Figure of the cumulative incidence of some milestones over calendar dates, with base rates as marks.

    ``curves`` are the columns milestone, day, probability, range_low and range_high.

    Raises ValueError for an unknown milestone.
    """
    names = chosen(summary, milestones)
    columns = 2 if len(names) == 4 else min(len(names), 3)
    rows = -(-len(names) // columns)
    labels = list(dict.fromkeys(_label(rate) for rate in summary["base_rates"] if rate["milestone"] in names))
    foot = 0.55 + 0.2 * len(labels)
    figure = Figure(figsize=(max(4.0 * columns, 7.0), 0.6 + 2.6 * rows + foot), layout="constrained")
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[*[2.6] * rows, foot])
    axes: list[Axes] = []
    for place, name in enumerate(names):
        first = axes[0] if axes else None
        ax = figure.add_subplot(grid[place // columns, place % columns], sharex=first, sharey=first)
        axes.append(ax)
        _panel(ax, summary, curves, name, labels)
        ax.tick_params(labelleft=place % columns == 0, labelbottom=place + columns >= len(names))
    axes[0].set_ylim(0, None)
    axes[0].yaxis.set_major_formatter(PERCENT)
    figure.suptitle(f"{summary['title']}: how soon", x=0.005, ha="left", fontsize=13, fontweight="bold")
    _foot(figure.add_subplot(grid[rows, :]), summary, labels)
    return figure


def _label(rate: Mapping[str, Any]) -> str:
    return f"{rate['label']} (n = {rate['n']})"


def _foot(ax: Axes, summary: Mapping[str, Any], labels: Sequence[str]) -> None:
    """What the marks mean and what made the figure."""
    ax.set_axis_off()
    for place, label in enumerate(labels):
        marker, colour = MARKS[place % len(MARKS)]
        shape: dict[str, Any] = {"linestyle": "none", "marker": marker, "color": colour, "markeredgecolor": INK}
        ax.plot([], [], label=f"past cases: {label}", **shape)
    if labels:
        ax.legend(loc="upper left", frameon=False, fontsize=8.5, borderaxespad=0, borderpad=0, handletextpad=0.3)
    meaning = f"Line: chance that it has happened by the end of that day. Band: {range_words(summary)}."
    ax.text(0, 0, note(summary, meaning), transform=ax.transAxes, va="bottom", fontsize=8.5)


def _panel(ax: Axes, summary: Mapping[str, Any], curves: Mapping[str, Any], name: str, labels: Sequence[str]) -> None:
    mine = np.asarray(curves["milestone"]) == name
    start = datetime.date.fromisoformat(summary["as_of"])
    dates = [start + datetime.timedelta(days=int(day)) for day in np.asarray(curves["day"])[mine]]
    low, high = np.asarray(curves["range_low"])[mine], np.asarray(curves["range_high"])[mine]
    ax.fill_between(dates, low, high, color=SKY, alpha=0.45, linewidth=0)  # type: ignore[arg-type]
    ax.plot(dates, np.asarray(curves["probability"])[mine], color=BLUE, linewidth=1.8)  # type: ignore[arg-type]
    for rate in summary["base_rates"]:
        if rate["milestone"] == name:
            marker, colour = MARKS[labels.index(_label(rate)) % len(MARKS)]
            days = [start + datetime.timedelta(days=float(day)) for day in rate["by"]]
            shares = list(rate["by"].values())
            ax.plot(
                days,  # type: ignore[arg-type]
                shares,
                linestyle="none",
                marker=marker,
                color=colour,
                markeredgecolor=INK,
                markeredgewidth=0.7,
                markersize=6.5,
                clip_on=False,
                zorder=5,
            )
    sentence = textwrap.shorten(summary["sentences"]["milestones"].get(name, ""), LINE, placeholder=" …")
    ax.set_title(words(name), pad=16)
    ax.annotate(sentence, (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", fontsize=8, color=GREY)
    ticks = [start + datetime.timedelta(days=day) for day in spaced([int(day) for day in summary["days"]])]
    ax.set_xticks(ticks, [f"{tick.day} {MONTHS[tick.month - 1]}\n{tick.year}" for tick in ticks])  # type: ignore[arg-type]
    ax.set_xlim(start, ticks[-1])  # type: ignore[arg-type]


def spaced(days: Sequence[int]) -> list[int]:
    """The last day and those before it whose labels do not run into one another."""
    kept = [days[-1]]
    for day in reversed(days[:-1]):
        if kept[-1] - day >= LEAST_GAP * days[-1] and day >= LEAST_GAP / 2 * days[-1]:
            kept.append(day)
    return kept[::-1]
