"""From an oracle case to a model: variables, actions and the meaning of names.

Each transition is an actor of its own. Then an event re-times only the clocks that read what it changed, and a delay
keeps its due time to the bit while its guard holds, so exact ties between delays stay exact.

Continuous variables become tensions, hazards that read them or the time t are thinned. Where interval arithmetic finds
a bound for such a rate it is used, as it holds for ever; else the file's. A guard that reads what changes between
events becomes part of a rate, which is 0 while the guard does not hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sim.model.compiled import compile_model
from sim.model.expressions import TRUE, ZERO, Call, Expression, Name, Number
from sim.model.laws import Law, LawError
from sim.model.proofs import ModelError
from sim.model.spec import (
    TIME,
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
    Tension,
    Variable,
)
from sim.studies.oracles.cases import Case
from sim.studies.oracles.expressions import Unsupported, constant, names_of, translate, unknown
from sim.studies.oracles.moving import Follower, at_start, comes_between, parts_of, surely_whole

#: A variable without a minimum may fall to this.
LOWEST: Final = -(2**62)
#: Chances written with few digits may miss 1 by so much; they are weights to the engines.
_ROUNDED: Final = 1e-5
_OPEN: Final = (None, math.inf, -math.inf)
#: Names that stand for the time since the start unless a case declares them.
_TIMES: Final = ("t", "time")
_MEMORIES: Final[tuple[Memory, ...]] = ("enabling", "age", "identical")


@dataclass(frozen=True, eq=False)
class Imported:
    """A case as parts of a model.

    ``variables``, ``tensions`` and ``actions`` make the Spec; ``labels`` gives the names of the actions behind each
    action label (and each transition name); ``transitions`` are the names of the clocks, as an event log shows them;
    ``meaning`` turns a name into a tree. ``limited`` are the actions whose bound comes from the file while their rate
    reads the time: it need not hold for longer than the file's questions.
    """

    case: Case
    variables: tuple[Variable, ...]
    tensions: tuple[Tension, ...]
    actions: tuple[Action, ...]
    limited: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    transitions: Mapping[str, str]
    meaning: Callable[[str], Expression]

    def tree(self, text: object, *, truth: bool = False) -> Expression:
        """Tree of an expression over the case's names and the time. Raises Unsupported."""
        return translate(text, self.meaning, truth=truth)

    @property
    def names(self) -> set[str]:
        """Names of the state, continuous variables included."""
        return {v.name for v in self.variables} | set(self.moving)

    @property
    def moving(self) -> dict[str, Tension]:
        """What changes between events, by name; the time is not among them."""
        return {tension.name: tension for tension in self.tensions}

    def moves(self, tree: Expression) -> bool:
        """Whether a tree reads what changes between events."""
        return bool(names_of(tree) & {*self.moving, TIME.name})

    def start(self, tree: Expression) -> float:
        """The value of a tree at the start. Raises Unsupported where it has none."""
        return at_start(tree, self.variables, self.tensions)

    def spec(
        self,
        *,
        counts: Mapping[str, str] | None = None,
        followers: Sequence[Follower] = (),
        milestones: Sequence[Condition] = (),
        terminal: Sequence[Expression] = (),
    ) -> Spec:
        """The case's model. ``counts``: action -> name of a variable that counts its firings."""
        counts = counts or {}
        extra = [Variable(name) for name in dict.fromkeys(counts.values())]
        extra += [each.variable for each in followers if each.variable is not None]
        actions = self.actions
        for each in followers:
            actions = tuple(each.followed(action) for action in actions)
        return Spec(
            name=self.case.id,
            variables=(*self.variables, *extra),
            actions=tuple(_counted(a, counts[a.name]) if a.name in counts else a for a in actions),
            milestones=tuple(milestones),
            terminal=tuple(terminal),
            tensions=(*self.tensions, *(each.tension for each in followers if each.tension is not None)),
        )


def _counted(action: Action, counter: str) -> Action:
    effect = Effect(counter, "add", Number(1.0))
    return replace(action, branches=tuple(replace(b, effects=(*b.effects, effect)) for b in action.branches))


def import_case(case: Case) -> Imported:
    """The parts of a case's model. Raises Unsupported with the reason."""
    variables, tensions = _state(case)
    moving = {t.name for t in tensions}
    names = {v.name for v in variables} | moving
    return _bounded(_followed(_Reading(case, _Meanings(case, names), names, moving).imported(variables, tensions)))


