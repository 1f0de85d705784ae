"""A scenario between two dates: some of what changed as it was, the rest as it is, item by item.

The pieces of the two models are exchanged, not the files they come from: start values, laws and actions. All that
depends on the date alone (how far off a calendar event is, how long a clock has been running) goes with the start
date of the simulation, which is an item of its own: *passage of time*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.model import expressions
from sim.model.expressions import Expression
from sim.model.laws import Law
from sim.model.spec import Action, Calendar, Delay, Quantity, Rate, Spec
from sim.statistics.shown import words

if TYPE_CHECKING:
    from sim.scenario.scenario import QuantityInfo, Scenario

#: The player that is the start date.
TIME: Final = "passage_of_time"
HALF: Final = np.array([0.5])


@dataclass(frozen=True)
class Item:
    """Something that differs between two dates: its path in the scenario, its value on each, and both in a phrase."""

    path: str
    was: str
    now: str
    says: str

    @property
    def section(self) -> str:
        """Section of the scenario: state, inputs, amounts or actions."""
        return self.path.split(".", 1)[0]


@dataclass(frozen=True, eq=False)
class Pair:
    """A scenario as of two dates; ``order`` are the names of all its actions as the file declares them."""

    old: Scenario
    new: Scenario

    @property
    def shift(self) -> int:
        """Days from the earlier date to the later."""
        return (self.new.as_of - self.old.as_of).days

    @property
    def order(self) -> list[str]:
        """Names of all actions, in the order of the file; those made for counts that fade come last."""
        declared = [str(name) for name in self.new.data["actions"]]
        made = [action.name for action in self.new.spec.actions if action.name not in declared]
        return [*declared, *made]


def items(pair: Pair) -> list[Item]:
    """What changed: start values, laws in force, and actions that came into being, in the order of the file.

    An input that has no value yet on the earlier date is no item: what reads it came into being later, too.
    """
    old, new = pair.old.spec, pair.new.spec
    found = []
    earlier = {variable.name: variable for variable in old.variables}
    for variable in new.variables:
        if variable.start != earlier[variable.name].start:
            was = _start(pair.old, variable.name, earlier[variable.name].start)
            now = _start(pair.new, variable.name, variable.start)
            found.append(Item(f"state.{variable.name}", was, now, f"{words(variable.name)}: {was} → {now}"))
    before_start = {tension.name: tension.start for tension in old.tensions}
    for tension in new.tensions:
        if tension.start != before_start[tension.name]:
            was, now = (_felt(tree) for tree in (before_start[tension.name], tension.start))
            found.append(Item(f"state.{tension.name}", was, now, f"{words(tension.name)}: {was} → {now}"))
    for section in ("inputs", "amounts"):
        before = {info.name: info for info in getattr(pair.old, section)}
        changed = [q for q in getattr(pair.new, section) if q.name in before and before[q.name].law != q.law]
        found += [_law_item(f"{section}.{q.name}", before[q.name], q) for q in changed]
    known = {action.name for action in old.actions}
    there = {action.name for action in new.actions}
    for name in pair.order:
        if name in there - known:
            says = pair.new.actions[name].says if name in pair.new.actions else words(name)
            found.append(Item(f"actions.{name}", "cannot happen yet", "can happen", f"can happen now: {says}"))
    return found


def _law_item(path: str, old: QuantityInfo, new: QuantityInfo) -> Item:
    """A law that changed; by its median in the phrase, unless that is the same."""
    (was, now), (before, after) = (
        (old.spread, new.spread),
        (f"{float(one.law.quantile(HALF)[0]):.3g}" for one in (old, new)),
    )
    unit = {"number": "", "days": " d", "per day": " per d"}[new.kind]
    change = f"{was} → {now}" if before == after else f"{before} → {after}{unit}"
    return Item(path, was, now, f"{words(new.name)}: {change}")


def mixed(pair: Pair, new: Iterable[str], *, later: bool) -> Spec:
    """The model with the items ``new`` (by path) of the later date and all others of the earlier one.

    ``later`` tells from which of the two dates it is simulated.
    """
    chosen = set(new)
    base, old, latest = pair.new.spec if later else pair.old.spec, pair.old.spec, pair.new.spec
    starts = {v.name: v.start for v in old.variables}
    starts |= {v.name: v.start for v in latest.variables if f"state.{v.name}" in chosen}
    variables = tuple(replace(variable, start=starts[variable.name]) for variable in latest.variables)
    felt = {t.name: t.start for t in old.tensions}
    felt |= {t.name: t.start for t in latest.tensions if f"state.{t.name}" in chosen}
    quantities = {}
    for section in ("inputs", "amounts"):
        laws = {info.name: info.law for info in getattr(pair.old, section)}
        quantities[section] = {
            info.name: info.law if f"{section}.{info.name}" in chosen else laws.get(info.name, info.law)
            for info in getattr(pair.new, section)
        }
    # Fixed numbers are constants of a model and not inputs; which they are may have changed.
    fixed = {name: law.parameters[0] for name, law in quantities["inputs"].items() if law.family == "fixed"}
    drawn = tuple(Quantity(name, law) for name, law in quantities["inputs"].items() if name not in fixed)
    return replace(
        base,
        variables=variables,
        actions=_actions(pair, chosen, later=later),
        inputs=drawn,
        amounts=tuple(Quantity(name, law) for name, law in quantities["amounts"].items()),
        constants=tuple(fixed.items()),
        tensions=tuple(replace(tension, start=felt[tension.name]) for tension in latest.tensions),
    )


def _actions(pair: Pair, chosen: set[str], *, later: bool) -> tuple[Action, ...]:
    old = {action.name: action for action in pair.old.spec.actions}
    new = {action.name: action for action in pair.new.spec.actions}
    found: dict[str, Action] = {}
    for name in pair.order:
        if name in old and name in new:
            found[name] = replace(new[name], clock=(new if later else old)[name].clock)
        elif name in new and f"actions.{name}" in chosen:
            found[name] = new[name] if later else earlier(new[name], pair.shift)
        elif name in old and name not in new and not later:  # its date lies between the two
            found[name] = old[name]
    return tuple(_without(action, found) for action in found.values())


def earlier(action: Action, days: int) -> Action:
    """An action as it is so many days before: its date lies further off, its clock has run for less."""
    clock = action.clock
    if isinstance(clock, Calendar):
        return replace(action, clock=Calendar(clock.time + days))
    if isinstance(clock, Rate) and clock.trend is not None and clock.trend.age:
        return replace(action, clock=replace(clock, trend=replace(clock.trend, age=max(clock.trend.age - days, 0.0))))
    if isinstance(clock, Delay) and clock.age:
        return replace(action, clock=replace(clock, age=max(clock.age - days, 0.0)))
    return action


def _without(action: Action, present: Iterable[str]) -> Action:
    """An action that restarts only what is there."""
    kept = set(present)
    if all(name in kept for branch in action.branches for name in branch.restarts):
        return action
    branches = (replace(b, restarts=tuple(name for name in b.restarts if name in kept)) for b in action.branches)
    return replace(action, branches=tuple(branches))


def without_actions(spec: Spec, gone: Iterable[str]) -> Spec:
    """A model without some actions."""
    lost = set(gone)
    left = {action.name: action for action in spec.actions if action.name not in lost}
    return replace(spec, actions=tuple(_without(action, left) for action in left.values()))


def only_bearing(spec: Spec, bearing: set[str]) -> Spec:
    """A model without the actions that bear on nothing asked (see :func:`read_by`): quicker, with the same answer."""
    left = [action.name for action in spec.actions if f"actions.{action.name}" in bearing]
    return without_actions(spec, {action.name for action in spec.actions} - set(left)) if left else spec


def read_by(specs: Sequence[Spec], milestone: str | None, also: Iterable[str] = ()) -> set[str]:
    """Paths of everything that can bear on the outcomes or on a milestone (``also`` others), by what reads what.

    Followed back from the conditions through the actions that change what they read.
    """
    first = specs[0]
    wanted: set[str] = {*also} if milestone is None else {milestone, *also}
    for condition in first.outcomes:
        wanted |= expressions.names(condition.when)
    for tree in first.terminal:
        wanted |= expressions.names(tree)
    actions = [action for spec in specs for action in spec.actions]
    acting: set[str] = set()
    while True:
        size = (len(wanted), len(acting))
        for condition in first.milestones:
            if condition.name in wanted:
                wanted |= expressions.names(condition.when)
        for tension in (tension for spec in specs for tension in spec.tensions if tension.name in wanted):
            for tree in (tension.start, tension.toward, tension.decay):
                wanted |= expressions.names(tree)
        for action in actions:
            changed = {effect.variable for branch in action.branches for effect in branch.effects}
            restarted = {name for branch in action.branches for name in branch.restarts}
            if changed & wanted or restarted & acting:
                acting.add(action.name)
                for tree in _trees(action):
                    wanted |= expressions.names(tree)
        if size == (len(wanted), len(acting)):
            sections = ("state", "inputs", "amounts")
            return {f"{section}.{name}" for section in sections for name in wanted} | {f"actions.{a}" for a in acting}


def _trees(action: Action) -> Iterator[Expression]:
    """All expressions of an action."""
    yield action.guard
    clock = action.clock
    if isinstance(clock, Rate):
        yield clock.base
        yield from (*clock.terms, *clock.factors)
    elif isinstance(clock, Delay):
        yield from (clock.scale, *clock.factors)
    for branch in action.branches:
        yield from (branch.weight, branch.condition, *branch.factors)
        yield from (effect.value for effect in branch.effects)


def _felt(tree: Expression) -> str:
    """The start of a tension in words: a number, or what it reads."""
    if isinstance(tree, expressions.Number):
        return f"{tree.value:g}"
    return f"by {', '.join(map(words, sorted(expressions.names(tree))))}"


def _start(scenario: Scenario, name: str, start: int | Law) -> str:
    """A start value in words: a level, a number, or the chance of each level."""
    levels = scenario.variables[name].levels if name in scenario.variables else ()

    def level(value: int) -> str:
        return words(levels[value]) if value < len(levels) else f"{value:,}"

    if not isinstance(start, Law):
        return level(start)
    numbers = start.parameters
    chances = zip(numbers[::2], numbers[1::2], strict=True)
    return ", ".join(f"{level(int(value))} {100 * chance:g} %" for value, chance in chances)
