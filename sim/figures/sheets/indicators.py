"""What to watch for: by how much each sign, seen or not seen by a day, multiplies the odds of the target."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from sim.figures.style import (
    BLUE,
    ERROR,
    ERROR_WORDS,
    GREY,
    INK,
    footed,
    headed,
    named_rows,
    noted,
    row_height,
    styled,
    titled,
    told,
    wrapped,
)
from sim.statistics.shown import date_words, percent, plural, words

#: Rows drawn at most, those that say most.
ROWS: Final = 14
WIDTH: Final = 12.0
#: Width of the columns of sentences and of numbers in inches, and least height of a row.
COLUMN: Final = 4.0
NUMBERS: Final = 2.6
ROW: Final = 0.46
#: Factors shown; what lies beyond is an arrow at the edge.
LEAST: Final = 1 / 200
MOST: Final = 200.0
#: How far the point of a sign and that of its absence stand from the middle of their row.
APART: Final = 0.13
#: Ticks, and those of an axis with ends farther apart than so many times.
WIDE: Final = 400.0
FEW: Final = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
TICKS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)


@styled
def draw(data: Mapping[str, Any]) -> Figure:
    """Figure of a table of indicators, as ``study=indicators`` keeps it.

    Raises ValueError where no sign has a factor.
    """
    every = _ranked(data)
    rows = every[:ROWS]
    sentences = [_says(row) for row in rows]
    height = row_height(sentences, COLUMN, ROW)
    left = f"{percent(data['probability'])} where it has not come about by the end of {date_words(data['window_date'])}"
    target = wrapped(f"Target ({left}): {data['headline']}", WIDTH * 0.82)
    figure = Figure(figsize=(WIDTH, 2.2 + height * len(rows) + 0.16 * target.count("\n")), layout="constrained")
    first, ax, last = figure.subplots(1, 3, sharey=True, width_ratios=[COLUMN, WIDTH - COLUMN - NUMBERS, NUMBERS])
    told(first, [(_name(row), says) for row, says in zip(rows, sentences, strict=True)], COLUMN, height)
    _points(ax, rows)
    _numbers(last, rows)
    headed(figure, f"{data['title']}: what to watch for")
    first.set_title(target, fontsize=10, fontweight="normal", pad=24)
    more = len(every) - len(rows)
    over = " † with it the history is over, in the model." if any(row.get("over") for row in rows) else ""
    footed(
        figure,
        data,
        f"Diamond: seen by the end of {date_words(data['window_date'])}; ring: not seen by then. Line with caps: "
        f"{ERROR_WORDS}; arrow: the end lies beyond. Pale: may be luck. Ranked by what it tells on average (bits). "
        "Chance of the target if it is seen; days ahead: median and 10–90 % from when it can be seen to the target, "
        f"where it is seen first.{over} Indications within the model, not causes."
        + (f" {plural(more, 'further sign')} not drawn." if more else ""),
    )
    return figure


def on(ax: Axes, data: Mapping[str, Any]) -> None:
    """The factors alone, with the signs' names beside them.

    Raises ValueError where no sign has a factor.
    """
    rows = _ranked(data)[:ROWS]
    _points(ax, rows)
    named_rows(ax, [_name(row) for row in rows])
    titled(ax, f"Target: {data['headline']}")
    ax.set_xlabel("")
    when = f"by the end of {date_words(data['window_date'])}"
    noted(
        ax,
        data,
        f"By how much a sign multiplies the odds of the target. Diamond: seen {when}; ring: not seen by then; line "
        f"with caps: {ERROR_WORDS}; pale: may be luck. Indications within the model, not causes.",
    )


def _ranked(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = [row for row in data["rows"] if not row["why"]]
    if not rows:
        raise ValueError(f"{data['title']}: nothing to draw; no sign has a factor")
    return rows


def _name(row: Mapping[str, Any]) -> str:
    name = row["says"].partition(" (")[0] if row["kind"] == "count" else words(row["name"])
    return f"{name} †" if row.get("over") else name


def _says(row: Mapping[str, Any]) -> str:
    if row["kind"] == "count":
        return str(row["says"].partition(" (")[2].removesuffix(")"))
    late = f", {plural(int(row['delay']), 'day')} late" if row["delay"] else ""
    return f"{row['says']} – seen by {'the public' if row['public'] else row['seen_by']}{late}"


def _points(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    low, high = _span(rows)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.axvline(1.0, color=INK, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    for place, row in enumerate(rows):
        seen: dict[str, Any] = {"marker": "D", "markersize": 6.5, "markerfacecolor": BLUE, "markeredgecolor": INK}
        unseen: dict[str, Any] = {"marker": "o", "markersize": 5.5, "markerfacecolor": "white", "markeredgecolor": INK}
        alpha = 1.0 if row["clear"] else 0.35
        for key, shift, mark in (("factor", -APART, seen), ("factor_unseen", APART, unseen)):
            _one(ax, place + shift, [row[f"{key}{end}"] for end in ("", "_low", "_high")], (mark, alpha), (low, high))
    ticks = [tick for tick in (TICKS if high / low < WIDE else FEW) if low <= tick <= high]
    ax.set_xticks(ticks)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"×{x:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(axis="x", labelsize=8)
    ax.set_xlabel("the odds of the target are multiplied by")
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0, labelleft=False)
    ax.spines["left"].set_visible(False)


def _one(
    ax: Axes, y: float, values: Sequence[float | None], look: tuple[Mapping[str, Any], float], span: tuple[float, float]
) -> None:
    """A factor with its interval; what lies outside the axis, or has no end, is an arrow at its edge."""
    (point, low, high), (mark, alpha) = values, look
    least, most = span[0] * 1.02, span[1] / 1.02
    begin, end = max(low or 0.0, least), min(high if high is not None else math.inf, most)
    begin, end = min(begin, most), max(end, least)
    line = {"color": INK, "linewidth": ERROR["elinewidth"], "alpha": alpha, "zorder": 2}
    ax.plot([begin, end], [y, y], **line)
    for edge, beyond, head in ((begin, begin <= least, "<"), (end, end >= most, ">")):
        ax.plot([edge], [y], marker=head if beyond else "|", markersize=5, **line)
    if point is not None and span[0] <= point <= span[1]:
        ax.plot([point], [y], linestyle="none", markeredgewidth=0.8, alpha=alpha, zorder=3, **mark)


def _span(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Ends of the axis: all points and intervals with an end, within what is shown, and 1 in any case."""
    keys = [f"{key}{end}" for key in ("factor", "factor_unseen") for end in ("", "_low", "_high")]
    values = [row[key] for row in rows for key in keys if row[key]]
    low, high = min([0.5, *values]), max([2.0, *values])
    return max(low / 1.3, LEAST), min(high * 1.3, MOST)


def _numbers(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Three columns of numbers beside the rows."""
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    at = (0.2, 0.5, 0.86)
    for x, label in zip(at, ("chance\nif seen", "bits,\nthousandths", "days\nahead"), strict=True):
        ax.annotate(label, (x, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", ha="center",
                    fontsize=8, color=GREY)  # fmt: skip
    for place, row in enumerate(rows):
        lead = row["lead"]
        days = f"{lead['median']:.0f}\n({lead['low']:.0f}–{lead['high']:.0f})" if lead else "–"
        for x, text in zip(at, (percent(row["chance_seen"]), f"{1000 * row['bits']:.2f}", days), strict=True):
            ax.text(x, place, text, ha="center", va="center", fontsize=8.5, linespacing=1.0)