def _followed(imported: Imported) -> Imported:
    """Guards of what has no rate look at what changes between events after each event, where that is enough."""
    taken, followers, guards = imported.names, list[Follower](), dict[str, Name]()
    for action in imported.actions:
        guard = action.guard
        if not imported.moves(guard):
            continue
        # An immediate action happens as soon as its guard holds, so there is no moment at which it ceases to.
        ways = (True,) if isinstance(action.clock, Immediate) else (True, False)
        if any(comes_between(guard, imported.moving, to=way) for way in ways):
            raise Unsupported(f"{action.name}: its guard may change between events, and it has no rate")
        name = _unused(f"guard of {action.name}", taken)
        taken.add(name)
        followers.append(Follower(name, guard, "holds", float(imported.start(guard) != 0.0)))
        guards[action.name] = Name(name)
    actions = tuple(replace(a, guard=guards.get(a.name, a.guard)) for a in imported.actions)
    for each in followers:
        actions = tuple(each.followed(action) for action in actions)
    flags = tuple(each.variable for each in followers if each.variable is not None)
    return replace(imported, variables=(*imported.variables, *flags), actions=actions)


def _bounded(imported: Imported) -> Imported:
    """The file's bounds only where interval arithmetic finds none."""
    given = {a.name: a.clock.bound for a in imported.actions if isinstance(a.clock, Rate) and a.clock.bound is not None}
    needed = {name for name in given if not _finds_bound(imported, name)}
    actions, limited = [], []
    for action in imported.actions:
        clock = action.clock
        if isinstance(clock, Rate) and clock.bound is not None:
            if action.name not in needed:
                action = replace(action, clock=replace(clock, bound=None))  # noqa: PLW2901
            elif TIME.name in names_of(clock.base):
                limited.append(action.name)
        actions.append(action)
    return replace(imported, actions=tuple(actions), limited=tuple(limited))


def _finds_bound(imported: Imported, name: str) -> bool:
    """Whether the model needs no bound for one action; the other clocks do not matter, their effects do."""
    actions = tuple(
        replace(a, clock=replace(a.clock, bound=None) if a.name == name and isinstance(a.clock, Rate) else Rate(TRUE))
        for a in imported.actions
    )
    try:
        compile_model(replace(imported.spec(), actions=actions), tables=False, strict=False)
    except ModelError:
        return False
    return True


# ---------------------------------------------------------------------------------------------------------- names
class _Meanings:
    """What a name stands for: state, a number, or the tree of an observable (looked up once, cycles refused)."""

    def __init__(self, case: Case, state: set[str]) -> None:
        self.state = state
        self.texts = {**case.mapping("constants"), **case.mapping("observables")}
        self.constants = set(case.mapping("constants"))
        self.known: dict[str, Expression] = {}
        self.open: list[str] = []
        twice = (self.constants & set(case.mapping("observables"))) | (set(self.texts) & state)
        if twice:
            raise Unsupported(f"the name {sorted(twice)[0]!r} is declared twice")

    def __call__(self, name: str) -> Expression:
        if name in self.state:
            return Name(name)
        if name not in self.texts:
            if name in _TIMES:
                return TIME
            raise unknown(name, {**self.texts, **dict.fromkeys(self.state)})
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


def _state(case: Case) -> tuple[tuple[Variable, ...], tuple[Tension, ...]]:
    """Variables of whole numbers, and tensions."""
    numbers = _Meanings(case, set())
    flows = case.mapping("continuous")
    written = {**case.mapping("variables")}
    twice = sorted(written.keys() & flows.keys())
    if twice:
        raise Unsupported(f"the name {twice[0]!r} is declared twice")
    tensions: dict[str, Tension] = {}
    for name, item in flows.items():
        if not isinstance(item, dict):
            raise Unsupported(f"continuous variable {name!r} is no object")
        decay, start, level = (
            Number(constant(item.get(key, 0), numbers, f"{key} of {name}")) for key in ("decay", "init", "baseline")
        )
        tensions[name] = Tension(name, decay, start, level)
    for name in _still(case, tensions):
        del tensions[name]
        written[name] = flows[name]
    found: list[Variable] = []
    for name, item in written.items():
        spelled = item if isinstance(item, dict) else {"init": item}
        bounds = {
            key: None if spelled.get(key) in _OPEN else _whole(spelled[key], f"{key} of {name}", numbers)
            for key in ("min", "max")
        }
        start_at = _whole(spelled.get("init", 0), f"init of {name}", numbers)
        lower = LOWEST if bounds["min"] is None else bounds["min"]
        upper = bounds["max"]
        if not lower <= start_at <= (math.inf if upper is None else upper):
            raise Unsupported(f"{name} starts at {start_at}, outside its bounds")
        found.append(Variable(name, lower, upper, start_at))
    if not found:
        # A model needs a variable; nothing changes or reads this one.
        found.append(Variable(_unused("nothing", {*tensions, *numbers.texts}), 0, 0))
    return tuple(found), tuple(tensions.values())


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    return name


