"""What the names of a specification mean: columns and constants, and what may be read where."""

from __future__ import annotations

from typing import Final, Literal

from sim.model.expressions import Column, Expression, ExpressionError, Number, bind, columns
from sim.model.proofs import ModelError
from sim.model.spec import TIME, Spec

Part = Literal["state", "input", "amount", "tension", "time"]
#: What may be read where: milestones and ends; guards and delays; scales and tensions; effects; branch weights; rates.
_ALLOWED: Final[dict[str, tuple[Part, ...]]] = {
    "state": ("state",),
    "inputs": ("state", "input"),
    "only inputs": ("input",),
    "effects": ("state", "input", "amount", "tension"),
    "weights": ("state", "input", "tension"),
    "rates": ("state", "input", "tension", "time"),
}
_PARTS: Final[dict[Part, str]] = {
    "state": "state and milestones",
    "input": "inputs",
    "amount": "amounts",
    "tension": "tensions",
    "time": "the time",
}


class Names:
    """Columns in their order: variables, milestones, inputs, amounts, tensions, the time.

    Raises ModelError for a name used twice.
    """

    def __init__(self, spec: Spec) -> None:
        self.levels = {v.name: v.levels for v in spec.variables if v.levels}
        self.meanings = _meanings(spec)
        self.variables = len(spec.variables)
        self.first_input = self.variables + len(spec.milestones)
        self.first_amount = self.first_input + len(spec.inputs)
        self.first_tension = self.first_amount + len(spec.amounts)
        self.time = self.first_tension + len(spec.tensions)

    def plain(self, tree: Expression) -> Expression:
        """A tree over columns, whatever it reads. Raises ExpressionError for a name without a meaning."""
        return bind(tree, self.meanings, self.levels)

    def part(self, column: int) -> Part:
        """What a column is part of."""
        if column < self.first_input:
            return "state"
        if column < self.first_amount:
            return "input"
        if column < self.first_tension:
            return "amount"
        return "tension" if column < self.time else "time"

    def moving(self, tree: Expression) -> bool:
        """Whether a tree changes between events."""
        return any(c >= self.first_tension for c in columns(tree))

    def bind(self, tree: Expression, where: str, allowed: str) -> Expression:
        """A tree over columns that reads no more than is ``allowed``. Raises ModelError with the place."""
        try:
            bound = self.plain(tree)
        except ExpressionError as error:
            raise ModelError(f"{where}: {error}") from None
        for column in columns(bound):
            if self.part(column) not in _ALLOWED[allowed]:
                name = next(n for n in self.meanings if self.meanings[n] == Column(column))
                parts = [_PARTS[part] for part in _ALLOWED[allowed]]
                what = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
                raise ModelError(f"{where}: {name!r} may not be read here; only {what} may")
        return bound


def _meanings(spec: Spec) -> dict[str, Expression]:
    names = [v.name for v in spec.variables] + [m.name for m in spec.milestones]
    names += [q.name for q in (*spec.inputs, *spec.amounts)] + [t.name for t in spec.tensions]
    meanings: dict[str, Expression] = {name: Number(value) for name, value in spec.constants}
    if len(set(names) | set(meanings)) < len(names) + len(meanings):
        twice = sorted({n for n in names if names.count(n) > 1} | (set(names) & set(meanings)))
        raise ModelError(f"{spec.name}: the names {', '.join(twice)} are used twice; each name may mean one thing")
    return {**meanings, **{name: Column(i) for i, name in enumerate([*names, TIME.name])}}
