"""What acts on what in a scenario: for each action what it reads, in which way, and what it changes.

It is all read from the compiled form of the scenario, so that a picture of it cannot say anything else than what is
simulated. How a number of the state moves a speed or a weight is found by trying its values, with inputs at their
10 %, 50 % and 90 % points.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.model import expressions
from sim.model.expressions import TRUE, Call, Column, Expression, Number, compile_program, product
from sim.model.laws import Law
from sim.model.spec import TIME, Action, Branch, Calendar, Delay, Immediate, Rate, Spec
from sim.scenario.scenario import Scenario
from sim.statistics.shown import date_words, words

Data = dict[str, Any]
Floats = NDArray[np.float64]

#: Values of one variable tried at most, and states of the others beside each of them.
VALUES, STATES = 12, 256
#: Points of the inputs: the median is the second.
POINTS: Final = (0.1, 0.5, 0.9)
#: A difference this small is rounding.
ALIKE: Final = 1e-9
WAYS: Final = {"up": "faster", "down": "slower", "either": "faster or slower"}
TILTS: Final = {"up": "likelier", "down": "less likely", "either": "likelier or less likely"}
WRITES: Final = {"add": "+", "set": "=", "at_least": "≥", "at_most": "≤"}
FADING: Final = "fading."


def links(scenario: Scenario) -> Data:
    """The columns (what can be read or changed), the actions with their marks on them, and who reads beside them."""
    spec = scenario.spec
    asked = _Asked(spec)
    actions = [_action(scenario, asked, action) for action in spec.actions]
    read = {name for action in actions for name in action["marks"]}
    acting = {action["actor"] for action in actions}
    return {
        "title": scenario.title,
        "as_of": scenario.as_of.isoformat(),
        "actors": [{"name": name, "label": actor.label} for name, actor in scenario.actors.items() if name in acting],
        "idle": [actor.label for name, actor in scenario.actors.items() if name not in acting],
        "columns": list(_columns(scenario, read)),
        "actions": actions,
        "readers": _readers(scenario, asked),
    }


def _columns(scenario: Scenario, read: set[str]) -> Iterator[Data]:
    for variable in scenario.spec.variables:
        kind = "hidden" if isinstance(variable.start, Law) else "state"
        yield {"name": variable.name, "says": scenario.variables[variable.name].meaning, "kind": kind}
    for tension in scenario.spec.tensions:
        yield {"name": tension.name, "says": scenario.tensions[tension.name].meaning, "kind": "tension"}
    for milestone in scenario.milestones:
        if milestone.name in read:
            yield {"name": milestone.name, "says": milestone.says, "kind": "milestone"}


def _action(scenario: Scenario, asked: _Asked, action: Action) -> Data:
    info = scenario.actions.get(action.name)
    fades = action.name.removeprefix(FADING) if action.name.startswith(FADING) else ""
    marks: dict[str, Data] = {}

    def mark(name: str) -> Data:
        return marks.setdefault(name, {"guard": False, "speed": None, "choice": None, "reads": False, "writes": []})

    for name in asked.state(action.guard):
        mark(name)["guard"] = True
    speed = _speed(action)
    for name in asked.state(*speed):
        mark(name)["speed"] = asked.way([part for part in speed if name in asked.read(part)], name)
    for name in asked.state(*(part for branch in action.branches for part in _weight(branch))):
        mark(name)["choice"] = _choice(asked, action.branches, name)
    for effect in (effect for branch in action.branches for effect in branch.effects):
        for name in asked.state(effect.value):
            if name != effect.variable:
                mark(name)["reads"] = True
        kinds = mark(effect.variable)["writes"]
        kind = "take" if effect.kind == "add" and _below(effect.value) else effect.kind
        if kind not in kinds:
            kinds.append(kind)
    ordered = {name: marks[name] for name in asked.names if name in marks}
    return {
        "name": action.name,
        "actor": "" if fades else action.actor,
        "says": info.says if info else f"{words(fades)} fades",
        "starts": _starts(scenario, asked, action),
        "branches": [branch.label for branch in action.branches if branch.label],
        "marks": ordered,
    }


def _speed(action: Action) -> tuple[Expression, ...]:
    clock = action.clock
    if isinstance(clock, Rate):
        base = clock.base
        for term in clock.terms:
            base = Call("add", (base, term))
        return (base, *clock.factors)
    return clock.factors if isinstance(clock, Delay) else ()


def _weight(branch: Branch) -> tuple[Expression, ...]:
    return tuple(part for part in (branch.condition, branch.weight, *branch.factors) if part != TRUE)


def _choice(asked: _Asked, branches: Sequence[Branch], name: str) -> Data:
    """How a number moves the chances of what follows; ``way`` only where all branches that read it agree."""
    found = []
    for number, branch in enumerate(branches):
        parts = [part for part in _weight(branch) if name in asked.read(part)]
        if parts:
            one = asked.way(parts, name)
            found.append({"says": branch.label or f"branch {number + 1}", **one})
    ways = {one["way"] for one in found}
    sizes = [one["size"] for one in found if one["size"] is not None]
    return {
        "way": ways.pop() if len(ways) == 1 else "either",
        "size": max(sizes) if sizes and len(sizes) == len(found) else None,
        "doubt": any(one["doubt"] for one in found),
        "branches": found,
    }


def _below(value: Expression) -> bool:
    return (isinstance(value, Number) and value.value < 0) or (isinstance(value, Call) and value.operation == "neg")


def _starts(scenario: Scenario, asked: _Asked, action: Action) -> str:
    """What starts an action, in a few words; numbers are medians."""
    clock = action.clock
    if isinstance(clock, Immediate):
        return "at once"
    if isinstance(clock, Calendar):
        return f"on {date_words(scenario.date(clock.time + 0.5).isoformat())}"
    if isinstance(clock, Delay):
        length = float(clock.law.quantile(np.array([0.5]))[0]) * asked.median(clock.scale)
        return f"after {'' if clock.law.family == 'fixed' else 'about '}{_length(length)}"
    if asked.state(clock.base):
        return "by the state"
    base = asked.median(clock.base)
    more = " and more" if clock.terms else ""
    return f"{_often(base)}{more}" if base > 0 else f"no base rate{more}"


def _often(rate: float) -> str:
    return f"about {rate:.2g} per d" if rate >= 1 else f"about 1 per {_length(1 / rate)}"


def _length(days: float) -> str:
    if days >= 730:
        return f"{float(f'{days / 365.25:.2g}'):,g} yr"
    return f"{float(f'{days:.2g}'):g} d"


def _readers(scenario: Scenario, asked: _Asked) -> list[Data]:
    """Who reads the state beside the actions: the ladder, milestones, outcomes, and what ends a history."""
    spec = scenario.spec
    whens = {milestone.name: milestone.when for milestone in spec.milestones}

    def read(trees: Iterable[Expression]) -> list[str]:
        found: set[str] = set()
        todo = [name for tree in trees for name in asked.read(tree)]
        while todo:
            name = todo.pop()
            if name in whens and name not in found:
                todo += asked.read(whens[name])
            found.add(name)
        return [variable.name for variable in spec.variables if variable.name in found]

    parts: tuple[tuple[str, str, Iterable[Expression]], ...] = (
        ("ladder", "the rung of the ladder", [scenario.rung_program]),
        ("milestones", "a milestone is reached", whens.values()),
        ("outcomes", "which outcome holds", [one.when for one in spec.outcomes]),
        ("ends", "a history ends", spec.terminal),
    )
    return [{"name": name, "says": says, "columns": read(trees)} for name, says, trees in parts]


class _Asked:
    """Questions to a model: which names of the state stand in a tree, and which way one of them moves its value."""

    def __init__(self, spec: Spec) -> None:
        self.variables = {variable.name: variable for variable in spec.variables}
        self.tensions = [tension.name for tension in spec.tensions]
        self.names = [*self.variables, *self.tensions, *(milestone.name for milestone in spec.milestones)]
        self.levels = {v.name: v.levels for v in spec.variables if v.levels}
        self.inputs = {q.name: q.law.quantile(np.array(POINTS)) for q in (*spec.inputs, *spec.amounts)}
        self.ordered = (*self.names, *self.inputs, TIME.name)
        self.meanings: dict[str, Expression] = {name: Number(value) for name, value in spec.constants}
        self.meanings |= {name: Column(i) for i, name in enumerate(self.ordered)}

    def bound(self, tree: Expression) -> Expression:
        """The tree over numbered columns; a word for a level is a number then, also where a milestone is called so."""
        return expressions.bind(tree, self.meanings, self.levels)

    def read(self, tree: Expression) -> list[str]:
        """Names that a tree reads."""
        return [self.ordered[i] for i in sorted(expressions.columns(self.bound(tree)))]

    def state(self, *trees: Expression) -> list[str]:
        """Names of the state in trees, in the order of the columns."""
        read = {name for tree in trees for name in self.read(tree)}
        return [name for name in self.names if name in read]

    def median(self, tree: Expression) -> float:
        """Value of a tree that reads inputs only, with all of them at their medians."""
        return float(self._values(tree, {})[1])

    def way(self, factors: Sequence[Expression], name: str) -> Data:
        """Which way the product of some trees goes as one number of the state rises, and by how much at most.

        ``size``: highest over lowest value, inputs at their medians; None where it may be stopped altogether. An open
        count goes up by one. ``doubt``: at other points of the inputs it goes the other way.
        """
        tree = product(factors)
        others = [other for other in self.state(tree) if other != name]
        each = max(2, round(STATES ** (1 / max(len(others), 1))))
        numbers = literals(self.bound(tree))
        beside = list(itertools.islice(itertools.product(*(self._tried(o, numbers, each) for o in others)), STATES))
        own = self._tried(name, numbers, VALUES)
        columns = {other: np.array([row[i] for row in beside for _ in own]) for i, other in enumerate(others)}
        columns[name] = np.array(own * len(beside))
        curves = self._values(tree, columns).reshape(len(POINTS), len(beside), len(own))
        up, down = ((sign * np.diff(curves, axis=2) > ALIKE).any(axis=(1, 2)) for sign in (1, -1))
        # By the medians; whether the inputs leave that in doubt is said beside.
        way = "either" if up[1] == down[1] else "up" if up[1] else "down"
        low, high = curves[1].min(axis=1), curves[1].max(axis=1)
        moved = high - low > ALIKE
        stopped = bool((low[moved] <= 0).any()) or not moved.any()
        size = None if stopped else float((high[moved] / low[moved]).max())
        return {"way": way, "size": size, "doubt": way != "either" and bool((down if way == "up" else up).any())}

    def _tried(self, name: str, numbers: set[float], most: int) -> list[float]:
        """Values of a number of the state: all where they are few, else the ends and those named in the tree."""
        if name in self.variables:
            variable = self.variables[name]
            low = variable.lower
            start = variable.start if isinstance(variable.start, int) else low
            if variable.upper is not None and variable.upper - low < most:
                return [float(value) for value in range(low, variable.upper + 1)]
            high = variable.upper if variable.upper is not None else max(start, low) + 1
            near = {n + d for n in numbers for d in (-1.0, 0.0, 1.0) if low <= n + d <= high and n == int(n)}
            wanted = sorted({float(low), float(start), *near, float(high)})
            # An open count goes up by one, from where it stands.
            wanted = [v for v in wanted if variable.upper is not None or v >= start] or [float(start), float(high)]
            return wanted if len(wanted) <= most else [wanted[round(i)] for i in np.linspace(0, len(wanted) - 1, most)]
        return [0.0, 1.0] if name not in self.tensions else [0.0, 1.0, 2.0][: max(most, 2)]

    def _values(self, tree: Expression, columns: Mapping[str, Floats]) -> Floats:
        """Values (points of the inputs, states) of a tree; (points,) where no state is given."""
        program = compile_program(self.bound(tree))

        def column(index: int) -> Any:
            name = self.ordered[index]
            if name in columns:
                return columns[name][None, :]
            shape = (len(POINTS), 1) if columns else (len(POINTS),)
            return self.inputs[name].reshape(shape) if name in self.inputs else np.zeros(shape)

        shape = (len(POINTS), len(next(iter(columns.values())))) if columns else (len(POINTS),)
        return np.nan_to_num(np.broadcast_to(expressions.evaluate(program, column), shape))


def literals(tree: Expression) -> set[float]:
    """The literal numbers of a tree."""
    if isinstance(tree, Number):
        return {tree.value}
    return {n for part in tree.arguments for n in literals(part)} if isinstance(tree, Call) else set()


# ------------------------------------------------------------------------------------------------------ in words
def table(data: Mapping[str, Any]) -> Data:
    """The picture as a table: a row for each action, and what it needs, what moves it and what it changes."""
    labels = {actor["name"]: actor["label"] for actor in data["actors"]}
    head = ["who", "what", "starts", "possible by", "faster or slower by", "what follows is tilted by", "changes"]
    rows = []
    for action in data["actions"]:
        marks = action["marks"]
        rows.append(
            [
                labels.get(action["actor"], "by itself"),
                action["says"],
                action["starts"],
                _said(words(name) for name, mark in marks.items() if mark["guard"]),
                _said(f"{words(n)} ({moved(m['speed'], WAYS)})" for n, m in marks.items() if m["speed"]),
                _said(
                    f"{words(name)} ({one['says']}: {moved(one, TILTS)})"
                    for name, mark in marks.items()
                    if mark["choice"]
                    for one in mark["choice"]["branches"]
                ),
                _said(f"{words(n)} {''.join(map(sign, m['writes']))}" for n, m in marks.items() if m["writes"]),
            ]
        )
    for reader in data["readers"]:
        rows.append(["read off", reader["says"], "", _said(map(words, reader["columns"])), "", "", ""])
    return {"head": head, "rows": rows}


def moved(way: Mapping[str, Any], said: Mapping[str, str]) -> str:
    """Which way and how much something is moved, in words."""
    size = f", up to {way['size']:.2g} times" if way["size"] is not None and way["size"] > 1 + ALIKE else ""
    return f"{said[way['way']]}{size}{', or the other way' if way['doubt'] else ''}"


def sign(kind: str) -> str:
    """The sign of a change: + adds, − takes away, = sets, ≥ at least, ≤ at most."""
    return "−" if kind == "take" else WRITES[kind]


def _said(parts: Iterable[str]) -> str:
    return "; ".join(parts)