def _still(case: Case, tensions: Mapping[str, Tension]) -> list[str]:
    """Continuous variables that do not decay and stay whole numbers: variables like any other."""
    whole = {
        name
        for name, tension in tensions.items()
        if tension.decay == ZERO and isinstance(tension.start, Number) and tension.start.value.is_integer()
    }
    meaning = _Meanings(case, {*case.mapping("variables"), *tensions})
    items = [item for kind in ("transitions", "scheduled", "immediate") for item in case.items(kind)]
    parts = [part for item in items for part in (item, *(item.get("outcomes") or ())) if isinstance(part, dict)]
    updates = [part["update"] for part in parts if isinstance(part.get("update"), dict)]
    while True:
        known = {*case.mapping("variables"), *whole}
        broken = {
            name for update in updates for name in whole & update.keys() if not _stays(update[name], meaning, known)
        }
        if not broken:
            return [name for name in tensions if name in whole]
        whole -= broken


def _stays(text: object, meaning: Callable[[str], Expression], whole: set[str]) -> bool:
    try:
        return surely_whole(translate(text, meaning), whole)
    except Unsupported:
        return True  # said where the update itself is read


# ---------------------------------------------------------------------------------------------------------- actions
class _Reading:
    def __init__(self, case: Case, meaning: Callable[[str], Expression], names: set[str], moving: set[str]) -> None:
        self.case, self.meaning, self.names, self.moving = case, meaning, names, moving

    def imported(self, variables: tuple[Variable, ...], tensions: tuple[Tension, ...]) -> Imported:
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
        by_label = {**by_name, **by_label}
        return Imported(self.case, variables, tensions, tuple(actions), (), by_label, shown, self.meaning)

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
            clock, guard = self.clock(item.get("clock")), self.guard(item)
            clock, guard = self.apart(clock, guard)
            return Action(name, name, clock, self.branches(item, by_name), guard, rank)
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

    def apart(self, clock: Clock, guard: Expression) -> tuple[Clock, Expression]:
        """Clock and guard, with what changes between events moved from the guard into the rate if there is one."""
        parts = parts_of(guard)
        moving = [part for part in parts if self.moves(part)]
        if not moving or not isinstance(clock, Rate):
            return clock, guard
        test, kept = _all(moving), _all([part for part in parts if part not in moving])
        # A bound stays as it is: the guard may begin to hold before the next event.
        return replace(clock, base=Call("where", (test, clock.base, ZERO))), kept

    def moves(self, tree: Expression) -> bool:
        """Whether a tree reads what changes between events."""
        return bool(names_of(tree) & {*self.moving, TIME.name})

    def timeless(self, text: object, what: str) -> Expression:
        """A tree that may read anything but the time."""
        tree = translate(text, self.meaning)
        if TIME.name in names_of(tree):
            raise Unsupported(f"{what} reads the time t; rates, their guards and queries may")
        return tree

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
            rate = translate(written.get("rate"), self.meaning)
            bound = None if written.get("bound") is None else translate(written["bound"], self.meaning)
            return Rate(rate, bound=bound)
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
        weights = [self.timeless(o.get("p"), "the chance of an outcome") for o in outcomes]
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
            if name not in self.names:
                raise unknown(name, dict.fromkeys(self.names))
            effect = _effect(name, self.timeless(text, f"the update of {name}"))
            if effect is not None:
                effects.append(effect)
        return tuple(effects)


def _all(conditions: Sequence[Expression]) -> Expression:
    """All of some conditions; TRUE for none."""
    whole: Expression = conditions[0] if conditions else TRUE
    for condition in conditions[1:]:
        whole = Call("and", (whole, condition))
    return whole


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
