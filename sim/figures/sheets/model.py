"""A scenario as a matrix: actions by actor as rows, what they read and change as columns, a mark where they meet.

A network of forty actions is a ball of wool; the same as a matrix stays legible. Marks differ by shape, never by
colour alone: *if* (possible only while it is so), a triangle (up: faster or likelier, down: the opposite; full for the
speed, hollow for the choice of what follows; the larger, the stronger) and a disc with the sign of the change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from sim.figures.style import BLUE, GREY, INK, PALE, SMALL, SPREAD, VERMILION, headed, styled, wrapped
from sim.statistics.shown import date_words, plural, words

WIDTH: Final = 12.0
#: Left of the cells: the actions and what starts them, in inches.
SAYS, STARTS = 3.0, 1.15
ROW, LEGEND = 0.31, 0.85
CELL: Final = (0.3, 0.42)
#: Columns side by side at most; more go below, with the rows again.
COLUMNS: Final = 24
TYPE: Final = 7.5
#: Sizes of a triangle by how many times faster or likelier; the last where it may stop altogether.
STRENGTHS: Final = ((1.5, 4.0), (3.0, 6.0), (float("inf"), 8.0))
SIGNS: Final = {"add": "+", "take": "−", "set": "=", "at_least": "≥", "at_most": "≤"}
SHAPES: Final = {"up": "^", "down": "v", "either": "d"}
MOST_NAME: Final = 24
#: Inches that a letter of such a name takes, on the safe side.
LETTER: Final = 0.072


@styled
def draw(data: Mapping[str, Any]) -> Figure:
    """Figure of a scenario, as :func:`sim.report.links.links` gives it.

    Raises ValueError where nothing is read or changed.
    """
    columns = data["columns"]
    if not columns or not data["actions"]:
        raise ValueError(f"{data['title']}: nothing to draw; it has no action or no variable")
    blocks = [columns[i : i + COLUMNS] for i in range(0, len(columns), COLUMNS)]
    rows = _rows(data)
    note = wrapped(_note(data), WIDTH - 0.3)
    below = 0.2 + 0.155 * (note.count("\n") + 1)
    head = 0.2 + LETTER * max(len(_named(column)) for column in columns)
    part = head + len(rows) * ROW + 0.15
    height = 0.45 + LEGEND + len(blocks) * part + below
    figure = Figure(figsize=(WIDTH, height))
    headed(figure, f"{data['title']}: what acts on what")
    _legend(figure.add_axes((0, 1 - (0.45 + LEGEND) / height, 1, LEGEND / height)))
    for number, block in enumerate(blocks):
        bottom = below + (len(blocks) - 1 - number) * part
        _matrix(figure.add_axes((0, bottom / height, 1, part / height)), rows, block, (head, part))
    figure.text(0.1 / WIDTH, 0.08 / height, note, fontsize=SMALL, va="bottom")
    return figure


def alt(data: Mapping[str, Any]) -> str:
    """What the figure shows, for who does not see it; :func:`sim.report.links.table` has all of it."""
    hidden = [words(column["name"]) for column in data["columns"] if column["kind"] == "hidden"]
    most = max(data["columns"], key=lambda column: sum(column["name"] in a["marks"] for a in data["actions"]))
    return (
        f"Matrix of {plural(len(data['actions']), 'action')} of {plural(len(data['actors']), 'actor')} by "
        f"{plural(len(data['columns']), 'number')} of the state, with marks for what makes an action possible, faster "
        f"or slower, tilts what follows, and what it changes. Hidden: {', '.join(hidden) or 'nothing'}. "
        f"Most actions meet in {words(most['name'])}. The table below says the same in words."
    )


def _rows(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Actors as rows of their own, each with its actions below it; last who reads beside the actions."""
    order = [actor["name"] for actor in data["actors"]]
    labels = {actor["name"]: actor["label"] for actor in data["actors"]}
    ranked = sorted(data["actions"], key=lambda a: order.index(a["actor"]) if a["actor"] in order else len(order))
    rows: list[Mapping[str, Any]] = []
    for actor, actions in groupby(ranked, key=lambda action: action["actor"]):
        rows += [{"group": labels.get(actor, "By itself")}, *actions]
    readers = [reader for reader in data["readers"] if reader["columns"]]
    plain: dict[str, Any] = {"speed": None, "choice": None, "reads": False, "writes": []}
    rows += [{"group": "What is read off"}] if readers else []
    for reader in readers:
        marks = {name: {**plain, "guard": True} for name in reader["columns"]}
        rows.append({"name": reader["name"], "says": reader["says"], "starts": "", "marks": marks})
    return rows


