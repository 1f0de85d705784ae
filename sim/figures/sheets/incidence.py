"""How soon: the chance that something has happened by a date, one panel for each milestone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figures.dates import calendar, dates
from sim.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PERCENT,
    PURPLE,
    RANGE,
    SMALL,
    TINY,
    VERMILION,
    headed,
    note,
    noted,
    plain,
    range_words,
    styled,
    titled,
    wrapped,
)
from sim.statistics.shown import words

#: Panels drawn when nobody chooses.
PANELS: Final = 12
#: Marks of past cases: form and colour both differ.
MARKS: Final = (("D", VERMILION), ("s", ORANGE), ("^", PURPLE), ("v", GREY))
#: Size of a panel in inches, and of a line of its sentence.
WIDE, HIGH, LINE = 4.0, 1.95, 0.14
WIDEST: Final = 13.2


def chosen(summary: Mapping[str, Any], milestones: Sequence[str] | None = None) -> list[str]:
    """Milestones to draw: those asked for; else the first that the public sees, those with base rates before others.

    The choice rests on the scenario alone, never on how a run came out, so that runs can be laid side by side. It is
    shown in the order of the scenario.

    Raises ValueError for an unknown name.
    """
    known = summary["milestones"]
    unknown = [name for name in milestones or () if name not in known]
    if unknown:
        raise ValueError(f"milestones {', '.join(unknown)}: unknown; choose from {', '.join(known)}")
    if milestones:
        return list(dict.fromkeys(milestones))
    based = summary.get("compared") or [rate["milestone"] for rate in summary["base_rates"]]
    secret = summary.get("secret", ())
    order = sorted(known, key=lambda name: (name not in based, name in secret))  # else the scenario's order stays
    return [name for name in known if name in order[:PANELS]]


@styled
def draw(summary: Mapping[str, Any], curves: Mapping[str, Any], milestones: Sequence[str] | None = None) -> Figure:
    """Figure of the cumulative incidence of some milestones over calendar dates, with base rates as marks.

    ``curves`` are the columns milestone, day, probability, range_low and range_high.

    Raises ValueError for an unknown milestone, and where there is none.
    """
    names = chosen(summary, milestones)
    if not names:
        raise ValueError(f"{summary['scenario']}: no milestone to draw; the scenario has none")
    columns = 2 if len(names) == 4 else min(len(names), 3 if len(names) <= 9 else 4)
    rows = -(-len(names) // columns)
    width = min(max(WIDE * columns, 7.0), WIDEST)
    sentences = [
        wrapped(summary["sentences"]["milestones"].get(name, ""), (width / columns - 0.5) * TINY, 3) for name in names
    ]
    lines = max(sentence.count("\n") + 1 for sentence in sentences)
    labels = list(dict.fromkeys(_label(rate) for rate in summary["base_rates"] if rate["milestone"] in names))
    panel, foot = HIGH + LINE * lines, 0.6 + 0.2 * len(labels)
    figure = Figure(figsize=(width, 0.8 + panel * rows + foot), layout="constrained")
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[*[panel] * rows, foot])
    axes: list[Axes] = []
    for place, (name, sentence) in enumerate(zip(names, sentences, strict=True)):
        first = axes[0] if axes else None
        ax = figure.add_subplot(grid[place // columns, place % columns], sharex=first, sharey=first)
        axes.append(ax)
        _panel(ax, summary, curves, name, labels)
        ax.set_title(plain(words(name)), pad=8 + 10.5 * lines)
        at: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
        ax.annotate(sentence, (0, 1), (0, 4 + 10.5 * lines), fontsize=8, color=GREY, va="top", **at)
        ax.tick_params(labelleft=place % columns == 0, labelbottom=place + columns >= len(names))
    _height(axes[0], summary, curves, names)
    headed(figure, f"{summary['title']}: how soon")
    _foot(figure.add_subplot(grid[rows, :]), summary, labels, width)
    return figure


def on(ax: Axes, summary: Mapping[str, Any], curves: Mapping[str, Any], milestone: str) -> None:
    """One panel alone: the cumulative incidence of one milestone, with past cases as marks named in a legend."""
    labels = list(dict.fromkeys(_label(rate) for rate in summary["base_rates"] if rate["milestone"] == milestone))
    _panel(ax, summary, curves, milestone, labels)
    _height(ax, summary, curves, [milestone])
    titled(ax, f"{words(milestone)}: {summary['sentences']['milestones'].get(milestone, '')}".rstrip(": "))
    _marked(ax, labels)
    if labels:
        ax.legend(loc="best", frameon=False, fontsize=SMALL, handletextpad=0.3)
    noted(ax, summary, f"Line: chance that it has happened by the end of that day; band: {range_words(summary)}.")


def _marked(ax: Axes, labels: Sequence[str]) -> None:
    """What the marks of past cases are, for a legend."""
    for place, label in enumerate(labels):
        marker, colour = MARKS[place % len(MARKS)]
        shape: dict[str, Any] = {"linestyle": "none", "marker": marker, "color": colour, "markeredgecolor": INK}
        ax.plot([], [], label=f"past cases: {label}", **shape)


def _height(ax: Axes, summary: Mapping[str, Any], curves: Mapping[str, Any], names: Sequence[str]) -> None:
    """One scale for all panels, which does not magnify what hardly ever happens."""
    shown = np.isin(np.asarray(curves["milestone"]), names)
    rates = [max(rate["by"].values()) for rate in summary["base_rates"] if rate["milestone"] in names]
    top = max([*np.asarray(curves["range_high"])[shown].tolist(), *rates, 0.095])
    ax.set_ylim(0, min(1.05 * top, 1.0) if top < 1 else 1.03)
    ax.yaxis.set_major_formatter(PERCENT)


def _label(rate: Mapping[str, Any]) -> str:
    return f"{plain(rate['label'])} (n = {rate['n']})"


def _foot(ax: Axes, summary: Mapping[str, Any], labels: Sequence[str], width: float) -> None:
    """What the marks mean and what made the figure."""
    ax.set_axis_off()
    _marked(ax, labels)
    if labels:
        ax.legend(loc="upper left", frameon=False, fontsize=SMALL, borderaxespad=0, borderpad=0, handletextpad=0.3)
    meaning = f"Line: chance that it has happened by the end of that day. Band: {range_words(summary)}."
    ax.text(0, 0, note(summary, meaning, width - 0.6), transform=ax.transAxes, va="bottom", fontsize=SMALL)


def _panel(ax: Axes, summary: Mapping[str, Any], curves: Mapping[str, Any], name: str, labels: Sequence[str]) -> None:
    mine = np.asarray(curves["milestone"]) == name
    when: Any = dates(summary, np.asarray(curves["day"])[mine].tolist())
    low, high = np.asarray(curves["range_low"])[mine], np.asarray(curves["range_high"])[mine]
    if summary["inputs"]:
        ax.fill_between(when, low, high, **RANGE)
    ax.plot(when, np.asarray(curves["probability"])[mine], color=BLUE, linewidth=1.8)
    last = max(int(day) for day in summary["days"])
    for rate in summary["base_rates"]:
        if rate["milestone"] == name:
            marker, colour = MARKS[labels.index(_label(rate)) % len(MARKS)]
            by = {float(day): share for day, share in rate["by"].items() if float(day) <= last}
            days: Any = dates(summary, [round(day) for day in by])
            mark: dict[str, Any] = {"marker": marker, "color": colour, "markersize": 6.5}
            edge: dict[str, Any] = {"markeredgecolor": INK, "markeredgewidth": 0.7, "clip_on": False, "zorder": 5}
            ax.plot(days, list(by.values()), linestyle="none", **mark, **edge)
    calendar(ax, summary)
