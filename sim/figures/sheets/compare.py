"""What variants of a scenario change: differences by day; and one history told twice, on one dated axis."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.figures.dates import calendar
from sim.figures.sheets.timeline import GAP, LANE, LEFT, LINE, RIGHT, RUNG, TYPE, WIDTH, Label, Placed, place
from sim.figures.style import (
    BLUE,
    ERROR,
    ERROR_WORDS,
    GREY,
    INK,
    PALE,
    RANGE,
    SMALL,
    VERMILION,
    footed,
    headed,
    named_rows,
    noted,
    range_words,
    row_height,
    styled,
    titled,
    told,
    wrapped,
)
from sim.statistics.shown import date_words, percent, words

#: Width of the column of sentences in inches, and least height of a row.
COLUMN: Final = 3.3
ROW: Final = 0.5
#: Days drawn side by side at most, the last ones.
DAYS: Final = 3
#: Events labelled on each side of a history told twice.
LABELS: Final = 9
#: Colours of the scenario as it is and of the variant.
SIDES: Final = (BLUE, VERMILION)
POINTS: Final = FuncFormatter(lambda share, _: f"{100 * share:+.0f}" if abs(share) > 1e-12 else "0")


@styled
def draw(data: Mapping[str, Any]) -> Figure:
    """Figure of a comparison: what each variant changes in the headline chance, one panel for each day.

    ``data`` has title, headline event (kind, name), sentences, days, as_of, replications, seed, inputs, histories,
    as_it_is and variants, each with name, says and by kind, name and day: probability, difference, error,
    difference_range_low and difference_range_high.
    """
    kind, name = data["event"]["kind"], data["event"]["name"]
    rows, days = data["variants"], list(data["days"])[-DAYS:]
    sentences = [str(row["says"]) for row in rows]
    height = row_height(sentences, COLUMN, ROW)
    headline = wrapped(f"{words(name)}: {data['sentences'][kind][name]}", WIDTH * 0.82)
    figure = Figure(figsize=(WIDTH, 2.0 + height * len(rows) + 0.16 * headline.count("\n")), layout="constrained")
    wide = (WIDTH - COLUMN) / len(days)
    first, *panels = figure.subplots(1, 1 + len(days), sharey=True, width_ratios=[COLUMN, *[wide] * len(days)])
    told(first, [(words(row["name"]), says) for row, says in zip(rows, sentences, strict=True)], COLUMN, height)
    numbers = [[row[kind][name][day] for row in rows] for day in days]
    span = _span([n for many in numbers for n in many])
    for ax, day, many in zip(panels, days, numbers, strict=True):
        _panel(ax, many)
        ax.set_xlim(*span)
        base = percent(data["as_it_is"][kind][name][day]["probability"])
        ax.set_title(f"by {date_words(data['days'][day])}\nas it is: {base}", fontsize=9.5, fontweight="normal")
    headed(figure, f"{data['title']}: what if?")
    first.set_title(headline, fontsize=10, fontweight="normal", pad=34)
    band = f" Band: {range_words(data)} of the difference." if data["inputs"] else ""
    footed(
        figure,
        data,
        "Point: by how much the variant changes the chance, against the scenario as it is, over the same histories "
        f"with the same luck. Black line with caps: {ERROR_WORDS} of the difference, for each alone.{band}",
    )
    return figure


def on(ax: Axes, data: Mapping[str, Any], day: str) -> None:
    """One panel alone: what each variant changes in the headline chance by a day, with the variants' names."""
    kind, name, rows = data["event"]["kind"], data["event"]["name"], data["variants"]
    numbers = [row[kind][name][day] for row in rows]
    _panel(ax, numbers)
    ax.set_xlim(*_span(numbers))
    named_rows(ax, [words(row["name"]) for row in rows])
    base = percent(data["as_it_is"][kind][name][day]["probability"])
    titled(ax, f"{words(name)} by {date_words(data['days'][day])}; as it is: {base}")
    band = f"; band: {range_words(data)} of the difference" if data["inputs"] else ""
    ax.set_xlabel("")
    noted(ax, data, f"Points by which the variant changes the chance; line with caps: {ERROR_WORDS}{band}.")


def _span(numbers: Sequence[Mapping[str, float]]) -> tuple[float, float]:
    """Ends of an axis that holds all of these differences, and none."""
    ends = ("difference_range_low", "difference_range_high")
    least = min(0.0, *(min(n[ends[0]], n["difference"] - n["error"]) for n in numbers))
    most = max(0.0, *(max(n[ends[1]], n["difference"] + n["error"]) for n in numbers))
    room = 0.12 * max(most - least, 0.01)
    return least - room, most + room