def _note(data: Mapping[str, Any]) -> str:
    idle = f" Named but without an action: {', '.join(data['idle'])}." if data["idle"] else ""
    return (
        "Triangles: way and strength from the lowest to the highest value, inputs at their medians; of a count without "
        f"a maximum, for one more, or up to what it is compared with. As of {date_words(data['as_of'])}.{idle}"
    )


def _matrix(
    ax: Axes, rows: Sequence[Mapping[str, Any]], block: Sequence[Mapping[str, Any]], high: tuple[float, float]
) -> None:
    """One block of columns; ``high``: inches of the names above it, and of all of it."""
    head, height = high
    ax.set_axis_off()
    ax.set_xlim(0, WIDTH)
    ax.set_ylim(height, 0)
    left = 0.1 + SAYS + STARTS
    cell = max(CELL[0], min(CELL[1], (WIDTH - left - 0.1) / len(block)))
    right = left + cell * len(block)
    bottom = head + len(rows) * ROW
    for number, column in enumerate(block):
        x = left + number * cell
        if number % 2 == 0:
            ax.add_patch(Rectangle((x, head), cell, bottom - head, facecolor="#F4F4F4", linewidth=0))
        hidden = column["kind"] == "hidden"
        if hidden:
            face = SPREAD[0]
            ax.add_patch(Rectangle((x, head), cell, bottom - head, facecolor=face, edgecolor=GREY, linestyle="--"))
        ax.text(x + cell / 2, head - 0.06, _named(column), rotation=90, ha="center", va="bottom", fontsize=8,
                style="italic" if column["kind"] != "state" else "normal")  # fmt: skip
    for place, row in enumerate(rows):
        top = head + place * ROW
        if "group" in row:
            ax.plot([0.1, right], [top + 0.03] * 2, color=GREY, linewidth=0.8)
            ax.text(0.1, top + ROW * 0.62, wrapped(row["group"], 4.0, 1), fontsize=9, fontweight="bold", va="center")
            continue
        ax.plot([0.1, right], [top + ROW] * 2, color=PALE, linewidth=0.5)
        ax.text(0.2, top + ROW / 2, wrapped(row["says"], SAYS * 1.12, 2), fontsize=TYPE, va="center", linespacing=0.95)
        if row["starts"]:
            starts = wrapped(row["starts"], STARTS * 1.2, 2)
            ax.text(0.1 + SAYS, top + ROW / 2, starts, fontsize=TYPE - 0.5, va="center", color=GREY, linespacing=0.95)
        for number, column in enumerate(block):
            mark = row["marks"].get(column["name"])
            if mark is not None:
                _mark(ax, left + (number + 0.5) * cell, top + ROW / 2, mark, cell)


def _named(column: Mapping[str, Any]) -> str:
    name = words(column["name"])
    name = name if len(name) <= MOST_NAME else f"{name[: MOST_NAME - 1]}…"
    kind = {"state": "", "hidden": " (hidden)", "tension": " (tension)", "milestone": " (seen)"}[column["kind"]]
    return f"{name}{kind}"


