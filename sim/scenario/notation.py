"""From the notation of a scenario file to expressions, laws, clocks and effects of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

import numpy as np

from sim.model import expressions
from sim.model.arithmetic import log_scalar
from sim.model.expressions import TRUE, Call, Column, Expression, ExpressionError, Name, Number
from sim.model.intervals import ANYTHING, Range, range_of
from sim.model.laws import Law, LawError
from sim.model.proofs import OPEN
from sim.model.spec import Variable
from sim.scenario import quantities, schema
from sim.scenario.problems import KeyPath
from sim.scenario.quantities import Kind, QuantityError
from sim.scenario.source import Faults

LN2: Final = log_scalar(2.0)
FLAG: Final = ("no", "yes")
KINDS: Final[dict[Kind, str]] = {
    "number": "a number without a unit",
    "days": "a length of time (`45 d`)",
    "per day": "a rate (`0.05 per d`)",
}
Scope = Literal["state", "inputs", "only inputs", "rates", "all"]
_SCOPES: Final[dict[Scope, tuple[str, str]]] = {
    "state": ("vm", "variables and milestones"),
    "inputs": ("vmic", "variables, milestones and inputs"),
    "only inputs": ("ic", "inputs"),
    "rates": ("vmict", "variables, milestones, inputs and tensions"),
    "all": ("vmicat", "variables, milestones, inputs, amounts and tensions"),
}
_MOVING: Final = (
    "is a tension, which changes between events; rates, weights and effects may read it, and nothing else: use a "
    "counted variable that fades"
)
_TRUTHS: Final = frozenset(("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"))
_T = TypeVar("_T")


@dataclass
class Names:
    """All names of a scenario. ``used`` collects those that occur in an expression."""

    variables: dict[str, Variable] = field(default_factory=dict)
    milestones: tuple[str, ...] = ()
    inputs: dict[str, tuple[Kind, Law]] = field(default_factory=dict)
    constants: dict[str, tuple[Kind, float]] = field(default_factory=dict)
    amounts: dict[str, Law] = field(default_factory=dict)
    tensions: list[str] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    #: Variables and inputs that were refused, so that what follows from them is not.
    refused: set[str] = field(default_factory=set)

    def freeze(self) -> None:
        """Number the names once all are known."""
        ordered = [*self.variables, *self.milestones, *self.inputs, *self.amounts, *self.tensions]
        self.meanings: dict[str, Expression] = {name: Number(value) for name, (_, value) in self.constants.items()}
        self.meanings |= {name: Column(i) for i, name in enumerate(ordered)}
        self.levels = {v.name: v.levels for v in self.variables.values() if v.levels}
        self.ordered = tuple(ordered)

    def box(self, tree: Expression) -> dict[int, Range]:
        """Range of every column that a bound tree reads."""
        return {column: self.range(self.ordered[column]) for column in expressions.columns(tree)}

    def range(self, name: str) -> Range:
        """Smallest and largest value of a variable, milestone, input or amount; of a tension nothing is known."""
        if name in self.tensions:
            return ANYTHING
        if name in self.variables:
            variable = self.variables[name]
            return Range(float(variable.lower), float(OPEN if variable.upper is None else variable.upper))
        if name in self.milestones:
            return Range(0.0, 1.0)
        law = self.amounts[name] if name in self.amounts else self.inputs[name][1]
        ends = law.quantile(np.array([2.0**-53, 1.0 - 2.0**-53]))
        return Range(float(ends.min()), float(ends.max()))

    def kind(self, name: str) -> Kind | None:
        """Unit of an input; None for anything else, and where the input was refused."""
        if name in self.refused:
            return None
        found = self.inputs.get(name) or self.constants.get(name)
        return found[0] if found else None

    def group(self, name: str) -> str:
        """v, m, i, c, a or t: what a name stands for; empty for no name."""
        tables: Mapping[str, object] = {
            "v": self.variables, "m": self.milestones, "i": self.inputs, "c": self.constants, "a": self.amounts,
            "t": self.tensions,
        }  # fmt: skip
        return next((letter for letter, table in tables.items() if name in table), "")  # type: ignore[operator]


@dataclass
class Notation:
    """Reads the values of a file; every fault goes to ``faults`` and a harmless value comes back instead."""

    names: Names
    faults: Faults
    #: Paths of the literal numbers read since this was last emptied, with what they are: fixed, date or law.
    literals: list[tuple[KeyPath, str]] = field(default_factory=list)

    #: Whether what is read is not there yet on this date, so that its inputs need no value.
    later: bool = False
    #: Inputs found to stand for another kind of number than is wanted, with that kind: told once.
    mistaken: set[tuple[str, Kind]] = field(default_factory=set)

    # ------------------------------------------------------------------------------------------------- expressions
    def tree(self, path: KeyPath, value: object, scope: Scope) -> Expression | None:
        """Tree of an expression, its names checked; None after a fault."""
        if isinstance(value, bool):
            return Number(float(value))
        if isinstance(value, int | float):
            return Number(float(value))
        try:
            tree = expressions.parse(str(value))
        except ExpressionError as error:
            self.faults.add(path, str(error), value)
            return None
        self.names.used |= expressions.names(tree)
        try:
            expressions.bind(tree, self.names.meanings, self.names.levels)
        except ExpressionError as error:
            absent = expressions.names(tree) & self.names.absent
            if expressions.names(tree) & self.names.refused:
                return None  # it may only follow from what was refused there
            if not absent:
                self.faults.add(path, str(error), value)
            elif not self.later:
                why = f"{min(absent)!r} has no value yet on this date; date what uses it with `from`"
                self.faults.add(path, why, value)
            return None
        letters, words = _SCOPES[scope]
        for name in sorted(expressions.names(tree)):
            if self.names.group(name) and self.names.group(name) not in letters:
                moves = self.names.group(name) == "t"
                why = _MOVING if moves else f"may not be read here; only {words} may"
                self.faults.add(path, f"{name!r} {why}", value)
                return None
        return tree

    def condition(self, path: KeyPath, value: object, scope: Scope = "inputs") -> Expression:
        """Tree of a condition: a truth that can hold. TRUE after a fault."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.faults.add(path, "a condition is wanted, such as `talks is open`", value)
            return TRUE
        tree = self.tree(path, value, scope)
        if tree is None:
            return TRUE
        wrong = self.no_truth(tree)
        if wrong is not None and expressions.names(wrong) & self.names.refused:
            return TRUE
        if wrong is not None:
            what = f"{wrong.name!r} is a number" if isinstance(wrong, Name) else "this is a number"
            self.faults.add(path, f"{what}, not a condition; compare it, such as `x above 0`", value)
            return TRUE
        bound = expressions.bind(tree, self.names.meanings, self.names.levels)
        if range_of(bound, self.names.box(bound)).surely_false:
            self.faults.add(path, "this condition can never hold; mend it, or remove what hangs on it", value)
        return tree

    def no_truth(self, tree: Expression) -> Expression | None:
        """The first part of a condition that is a number where a yes/no is wanted."""
        if isinstance(tree, Number):
            return None if tree.value in (0.0, 1.0) else tree
        if isinstance(tree, Name):
            variable = self.names.variables.get(tree.name)
            flag = variable is not None and variable.levels == FLAG
            return None if flag or tree.name in (*self.names.milestones, "yes", "no", "true", "false") else tree
        if not isinstance(tree, Call) or tree.operation not in (*_TRUTHS, "where"):
            return tree
        parts = tree.arguments if tree.operation in ("and", "or", "not", "where") else ()
        return next((wrong for part in parts if (wrong := self.no_truth(part)) is not None), None)

    def number(self, path: KeyPath, value: object, scope: Scope = "inputs", *, kind: Kind = "number") -> Expression:
        """Tree of a number: a literal, a quantity of a kind, a name or an expression. 1 after a fault."""
        if isinstance(value, bool) or value in ("yes", "no", "true", "false"):
            self.faults.add(path, "a number is wanted, not yes or no", value)
            return TRUE
        if isinstance(value, int | float) or quantities.looks_like_one(
            value if isinstance(value, str) else "", self.names.meanings
        ):
            self.literals.append((path, "fixed"))
            read = {"number": quantities.number, "days": quantities.duration, "per day": quantities.rate}[kind]
            found = self.attempt(path, lambda: read(value))
            if found is not None and found < 0:
                self.faults.add(path, "a negative number has no meaning here", value)
            return Number(1.0 if found is None else found)
        tree = self.tree(path, value, scope)
        if tree is None:
            return TRUE
        if any(number not in (0.0, 1.0) for number in literals(tree)):
            self.literals.append((path, "fixed"))
        if isinstance(tree, Name):
            other = self.names.kind(tree.name)
            if other is not None and other != kind and (tree.name, kind) not in self.mistaken:
                self.mistaken.add((tree.name, kind))
                self.faults.add(path, f"{tree.name!r} is {KINDS[other]}; here stands {KINDS[kind]}", value)
        return tree

    def attempt(self, path: KeyPath, make: Callable[[], _T]) -> _T | None:
        """What ``make`` gives, or None after reporting why not."""
        try:
            return make()
        except (QuantityError, LawError) as error:
            self.faults.add(path, str(error))
            return None

    # ----------------------------------------------------------------------------------------------------- factors
    def factors(
        self, path: KeyPath, given: Mapping[str, schema.Factor], scope: Scope = "inputs"
    ) -> tuple[Expression, ...]:
        """One factor per line of ``times``."""
        return tuple(self.factor((*path, key), key, factor, scope) for key, factor in given.items())

    def factor(self, path: KeyPath, key: str, given: schema.Factor, scope: Scope = "inputs") -> Expression:
        """Factor of a line ``key: value`` of ``times``."""
        at = path if given.form == "plain" else (*path, given.key)
        size = self.number(at, given.value, scope)
        if given.form == "plain":
            if key == "always":
                return size
            return Call("where", (self.condition(path, key, scope), size, Number(1.0)))
        count = self.tree(path, key, scope)
        if count is None:
            return TRUE
        edge = Number(given.edge)
        if given.form == "each":
            steps: Expression = count
        elif given.form == "each above":
            steps = Call("max", (Call("sub", (count, edge)), Number(0.0)))
        elif given.form == "each up to":
            steps = Call("min", (count, edge))
        else:
            if not given.edge > 0:
                self.faults.add(at, "doublings are counted from a positive number", given.edge)
                return TRUE
            ratio = Call("div", (Call("max", (count, Number(1.0))), edge))
            steps = Call("div", (Call("log", (ratio,)), Number(LN2)))
        return Call("pow", (size, steps))


def literals(tree: Expression) -> list[float]:
    """The literal numbers in a tree."""
    if isinstance(tree, Number):
        return [tree.value]
    return [n for part in tree.arguments for n in literals(part)] if isinstance(tree, Call) else []
