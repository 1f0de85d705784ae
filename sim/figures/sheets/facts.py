"""A forecast held against what was reported: what was simulated of each number, and the inputs before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim.figures.style import (
    BLUE,
    ERROR_WORDS,
    GREY,
    INK,
    ORANGE,
    PALE,
    PERCENT,
    VERMILION,
    footed,
    headed,
    plain,
    row_height,
    styled,
    told,
    wrapped,
)
from sim.statistics.shown import date_words, percent, plural, words

#: Panels at most, and bars in each of them.
PANELS: Final = 6
BARS: Final = 45
WIDE: Final = 4.3
#: Rows of inputs at most, those that moved most.
ROWS: Final = 18
WIDTH: Final = 12.0
#: Width of the column of sentences in inches, and least height of a row.
COLUMN: Final = 4.4
ROW: Final = 0.44
#: Right end of the axis, with room for the marks beyond 100 %.
EDGE: Final = 1.2
#: The tail left out of a panel, unless the report lies in it.
TAIL: Final = 0.002


@styled
def predicted(data: Mapping[str, Any]) -> Figure:
    """One panel for each fact: shares of the histories with each number, and the number reported.

    ``data`` is the summary of the study, see :func:`sim.studies.check_facts.study.computed`.
    """
    facts = data["facts"][:PANELS]
    columns = min(len(facts), 3)
    rows = -(-len(facts) // columns)
    width = max(WIDE * columns, 8.0)
    figure = Figure(figsize=(width, 3.6 * rows + 1.5), layout="constrained")
    for number, (ax, fact) in enumerate(zip(figure.subplots(rows, columns, squeeze=False).flat, facts, strict=False)):
        _panel(ax, fact, first=number == 0)
    for ax in figure.axes[len(facts) :]:
        ax.set_axis_off()
    headed(figure, f"{data['title']}: a forecast held against the reports")
    simulated = {**data, "replications": data["simulated"]}
    more = len(data["facts"]) - len(facts)
    footed(
        figure,
        simulated,
        "Bars: share of the histories with so many by the day of the report. Orange outline: the same where the "
        "reports of the panels before hold. Red: the number reported (band: all that it allows; of roughly so many: "
        "one standard deviation either way)." + (f" {plural(more, 'further number')} not drawn." if more else ""),
    )
    return figure


@styled
def inputs(data: Mapping[str, Any]) -> Figure:
    """Every uncertain input as the reports leave it, on the scale of what was assumed; hidden types below.

    Raises ValueError where no history agrees with the reports, or nothing is uncertain.
    """
    rows = [row for row in data["inputs"] if row["posterior"]][:ROWS]
    levels = [(row, level) for row in data["hidden"] for level in row["levels"][1:] if level["posterior"] is not None]
    if not rows and not levels:
        raise ValueError(f"{data['title']}: nothing to draw; no input is uncertain, or no history agrees")
    sentences = [_says(row) for row in rows] + [_chances(row, level) for row, level in levels]
    names = [words(row["name"]) for row in rows] + [f"{words(r['name'])}: {level['word']}" for r, level in levels]
    height = row_height(sentences, COLUMN, ROW)
    figure = Figure(figsize=(WIDTH, 2.2 + height * len(sentences)), layout="constrained")
    left, ax = figure.subplots(1, 2, sharey=True, width_ratios=[COLUMN, WIDTH - COLUMN])
    told(left, list(zip(names, sentences, strict=True)), COLUMN, height)
    for place, row in enumerate(rows):
        _moved(ax, place, row)
    for place, (row, level) in enumerate(levels, len(rows)):
        _level(ax, place, row, level)
    if rows:
        edge = len(rows) - 0.5
        ax.fill_betweenx([-0.5, edge], 0.1, 0.9, color=PALE, alpha=0.55, linewidth=0, zorder=0)
        ax.plot([0.5, 0.5], [-0.5, edge], color=GREY, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    if rows and levels:
        ax.axhline(len(rows) - 0.5, color=GREY, linewidth=0.8)
    ax.set_xlim(0.0, EDGE)
    ax.set_xticks(np.linspace(0.0, 1.0, 6))
    ax.xaxis.set_major_formatter(PERCENT)
    ax.set_xlabel("percentile of what was assumed" + ("; of what is hidden: chance" if levels else ""))
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0, labelleft=False)
    ax.spines["left"].set_visible(False)
    headed(figure, f"{data['title']}: what the reports say of the inputs")
    told_of = ", ".join(f"{words(fact['name'])} {_reported(fact)}" for fact in data["facts"])
    left.set_title(wrapped(f"Given {told_of}", WIDTH * 0.82), fontsize=10, fontweight="normal", pad=12)
    less = len(data["inputs"]) - len(rows)
    rule = data["rule"]
    footed(
        figure,
        {**data, "replications": data["simulated"]},
        "Bar and dot: 10–90 % and median given the reports, on the scale of what was assumed (grey band: 10–90 % as "
        f"assumed). Of what is hidden: chance as assumed (ring) and given the reports (dot; line: {ERROR_WORDS}). "
        f"Grey: unchanged by data, moved by no more than {100 * max(rule['tiny'], rule['critical']):.0f} points at any "
        f"percentile: next to nothing, or what luck can do. {data['effective']:,.0f} effective histories agree."
        + (f" {plural(less, 'further input')}, moved less, not drawn." if less else ""),
    )
    return figure


def _reported(fact: Mapping[str, Any]) -> str:
    how = "" if fact["reading"] == "exactly" else f"{fact['reading']} "
    return f"{how}{fact['value']:,}"


def _panel(ax: Axes, fact: Mapping[str, Any], *, first: bool) -> None:
    values, count = np.array(fact["values"]), np.array(fact["histories"])
    given = np.array(fact["weights_given"])
    reached = np.cumsum(count) / count.sum()
    # The band of what is allowed by a rough reading, and the bulk of what was simulated.
    spread = math.exp(fact["spread"])
    low = min(float(values[0]), fact["value"] / spread)
    high = max(float(values[np.searchsorted(reached, 1.0 - TAIL)]), fact["value"] * spread)
    if not first and given.sum() > 0.0:
        high = max(high, float(values[np.searchsorted(np.cumsum(given) / given.sum(), 1.0 - TAIL)]))
    step = max(1, math.ceil((high - low + 1) / BARS))
    edges = np.arange(math.floor(low), high + 1 + step, step) - 0.5
    shares, _ = np.histogram(values, edges, weights=count / count.sum())
    ax.bar(edges[:-1], shares, width=step, align="edge", color=BLUE, alpha=0.75, linewidth=0, zorder=2)
    top = shares.max()
    if not first and given.sum() > 0.0:
        outline, _ = np.histogram(values, edges, weights=given / given.sum())
        ax.stairs(outline, edges, color=ORANGE, linewidth=1.6, zorder=3)
        top = max(top, outline.max())
    if fact["reading"] == "at least":
        ax.axvspan(fact["value"] - 0.5, edges[-1], color=VERMILION, alpha=0.12, linewidth=0, zorder=1)
    elif fact["reading"] == "roughly":
        ax.axvspan(fact["value"] / spread, fact["value"] * spread, color=VERMILION, alpha=0.18, linewidth=0, zorder=1)
    ax.axvline(fact["value"], color=VERMILION, linewidth=1.8, zorder=4)
    right = fact["value"] > 0.6 * edges[-1] + 0.4 * edges[0]
    ax.annotate(
        plain(_reported(fact)), (fact["value"], 1.1 * top), (-5 if right else 5, 0), textcoords="offset points",
        ha="right" if right else "left", va="center", fontsize=9.5, fontweight="bold", color=VERMILION, zorder=6,
    )  # fmt: skip
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0.0, 1.2 * top)
    ax.yaxis.set_major_formatter(PERCENT if top >= 0.02 else lambda share, _: f"{100 * share:.1f} %")
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.set_xlabel(plain(fact["unit"] or fact["meaning"]))
    name = fact["name"].removesuffix("_k") if fact["unit"].startswith("thousand") else fact["name"]
    ax.set_title(f"{plain(words(name))} by {date_words(fact['date'])}")


def _says(row: Mapping[str, Any]) -> str:
    before, after = row["prior"], row["posterior"]
    units = {"number": "", "days": " days", "per day": " per day"}[row["kind"]]
    old = f"{before['mean']:.3g} ({before['ends'][0]:.3g}–{before['ends'][-1]:.3g})"
    return f"mean {old} → {after['mean']:.3g} ({after['ends'][0]:.3g}–{after['ends'][-1]:.3g}){units}"


def _chances(row: Mapping[str, Any], level: Mapping[str, Any]) -> str:
    return f"{percent(level['prior'])} → {percent(level['posterior'])}: {row['says']}"


def _moved(ax: Axes, place: int, row: Mapping[str, Any]) -> None:
    low, middle, high = row["posterior"]["places"]
    colour = GREY if row["unchanged"] else VERMILION
    ax.plot([low, high], [place, place], color=colour, linewidth=5.0, solid_capstyle="butt", zorder=3)
    ax.plot(middle, place, marker="o", markersize=6, color=colour, markeredgecolor=INK, linestyle="", zorder=4)
    _label(ax, place, row)


def _level(ax: Axes, place: int, row: Mapping[str, Any], level: Mapping[str, Any]) -> None:
    colour = GREY if row["unchanged"] else VERMILION
    after = level["posterior"]
    ax.errorbar(after, place, xerr=2 * level["error"], fmt="none", ecolor=INK, elinewidth=0.9, capsize=2.4, zorder=3)
    ax.plot(after, place, marker="o", markersize=6, color=colour, markeredgecolor=INK, linestyle="", zorder=4)
    ax.plot(level["prior"], place, marker="o", markersize=9, markerfacecolor="none", markeredgecolor=GREY, zorder=2)
    _label(ax, place, row)


def _label(ax: Axes, place: int, row: Mapping[str, Any]) -> None:
    """How far a row has moved, or that it has not, at the right edge."""
    text = "unchanged by data" if row["unchanged"] else f"moved by {100 * row['distance']:.0f} points"
    colour = GREY if row["unchanged"] else INK
    ax.annotate(text, (1.0, place), (8, 0), textcoords="offset points", va="center", fontsize=8, color=colour)
