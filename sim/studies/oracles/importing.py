"""From an oracle case to a model: variables, actions and the meaning of names.

Each transition is an actor of its own. Then an event re-times only the clocks that read what it changed, and a delay
keeps its due time to the bit while its guard holds, so exact ties between delays stay exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sim.model.expressions import Call, Expression, Name, Number
from sim.model.laws import Law, LawError
from sim.model.spec import (
    Action,
    Branch,
    Calendar,
    Clock,
    Condition,
    Delay,
    Effect,
    Immediate,
    Memory,
    Rate,
    Spec,
    Variable,
)
from sim.studies.oracles.cases import Case
from sim.studies.oracles.expressions import Unsupported, constant, names_of, translate, unknown

#: A variable without a minimum may fall to this.
LOWEST: Final = -(2**62)
#: Chances written with few digits may miss 1 by so much; they are weights to the engines.
_ROUNDED: Final = 1e-5
_OPEN: Final = (None, math.inf, -math.inf)
_MEMORIES: Final[tuple[Memory, ...]] = ("enabling", "age", "identical")


@dataclass(frozen=True, eq=False)
class Imported:
    """A case as parts of a model.

    ``variables`` and ``actions`` make the Spec; ``labels`` gives the names of the actions behind each action label
    (and each transition name); ``transitions`` are the names of the clocks, as an event log shows them; ``meaning``
    turns a name into a tree.
    """

    case: Case
    variables: tuple[Variable, ...]
    actions: tuple[Action, ...]
    labels: Mapping[str, tuple[str, ...]]
    transitions: Mapping[str, str]
    meaning: Callable[[str], Expression]

    def tree(self, text: object, *, truth: bool = False) -> Expression:
        """Tree of an expression over the case's names. Raises Unsupported."""
        return translate(text, self.meaning, truth=truth)

    def spec(
        self,
        *,
        counts: Mapping[str, str] | None = None,
        milestones: Sequence[Condition] = (),
        terminal: Sequence[Expression] = (),
    ) -> Spec:
        """The case's model. ``counts``: action -> name of a variable that counts its firings."""
        counts = counts or {}
        counters = tuple(Variable(name) for name in dict.fromkeys(counts.values()))
        actions = tuple(_counted(a, counts[a.name]) if a.name in counts else a for a in self.actions)
        return Spec(
            name=self.case.id,
            variables=(*self.variables, *counters),
            actions=actions,
            milestones=tuple(milestones),
            terminal=tuple(terminal),
        )


def _counted(action: Action, counter: str) -> Action:
    effect = Effect(counter, "add", Number(1.0))
    return replace(action, branches=tuple(replace(b, effects=(*b.effects, effect)) for b in action.branches))


def import_case(case: Case) -> Imported:
    """The parts of a case's model. Raises Unsupported with the reason."""
    variables, dropped = _variables(case)
    meaning = _Meanings(case, {v.name for v in variables}, dropped)
    reading = _Reading(case, meaning, {v.name for v in variables}, dropped)
    return reading.imported(variables)


# ---------------------------------------------------------------------------------------------------------- names
class _Meanings:
    """What a name stands for: a variable, a number, or the tree of an observable (looked up once, cycles refused)."""

    def __init__(self, case: Case, variables: set[str], dropped: Mapping[str, str]) -> None:
        self.variables, self.dropped = variables, dropped
        self.texts = {**case.mapping("constants"), **case.mapping("observables")}
        self.constants = set(case.mapping("constants"))
        self.known: dict[str, Expression] = {}
        self.open: list[str] = []
        twice = (self.constants & set(case.mapping("observables"))) | (set(self.texts) & (variables | set(dropped)))
        if twice:
            raise Unsupported(f"the name {sorted(twice)[0]!r} is declared twice")

    def __call__(self, name: str) -> Expression:
        if name in self.dropped:
            raise Unsupported(self.dropped[name])
        if name in self.variables:
            return Name(name)
        if name not in self.texts:
            raise unknown(name, {**self.texts, **dict.fromkeys(self.variables)})
        if name not in self.known:
            if name in self.open:
                raise Unsupported(f"{' reads '.join([*self.open, name])}: a circle of names")
            self.open.append(name)
            try:
                self.known[name] = translate(self.texts[name], self)
            finally:
                self.open.pop()
            if name in self.constants and not isinstance(self.known[name], Number):
                raise Unsupported(f"the constant {name!r} is no number")
        return self.known[name]


def _whole(value: object, what: str, meaning: Callable[[str], Expression]) -> int:
    number = constant(value, meaning, what)
    if number != math.floor(number) or abs(number) >= 2.0**53:
        raise Unsupported(f"{what} {number:g} is no whole number")
    return int(number)


