"""One simulated history on a dated axis: the rung as steps on top, below it a lane of events for each actor."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from sim.figures.dates import calendar
from sim.figures.sheets.occupancy import colours
from sim.figures.style import GREY, INK, PALE, SMALL, VERMILION, scaled, styled, titled, wrapped
from sim.statistics.shown import date_words, words

#: Labels at most; other events are strokes.
LABELS: Final = 25
#: Rows of labels in a lane at most.
ROWS: Final = 7
WIDTH: Final = 12.0
#: Left of the axis, right of it, above the title block, below the foot, in inches.
LEFT, RIGHT = 1.5, 0.35
#: Type of a label in points, its width in inches before it is broken, its lines, and the height of a line.
TYPE, BROAD, LINES, LINE = 7.5, 1.75, 4, 0.122
#: Height of a rung, and of a lane without its labels.
RUNG, LANE = 0.2, 0.26
GAP: Final = 0.06
#: A rung held for less of the run than this would not be seen.
THIN: Final = 0.005
DARK: Final = "#A34700"


@dataclass(frozen=True)
class Label:
    """A label to be placed: ``at`` inches along the axis; of smaller ``weight`` the more it matters."""

    at: float
    text: str
    reached: bool
    weight: tuple[int, int, float]


@dataclass(frozen=True)
class Placed:
    """A label in its row (0 is the lowest), from ``left`` to ``right`` in inches."""

    label: Label
    row: int
    left: float
    right: float


@styled
def draw(data: Mapping[str, Any]) -> Figure:
    """Figure of one history.

    ``data`` has title, as_of, until_days, days (day -> date), seed, replication, end (day it ended), outcome (a
    sentence), rungs (names), steps (pairs of time and number of the rung from then on) and lanes: mappings with label
    and events, each with time, says and reached (milestones). Times are in days after as_of.
    """
    span = WIDTH - LEFT - RIGHT
    lanes, placed = _told(data)
    body, ladder = _body(placed), RUNG * len(data["rungs"])
    foot = wrapped(_foot(data, lanes, placed), WIDTH - 0.3)
    which = wrapped(_which(data), WIDTH, 2)
    head, below = 0.72 + 0.15 * which.count("\n"), 0.55 + 0.155 * (foot.count("\n") + 1)
    height = head + ladder + 0.12 + body + below
    figure = Figure(figsize=(WIDTH, height))
    _heading(figure, data["title"], which, height)
    ax = figure.add_axes((LEFT / WIDTH, below / height, span / WIDTH, body / height))
    if data["rungs"]:
        bottom = (below + body + 0.12) / height
        _ladder(figure.add_axes((LEFT / WIDTH, bottom, span / WIDTH, ladder / height)), data)
    _axis(ax, data, body)
    _lanes(ax, data, lanes, placed, body)
    figure.text(0.1 / WIDTH, 0.08 / height, foot, fontsize=SMALL, va="bottom")
    return figure


def on(ax: Axes, data: Mapping[str, Any]) -> None:
    """A history on one axes: its lanes, and the ladder in a strip of it; smaller type where there is less room."""
    lanes, placed = _told(data)
    body, ladder = _body(placed), RUNG * len(data["rungs"])
    whole = body + (ladder + 0.12 if ladder else 0.0)
    _axis(ax, data, whole)
    ax.grid(visible=False)
    _lanes(ax, data, lanes, placed, body)
    scaled(ax, WIDTH - LEFT - RIGHT, whole)
    if ladder:
        strip = ax.inset_axes((0.0, 1 - ladder / whole, 1.0, ladder / whole))
        _ladder(strip, data)
        scaled(strip, WIDTH - LEFT - RIGHT, ladder)
    titled(ax, f"One of many histories, invented. {_which(data)}")
    across = max(ax.bbox.width / ax.figure.dpi, 3.0)
    ax.set_xlabel(wrapped(_foot(data, lanes, placed), across), fontsize=SMALL, loc="left")
    ax.xaxis.label.set_multialignment("left")


def size(data: Mapping[str, Any]) -> tuple[float, float]:
    """Width and height in inches of a figure in which a history is told with type of its own size."""
    _, placed = _told(data)
    return WIDTH, _body(placed) + RUNG * len(data["rungs"]) + 1.6


def _told(data: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[list[Placed]]]:
    """The lanes in which something happens, and the labels of each in their places."""
    span = WIDTH - LEFT - RIGHT
    lanes = [lane for lane in data["lanes"] if lane["events"]]
    return lanes, [place(labels, span) for labels in _chosen(data, lanes, span / data["until_days"])]


def _body(placed: Sequence[Sequence[Placed]]) -> float:
    """Height of all lanes in inches."""
    return max(sum(LANE + _feet(labels)[-1] for labels in placed), LANE)


def _lanes(
    ax: Axes,
    data: Mapping[str, Any],
    lanes: Sequence[Mapping[str, Any]],
    placed: Sequence[Sequence[Placed]],
    body: float,
) -> None:
    """The lanes one under another, from ``body`` downwards."""
    base = body
    for lane, labels in zip(lanes, placed, strict=True):
        feet = _feet(labels)
        base -= LANE + feet[-1]
        _lane(ax, data, lane, (labels, feet), base)


# ------------------------------------------------------------------------------------------------------ the labels
def _chosen(data: Mapping[str, Any], lanes: Sequence[Mapping[str, Any]], scale: float) -> list[list[Label]]:
    """Labels for each lane: milestones first, then what happened seldom; a sentence is told once, with its count."""
    every: list[tuple[int, Label]] = []
    for number, lane in enumerate(lanes):
        often: dict[str, int] = {}
        for event in lane["events"]:
            often[event["says"]] = often.get(event["says"], 0) + 1
        seen: set[str] = set()
        for event in lane["events"]:
            says, reached = event["says"], [words(name) for name in event["reached"]]
            if says in seen and not reached:
                continue
            times = f" ({often[says]} times)" if often[says] > 1 and says not in seen else ""
            seen.add(says)
            lines = [wrapped(f"◆ {name}", BROAD, 1) for name in reached[:2]]
            lines.append(wrapped(f"{says}{times}", BROAD, LINES))
            weight = (0 if reached else 1, often[says], event["time"])
            every.append((number, Label(event["time"] * scale, "\n".join(lines), bool(reached), weight)))
    # Milestones come first, then each lane in its turn, so that a busy actor leaves room to the others.
    every.sort(key=lambda one: one[1].weight)
    turns = [0] * len(lanes)
    ranked = []
    for number, label in every:
        turns[number] += not label.reached
        ranked.append(((not label.reached, 0 if label.reached else turns[number], label.weight), number, label))
    kept = sorted(ranked, key=lambda one: one[0])[:LABELS]
    return [[label for _, number, label in kept if number == lane] for lane in range(len(lanes))]


def place(labels: Sequence[Label], span: float) -> list[Placed]:
    """Rows for the labels of a lane; where not all find one, the least weighty are left out.

    A label stands right of its line (left of it near the end of the axis), covers no other label and no other's line,
    and its own line runs through no label.
    """
    kept = list(labels)
    while True:
        # Those that reach past the end stand left of their lines, from left to right; then the others from right to
        # left. So a label that finds the row beside its line taken can mostly stand above.
        edge = [label for label in kept if label.at + breadth(label.text) + 2 * GAP > span + RIGHT]
        rest = [label for label in kept if label not in edge]
        done: list[Placed] = []
        for label in (*sorted(edge, key=lambda one: one.at), *sorted(rest, key=lambda one: -one.at)):
            found = _free(done, label, span)
            if not found:
                near = [one for one in kept if abs(one.at - label.at) < 2 * BROAD]
                kept.remove(max(near, key=lambda one: one.weight))
                break
            done.append(found[0])
        else:
            return done


def _free(done: Sequence[Placed], label: Label, span: float) -> list[Placed]:
    wide = breadth(label.text) + GAP
    sides = [(label.at + GAP / 2, label.at + GAP / 2 + wide), (label.at - GAP / 2 - wide, label.at - GAP / 2)]
    return [
        Placed(label, row, left, right)
        for left, right in sides  # to the left, a label stands in the way of earlier ones: only where it must
        for row in range(ROWS)
        if left >= 0 and right <= span + RIGHT and _fits(done, label.at, row, left, right)
    ]


def _fits(done: Sequence[Placed], at: float, row: int, left: float, right: float) -> bool:
    for other in done:
        if other.row == row and left < other.right and other.left < right:
            return False
        if other.row < row and other.left < at < other.right:
            return False
        if other.row > row and left < other.label.at < right:
            return False
    return True


def _feet(placed: Sequence[Placed]) -> list[float]:
    """Where the rows of labels of a lane begin, and where the last one ends, in inches."""
    feet = [0.0]
    for row in range(max((one.row + 1 for one in placed), default=0)):
        lines = max((1 + one.label.text.count("\n") for one in placed if one.row == row), default=0)
        feet.append(feet[-1] + lines * LINE + GAP)
    return feet


def breadth(text: str) -> float:
    """Width of a label in inches."""
    font, paths = FontProperties(family="DejaVu Sans", size=TYPE), TextToPath()
    return max(paths.get_text_width_height_descent(line, font, False)[0] for line in text.split("\n")) / 72.0


# ----------------------------------------------------------------------------------------------------- the drawing
def _when(data: Mapping[str, Any], time: float) -> datetime.datetime:
    start = datetime.datetime.fromisoformat(data["as_of"])
    return start + datetime.timedelta(days=time)


def _which(data: Mapping[str, Any]) -> str:
    number, start = f"{data['replication']:,} of seed {data['seed']}", date_words(data["as_of"])
    return f"Simulated history {number}, from {start}. {data['outcome']}"


def _heading(figure: Figure, name: str, which: str, height: float) -> None:
    at: dict[str, Any] = {"x": 0.1 / WIDTH, "va": "top"}
    title = wrapped(f"{name}: one of many histories, invented", WIDTH * 0.58, 1)
    figure.text(y=1 - 0.08 / height, s=title, fontsize=13, fontweight="bold", **at)
    figure.text(y=1 - 0.38 / height, s=which, fontsize=9, **at)


def _ladder(ax: Axes, data: Mapping[str, Any]) -> None:
    """The rung as steps, in the colours of the ladder."""
    rungs, palette = data["rungs"], colours(len(data["rungs"]))
    times = [*(time for time, _ in data["steps"]), data["end"]]
    shape: dict[str, Any] = {"linewidth": 0.6, "edgecolor": INK, "height": 0.62}
    for place_, (_, rung) in enumerate(data["steps"]):
        first, last = _when(data, times[place_]), _when(data, times[place_ + 1])
        wide: Any = last - first
        ax.barh(rung, wide, left=first, color=palette[rung], **shape)  # type: ignore[arg-type]
        if place_:
            twice: Any = [first, first]
            ax.plot(twice, [data["steps"][place_ - 1][1], rung], color=INK, linewidth=0.6, zorder=1)
    since, last = data["steps"][-1]
    if data["end"] - since < THIN * data["until_days"]:  # a rung that was reached at the very end has no width
        end: Any = _when(data, data["end"])
        ax.plot([end], [last], marker="s", markersize=8, color=palette[last], markeredgecolor=INK, markeredgewidth=0.6)
    calendar(ax, data)
    ax.set_ylim(-0.6, len(rungs) - 0.4)
    ax.set_yticks(range(len(rungs)), [wrapped(words(rung), 1.35, 1) for rung in rungs], fontsize=8)
    ax.tick_params(labelbottom=False, length=0)
    _over(ax, data)


def _axis(ax: Axes, data: Mapping[str, Any], body: float) -> None:
    calendar(ax, data)
    ax.set_ylim(0, body)
    ax.set_yticks(())
    ax.spines["left"].set_visible(False)
    _over(ax, data)


def _over(ax: Axes, data: Mapping[str, Any]) -> None:
    """Grey where the history is over."""
    if data["end"] < data["until_days"]:
        span: Any = (_when(data, data["end"]), _when(data, data["until_days"]))
        ax.axvspan(*span, color=PALE, alpha=0.5, linewidth=0, zorder=0)


def _lane(
    ax: Axes,
    data: Mapping[str, Any],
    lane: Mapping[str, Any],
    labels: tuple[Sequence[Placed], Sequence[float]],
    base: float,
) -> None:
    """The events of an actor as strokes on a line, those with a milestone as diamonds, and their labels above.

    ``labels`` come with the feet of their rows; ``base`` is where the lane begins, both in inches.
    """
    placed, rows = labels
    line = base + 0.09
    scale = (WIDTH - LEFT - RIGHT) / data["until_days"]
    ax.axhline(line, color=GREY, linewidth=0.8, zorder=1)
    ax.annotate(
        wrapped(lane["label"], 1.15, 2),
        (0, line),
        (-0.1 * 72, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=9,
        fontweight="bold",
    )
    strokes: Any = [_when(data, event["time"]) for event in lane["events"]]
    ax.vlines(strokes, line - 0.05, line + 0.05, color=INK, linewidth=0.9, zorder=3)
    marks: Any = [_when(data, event["time"]) for event in lane["events"] if event["reached"]]
    mark: dict[str, Any] = {"marker": "D", "color": VERMILION, "markeredgecolor": INK, "markeredgewidth": 0.6}
    ax.plot(marks, [line] * len(marks), linestyle="none", markersize=6, clip_on=False, zorder=4, **mark)
    for one in placed:
        foot = line + 0.1 + rows[one.row]
        at: Any = _when(data, one.label.at / scale)
        ax.vlines([at], line, foot + LINE, color=GREY, linewidth=0.5, zorder=2)
        text: Any = _when(data, (one.left + GAP / 2) / scale)
        colour = DARK if one.label.reached else INK
        ax.text(text, foot, one.label.text, fontsize=TYPE, color=colour, va="bottom", linespacing=1.0, zorder=5)


def _foot(data: Mapping[str, Any], lanes: Sequence[Mapping[str, Any]], placed: Sequence[Sequence[Placed]]) -> str:
    """What the marks mean."""
    events = sum(len(lane["events"]) for lane in lanes)
    labels = sum(map(len, placed))
    strokes = f"{events} event{'' if events == 1 else 's'}"
    faded = data.get("faded", "")
    parts = [
        f"Stroke: an event ({strokes}, {labels} of them labelled; what happens again is labelled once, with its "
        "count). Diamond: a milestone is reached. Above: the rung of the ladder."
        if data["rungs"]
        else f"Stroke: an event ({strokes}, {labels} of them labelled). Diamond: a milestone is reached.",
        "Grey: the history is over." if data["end"] < data["until_days"] else "",
        faded,
        "It follows from the stated assumptions, most of them judgements, and is no more likely than the others.",
    ]
    return " ".join(part for part in parts if part)