def _mark(ax: Axes, x: float, y: float, mark: Mapping[str, Any], cell: float) -> None:
    """A cell: at the left what it needs, in the middle what moves it, at the right what it changes."""
    third = cell * 0.33
    said = "\n".join(word for word, there in (("if", mark["guard"]), ("by", mark["reads"])) if there)
    if said:
        ax.text(x - third, y, said, fontsize=TYPE - 0.5 * mark["reads"], ha="center", va="center", linespacing=0.7)
    both = mark["speed"] is not None and mark["choice"] is not None
    for what, lift in (("speed", -0.07), ("choice", 0.07)):
        if mark[what] is not None:
            _triangle(ax, x, y + lift * both, mark[what], full=what == "speed")
    if mark["writes"]:
        _disc(ax, x + cell / 2 - 0.035, y, "".join(SIGNS[kind] for kind in mark["writes"]))


def _triangle(ax: Axes, x: float, y: float, way: Mapping[str, Any], *, full: bool) -> None:
    size = STRENGTHS[-1][1] if way["size"] is None else next(s for most, s in STRENGTHS if way["size"] <= most)
    colour = {"up": VERMILION, "down": BLUE, "either": INK}[way["way"]]
    face = colour if full else "white"
    ax.plot([x], [y], SHAPES[way["way"]], markersize=size, markerfacecolor=face, markeredgecolor=colour, linestyle="")
    if way["doubt"]:
        ax.text(x + 0.045, y - 0.07, "?", fontsize=6.5, ha="left", va="center")


def _disc(ax: Axes, x: float, y: float, signs: str) -> None:
    """Signs on dark ground that end at ``x``."""
    shape = {"boxstyle": "round,pad=0.18", "facecolor": INK, "edgecolor": "none"}
    size = TYPE - 0.5 if len(signs) == 1 else TYPE - 1.5
    ax.text(x, y, signs, color="white", fontsize=size, fontweight="bold", ha="right", va="center", bbox=shape)


def _legend(ax: Axes) -> None:
    """What the marks mean, each beside its words."""
    ax.set_axis_off()
    ax.set_xlim(0, WIDTH)
    ax.set_ylim(LEGEND, 0)
    way = {"size": 2.0, "doubt": False}
    middle, far = 4.3, 8.5
    ax.text(0.2, 0.2, "if", fontsize=TYPE, ha="center", va="center")
    _disc(ax, 0.25, 0.45, "+")
    ax.text(0.2, 0.7, "by", fontsize=TYPE, ha="center", va="center")
    for y, said in ((0.2, "possible only while it is so (read off: looks at it)"),
                    (0.45, "changes it: + adds, − takes, = sets, ≥ ≤ at least, at most"),
                    (0.7, "how much it changes something depends on it")):  # fmt: skip
        ax.text(0.42, y, said, fontsize=TYPE, va="center")
    for y, full, said in ((0.2, True, "the more of it, the faster; the slower; either way"),
                          (0.45, False, "likelier that something follows; less likely; mixed")):  # fmt: skip
        for number, shape in enumerate(("up", "down", "either")):
            _triangle(ax, middle + 0.18 * number, y, {**way, "way": shape}, full=full)
        ax.text(middle + 0.6, y, said, fontsize=TYPE, va="center")
    for number, (_, size) in enumerate(STRENGTHS):
        ax.add_line(Line2D([middle + 0.18 * number], [0.7], marker="^", markersize=size, color=VERMILION, linestyle=""))
    ax.text(middle + 0.6, 0.7, "up to 1.5 times; up to 3 times; more, or all or nothing", fontsize=TYPE, va="center")
    ax.add_patch(Rectangle((far - 0.08, 0.1), 0.24, 0.2, facecolor=SPREAD[0], edgecolor=GREY, linestyle="--"))
    ax.text(far + 0.3, 0.2, "hidden: drawn at the start, not known to others", fontsize=TYPE, va="center")
    ax.text(far + 0.04, 0.45, "?", fontsize=TYPE, ha="center", va="center")
    ax.text(far + 0.3, 0.45, "the inputs leave the way in doubt", fontsize=TYPE, va="center")
