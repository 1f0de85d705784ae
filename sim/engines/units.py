"""What is fixed for a unit before its history begins: inputs, starting state, keys and first requirements.

Shared by the engines, so that a draw is written once. All functions are elementwise over the units given, hence
give the same bits for one unit or for thousands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.model import draws
from sim.model.arithmetic import Floats, log
from sim.model.compiled import LEAST_WORK, Group, Model
from sim.model.draws import Words
from sim.model.expressions import evaluate
from sim.model.laws import Law

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Keys:
    """Philox keys by name: one column per row of the model (and a spare one), per input, variable and amount."""

    rows: Words
    inputs: Words
    starts: Words
    amounts: dict[tuple[int, int], Words]


def keys_for(model: Model, seed: int) -> Keys:
    """Keys of a model under a seed. Names of actions, inputs, hidden starts and amounts never collide."""
    actions = [f"action {row.name}" for row in model.rows]
    inputs = [f"input {name}" for name in model.inputs]
    starts = [f"start {name}" for name in model.variables]
    pairs = sorted({(i, amount) for i, branch in model.branches for amount in branch.amounts})
    uses = [f"amount {model.amounts[a - model.first_amount]} of {model.rows[i].name}" for i, a in pairs]
    everything = draws.keys_of(seed, [*actions, *inputs, *starts, *uses])
    ends = np.cumsum([len(actions), len(inputs), len(starts)])
    rows, input_keys, start_keys, use_keys = np.split(everything, ends, axis=1)
    spare = np.zeros((2, 1), dtype=np.uint64)
    return Keys(
        rows=np.ascontiguousarray(np.concatenate([rows, spare], axis=1)),
        inputs=input_keys,
        starts=start_keys,
        amounts={pair: use_keys[:, [j]] for j, pair in enumerate(pairs)},
    )


def draw_inputs(model: Model, keys: Keys, numbers: Integers) -> Floats:
    """Inputs of the units with these input numbers, shape (inputs, n)."""
    unit = numbers.astype(np.uint64)
    result = np.empty((len(model.inputs), numbers.size))
    for i, law in enumerate(model.input_laws):
        result[i] = law.quantile(draws.uniform(keys.inputs[:, [i]], unit, 0, draws.REQUIREMENT))
    return result


def draw_starts(model: Model, keys: Keys, numbers: Integers) -> Integers:
    """Starting state of the units with these input numbers, shape (variables, n)."""
    unit = numbers.astype(np.uint64)
    result = np.empty((len(model.variables), numbers.size), dtype=np.int64)
    for i, start in enumerate(model.start):
        if isinstance(start, Law):
            result[i] = start.quantile(draws.uniform(keys.starts[:, [i]], unit, 0, draws.REQUIREMENT)).astype(np.int64)
        else:
            result[i] = start
    return result


def scales(model: Model, inputs: Floats) -> dict[int, Floats]:
    """Scale of the delay of each delay row, per unit: row -> array (n,)."""
    result = {}
    for i, row in enumerate(model.rows):
        if row.scale is not None:
            value = evaluate(row.scale, lambda c: inputs[c - model.first_input])
            result[i] = np.broadcast_to(value, inputs.shape[1:]).copy()
    return result


def requirement(model: Model, row: int, u: Floats, scale: Floats | None, *, first: bool) -> Floats:
    """Work a clock needs, from a uniform: a standard exponential for a rate, ``scale`` x the law for a delay.

    ``first`` marks the requirement in force at the start, drawn given that it exceeds the age of a running clock.
    """
    found = model.rows[row]
    if found.law is None:
        return np.maximum(-log(1.0 - u), LEAST_WORK)
    assert scale is not None
    if first and found.age > 0:
        return np.maximum(scale * found.law.exceeding(u, found.age / scale), LEAST_WORK)
    return np.maximum(scale * found.law.quantile(u), LEAST_WORK)


def first_work(model: Model, keys: Keys, histories: Integers, scale: dict[int, Floats]) -> Floats:
    """Requirements k = 0 of all rows, shape (rows, n); 1 for rows that are not clocks."""
    unit = histories.astype(np.uint64)
    result = np.ones((len(model.rows), histories.size))
    for i, row in enumerate(model.rows):
        if row.kind in ("rate", "delay"):
            u = draws.uniform(keys.rows[:, [i]], unit, 0, draws.REQUIREMENT)
            result[i] = requirement(model, i, u, scale.get(i), first=True)
    return result


def unit_table(model: Model, group: Group, inputs: Floats) -> Floats:
    """Table of a group that reads inputs: shape (entries, n) for inputs of shape (inputs, n); nan is no speed."""
    grid, first = group.grid(), model.first_input

    def column(c: int) -> Floats:
        return grid[c][:, None] if c in grid else inputs[c - first][None, :]

    value = np.broadcast_to(evaluate(group.program, column), (group.size, inputs.shape[1])) + 0.0
    return np.where(value >= 0, value, np.nan)
