"""Ways into each outcome: the milestones on the way as boxes from left to right, and how many histories take it.

Ways that begin alike share their first boxes, so each outcome is a tree read from the left; it needs no colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sim.figures.style import BLUE, GREY, INK, PALE, SMALL, histories, note, plain, scaled, styled, titled, wrapped
from sim.statistics.shown import percent, words

WIDTH: Final = 12.0
#: Left column with the outcome, width of a box at most and of the bar, in inches.
LEFT: Final = 2.2
BOX: Final = 1.75
BAR: Final = 1.2
#: Room between boxes, height of a row, of the head of an outcome, and between outcomes.
GAP: Final = 0.16
ROW: Final = 0.36
BETWEEN: Final = 0.2
#: Steps drawn at most; a longer way ends with the number of those left out.
STEPS: Final = 5
TYPE: Final = 7.5


@styled
def draw(data: Mapping[str, Any]) -> Figure:
    """Figure of the ways into each outcome, as ``study=typical`` keeps them.

    Raises ValueError where no outcome was ever seen.
    """
    outcomes = _seen(data)
    never = [words(ending["name"]) for ending in data["outcomes"] if not ending["paths"]]
    unseen = f" Never seen in {data['replications']:,} histories: {', '.join(never)}." if never else ""
    common = ", ".join(words(name) for name in data["background"])
    left = f" Left out, as most histories of every outcome reach it: {common}." if common else ""
    foot = note(
        data,
        "Boxes: milestones in the order in which they are first reached; ways that begin alike share their first "
        "boxes, and a box of one way alone tells the median day after the start; what comes at one instant shares a "
        "box. Bars: share of the outcome's histories that take the way. Each way ends with the last milestone that all "
        f"histories of the outcome share (of the last outcome: all of them).{left}" + unseen,
        WIDTH - 0.3,
    )
    body = _height(outcomes)
    below = 0.25 + 0.155 * (foot.count("\n") + 1)
    height = body + 0.5 + below
    figure = Figure(figsize=(WIDTH, height))
    figure.text(0.1 / WIDTH, 1 - 0.1 / height, wrapped(f"{data['title']}: ways into each outcome", WIDTH * 0.6, 1),
                fontsize=13, fontweight="bold", va="top")  # fmt: skip
    _ways(figure.add_axes((0, below / height, 1, body / height)), outcomes, body)
    figure.text(0.1 / WIDTH, 0.08 / height, foot, fontsize=SMALL, va="bottom")
    return figure


def on(ax: Axes, data: Mapping[str, Any]) -> None:
    """The ways alone; on an axes narrower or lower than the figure the type is smaller.

    Raises ValueError where no outcome was ever seen.
    """
    outcomes = _seen(data)
    _ways(ax, outcomes, _height(outcomes))
    scaled(ax, WIDTH, _height(outcomes))
    made = f"{histories(data['replications'])}, seed {data['seed']}, under assumptions"
    titled(ax, f"{data['title']}: ways into each outcome ({made})")


def size(data: Mapping[str, Any]) -> tuple[float, float]:
    """Width and height in inches at which the ways are drawn with type of their own size."""
    return WIDTH, _height(_seen(data)) + 0.4


def _seen(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    outcomes = [ending for ending in data["outcomes"] if ending["paths"]]
    if not outcomes:
        raise ValueError(f"{data['title']}: nothing to draw; no outcome was seen")
    return outcomes


def _rows(ending: Mapping[str, Any]) -> int:
    return len(ending["paths"]) + bool(ending["other"]["histories"])


def _height(outcomes: Sequence[Mapping[str, Any]]) -> float:
    return sum(max(_rows(ending) * ROW, 0.75) + BETWEEN for ending in outcomes)


def _ways(ax: Axes, outcomes: Sequence[Mapping[str, Any]], body: float) -> None:
    ax.set_xlim(0, WIDTH)
    ax.set_ylim(body - 0.05, -0.05)
    ax.set_xticks(())
    ax.set_yticks(())
    ax.set_axis_off()
    most = max((min(len(way["steps"]), STEPS) for ending in outcomes for way in ending["paths"]), default=1)
    wide = min(BOX, (WIDTH - LEFT - BAR - 0.9) / max(most, 1) - GAP)
    top = 0.0
    for ending in outcomes:
        if top:
            ax.plot([0.1, WIDTH - 0.1], [top - BETWEEN / 2] * 2, color=PALE, linewidth=0.8)
        _outcome(ax, ending, top, wide)
        top += max(_rows(ending) * ROW, 0.75) + BETWEEN


def _outcome(ax: Axes, ending: Mapping[str, Any], top: float, wide: float) -> None:
    """An outcome: its name and share at the left, its ways as rows, the bars of their shares at the right."""
    name = wrapped(words(ending["name"]), LEFT * 0.72, 2)
    ax.text(0.1, top + 0.02, name, fontsize=10.5, fontweight="bold", va="top", linespacing=1.0)
    said = f"{percent(ending['share'])} of all histories"
    ax.text(0.1, top + 0.25 + 0.17 * name.count("\n"), said, fontsize=8, va="top", color=GREY)
    ways = grouped(ending["paths"])
    shown = [labels(way) for way in ways]
    for place, (way, steps) in enumerate(zip(ways, shown, strict=True)):
        y = top + place * ROW
        for step, label in enumerate(steps):
            if place and shown[place - 1][: step + 1] == steps[: step + 1]:
                continue  # drawn with the way above
            rows = 1
            while place + rows < len(shown) and shown[place + rows][: step + 1] == steps[: step + 1]:
                rows += 1
            # Where steps are left out, the last box names the last of all.
            which = -1 if step == len(steps) - 1 else step
            day = way["days"][which] if rows == 1 and step < len(way["days"]) else None
            _box(ax, (LEFT + step * (wide + GAP), y, wide, rows * ROW - 0.06), label, day, first=step == 0)
        if steps and shown[place + 1 : place + 2] and shown[place + 1][: len(steps)] == steps:
            # The last box of this way goes on below it, with a longer one.
            at = LEFT + len(steps) * (wide + GAP)
            ax.text(at, y + ROW / 2, "nothing more", fontsize=TYPE, va="center", style="italic")
        if not steps:
            ax.text(LEFT, y + ROW / 2, "no milestone", fontsize=TYPE, va="center", style="italic")
        _bar(ax, y, way["share"], BLUE)
    other = ending["other"]
    if other["histories"]:
        y = top + len(ways) * ROW
        more = f"{other['paths']:,} other way{'' if other['paths'] == 1 else 's'}"
        ax.text(LEFT, y + ROW / 2, more, fontsize=TYPE, va="center", style="italic")
        _bar(ax, y, other["share"], PALE)


def grouped(ways: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Ways in an order in which those that begin alike stand together, the most frequent beginning first."""
    weights: dict[tuple[str, ...], int] = {}
    for way in ways:
        steps = labels(way)
        for end in range(len(steps) + 1):
            weights[tuple(steps[:end])] = weights.get(tuple(steps[:end]), 0) + way["histories"]

    def key(way: Mapping[str, Any]) -> list[tuple[int, str]]:
        steps = labels(way)
        return [(-weights[tuple(steps[: end + 1])], steps[end]) for end in range(len(steps))]

    return sorted(ways, key=key)