def _panel(ax: Axes, numbers: Sequence[Mapping[str, float]]) -> None:
    for row, n in enumerate(numbers):
        low, high = n["difference_range_low"], n["difference_range_high"]
        ax.barh(row, high - low, left=low, height=0.34, zorder=2, **RANGE)
        ax.plot([n["difference"]], [row], marker="o", markersize=3.4, color=BLUE, linestyle="", zorder=4)
    places = range(len(numbers))
    ax.errorbar([n["difference"] for n in numbers], places, xerr=[n["error"] for n in numbers], zorder=5, **ERROR)
    for row, n in enumerate(numbers):
        value = f"{100 * n['difference']:+.1f}"
        said = f"{'0.0' if float(value) == 0 else value} ± {100 * n['error']:.1f}"
        behind = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        over: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "bottom", "bbox": behind}
        ax.annotate(said, (n["difference"], row), (0, 9), fontsize=8, zorder=6, **over)
    ax.axvline(0, color=INK, linewidth=1.0, linestyle=(0, (4, 3)), zorder=3)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(POINTS)
    ax.set_xlabel("points")
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0, labelleft=False)
    ax.spines["left"].set_visible(False)


# ------------------------------------------------------------------------------------------------ one history, twice
@styled
def side_by_side(data: Mapping[str, Any]) -> Figure:
    """Figure of one history told twice: for each actor a lane as it is and below it one for the variant.

    ``data`` is as for :func:`sim.figures.sheets.timeline.draw`, with ``says`` (the variant's sentence), ``ends``,
    ``outcomes`` and ``steps`` for both sides, ``start`` (what differs there, in words), and each event with its side:
    both, left or right.
    """
    span = WIDTH - LEFT - RIGHT
    scale = span / data["until_days"]
    lanes = [lane for lane in data["lanes"] if lane["events"]]
    labels = _labels(lanes, scale)
    placed = [[place(labels[i, side], span) for side in (0, 1)] for i in range(len(lanes))]
    feet = [[_feet(rows) for rows in pair] for pair in placed]
    body = max(sum(2 * LANE + pair[0][-1] + pair[1][-1] for pair in feet), LANE)
    ladder = RUNG * len(data["rungs"])
    foot = wrapped(_foot(data), WIDTH - 0.3)
    who = ("As it is", f"The variant ({data['says']})")
    said = [wrapped(f"{side}: {text}", WIDTH, 2) for side, text in zip(who, data["outcomes"], strict=True)]
    lines = sum(text.count("\n") + 1 for text in said)
    head, below = 0.42 + 0.155 * lines, 0.55 + 0.155 * (foot.count("\n") + 1)
    height = head + ladder + 0.12 + body + below
    figure = Figure(figsize=(WIDTH, height))
    title = f"{data['title']}: history {data['replication']:,} of seed {data['seed']} told twice, on the same luck"
    figure.text(
        0.1 / WIDTH, 1 - 0.08 / height, wrapped(title, WIDTH * 0.62, 1), fontsize=13, fontweight="bold", va="top"
    )
    top = 0.38
    for text, colour in zip(said, SIDES, strict=True):
        figure.text(0.1 / WIDTH, 1 - top / height, text, fontsize=8.5, va="top", color=colour)
        top += 0.155 * (text.count("\n") + 1)
    ax = figure.add_axes((LEFT / WIDTH, below / height, span / WIDTH, body / height))
    if data["rungs"]:
        bottom = (below + body + 0.12) / height
        _ladder(figure.add_axes((LEFT / WIDTH, bottom, span / WIDTH, ladder / height)), data)
    calendar(ax, data)
    ax.set_ylim(0, body)
    ax.set_yticks(())
    ax.spines["left"].set_visible(False)
    base = body
    for lane, pair, rows in zip(lanes, placed, feet, strict=True):
        base = _lane(ax, data, lane, (pair, rows), base)
    figure.text(0.1 / WIDTH, 0.08 / height, foot, fontsize=SMALL, va="bottom")
    return figure


