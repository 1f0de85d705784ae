"""How counts may grow: one fan for each over calendar dates, with the values that were reported as points."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sim.figures.dates import calendar, dates
from sim.figures.style import (
    GREY,
    INK,
    SMALL,
    SPREAD,
    SPREAD_WORDS,
    VERMILION,
    headed,
    note,
    noted,
    plain,
    styled,
    titled,
    wrapped,
)
from sim.statistics.shown import words

#: Panels at most, the first in the order of the scenario.
PANELS: Final = 6
#: Ends of the bands and the median.
QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
#: Size of a panel in inches, and of a line of its sentence.
WIDE, HIGH, LINE = 4.0, 2.9, 0.14
POINT: Final[dict[str, Any]] = {"linestyle": "none", "marker": "o", "markersize": 6.5, "markeredgecolor": INK}
FILLED, HOLLOW, CHANGED = INK, "white", VERMILION


def fan(summary: Mapping[str, Any], count: Mapping[str, Any], occupancy: Mapping[str, Any]) -> NDArray[np.float64]:
    """Quantiles of a count over the histories at the end of each day, shape (quantiles, until + 1).

    A quantile is the least value that so large a share of the histories does not exceed.
    """
    mine = np.asarray(occupancy["watched"]) == f"state.{count['name']}"
    day, value = (np.asarray(occupancy[key])[mine].astype(np.int64) for key in ("day", "value"))
    table = np.zeros((summary["until_days"] + 1, int(value.max(initial=0)) + 1))
    table[day, value] = np.asarray(occupancy["histories"])[mine]
    below = np.cumsum(table, axis=1)
    # Half a history of grace: 0.95 * 20 is a little more than 19.
    places = [np.argmax(below >= share * summary["replications"] - 0.5e-6, axis=1) for share in QUANTILES]
    values: NDArray[np.float64] = count["lower"] + count["step"] * np.stack(places).astype(np.float64)
    return values


@styled
def draw(summary: Mapping[str, Any], occupancy: Mapping[str, Any]) -> Figure:
    """Figure of the counts of a scenario, each with its median and two bands that hold 50 % and 90 % of the histories.

    ``occupancy`` are the columns watched (``state.`` and the name of the count), day, value and histories.

    Raises ValueError for a scenario without counts.
    """
    every = summary.get("counts") or []
    if not every:
        raise ValueError(f"{summary['scenario']}: no count to draw; the scenario has none")
    counts = every[:PANELS]
    columns = 2 if len(counts) == 4 else min(len(counts), 3)
    rows = -(-len(counts) // columns)
    width = max(WIDE * columns, 7.0)
    says = [wrapped(_says(count), width / columns - 0.7, 3) for count in counts]
    lines = max(sentence.count("\n") + 1 for sentence in says)
    begin = _begin(summary, counts)
    meaning = _meaning(summary, counts, every)
    under = note(summary, meaning, width - 0.6)
    sources = _sources(summary, counts, width)
    foot = 0.16 * (under.count("\n") + 1) + 0.2 + sum(0.06 + 0.15 * (label.count("\n") + 1) for _, label in sources)
    panel = HIGH + LINE * lines
    figure = Figure(figsize=(width, 0.6 + panel * rows + foot), layout="constrained")
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[*[panel] * rows, foot])
    for place, (count, sentence) in enumerate(zip(counts, says, strict=True)):
        ax = figure.add_subplot(grid[place // columns, place % columns])
        _panel(ax, summary, count, fan(summary, count, occupancy), begin)
        ax.set_title(_title(count), pad=8 + 10.5 * lines)
        at: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
        ax.annotate(sentence, (0, 1), (0, 4 + 10.5 * lines), fontsize=8, color=GREY, va="top", **at)
    headed(figure, f"{summary['title']}: counts")
    ax = figure.add_subplot(grid[rows, :])
    ax.set_axis_off()
    for face, label in sources:
        ax.plot([], [], label=label, markerfacecolor=face, **POINT)
    if sources:
        ax.legend(loc="upper left", frameon=False, fontsize=SMALL, borderaxespad=0, borderpad=0, handletextpad=0.3)
    ax.text(0, 0, under, transform=ax.transAxes, va="bottom", fontsize=SMALL)
    return figure


def on(ax: Axes, summary: Mapping[str, Any], occupancy: Mapping[str, Any], count: Mapping[str, Any]) -> None:
    """One panel alone: the fan of one of the summary's counts, with the values that were reported."""
    _panel(ax, summary, count, fan(summary, count, occupancy), _begin(summary, [count]))
    titled(ax, f"{_title(count)}: {_says(count)}")
    for face, label in _sources(summary, [count], max(ax.bbox.width / ax.figure.dpi, 3.0)):
        ax.plot([], [], label=label, markerfacecolor=face, **POINT)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="best", frameon=False, fontsize=SMALL, handletextpad=0.3)
    noted(ax, summary, _meaning(summary, [count], [count]))