def _variables(case: Case) -> tuple[tuple[Variable, ...], dict[str, str]]:
    """Variables, and the names that cannot be had, each with the reason."""
    numbers = _Meanings(case, set(), {})
    found: list[Variable] = []
    dropped: dict[str, str] = {}
    written = {**case.mapping("variables")}
    for name, item in case.mapping("continuous").items():
        if not isinstance(item, dict):
            raise Unsupported(f"continuous variable {name!r} is no object")
        if constant(item.get("decay", 0), numbers, f"decay of {name}") == 0:
            written[name] = item  # nothing happens to it between events
        else:
            dropped[name] = f"reads {name!r}, which decays continuously"
    for name, item in written.items():
        spelled = item if isinstance(item, dict) else {"init": item}
        bounds = {
            key: None if spelled.get(key) in _OPEN else _whole(spelled[key], f"{key} of {name}", numbers)
            for key in ("min", "max")
        }
        start = _whole(spelled.get("init", 0), f"init of {name}", numbers)
        lower = LOWEST if bounds["min"] is None else bounds["min"]
        upper = bounds["max"]
        if not lower <= start <= (math.inf if upper is None else upper):
            raise Unsupported(f"{name} starts at {start}, outside its bounds")
        found.append(Variable(name, lower, upper, start))
    if not found:
        raise Unsupported("no variable of whole numbers")
    return tuple(found), dropped


