"""The first history that parts, replayed on both sides by the reference engine and told side by side."""

from __future__ import annotations

import datetime
import itertools
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.statistics.shown import date_words, words
from sim.studies.compare.parts import NEAR, Sides
from sim.studies.compare.variants import Variant
from sim.studies.counted import watched_numbers
from sim.studies.trace import History, Line, merged, picture, replay

if TYPE_CHECKING:
    from sim.runs.plan import Task
    from sim.scenario.scenario import Scenario

#: Widths of the column of dates and of each side, in characters.
DATE, SIDE = 13, 56
#: What stands where both sides have the same.
SAME: Final = "="
#: Inputs that differ are named up to so many.
MOST: Final = 4

Data = dict[str, Any]
#: An event on the scenario's side and on the variant's, or None on one. Alike in all, it is one line for both.
Row = tuple[Line | None, Line | None]


def told(scenario: Scenario, variant: Variant, sides: Sides, which: int, number: int) -> Data:
    """History ``number`` of a scenario and of its variant ``which``, as plain data.

    ``text`` is the two timelines side by side, ``picture`` the same for the figure; ``start`` says what differs before
    anything happens, ``first`` the first event that differs, and ``then`` the first that is no matter of an action that
    only one side has.
    """
    mine, *theirs = sides.used(np.array([number], dtype=np.int64))
    left = replay(scenario, _with_rungs(scenario, sides.base), number, mine)
    other = variant.scenario
    right = replay(other, _with_rungs(other, sides.others[which]), number, theirs[which])
    rows = aligned(left, right)
    apart = [row for row in rows if None in row]
    only = {
        info.says
        for here, there in ((scenario, other), (other, scenario))
        for name, info in here.actions.items()
        if name not in there.actions
    }
    both = [row for row in apart if not any(_told_of(row).says.startswith(says) for says in only)]
    seed = sides.base.seed
    pair = (picture(scenario, left, number, seed), picture(other, right, number, seed))
    teller = _Teller(scenario, other, left, right)
    return {
        "replication": number,
        "start": teller.start(),
        "first": teller.event(apart[0], apart) if apart else None,
        "then": teller.event(both[0], apart) if both else None,
        "outcomes": [one["outcome"] for one in pair],
        "text": teller.text(rows, (number, seed, variant.says), [one["outcome"] for one in pair]),
        "picture": {"says": variant.says, **_picture(teller, rows, pair)},
    }


def _with_rungs(scenario: Scenario, task: Task) -> Task:
    return replace(task, watched=watched_numbers(scenario, task.model))


def aligned(left: History, right: History) -> list[Row]:
    """The events of two histories in the order of their times.

    One that both have stands in one row, where it changes other numbers, too.
    """
    rows: list[Row] = []
    first, second = list(left.events), list(right.events)
    a = b = 0
    while a < len(first) or b < len(second):
        one = first[a] if a < len(first) else None
        other = second[b] if b < len(second) else None
        if one is not None and other is not None and _same(one, other):
            rows.append((one, one) if _changes(left, one) == _changes(right, other) else (one, other))
            a, b = a + 1, b + 1
        elif other is None or (one is not None and one.time <= other.time):
            rows.append((one, None))
            a += 1
        else:
            rows.append((None, other))
            b += 1
    return rows


def _same(one: Line, other: Line) -> bool:
    keys = ((line.actor, line.says, line.reached) for line in (one, other))
    return next(keys) == next(keys) and abs(one.time - other.time) <= NEAR


def _changes(history: History, line: Line) -> list[tuple[str, int, int]]:
    return [(history.model.variables[column], old, new) for column, old, new in line.changes]


def _told_of(row: Row) -> Line:
    line = row[0] if row[0] is not None else row[1]
    assert line is not None
    return line


