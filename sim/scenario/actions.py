"""The actions of a scenario file: guard, clock, branches and effects."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from sim.model.expressions import TRUE, Call, Expression, Name, Number
from sim.model.spec import Action, Branch, Calendar, Clock, Delay, Effect, EffectKind, Immediate, Rate, Trend, Variable
from sim.scenario import quantities, schema
from sim.scenario.laws import delay_law
from sim.scenario.notation import FLAG, LN2, Notation, literals
from sim.scenario.problems import KeyPath

_CLOCKS = ("rate", "after", "on", "when")
_BOUNDLESS = "{!r} is a tension and has no bounds to stay within; leave out `capped`"
_Effects = Mapping[str, schema.Effect]


@dataclass
class Acts:
    """Reads actions. ``known`` are the names of all actions, ``present`` of those there are on this date."""

    notation: Notation
    as_of: datetime.date
    last_report: datetime.date
    known: tuple[str, ...]
    present: tuple[str, ...]

    def action(self, name: str, given: schema.Action) -> Action:
        """The action of the model; faults are reported and replaced by something harmless."""
        path: KeyPath = ("actions", name)
        guard = TRUE if given.while_ is None else self.notation.condition((*path, "while"), given.while_)
        if given.when is not None:
            when = self.notation.condition((*path, "when"), given.when)
            guard = when if given.while_ is None else Call("and", (guard, when))
        return Action(name, name.partition(".")[0], self.clock(path, given), self.branches(path, given), guard)

    # ------------------------------------------------------------------------------------------------------ clocks
    def clock(self, path: KeyPath, given: schema.Action) -> Clock:
        """The clock of an action, with its factors."""
        faults, notation = self.notation.faults, self.notation
        clocks = [key for key in _CLOCKS if getattr(given, key) is not None]
        if len(clocks) != 1:
            what = f"{' and '.join(clocks)} are given" if clocks else "none is given"
            faults.add(path, f"one clock is wanted ({', '.join(_CLOCKS)}), and {what}")
            return Immediate()
        goes_with = {"plus": ("rate",), "times": ("rate", "after"), "memory": ("after",), "since": ("after",)}
        goes_with["trend"] = ("rate",)
        for key, wanted in goes_with.items():
            if getattr(given, key) and clocks[0] not in wanted:
                faults.add((*path, key), f"`{key}` goes with {' or '.join(wanted)}, not with {clocks[0]}")
        factors = notation.factors((*path, "times"), given.times, "inputs" if given.rate is None else "rates")
        if given.rate is not None:
            base = notation.number((*path, "rate"), given.rate, "rates", kind="per day")
            terms = tuple(
                notation.number((*path, "plus", i), term, "rates", kind="per day") for i, term in enumerate(given.plus)
            )
            trend = None if given.trend is None else self.trend((*path, "trend"), given.trend)
            return Rate(base, terms, factors, trend)
        if given.on is not None:
            notation.literals.append(((*path, "on"), "date"))
            return Calendar(max(quantities.happens_on(given.on, self.as_of), 0.0))
        if given.after is None:
            return Immediate()
        found = delay_law(notation, (*path, "after"), given.after)
        if found is None:
            return Immediate()
        age = 0.0 if given.since is None else self.age((*path, "since"), given.since, "a clock that runs began before")
        scale = Number(1.0) if found.scale is None else found.scale
        return Delay(found.law, scale, factors, given.memory or "enabling", age)

    def age(self, path: KeyPath, since: datetime.date, remedy: str) -> float:
        """Days from the start of a date to the start of the run."""
        if since > max(self.last_report, self.as_of):
            self.notation.faults.add(path, f"lies after the last report ({self.last_report}); {remedy}")
        # What started after as_of was not known then: as if it had not started.
        return max(float((self.as_of - since).days) + 1.0, 0.0)

    def trend(self, path: KeyPath, given: schema.Trend) -> Trend | None:
        """How a rate changes with time; None after a fault."""
        notation = self.notation
        notation.literals.append((path, "fixed"))
        at = notation.attempt((*path, "at"), lambda: quantities.duration(given.at))
        sound = [given.shape > 0, at is None or at > 0]
        for key, good in zip(("shape", "at"), sound, strict=True):
            if not good:
                why = "must be positive: below 1 the rate falls with time, above 1 it rises"
                notation.faults.add((*path, key), why if key == "shape" else "a length of time above 0 is wanted")
        if at is None or not all(sound):
            return None
        since = given.since
        age = 0.0 if isinstance(since, str) else self.age((*path, "since"), since, "a trend counts from a day before")
        return Trend(given.shape, at, since == "enabling", age)

    # ---------------------------------------------------------------------------------------------------- branches
    def branches(self, path: KeyPath, given: schema.Action) -> tuple[Branch, ...]:
        """The branches of an action; one of them for a plain `then`."""
        if not given.either:
            if given.always:
                self.notation.faults.add(
                    (*path, "always"), "`always` goes with `either`; without branches write `then`"
                )
            if not given.then and not given.restart:
                self.notation.faults.add(path, "nothing follows from this action; give `then` or `either`")
            effects = self.effects((*path, "then"), given.then)
            return (Branch(effects, restarts=self.restarts(path, given.restart)),)
        if given.then:
            self.notation.faults.add(
                (*path, "then"), "`then` or `either`, not both; effects of every branch go under `always`"
            )
        shared = self.effects((*path, "always"), given.always)
        restarts = self.restarts(path, given.restart)
        return tuple(
            self.branch((*path, "either", i), branch, shared, restarts, alone=len(given.either) == 1)
            for i, branch in enumerate(given.either)
        )

    def branch(
        self, path: KeyPath, given: schema.Branch, shared: tuple[Effect, ...], restarts: tuple[str, ...], *, alone: bool
    ) -> Branch:
        """One branch, with the effects and restarts that all share."""
        notation = self.notation
        if given.weight is None and not alone:
            notation.faults.add(path, "a branch needs its weight")
        own = self.effects((*path, "then"), given.then)
        for effect in shared:
            if effect.variable in given.then:
                notation.faults.add((*path, "then", effect.variable), "stands under `always` too; write it once")
        return Branch(
            effects=(*shared, *own),
            weight=Number(1.0) if given.weight is None else notation.number((*path, "weight"), given.weight, "rates"),
            condition=TRUE if given.if_ is None else notation.condition((*path, "if"), given.if_),
            factors=notation.factors((*path, "times"), given.times, "rates"),
            restarts=(*restarts, *self.restarts(path, given.restart)),
            label=given.says or "",
        )

    def restarts(self, path: KeyPath, names: tuple[str, ...]) -> tuple[str, ...]:
        """Actions whose clocks start afresh; those not there on this date have none."""
        for i, name in enumerate(names):
            if name not in self.known:
                self.notation.faults.add((*path, "restart", i), "no such action", known=self.known)
        return tuple(name for name in names if name in self.present)

    # ----------------------------------------------------------------------------------------------------- effects
    def effects(self, path: KeyPath, given: _Effects) -> tuple[Effect, ...]:
        """The effects of a branch, in the order of the file."""
        made = (self.effect((*path, name), name, effect) for name, effect in given.items())
        return tuple(effect for effect in made if effect is not None)

    def effect(self, path: KeyPath, name: str, given: schema.Effect) -> Effect | None:
        """One effect; None after a fault."""
        faults, variables = self.notation.faults, self.notation.names.variables
        tension = name in self.notation.names.tensions
        if name not in variables and not tension:
            faults.add(path, "no such variable of the state", name, known=[*variables, *self.notation.names.tensions])
            return None
        variable = None if tension else variables[name]
        forms: list[EffectKind] = ["set", "add", "at_least", "at_most"]
        chosen = [(form, getattr(given, form)) for form in forms if getattr(given, form) is not None]
        if given.short is not None and variable is None:
            return self.short_push(path, name, given.short)
        if given.short is not None and variable is not None:
            return self.short(path, variable, given.short)
        if len(chosen) != 1:
            faults.add(path, "one effect is wanted: set, add, at_least or at_most")
            return None
        ((kind, value),) = chosen
        if variable is None:
            if given.capped:
                faults.add((*path, "capped"), _BOUNDLESS.format(name))
            return self.push((*path, kind), name, value, kind)
        tree = self.value((*path, kind), variable, value, kind)
        return None if tree is None else Effect(name, kind, tree, given.capped)

    def short(self, path: KeyPath, variable: Variable, value: object) -> Effect | None:
        """``+1``, ``-2``, ``+name``, ``+1 capped`` add; a level, yes/no or a number sets."""
        value = FLAG[value] if isinstance(value, bool) else value
        if isinstance(value, str) and value.lstrip().startswith(("+", "-")):
            text, capped = value.strip().removesuffix("capped").strip(), value.strip().endswith(" capped")
            tree = self.value(path, variable, text, "add")
            return None if tree is None else Effect(variable.name, "add", tree, capped)
        if isinstance(value, int | float) and value < 0:
            tree = self.value(path, variable, value, "add")
            return None if tree is None else Effect(variable.name, "add", tree)
        if isinstance(value, str) and value not in variable.levels:
            words = f"one of its levels ({', '.join(variable.levels)})" if variable.levels else "a whole number"
            why = f"{variable.name!r} takes {words}, or +n, or {{set: expression}}"
            self.notation.faults.add(path, why, value, known=variable.levels)
            return None
        tree = self.value(path, variable, value, "set")
        return None if tree is None else Effect(variable.name, "set", tree)

    def short_push(self, path: KeyPath, name: str, value: object) -> Effect | None:
        """``+1``, ``-2``, ``+name`` push a tension; a number sets it."""
        if isinstance(value, str) and value.strip().endswith(" capped"):
            self.notation.faults.add(path, _BOUNDLESS.format(name), value)
            return None
        adds = value < 0 if isinstance(value, int | float) else str(value).lstrip().startswith(("+", "-"))
        if not adds and (isinstance(value, bool) or not isinstance(value, int | float)):
            why = f"{name!r} is a tension; it takes +n, a number, or {{set: expression}}"
            self.notation.faults.add(path, why, value)
            return None
        return self.push(path, name, value, "add" if adds else "set")

    def push(self, path: KeyPath, name: str, value: object, kind: EffectKind) -> Effect | None:
        """An effect on a tension: any real number. How large it is wants a basis, but for 0 and 1, its measure."""
        if isinstance(value, bool) or value in FLAG:
            self.notation.faults.add(path, f"{name!r} is a tension: a number is wanted, not yes or no", value)
            return None
        tree = self.notation.tree(path, value, "all")
        if tree is not None and any(abs(number) not in (0.0, 1.0) for number in literals(tree)):
            self.notation.literals.append((path, "fixed"))
        return None if tree is None else Effect(name, kind, tree)

    def value(self, path: KeyPath, variable: Variable, value: object, kind: EffectKind) -> Expression | None:
        """Tree of the number in an effect; level words count where the variable has levels."""
        levels = variable.levels
        if kind != "add":
            value = FLAG[value] if isinstance(value, bool) else value
            if value in levels:
                return Number(float(levels.index(str(value))))
            if levels and isinstance(value, int | float):
                why = f"{variable.name!r} is told by its levels: {', '.join(levels)}"
                self.notation.faults.add(path, why, value)
                return None
        tree = self.notation.tree(path, value, "all")
        if isinstance(tree, Number) and tree.value != int(tree.value):
            self.notation.faults.add(path, f"{variable.name!r} counts in whole numbers", value)
            return None
        return tree


def fading(notation: Notation, path: KeyPath, variable: Variable, fades: schema.Fades) -> Action | None:
    """The action by which each unit of a count is forgotten after an exponential time."""
    if variable.lower != 0 or variable.levels:
        notation.faults.add(path, "what fades is a count with the minimum 0")
        return None
    half_life = notation.number((*path, "half_life"), fades.half_life, "inputs", kind="days")
    if isinstance(half_life, Number):
        if not half_life.value > 0:
            notation.faults.add((*path, "half_life"), "a half-life must be positive")
            return None
        per_unit: Expression = Number(LN2 / half_life.value)
    else:
        per_unit = Call("div", (Number(LN2), half_life))
    count = Name(variable.name)
    return Action(
        name=f"fading.{variable.name}",
        # An actor of its own: what it forgets re-times nobody who does not read the count.
        actor=f"fading_{variable.name}",
        clock=Rate(Call("mul", (per_unit, count))),
        branches=(Branch((Effect(variable.name, "add", Number(-1.0)),)),),
        guard=Call("gt", (count, Number(0.0))),
    )
