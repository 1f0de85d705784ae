"""What is counted over replications from day to day, and what has to be looked at again after a branch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Floats, Integers, Watched
from sim.model.compiled import TABLE_LIMIT, Model
from sim.model.expressions import OPERATIONS, Program, evaluate

_COMPARISONS: Final = ("lt", "le", "gt", "ge", "eq", "ne")
#: Columns with more values than this are not tabulated.
_WIDEST: Final = 1 << 16


def closure(model: Model, reads: Iterable[int]) -> set[int]:
    """Columns on which these depend: a milestone on all that its condition reads."""
    found, variables = set(reads), len(model.variables)
    for column in sorted((c for c in found if variables <= c < model.first_input), reverse=True):
        found |= closure(model, model.milestone_programs[column - variables].reads)
    return found


def bin_of(value: float, bins: int) -> int:
    """Bin of one value of a number watched."""
    return int(min(value, bins - 1.0)) if value > 0 else 0


def places(watched: Watched, value: Floats) -> Integers:
    """Bins of some values of a number watched, any shape: :func:`bin_of` of each."""
    whole: Integers = np.where(value > 0, np.minimum(value, watched.bins - 1.0), 0.0).astype(np.int64)
    return whole


def concerned(model: Model, reads: Iterable[int]) -> NDArray[np.bool_]:
    """Branches (and a last entry for none) that may change what reads these columns."""
    found = np.zeros(len(model.branches) + 1, dtype=np.bool_)
    wanted = closure(model, reads)
    for _, branch in model.branches:
        found[branch.number] = bool(wanted & set(branch.changes))
    return found


def cuts(program: Program) -> dict[int, list[float]]:
    """Columns that a program only compares with numbers: column -> those numbers.

    The program cannot tell apart two values of such a column that lie on the same side of all its numbers.
    """
    found: dict[int, list[float]] = {c: [] for c in program.reads}
    stack: list[tuple[str, float]] = []
    for operation, argument in program.code:
        if operation in ("number", "column"):
            stack.append((operation, argument))
            continue
        count = OPERATIONS[operation][0]
        operands = dict(stack[-count:]) if operation in _COMPARISONS else {}
        if len(operands) == 2 and "column" in operands and "number" in operands:
            found.get(int(operands["column"]), []).append(operands["number"])
        else:
            for kind, column in stack[-count:]:
                if kind == "column":
                    found.pop(int(column), None)
        del stack[-count:]
        stack.append(("", 0.0))
    if stack[0][0] == "column":
        found.pop(int(stack[0][1]), None)
    return found


@dataclass(frozen=True, eq=False)
class Follower:
    """A number watched: which branches (the last entry: none) may change it, and its bin by table where one is small.

    The bin is the entry of ``table`` at the sum over columns of ``steps[column][value - lower[column]]``.
    """

    watched: Watched
    concerned: NDArray[np.bool_]
    lower: dict[int, int]
    steps: dict[int, Integers]
    table: Integers | None

    @staticmethod
    def of(model: Model, watched: Watched) -> Follower:
        """Follower of a number in a model."""
        program, variables = watched.program, len(model.variables)
        touching = concerned(model, program.reads)
        plain = Follower(watched, touching, {}, {}, None)
        # A single column is as quick to clip as to look up.
        if len(program.reads) < 2 or any(c >= model.first_input for c in program.reads):
            return plain
        limits = {c: (0, 1) if c >= variables else (model.lower[c], model.upper[c]) for c in program.reads}
        if any(high - low >= _WIDEST for low, high in limits.values()):
            return plain
        alike, classes, shown = cuts(program), {}, {}
        for c, (low, high) in limits.items():
            values = np.arange(low, high + 1)
            if c in alike:
                numbers = np.unique(np.array(alike[c]))
                side = np.searchsorted(numbers, values, "left") + np.searchsorted(numbers, values, "right")
                _, first, classes[c] = np.unique(side, return_index=True, return_inverse=True)
                shown[c] = values[first]
            else:
                classes[c], shown[c] = values - low, values
        size = math.prod(len(values) for values in shown.values())
        if size > TABLE_LIMIT:
            return plain
        entries, step, steps, grid = np.arange(size), 1, {}, {}
        for c in program.reads:
            steps[c] = (classes[c] * step).astype(np.int64)
            grid[c] = shown[c][entries // step % len(shown[c])].astype(np.float64)
            step *= len(shown[c])
        table = places(watched, np.broadcast_to(evaluate(program, grid.__getitem__), (size,)))
        return Follower(watched, touching, {c: low for c, (low, _) in limits.items()}, steps, table)

    def of_states(self, column: Callable[[int], Integers], count: int) -> Integers:
        """Bins of ``count`` states by the table, given their columns."""
        assert self.table is not None
        index = np.zeros(count, dtype=np.int64)
        for c, steps in self.steps.items():
            index += steps.take(column(c) - self.lower[c])
        return self.table.take(index)