class _Teller:
    """Both sides with what is needed to put them into words."""

    def __init__(self, scenario: Scenario, variant: Scenario, left: History, right: History) -> None:
        self.scenarios, self.histories = (scenario, variant), (left, right)

    # --------------------------------------------------------------------------------------------- what parts them
    def start(self) -> list[str]:
        """Start values and inputs of the history that both sides have, and that differ."""
        left, right = self.histories
        found = []
        for i, name in enumerate(left.model.variables):
            if name in right.model.variables:
                was = int(left.rows.start[i, 0])
                now = int(right.rows.start[right.model.variables.index(name), 0])
                if was != now:
                    found.append(self.change(0, i, was, now))
        drawn = []
        for i, name in enumerate(left.model.inputs):
            if name in right.model.inputs:
                before = float(left.rows.inputs[i, 0])
                after = float(right.rows.inputs[right.model.inputs.index(name), 0])
                if before != after:
                    drawn.append(f"{words(name)}: {before:.3g} → {after:.3g}")
        many = f"other draws of {len(drawn)} inputs, as another past has to come out alike"
        return [*found, *(drawn if len(drawn) <= MOST else [many])]

    def event(self, row: Row, apart: Sequence[Row]) -> Data:
        """An event that one side alone has, and what the other had instead at that time, as plain data."""
        side = 1 if row[0] is None else 0
        line = _told_of(row)
        others = (other[1 - side] for other in apart)
        instead = next((o for o in others if o is not None and abs(o.time - line.time) <= NEAR), None)
        return {
            "side": ("as_it_is", "variant")[side],
            "time": line.time,
            "date": self.day(line),
            "says": self.says(side, line),
            "instead": None if instead is None else self.says(1 - side, instead),
        }

    # ---------------------------------------------------------------------------------------------------- in words
    def day(self, line: Line, last: bool = False) -> str:
        """Date of an event, in ISO form: a day begins where the one before ends."""
        time = line.last if last else line.time
        days = math.floor(time) + 1 if time > 0 or line.next_day else 0
        return (self.scenarios[0].as_of + datetime.timedelta(days=days)).isoformat()

    def says(self, side: int, line: Line) -> str:
        often = ""
        if line.count > 1:
            often = f", {line.count} times to {date_words(self.day(line, last=True))}"
        changes = "; ".join(self.change(side, *change) for change in line.changes)
        reached = "".join(f" → {words(name)}" for name in line.reached)
        return f"{line.says or 'time passes'}{often}{f' ({changes})' if changes else ''}{reached}"

    def change(self, side: int, column: int, old: int, new: int) -> str:
        name = self.histories[side].model.variables[column]
        info = self.scenarios[side].variables.get(name)
        levels = info.levels if info is not None else ()
        was, now = (words(levels[v]) if 0 <= v < len(levels) else f"{v:,}" for v in (old, new))
        return f"{words(name)}: {was} → {now}"

    # ------------------------------------------------------------------------------------------------ side by side
    def text(self, rows: Sequence[Row], which: tuple[int, int, str], outcomes: Sequence[str]) -> list[str]:
        """The two timelines beside one another; what is alike stands at the left. ``which``: history, seed, variant."""
        scenario, (number, seed, says) = self.scenarios[0], which
        lines = [
            f"{scenario.title}: simulated history {number:,} of seed {seed} told twice, on the same luck",
            "The first that parts; no likelier than the others.",
            "",
            *_columns("", "as it is", says),
            *_columns("", "-" * SIDE, "-" * SIDE),
        ]
        start = self.start()
        if start:
            lines += _columns(date_words(scenario.as_of.isoformat()), "", f"at the start: {'; '.join(start)}")
        for left, right in self.condensed(rows):
            line = _told_of((left, right))
            texts = ("" if left is None else self.says(0, left), "" if right is None else self.says(1, right))
            if left is not None and left is right:
                texts = (texts[0], SAME)
            lines += _columns(date_words(self.day(line)), *texts)
        return [*lines, *_columns("in the end", *outcomes)]

    def condensed(self, rows: Sequence[Row]) -> Iterator[Row]:
        """The rows with repetitions told once, on each side and where both are alike."""
        for kind, group in itertools.groupby(rows, lambda row: "alone" if None in row else row[0] is row[1]):
            lines = list(group)
            lefts = merged(left for left, _ in lines if left is not None)
            rights = merged(right for _, right in lines if right is not None)
            if kind is True:
                yield from ((line, line) for line in lefts)
            elif kind is False and len(lefts) == len(rights):
                yield from zip(lefts, rights, strict=True)
            else:
                alone: list[Row] = [*((line, None) for line in lefts), *((None, line) for line in rights)]
                yield from sorted(alone, key=lambda row: _told_of(row).time)


def _columns(date: str, left: str, right: str) -> list[str]:
    """A row of three columns, broken into lines."""
    cells = [textwrap.wrap(text, SIDE) or [""] for text in (left, right)]
    return [
        f"{date if i == 0 else '':>{DATE - 2}}  {one:<{SIDE}}  {other}".rstrip()
        for i, (one, other) in enumerate(itertools.zip_longest(*cells, fillvalue=""))
    ]


def _picture(teller: _Teller, rows: Sequence[Row], pair: tuple[Mapping[str, Any], Mapping[str, Any]]) -> Data:
    """Both histories as plain data for their figure: events of each actor with their side (both, left or right)."""
    actors = {**teller.scenarios[0].actors, **teller.scenarios[1].actors}
    lanes: dict[str, list[Data]] = {name: [] for name in actors}
    for left, right in rows:
        line = _told_of((left, right))
        side = "right" if left is None else "left" if right is None else "both"
        event = {"time": line.time, "says": line.says or "time passes", "reached": list(line.reached), "side": side}
        lanes.setdefault(line.actor if line.actor in actors else "", []).append(event)
    keys = ("title", "as_of", "until_days", "days", "seed", "replication", "rungs")
    return {
        **{key: pair[0][key] for key in keys},
        "start": teller.start(),
        "ends": [one["end"] for one in pair],
        "outcomes": [one["outcome"] for one in pair],
        "steps": [[list(step) for step in one["steps"]] for one in pair],
        "lanes": [
            {"label": actors[name].label if name in actors else "", "events": events} for name, events in lanes.items()
        ],
    }
