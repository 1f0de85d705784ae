"""What acts on what in a scenario: for each action what it reads, in which way, and what it changes.

It is all read from the compiled form of the scenario, so that a picture of it cannot say anything else than what is
simulated. How a number of the state moves a speed or a weight is found by trying its values, with inputs at their
10 %, 50 % and 90 % points.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from sim.model.expressions import TRUE, Call, Expression, Number
from sim.model.laws import Law
from sim.model.spec import Action, Branch, Calendar, Delay, Immediate, Rate
from sim.report.asked import ALIKE, Asked
from sim.scenario.scenario import Scenario
from sim.statistics.shown import date_words, words

Data = dict[str, Any]

WAYS: Final = {"up": "faster", "down": "slower", "either": "faster or slower"}
TILTS: Final = {"up": "likelier", "down": "less likely", "either": "likelier or less likely"}
WRITES: Final = {"add": "+", "set": "=", "at_least": "≥", "at_most": "≤"}
FADING: Final = "fading."


def links(scenario: Scenario) -> Data:
    """The columns (what can be read or changed), the actions with their marks on them, and who reads beside them."""
    spec = scenario.spec
    asked = Asked(spec)
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


def _action(scenario: Scenario, asked: Asked, action: Action) -> Data:
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
        "restarts": list(dict.fromkeys(name for branch in action.branches for name in branch.restarts)),
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


def _choice(asked: Asked, branches: Sequence[Branch], name: str) -> Data:
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


def _starts(scenario: Scenario, asked: Asked, action: Action) -> str:
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


def _readers(scenario: Scenario, asked: Asked) -> list[Data]:
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
                _said(
                    [
                        *(f"{words(n)} {''.join(map(sign, m['writes']))}" for n, m in marks.items() if m["writes"]),
                        *(f"starts {name} anew" for name in action["restarts"]),
                    ]
                ),
            ]
        )
    rows += [
        ["read off", reader["says"], "", _said(map(words, reader["columns"])), "", "", ""] for reader in data["readers"]
    ]
    return {"head": head, "rows": rows}


def moved(way: Mapping[str, Any], said: Mapping[str, str]) -> str:
    """Which way and how much something is moved, in words."""
    most = way["size"]
    size = f", up to {float(f'{most:.2g}'):,g} times" if most is not None and most > 1 + ALIKE else ""
    return f"{said[way['way']]}{size}{', or the other way' if way['doubt'] else ''}"


def sign(kind: str) -> str:
    """The sign of a change: + adds, − takes away, = sets, ≥ at least, ≤ at most."""
    return "−" if kind == "take" else WRITES[kind]


def _said(parts: Iterable[str]) -> str:
    return "; ".join(parts)
