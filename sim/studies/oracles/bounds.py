"""The same histories by expressions and by tables, bit for bit; open variables get the bounds they turn out to keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from sim.engines.interface import Plan, Rows
from sim.model.compiled import Model, compile_model
from sim.model.expressions import Call, Expression, Name
from sim.model.spec import Action, Effect, Variable
from sim.studies.oracles.importing import LOWEST
from sim.studies.oracles.runs import Run, Simulate

#: Histories whose events are logged at a time.
_PART: Final = 1_000

Range = tuple[int, int]


def tables_agree(run: Run, simulate: Simulate, seed: int, count: int) -> tuple[bool, int]:
    """Whether ``count`` histories, their events logged, are the same both ways; and how many tables there were.

    An open variable is bounded by the smallest and the largest value that it takes in just these histories.
    """
    plain = compile_model(run.spec, tables=False, strict=False)
    wide = [i for i, v in enumerate(run.spec.variables) if v.upper is None or v.lower == LOWEST]
    prints, ranges = [], dict[int, Range]()
    for plan in _plans(run, seed, count):
        rows = simulate(plain, plan)
        prints.append(rows.fingerprint())
        for column in wide:
            low, high = _range(run, simulate, plan, rows, column)
            before = ranges.get(column, (low, high))
            ranges[column] = (min(low, before[0]), max(high, before[1]))
    spec = replace(run.spec, variables=tuple(_bounded(v, ranges.get(i)) for i, v in enumerate(run.spec.variables)))
    model = compile_model(spec, tables=True, strict=False)
    same = all(
        simulate(model, plan).fingerprint() == before
        for plan, before in zip(_plans(run, seed, count), prints, strict=True)
    )
    groups = [g for row in model.rows for g in (*row.speed, *([row.guard] if row.guard else []))]
    return same, sum(1 for g in groups if g.table is not None and g.state)


def _plans(run: Run, seed: int, count: int) -> Iterator[Plan]:
    for first in range(0, count, _PART):
        yield run.plan(seed, min(_PART, count - first), first, log=True)


def _bounded(variable: Variable, found: Range | None) -> Variable:
    if found is None:
        return variable
    lower = found[0] if variable.lower == LOWEST else variable.lower
    upper = found[1] if variable.upper is None else variable.upper
    return replace(variable, lower=lower, upper=upper)


def _range(run: Run, simulate: Simulate, plan: Plan, rows: Rows, column: int) -> Range:
    """Smallest and largest value of a variable over the histories of a plan."""
    deltas = _deltas(run.model, column)
    if deltas is None or rows.log is None:
        return _followed_range(run, simulate, plan, column)
    steps = np.concatenate([[0], np.cumsum(deltas[rows.log.branch])])
    first = np.searchsorted(rows.log.position, np.arange(plan.size))
    # Each history starts anew: take away what the earlier ones added up.
    values = steps[1:] - steps[first][rows.log.position] + rows.start[column][rows.log.position]
    every = np.concatenate([values, rows.start[column]])
    return int(every.min()), int(every.max())


def _deltas(model: Model, column: int) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
    """What each branch adds to a variable; None when it is not a constant."""
    deltas = np.zeros(len(model.branches), dtype=np.int64)
    for _, branch in model.branches:
        deltas[branch.number] = dict(branch.moves).get(column, 0)
        for effect in branch.effects:
            if effect.column == column:
                if effect.kind != "add" or effect.value.constant is None:
                    return None
                deltas[branch.number] = int(effect.value.constant)
    return deltas


def _followed_range(run: Run, simulate: Simulate, plan: Plan, column: int) -> Range:
    """The same by two more variables that keep the extremes; they are read by nothing."""
    variable = run.spec.variables[column]
    taken = {v.name for v in run.spec.variables} | {m.name for m in run.spec.milestones}
    low, high = f"least {variable.name}", f"most {variable.name}"
    while {low, high} & taken:
        low, high = low + "'", high + "'"
    extremes = tuple(Variable(name, LOWEST, None, variable.start) for name in (low, high))
    actions = tuple(_following(action, variable.name, low, high) for action in run.spec.actions)
    spec = replace(run.spec, variables=(*run.spec.variables, *extremes), actions=actions)
    state = simulate(compile_model(spec, tables=False, strict=False), replace(plan, log=False)).state
    return int(state[-2].min()), int(state[-1].max())


def _following(action: Action, name: str, low: str, high: str) -> Action:
    branches = []
    for branch in action.branches:
        extra: list[Effect] = []
        for effect in branch.effects:
            if effect.variable == name:
                new: Expression = effect.value
                if effect.kind == "add":
                    new = Call("add", (Name(name), effect.value))
                extra += [Effect(low, "at_most", new), Effect(high, "at_least", new)]
        branches.append(replace(branch, effects=(*branch.effects, *extra)))
    return replace(action, branches=tuple(branches))
