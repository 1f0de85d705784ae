"""Questions to a declared model: which numbers of the state a formula reads, and which way one of them moves it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.model import expressions
from sim.model.expressions import Call, Column, Expression, Number, compile_program, product
from sim.model.spec import TIME, Spec

Data = dict[str, Any]
Floats = NDArray[np.float64]

#: Values of one variable tried at most, and states of the others beside each of them.
VALUES, STATES = 12, 256
#: Points of the inputs: the median is the second.
POINTS: Final = (0.1, 0.5, 0.9)
#: A difference this small is rounding.
ALIKE: Final = 1e-9


class Asked:
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
        count goes up from its start by one, or to just above the numbers it is compared with. ``doubt``: at other
        points of the inputs it goes the other way.
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
        # A rate of once in a thousand years is moved as well as one of once a day.
        curves = curves / max(float(np.abs(curves).max()), np.finfo(np.float64).tiny)
        steps = np.diff(curves, axis=2)
        up = [bool((each > ALIKE).any()) for each in steps]
        down = [bool((each < -ALIKE).any()) for each in steps]
        # By the medians; whether the inputs leave that in doubt is said beside.
        way = "either" if up[1] == down[1] else "up" if up[1] else "down"
        low, high = curves[1].min(axis=1), curves[1].max(axis=1)
        moved = high - low > ALIKE
        stopped = bool((low[moved] <= 0).any()) or not moved.any()
        size = None if stopped else float((high[moved] / low[moved]).max())
        return {"way": way, "size": size, "doubt": way != "either" and any(down if way == "up" else up)}

    def _tried(self, name: str, numbers: set[float], most: int) -> list[float]:
        """Values of a number of the state: all where they are few, else the ends and those named in the tree."""
        if name in self.variables:
            variable = self.variables[name]
            low = variable.lower
            start = variable.start if isinstance(variable.start, int) else low
            if variable.upper is not None and variable.upper - low < most:
                return [float(value) for value in range(low, variable.upper + 1)]
            named = {n for n in numbers if n == int(n) and n not in (0.0, 1.0)}
            high = float(variable.upper if variable.upper is not None else max(start + 1, *named, low) + bool(named))
            near = {n + d for n in named for d in (-1.0, 0.0, 1.0) if low <= n + d <= high}
            wanted = sorted({float(low), float(start), *near, high})
            if variable.upper is None:  # no end: from where it stands to just above what is named, or one more
                wanted = [value for value in wanted if value >= start]
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