# ---------------------------------------------------------------------------------------------------------- actions
class _Reading:
    def __init__(
        self, case: Case, meaning: Callable[[str], Expression], variables: set[str], dropped: Mapping[str, str]
    ) -> None:
        self.case, self.meaning, self.variables, self.dropped = case, meaning, variables, dropped

    def imported(self, variables: tuple[Variable, ...]) -> Imported:
        items = self.case.items("transitions")
        written = [str(item.get("name") or f"transition {i + 1}") for i, item in enumerate(items)]
        names = _distinct(written)
        by_name = _grouped(written, names)
        by_label = _grouped([str(item.get("action") or "") for item in items], names)
        by_label.pop("", None)
        actions = [
            self.transition(item, name, rank, by_name)
            for item, name, rank in zip(items, names, self.ranks(items), strict=True)
        ]
        taken = set(names)
        for kind in ("scheduled", "immediate"):
            extra = self.case.items(kind)
            for i, (item, rank) in enumerate(zip(extra, self.ranks(extra), strict=True)):
                name = str(item.get("name") or f"{kind} {i + 1}")
                while name in taken:
                    name += "'"
                taken.add(name)
                actions.append(self.other(kind, item, name, rank, by_name))
        shown = dict(zip(names, written, strict=True))
        # An action label wins over a transition that happens to have the same name.
        return Imported(self.case, variables, tuple(actions), {**by_name, **by_label}, shown, self.meaning)

    def ranks(self, items: Sequence[Mapping[str, Any]]) -> list[int]:
        """Priorities as whole numbers in the same order."""
        written = [constant(item.get("priority") or 0, self.meaning, "priority") for item in items]
        order = sorted(set(written))
        return [order.index(value) for value in written]

    def guard(self, item: Mapping[str, Any]) -> Expression:
        return Number(1.0) if item.get("guard") is None else translate(item["guard"], self.meaning, truth=True)

    def transition(
        self, item: Mapping[str, Any], name: str, rank: int, by_name: Mapping[str, tuple[str, ...]]
    ) -> Action:
        try:
            clock = self.clock(item.get("clock"))
            return Action(name, name, clock, self.branches(item, by_name), self.guard(item), rank)
        except Unsupported as error:
            raise Unsupported(f"transition {name!r}: {error}") from None

    def other(
        self, kind: str, item: Mapping[str, Any], name: str, rank: int, by_name: Mapping[str, tuple[str, ...]]
    ) -> Action:
        """A scheduled or immediate action; of several at once the first in the file comes first."""
        try:
            clock = self.date(item) if kind == "scheduled" else Immediate()
            return Action(name, name, clock, self.branches(item, by_name), self.guard(item), rank)
        except Unsupported as error:
            raise Unsupported(f"{name}: {error}") from None

    def date(self, item: Mapping[str, Any]) -> Calendar:
        time = constant(item.get("time"), self.meaning, "time")
        if time < 0:
            raise Unsupported(f"time {time:g} lies before the start")
        return Calendar(time)

    def clock(self, written: object) -> Clock:
        if not isinstance(written, dict):
            raise Unsupported("it has no clock")
        kind = written.get("kind")
        if kind in ("exponential", "hazard"):
            return Rate(translate(written.get("rate"), self.meaning))
        if kind != "dist":
            raise Unsupported(f"clock of kind {kind!r}")
        asked = written.get("memory") or self.case.data.get("memory")
        if written.get("memory") and asked not in _MEMORIES:
            raise Unsupported(f"memory {asked!r}; known are {', '.join(_MEMORIES)}")
        memory: Memory = next((known for known in _MEMORIES if known == asked), "enabling")
        return Delay(self.law(written), memory=memory)

    def law(self, written: Mapping[str, Any]) -> Law:
        family, params = str(written.get("dist")), written.get("params")
        if not isinstance(params, dict):
            raise Unsupported("the distribution has no params")

        def number(*names: str) -> float:
            for name in names:
                if params.get(name) is not None:
                    return constant(params[name], self.meaning, name)
            raise Unsupported(f"the {family} distribution has no {names[0]!r}")

        try:
            if family in ("deterministic", "constant", "fixed"):
                return Law("fixed", (number("value"),))
            if family == "uniform":
                return Law("uniform", (number("low"), number("high")))
            if family in ("gamma", "weibull"):
                return Law(family, (number("shape"), number("scale")))
            if family == "lognormal":
                return Law("lognormal", (math.exp(number("mu")), number("sigma")))
            if family == "exponential":
                mean = 1.0 / number("rate") if params.get("rate") is not None else number("mean", "scale")
                return Law("exponential", (mean,))
            if family in ("hyperexp", "hyperexponential"):
                return self.hyperexponential(params)
        except (LawError, OverflowError, ZeroDivisionError) as error:
            raise Unsupported(str(error)) from None
        raise Unsupported(f"distribution {family!r}")

    def hyperexponential(self, params: Mapping[str, Any]) -> Law:
        rates, p = params.get("rates"), params.get("p")
        if not isinstance(rates, list) or not rates:
            raise Unsupported("the hyperexp distribution has no list of rates")
        speeds = [constant(r, self.meaning, "rate") for r in rates]
        weights = [constant(w, self.meaning, "p") for w in (p if isinstance(p, list) else [p])]
        if len(weights) == len(speeds) - 1:
            weights.append(1.0 - sum(weights))
        if len(weights) != len(speeds):
            raise Unsupported(f"{len(weights)} weights for {len(speeds)} rates")
        return Law("hyperexponential", tuple(x for pair in zip(weights, speeds, strict=True) for x in pair))

    def branches(self, item: Mapping[str, Any], by_name: Mapping[str, tuple[str, ...]]) -> tuple[Branch, ...]:
        common = item.get("update") or {}
        restarts = self.restarts(item, by_name)
        if item.get("outcomes") is None:
            return (Branch(self.effects(common), restarts=restarts),)
        outcomes = item["outcomes"]
        if not isinstance(outcomes, list) or not outcomes or not all(isinstance(o, dict) for o in outcomes):
            raise Unsupported("outcomes are no list of objects")
        weights = [translate(o.get("p"), self.meaning) for o in outcomes]
        known = [w.value for w in weights if isinstance(w, Number)]
        if len(known) == len(weights) and abs(sum(known) - 1.0) > _ROUNDED:
            raise Unsupported(f"the chances of the outcomes add up to {sum(known):g}")
        return tuple(
            Branch(
                self.effects({**common, **(o.get("update") or {})}),
                weight=weight,
                restarts=tuple(dict.fromkeys((*restarts, *self.restarts(o, by_name)))),
            )
            for o, weight in zip(outcomes, weights, strict=True)
        )

    def restarts(self, item: Mapping[str, Any], by_name: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        written = item.get("restart") or []
        names = [written] if isinstance(written, str) else written
        if not isinstance(names, list):
            raise Unsupported("restart is no list of names")
        for name in names:
            if name not in by_name:
                raise Unsupported(f"restart of {name!r}, which is no transition")
        return tuple(dict.fromkeys(own for name in names for own in by_name[name]))

    def effects(self, update: object) -> tuple[Effect, ...]:
        if not isinstance(update, dict):
            raise Unsupported("the update is no object")
        effects = []
        for name, text in update.items():
            if name in self.dropped:
                continue  # read by nothing that is left
            if name not in self.variables:
                raise unknown(name, dict.fromkeys(self.variables))
            effect = _effect(name, translate(text, self.meaning))
            if effect is not None:
                effects.append(effect)
        return tuple(effects)


def _effect(name: str, tree: Expression) -> Effect | None:
    """An addition where the update is one, so that it is proven and applied as such; nothing for ``x = x``."""
    if tree == Name(name):
        return None
    if isinstance(tree, Call) and tree.operation in ("add", "sub"):
        left, right = tree.arguments
        if left == Name(name) and name not in names_of(right):
            if tree.operation == "add":
                return Effect(name, "add", right)
            if isinstance(right, Number):
                return Effect(name, "add", Number(-right.value))
        if right == Name(name) and isinstance(left, Number) and tree.operation == "add":
            return Effect(name, "add", left)
    return Effect(name, "set", tree)


def _grouped(keys: Sequence[str], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Names by key, in order."""
    found: dict[str, tuple[str, ...]] = {}
    for key, name in zip(keys, names, strict=True):
        found[key] = (*found.get(key, ()), name)
    return found


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, later ones with a number where they repeat."""
    result: list[str] = []
    taken = set(names)
    seen: set[str] = set()
    for name in names:
        own, number = name, 2
        while own in seen or (own != name and own in taken):
            own, number = f"{name} #{number}", number + 1
        seen.add(own)
        result.append(own)
    return result