def labels(way: Mapping[str, Any]) -> list[str]:
    """What stands in the boxes of a way: its steps, and of a long one how many are left out."""
    steps = [" + ".join(words(name) for name in step) for step in way["steps"]]
    if len(steps) <= STEPS:
        return steps
    return [*steps[: STEPS - 1], f"… {len(steps) - STEPS} more … {steps[-1]}"]


def _box(ax: Axes, place: tuple[float, float, float, float], label: str, day: float | None, *, first: bool) -> None:
    x, y, wide, high = place
    ax.add_patch(Rectangle((x, y), wide, high, facecolor="white", edgecolor=INK, linewidth=0.8))
    if not first:
        middle = y + min(high, ROW - 0.06) / 2
        ax.annotate("", (x, middle), (x - GAP, middle), arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0.7,
                    "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6})  # fmt: skip
    lines = max(int(high / 0.125), 1)
    when = f"day {day:.0f}: " if day is not None else ""
    text = wrapped(f"{when}{plain(label)}", wide * 1.02, min(lines, 4))
    ax.text(x + 0.05, y + high / 2, text, fontsize=TYPE - 0.5, va="center", linespacing=0.98)


def _bar(ax: Axes, y: float, share: float, colour: str) -> None:
    x = WIDTH - BAR - 0.85
    ax.add_patch(Rectangle((x, y + 0.06), BAR * share, ROW - 0.18, facecolor=colour, edgecolor=INK, linewidth=0.5))
    ax.text(x + BAR * share + 0.05, y + ROW / 2 - 0.03, percent(share), fontsize=8, va="center")
