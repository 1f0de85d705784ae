"""What was stated beside the forecast: every source of a chance in one figure, and what weight and reading do to it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from sim.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    RANGE,
    VERMILION,
    footed,
    headed,
    range_words,
    styled,
    wrapped,
)
from sim.statistics.shown import date_words, percent, with_range, words

WIDTH: Final = 12.0
COLUMN: Final = 3.6
ROW: Final = 0.42
#: Kind of row -> colour and marker.
LOOKS: Final[Mapping[str, tuple[str, str]]] = {
    "past": (GREY, "s"),
    "rival": (ORANGE, "D"),
    "model": (BLUE, "o"),
    "stated": (VERMILION, "*"),
    "weighted": (PURPLE, "o"),
}
#: Up to here on the axis a label fits beside its mark.
ROOM: Final = 0.66
DARK: Final = 0.7


@styled
def sides(data: Mapping[str, Any], side: Mapping[str, Any]) -> Figure:
    """Figure of an event: a row for each source of its chance, a panel for each day."""
    days, rows = data["days"], side["rows"]
    figure = Figure(figsize=(WIDTH, 2.1 + ROW * len(rows)), layout="constrained")
    panel = (WIDTH - COLUMN) / len(days)
    first, *axes = figure.subplots(
        1, len(days) + 1, sharey=True, squeeze=False, width_ratios=[COLUMN, *[panel] * len(days)]
    )[0]
    first.set_axis_off()
    first.set_xlim(0, 1)
    first.set_ylim(len(rows) - 0.5, -0.5)
    for place, row in enumerate(rows):
        label = "\n".join(textwrap.wrap(row["label"], 46, max_lines=2, placeholder=" …"))
        weight = "bold" if row["kind"] in ("model", "stated") else "normal"
        first.text(0, place, label, va="center", fontsize=9, fontweight=weight)
    for ax, (day, date) in zip(axes, days.items(), strict=True):
        for place, row in enumerate(rows):
            _mark(ax, place, row["kind"], row["by"][day])
        ax.set_title(f"{side['at']} {date_words(date)} ({day} day{'' if day == '1' else 's'})")
        ax.set_xlim(0, 1)
        ax.set_xticks((0.0, 0.25, 0.5, 0.75, 1.0), ("0", "25", "50", "75", "100 %"))
        ax.get_xticklabels()[-1].set_horizontalalignment("right")
        ax.grid(visible=False, axis="y")
        ax.tick_params(axis="y", length=0, labelleft=False)
    headed(figure, f"{data['title']}: the chance of {side['event']}, side by side")
    says = f"{side['says'][0].upper()}{side['says'][1:]}. " if side["says"] else ""
    pairs = zip(data["statements"], data["disagreement"], strict=True)
    speakers = " ".join(sentence for statement, sentence in pairs if statement["proposition"] == side["event"])
    footed(
        figure,
        data,
        f"{says}{speakers} Band: {range_words(data)}; past cases: 10–90 % for so few; a stated range: its ends. Star: "
        "the statement at its word, on each day it may mean.",
    )
    return figure


def _mark(ax: Axes, place: int, kind: str, three: Mapping[str, float] | None) -> None:
    colour, marker = LOOKS[kind]
    if three is None:
        ax.text(0.02, place, "–", va="center", color=GREY)
        return
    low, high, chance = three["range_low"], three["range_high"], three["probability"]
    if kind in ("model", "weighted"):
        ax.barh(place, high - low, left=low, height=0.5, **RANGE)
    else:
        ax.plot((low, high), (place, place), color=colour, linewidth=1.4, solid_capstyle="butt")
    ax.plot(chance, place, marker=marker, color=colour, markersize=10 if marker == "*" else 6.5, linestyle="none")
    end = max(high, chance)
    beside, before = end < ROOM, min(low, chance) > 1.0 - ROOM
    ax.annotate(
        with_range(chance, low, high),
        (end, place) if beside else (low, place) if before else (1.0, place - 0.26),
        (7 if beside else -7 if before else 0, 0),
        textcoords="offset points",
        ha="left" if beside else "right",
        va="center" if beside or before else "bottom",
        fontsize=8,
    )


@styled
def grid(data: Mapping[str, Any]) -> Figure:
    """Figure of what weight and reading do to a chance: one panel for each statement."""
    grids = data["grids"]
    rows = len(grids[0]["weights"])
    figure = Figure(figsize=(max(4.2 * len(grids), 7.5), 2.4 + 0.27 * rows), layout="constrained")
    shades = LinearSegmentedColormap.from_list("chance", ["white", BLUE])
    for ax, found in zip(figure.subplots(1, len(grids), squeeze=False)[0], grids, strict=True):
        heads = [f"{day} days" for day in found["readings"]]
        if len(heads) > 1:
            heads.append("averaged")
        chance = np.array(found["chance"])[:, : len(heads)]
        ax.imshow(chance, cmap=shades, vmin=0.0, vmax=1.0, aspect="auto", origin="lower")
        for (i, j), share in np.ndenumerate(chance):
            ax.text(j, i, percent(share), ha="center", va="center", fontsize=8, color=_ink(share))
        ax.set_xticks(range(len(heads)), heads)
        ax.set_yticks(range(len(found["weights"])), [f"{weight:g}" for weight in found["weights"]])
        ax.set_xlabel("what the statement is taken to mean")
        ax.set_ylabel("weight given to the statement")
        ax.grid(visible=False)
        ax.tick_params(length=0)
        said = next(s for s in data["statements"] if s["name"] == found["statement"])
        title = f"{words(found['statement'])}, {said['words']}: {found['proposition']} by {date_words(found['date'])}"
        ax.set_title(wrapped(title, figure.get_figwidth() / len(grids) * 0.72))
    headed(figure, f"{data['title']}: weight and reading")
    footed(
        figure,
        data,
        "Each number: the chance with that weight given to the statement alone, averaged in log-odds. Weight 0 is the "
        "model, weight 1 takes the speaker at their word.",
    )
    return figure


def _ink(share: float) -> str:
    return "white" if share > DARK else "black"
