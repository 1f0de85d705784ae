"""Where an event comes from: the regions of inputs by what they hold and how dense they are, and the limits of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figures.style import (
    BLUE,
    ERROR,
    ERROR_WORDS,
    GREY,
    INK,
    PALE,
    PERCENT,
    VERMILION,
    footed,
    headed,
    plain,
    styled,
    wrapped,
)
from sim.statistics.shown import percent, words

WIDTH: Final = 12.0
ROW: Final = 0.62


@styled
def draw(data: Mapping[str, Any], number: int) -> Figure:
    """Figure of the regions of an event, with the limits of the one of a number (from 1).

    ``data`` is the summary of study=discover: title, headline, as_of, replications, seed, overall, path and boxes.

    Raises ValueError where there is no region of that number.
    """
    if not 1 <= number <= len(data["boxes"]):
        raise ValueError(f"{data['title']}: no region {number}; there are {len(data['boxes'])}")
    box = data["boxes"][number - 1]
    headline = wrapped(f"Event: {data['headline']}", WIDTH * 0.82)
    height = max(3.4, 1.0 + ROW * len(box["limits"])) + 1.6 + 0.16 * headline.count("\n")
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[0.9, 1.1])
    _path(left, data, number)
    _limits(right, box, number)
    headed(figure, f"{data['title']}: which inputs lead there")
    left.set_title(headline, fontsize=10, fontweight="normal", pad=30)
    footed(
        figure,
        data,
        "Left: each region by the share of all such histories that it holds, and the share of its own histories in "
        "which the event happens. Grey: on the half of the histories that chose the regions; blue: on the other half, "
        f"which had no say, with {ERROR_WORDS} for those on offer, by number. Right: what region {number} lets in of "
        "each input it limits (blue), by rank among all its draws; vermilion: luck would do as well on the other half.",
    )
    return figure


def _path(ax: Axes, data: Mapping[str, Any], number: int) -> None:
    for half, colour in (("first", GREY), ("second", BLUE)):
        xs, ys = zip(*(point[half] for point in data["path"]), strict=True)
        ax.plot(xs, ys, color=colour, linewidth=1.0, alpha=0.7, zorder=2)
    for place, box in enumerate(data["boxes"], 1):
        at = box["coverage"], box["density"]
        spans = [[[at[i] - box["intervals"][key][0]], [box["intervals"][key][1] - at[i]]] for i, key in
                 enumerate(("coverage", "density"))]  # fmt: skip
        ax.errorbar(*at, xerr=spans[0], yerr=spans[1], zorder=3, **ERROR)
        ax.scatter(*at, s=70 if place == number else 26, color=BLUE, zorder=4)
        ax.annotate(str(place), at, (6, 6), textcoords="offset points", fontsize=9,
                    fontweight="bold" if place == number else "normal")  # fmt: skip
    overall = data["boxes"][number - 1]["overall"]
    ax.axhline(overall, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
    ax.annotate(f"overall: {percent(overall)}", (0.02, overall), (0, 4), textcoords="offset points", fontsize=9)
    ax.set_xlim(0, 1.04)
    ax.set_ylim(0, None)
    ax.xaxis.set_major_formatter(PERCENT)
    ax.yaxis.set_major_formatter(PERCENT)
    ax.set_xlabel("share of all such histories that the region holds (coverage)")
    ax.set_ylabel("chance within the region (density)")


def _limits(ax: Axes, box: Mapping[str, Any], number: int) -> None:
    rows = box["limits"]
    for place, limit in enumerate(rows):
        colour = BLUE if limit["holds_up"] else VERMILION
        start = 0.0 if "levels" in limit else limit["below"]
        end = limit["of"] if "levels" in limit else limit["up_to"]
        ax.barh(place, 1.0, height=0.3, color=PALE, zorder=1)
        ax.barh(place, end - start, left=start, height=0.3, color=colour, zorder=2)
        ax.annotate(plain(words(limit["name"])), (0, place), (0, 13), textcoords="offset points", fontsize=10,
                    fontweight="bold", va="bottom")  # fmt: skip
        ax.annotate(plain(_said(limit)), (1, place), (0, 13), textcoords="offset points", fontsize=9, ha="right",
                    va="bottom")  # fmt: skip
        for x, key, side in ((0.0, "least", "left"), (1.0, "most", "right")):
            if key in limit:
                ax.annotate(f"{limit[key]:.3g}", (x, place), (0, -13), textcoords="offset points", fontsize=7.5,
                            color=GREY, ha=side, va="top")  # fmt: skip
    ax.set_ylim(len(rows) - 0.4, -0.8)
    ax.set_xlim(0, 1)
    ax.set_yticks([])
    ax.grid(visible=False, axis="y")
    ax.xaxis.set_major_formatter(PERCENT)
    ax.set_xlabel("rank among the draws of the input")
    ax.spines["left"].set_visible(False)
    ax.set_title(
        f"Region {number}: chance {percent(box['density'])}, {percent(box['share'])} of the draws", fontsize=10
    )


def _said(limit: Mapping[str, Any]) -> str:
    """The limit with its values."""
    if "levels" in limit:
        return words(" or ".join(limit["levels"]))
    unit = {"per day": " per d", "days": " d"}.get(limit["kind"], "")
    low, high = (None if limit[end] is None else f"{float(f'{limit[end]:.3g}'):,g}" for end in ("low", "high"))
    if low and high:
        return f"{low} to {high}{unit}"
    return f"above {low}{unit}" if low else f"below {high}{unit}"