def _title(count: Mapping[str, Any]) -> str:
    """The name of a count; a suffix that repeats its unit says nothing to a reader."""
    name = count["name"].removesuffix("_k") if count["unit"].startswith("thousand") else count["name"]
    return plain(words(name))


def _says(count: Mapping[str, Any]) -> str:
    unit = count["unit"]
    return f"{count['meaning']}, {unit}" if unit else str(count["meaning"])


def _begin(summary: Mapping[str, Any], counts: Sequence[Mapping[str, Any]]) -> datetime.date | None:
    """First day of the axis: before the start of the run where something was reported by then."""
    start = datetime.date.fromisoformat(summary["as_of"])
    found = [datetime.date.fromisoformat(point["date"]) for count in counts for point in count["reported"]]
    if not any(date < start for date in found):
        return None
    since = summary.get("crisis_start")
    return min([*found, *([datetime.date.fromisoformat(since)] if since else [])])


def _panel(
    ax: Axes,
    summary: Mapping[str, Any],
    count: Mapping[str, Any],
    values: NDArray[np.float64],
    begin: datetime.date | None,
) -> None:
    outer, inner, line = SPREAD
    when: Any = dates(summary, range(values.shape[1]))
    ax.fill_between(when, values[0], values[4], color=outer, linewidth=0, step="post")
    ax.fill_between(when, values[1], values[3], color=inner, linewidth=0, step="post")
    ax.plot(when, values[2], color=line, linewidth=1.8, drawstyle="steps-post")
    calendar(ax, summary, begin)
    last = when[-1]
    points = [p for p in count["reported"] if datetime.date.fromisoformat(p["date"]) <= last]
    tops = [point["value"] for point in points]
    for point in points:
        on: Any = datetime.date.fromisoformat(point["date"])
        face = _face(point)
        # What was known stands to the left of the fan where there is room, what came later above it.
        left = point["known"] and begin is not None and on > begin
        ax.plot([on], [point["value"]], markerfacecolor=face, clip_on=False, zorder=5, **POINT)
        ax.annotate(
            f"{point['value']:,}",
            (on, point["value"]),
            (-6, 5) if left else (6, 6),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=8.5,
            zorder=6,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "alpha": 0.7, "linewidth": 0},
        )
    if begin is not None:
        ax.axvline(when[0], color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    high, low = max([*tops, float(values.max())]), min([*tops, float(values.min()), 0.0])
    ax.set_ylim(low, low + 1.08 * max(high - low, 1.0))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _face(point: Mapping[str, Any]) -> str:
    return CHANGED if point.get("changed") else FILLED if point["known"] else HOLLOW


def _sources(summary: Mapping[str, Any], counts: Sequence[Mapping[str, Any]], width: float) -> list[tuple[str, str]]:
    """Faces of the points with what they rest on."""
    points = [point for count in counts for point in count["reported"]]
    found = []
    for face, says in (
        (FILLED, "reported, known on the date of the forecast"),
        (HOLLOW, "reported later, not used"),
        (CHANGED, "not reported but set for this run"),
    ):
        mine = list(dict.fromkeys(point["source"] for point in points if _face(point) == face))
        if mine:
            found.append((face, wrapped(f"{says}: {'; '.join(mine)}", width - 0.9)))
    return found


def _meaning(
    summary: Mapping[str, Any], counts: Sequence[Mapping[str, Any]], every: Sequence[Mapping[str, Any]]
) -> str:
    text = f"Bands: {SPREAD_WORDS}. A history that has ended keeps its last value."
    rough = [count for count in counts if count["step"] > 1]
    if rough:
        steps = [f"{_title(count)} by {count['step']:,}" for count in rough]
        text += f" Followed in steps: {', '.join(steps)}."
    for count in counts:
        if count.get("clipped"):
            text += f" {_title(count)}: values above {count['most']:,} are drawn as {count['most']:,}."
    if len(every) > len(counts):
        text += f" Not drawn: {', '.join(words(count['name']) for count in every[len(counts) :])}."
    return text