def _labels(lanes: Sequence[Mapping[str, Any]], scale: float) -> dict[tuple[int, int], list[Label]]:
    """Labels by lane and side: of what only one side has, milestones and what comes first before the rest."""
    found: dict[tuple[int, int], list[Label]] = {(i, side): [] for i in range(len(lanes)) for side in (0, 1)}
    for side, name in enumerate(("left", "right")):
        seen: set[str] = set()
        ranked = []
        for number, lane in enumerate(lanes):
            for event in lane["events"]:
                if event["side"] == name and (event["reached"] or event["says"] not in seen):
                    seen.add(event["says"])
                    reached = [wrapped(f"◆ {words(one)}", 1.75, 1) for one in event["reached"][:2]]
                    text = "\n".join([*reached, wrapped(event["says"], 1.75, 4)])
                    weight = (0 if reached else 1, 0, event["time"])
                    ranked.append((weight, number, Label(event["time"] * scale, text, bool(reached), weight)))
        for _, number, label in sorted(ranked, key=lambda one: one[0])[:LABELS]:
            found[number, side].append(label)
    return found


def _feet(placed: Sequence[Placed]) -> list[float]:
    """Where the rows of labels begin, and where the last one ends, in inches."""
    feet = [0.0]
    for row in range(max((one.row + 1 for one in placed), default=0)):
        lines = max((1 + one.label.text.count("\n") for one in placed if one.row == row), default=0)
        feet.append(feet[-1] + lines * LINE + GAP)
    return feet


def _when(data: Mapping[str, Any], time: float) -> Any:
    return datetime.datetime.fromisoformat(data["as_of"]) + datetime.timedelta(days=time)


def _ladder(ax: Axes, data: Mapping[str, Any]) -> None:
    """The rung on both sides as steps, a little apart."""
    for side, (steps, end, colour) in enumerate(zip(data["steps"], data["ends"], SIDES, strict=True)):
        shift = (0.09, -0.09)[side]
        times = [_when(data, time) for time, _ in steps]
        rungs = [rung + shift for _, rung in steps]
        ax.step([*times, _when(data, end)], [*rungs, rungs[-1]], where="post", color=colour, linewidth=1.8)
        if end < data["until_days"]:
            ax.plot([_when(data, end)], [rungs[-1]], marker="|", markersize=9, color=colour, linestyle="")
    calendar(ax, data)
    names = data["rungs"]
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.set_yticks(range(len(names)), [wrapped(words(rung), 1.35, 1) for rung in names], fontsize=8)
    ax.tick_params(labelbottom=False, length=0)


def _lane(
    ax: Axes,
    data: Mapping[str, Any],
    lane: Mapping[str, Any],
    labels: tuple[Sequence[Sequence[Placed]], Sequence[Sequence[float]]],
    top: float,
) -> float:
    """An actor's two lines with their events; returns where the next lane begins, in inches from below."""
    scale = (WIDTH - LEFT - RIGHT) / data["until_days"]
    first = top
    for side, (placed, rows) in enumerate(zip(*labels, strict=True)):
        top -= LANE + rows[-1]
        line, colour = top + 0.09, SIDES[side]
        ax.plot([_when(data, 0), _when(data, data["ends"][side])], [line, line], color=PALE, linewidth=0.8, zorder=1)
        for event in lane["events"]:
            if event["side"] in ("both", ("left", "right")[side]):
                shade = GREY if event["side"] == "both" else colour
                ax.vlines([_when(data, event["time"])], line - 0.05, line + 0.05, color=shade, linewidth=1.1, zorder=3)
                if event["reached"]:
                    mark: dict[str, Any] = {"marker": "D", "markersize": 6, "linestyle": "none", "clip_on": False}
                    ax.plot([_when(data, event["time"])], [line], color=shade, zorder=4, **mark)
        for one in placed:
            foot = line + 0.1 + rows[one.row]
            ax.vlines([_when(data, one.label.at / scale)], line, foot + LINE, color=GREY, linewidth=0.5, zorder=2)
            at = _when(data, (one.left + GAP / 2) / scale)
            ax.text(at, foot, one.label.text, fontsize=TYPE, color=colour, va="bottom", linespacing=1.0, zorder=5)
    at_left: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    text = wrapped(lane["label"], 1.15, 2)
    ax.annotate(
        text, (0, (first + top) / 2), (-7, 0), ha="right", va="center", fontsize=9, fontweight="bold", **at_left
    )
    ax.axhline(top - 0.02, color=PALE, linewidth=0.5, zorder=0)
    return top


def _foot(data: Mapping[str, Any]) -> str:
    start = f" At the start: {'; '.join(data['start'])}." if data["start"] else ""
    return (
        "Above: the rung of the ladder. Stroke: an event; diamond: a milestone is reached. Grey: the same on both "
        "sides. Blue: only as it is (the upper line of an actor). Orange: only in the variant (the lower line)."
        f"{start} The first history that parts; it follows from the stated assumptions and is no more likely than the "
        "others."
    )
