"""Where on the ladder the histories stand, day by day: stacked shares over calendar dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sim.figures.dates import calendar, dates
from sim.figures.style import ERROR_WORDS, GREY, INK, PERCENT, footed, headed, noted, plain, styled, titled, wrapped
from sim.statistics.shown import percent, words

WIDTH: Final = 10.0
HEIGHT: Final = 5.4
#: Least distance of two labels at the right, as a share of the axis.
LEAST_GAP: Final = 0.042
#: The ordered scale grows darker with the ladder, so that no sense of colour is needed to follow it.
SCALE: Final = "inferno_r"
ENDS: Final = (0.03, 0.88)


def colours(rungs: int) -> list[str]:
    """Colours of the rungs, the lowest first: ever darker."""
    places = np.linspace(*ENDS, rungs) if rungs > 1 else [ENDS[0]]
    return [to_hex(matplotlib.colormaps[SCALE](place)) for place in places]


def shares(summary: Mapping[str, Any], occupancy: Mapping[str, Any]) -> NDArray[np.float64]:
    """Share of the histories on each rung at the end of each day, shape (until + 1, rungs)."""
    found = np.zeros((summary["until_days"] + 1, len(summary["rungs"])))
    mine = np.asarray(occupancy["watched"]) == "rung"
    day, value = (np.asarray(occupancy[key])[mine].astype(np.int64) for key in ("day", "value"))
    found[day, value] = np.asarray(occupancy["histories"])[mine]
    share: NDArray[np.float64] = found / summary["replications"]
    return share


@styled
def draw(summary: Mapping[str, Any], occupancy: Mapping[str, Any]) -> Figure:
    """Figure of the rungs over time.

    ``occupancy`` are the columns watched (``rung`` is read), day, value (number of the rung) and histories.

    Raises ValueError for a scenario without a ladder.
    """
    rungs = _rungs(summary)
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    ever = _stack(figure.subplots(), summary, occupancy)
    headed(figure, f"{summary['title']}: where on the ladder")
    never = [words(rung) for rung, seen in zip(rungs, ever, strict=True) if not seen]
    half = 98.0 / float(np.sqrt(summary["replications"]))
    footed(
        figure,
        summary,
        "Height of a band: chance that the crisis stands on that rung at the end of that day, the higher the rung the "
        "darker; at the right, shares at the end. The rung is the highest that holds; a history that has ended stays "
        f"where it ended. {ERROR_WORDS}: at most ±{min(half, 100):.1f} points. The range over the inputs is not drawn "
        + (f"here. Never reached: {', '.join(never)}." if never else "here."),
    )
    return figure


def on(ax: Axes, summary: Mapping[str, Any], occupancy: Mapping[str, Any]) -> None:
    """The stacked shares alone, with the names of the rungs at the right.

    Raises ValueError for a scenario without a ladder.
    """
    _rungs(summary)
    _stack(ax, summary, occupancy)
    titled(ax, f"{summary['title']}: where on the ladder")
    noted(ax, summary, "Height of a band: chance that the crisis stands on that rung at the end of that day.")


def _rungs(summary: Mapping[str, Any]) -> list[str]:
    rungs: list[str] = summary.get("rungs") or []
    if not rungs:
        raise ValueError(f"{summary['scenario']}: no ladder to draw; the scenario has none")
    return rungs


def _stack(ax: Axes, summary: Mapping[str, Any], occupancy: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Draw the shares; returns which rungs are ever reached."""
    rungs, share = summary["rungs"], shares(summary, occupancy)
    when: Any = dates(summary, range(share.shape[0]))
    palette = colours(len(rungs))
    ax.stackplot(when, share.T, colors=palette, edgecolor="white", linewidth=0.4, zorder=2)
    calendar(ax, summary)
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(PERCENT)
    ax.set_ylabel("share of the simulated histories")
    ever = share.max(axis=0) > 0
    _labels(ax, [plain(words(rung)) for rung in rungs], share[-1], ever, palette)
    return np.asarray(ever)


def _labels(
    ax: Axes, names: Sequence[str], last: NDArray[np.float64], ever: NDArray[np.bool_], palette: Sequence[str]
) -> None:
    """Names of the rungs with their share at the end beside their bands, highest on top, with lines to them."""
    middles = np.cumsum(last) - last / 2
    shown = [place for place in range(len(names)) if ever[place]]
    for place, at in zip(shown, spread(middles[shown].tolist(), LEAST_GAP), strict=True):
        leader: dict[str, Any] = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0}
        ax.annotate(
            "",
            (1.0, middles[place]),
            (1.03, at),
            xycoords="axes fraction",
            textcoords="axes fraction",
            arrowprops=leader,
        )
        ax.annotate(
            f"{wrapped(names[place], 2.0, 1)}  {percent(last[place])}",
            (1.03, at),
            (13, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
        swatch: dict[str, Any] = {"marker": "s", "markersize": 7, "color": palette[place], "markeredgecolor": INK}
        ax.plot([1.042], [at], transform=ax.transAxes, clip_on=False, markeredgewidth=0.5, **swatch)


def spread(wanted: Sequence[float], least: float) -> list[float]:
    """Ascending places as near as may be to those wanted, at least so far from one another, within 0 … 1."""
    count = len(wanted)
    least = min(least, 1.0 / max(count - 1, 1))
    # Runs of labels that touch move as one, about the mean of what they want.
    runs: list[tuple[float, int]] = []
    for place in wanted:
        centre, size = place, 1
        while runs and centre - least * (size - 1) / 2 < runs[-1][0] + least * (runs[-1][1] - 1) / 2 + least:
            before, many = runs.pop()
            centre, size = (before * many + centre * size) / (many + size), many + size
        half = least * (size - 1) / 2
        runs.append((min(max(centre, half), 1.0 - half), size))
    return [centre + least * (k - (size - 1) / 2) for centre, size in runs for k in range(size)]
