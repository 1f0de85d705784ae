"""A chance against one number of the scenario: the curve, its band, the level, and where it is crossed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from sim.figures.style import (
    BLUE,
    ERROR,
    ERROR_WORDS,
    INK,
    PERCENT,
    RANGE,
    VERMILION,
    footed,
    headed,
    plain,
    range_words,
    sampling_error,
    styled,
    wrapped,
)

WIDTH: Final = 10.0
#: Values on an axis that is spaced by ratio have these first digits.
DIGITS: Final = (1.0, 2.0, 5.0)


@styled
def draw(data: Mapping[str, Any]) -> Figure:
    """Figure of a threshold; ``data`` is the summary of study=threshold."""
    headline = wrapped(f"Chance of: {data['headline']}", WIDTH * 0.85)
    figure = Figure(figsize=(WIDTH, 5.2 + 0.16 * headline.count("\n")), layout="constrained")
    ax = figure.subplots()
    curve, band = data["curve"], data["band"]
    if data["geometric"]:
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(NullFormatter())
        low, high = data["range"]
        ticks = [d * 10.0**e for e in range(-9, 10) for d in DIGITS if low <= d * 10.0**e <= high]
        ax.set_xticks(ticks)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    if band:
        xs = [row["value"] for row in band]
        ax.fill_between(xs, [row["low"] for row in band], [row["high"] for row in band], zorder=1, **RANGE)
    xs, ys = [row["value"] for row in curve], [row["probability"] for row in curve]
    ax.plot(xs, ys, color=BLUE, linewidth=1.6, zorder=3)
    # Those added near a crossing would hide it.
    first = [row for row in curve if row["first"]]
    places = [row["value"] for row in first], [row["probability"] for row in first]
    ax.plot(*places, color=BLUE, linestyle="none", marker="o", markersize=3, zorder=3)
    ax.errorbar(*places, yerr=sampling_error(first), zorder=4, **ERROR)
    ax.axhline(data["level"], color=INK, linewidth=1.0, linestyle=(0, (4, 3)), zorder=2)
    for one in data["crossings"]:
        _crossing(ax, one, data)
    ax.yaxis.set_major_formatter(PERCENT)
    ax.set_ylim(0, None)
    unit = {"per day": ", per day", "days": ", days"}.get(data["kind"], "")
    ax.set_xlabel(plain(f"{data['label']}{unit}"))
    ax.set_ylabel("chance")
    headed(figure, f"{data['title']}: where the answer turns")
    ax.set_title(headline, fontsize=10, fontweight="normal", pad=14)
    footed(
        figure,
        data,
        f"Line: the chance with {data['label']} at this value and all else drawn, the same histories everywhere; black "
        f"lines with caps: {ERROR_WORDS}. Dashed: the level, {100 * data['level']:g} %. Vermilion: where the chance "
        "crosses it, and the values among which sampling leaves the crossing (95 %)."
        + (f" Band: {range_words(data)}, of the others than {data['label']}." if band else ""),
    )
    return figure


def _crossing(ax: Any, one: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    low, high = (one[end] if one[end] is not None else data["range"][i] for i, end in enumerate(("low", "high")))
    ax.axvspan(low, high, color=VERMILION, alpha=0.18, linewidth=0, zorder=0)
    if one["value"] is None:
        return
    ax.scatter(one["value"], data["level"], s=60, color=VERMILION, zorder=6)
    ax.annotate(f"{float(format(one['value'], '.3g')):,g}", (one["value"], data["level"]), (8, -14),
                textcoords="offset points", fontsize=10, fontweight="bold", color=VERMILION)  # fmt: skip
