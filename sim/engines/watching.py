"""What is counted over replications from day to day, as the array engines need it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Floats, Integers, Watched
from sim.model.compiled import TABLE_LIMIT, Model
from sim.model.expressions import evaluate


def closure(model: Model, reads: Iterable[int]) -> set[int]:
    """Columns on which these depend: a milestone on all that its condition reads."""
    found, variables = set(reads), len(model.variables)
    for column in sorted((c for c in found if variables <= c < model.first_input), reverse=True):
        found |= closure(model, model.milestone_programs[column - variables].reads)
    return found


def places(watched: Watched, value: Floats) -> Integers:
    """Bins of some values of a number watched."""
    whole: Integers = np.where(value > 0, np.minimum(value, watched.bins - 1.0), 0.0).astype(np.int64)
    return whole


@dataclass(frozen=True, eq=False)
class Follower:
    """A number watched: which branches (the last entry: none) may change it, and its bin by table where one is small.

    ``state``, ``lower`` and ``stride`` index the ``table`` as for a group of a model's speed.
    """

    watched: Watched
    concerned: NDArray[np.bool_]
    state: tuple[int, ...]
    lower: tuple[int, ...]
    stride: tuple[int, ...]
    table: Integers | None

    @staticmethod
    def of(model: Model, watched: Watched) -> Follower:
        """Follower of a number in a model."""
        concerned = np.zeros(len(model.branches) + 1, dtype=np.bool_)
        wanted = closure(model, watched.program.reads)
        for _, branch in model.branches:
            concerned[branch.number] = bool(wanted & set(branch.changes))
        state, variables = watched.program.reads, len(model.variables)
        known = [c for c in state if c < model.first_input]
        limits = [(0, 1) if c >= variables else (model.lower[c], model.upper[c]) for c in known]
        sizes = [high - low + 1 for low, high in limits]
        lower = tuple(low for low, _ in limits)
        if len(limits) < len(state) or len(state) < 2 or math.prod(sizes) > TABLE_LIMIT:
            # A single column is as quick to clip as to look up.
            return Follower(watched, concerned, state, (), (), None)
        stride = tuple(math.prod(sizes[i + 1 :]) for i in range(len(sizes)))
        entries = np.arange(math.prod(sizes))
        values = {
            c: (low + entries // step % size).astype(np.float64)
            for c, low, step, size in zip(state, lower, stride, sizes, strict=True)
        }
        table = places(watched, evaluate(watched.program, values.__getitem__))
        return Follower(watched, concerned, state, lower, stride, table)

    def of_columns(self, column: Callable[[int], Floats], count: int) -> Integers:
        """Bins in ``count`` states, given their columns."""
        if self.table is None:
            return places(self.watched, np.broadcast_to(evaluate(self.watched.program, column), (count,)))
        index = np.full(count, -sum(low * step for low, step in zip(self.lower, self.stride, strict=True)))
        for c, step in zip(self.state, self.stride, strict=True):
            index += (step * column(c)).astype(np.int64)
        return self.table.take(index)
