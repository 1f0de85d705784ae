"""Small models drawn at random: bounded, lively, with every feature now and then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sim.model.expressions import TRUE, Expression, Number, parse
from sim.model.laws import Law
from sim.model.spec import (
    Action,
    Branch,
    Calendar,
    Clock,
    Condition,
    Delay,
    Effect,
    EffectKind,
    Immediate,
    Memory,
    Quantity,
    Rate,
    Spec,
    Variable,
)
from sim.studies.randomly.dice import Dice

#: Days that a history of such a model lasts; dates lie within.
HORIZON: Final = 3.0
#: Clocks of a Markov chain, and of models with every kind; each as often as it is listed.
MARKOV: Final = (*("rate",) * 10, "calendar", "immediate")
EVERY: Final = (*("rate",) * 3, *("delay",) * 5, "calendar", "immediate")
#: Laws without atoms, with a mean near one day.
LAWS: Final = (
    Law("uniform", (0.1, 1.5)),
    Law("exponential", (0.8,)),
    Law("weibull", (1.7, 0.7)),
    Law("weibull", (0.7, 0.6)),
    Law("gamma", (0.5, 1.4)),
    Law("gamma", (3.0, 0.3)),
    Law("lognormal", (0.7, 0.8)),
    Law("hyperexponential", (0.1, 0.4, 0.9, 1.8)),
)
_FIXED: Final = (Law("fixed", (0.4,)), Law("fixed", (1.0,)))
_INPUTS: Final = (Law("uniform", (0.4, 1.6)), Law("lognormal", (0.9, 0.4)), Law("beta", (2.0, 2.0), 0.3))
_TOP: Final = (1, 2, 3, 5)


@dataclass
class _Draft:
    """What an action may speak of while a model is drawn."""

    dice: Dice
    variables: list[Variable]
    milestones: list[str]
    inputs: list[str]
    amounts: list[str]
    actions: int
    timed: bool


def draw(dice: Dice, name: str, clocks: tuple[str, ...] = MARKOV) -> Spec:
    """A model. With ``clocks`` of a Markov chain its inputs are fixed and its amounts have few values."""
    timed = "delay" in clocks
    variables = [_variable(dice, f"x{i}") for i in range(dice.whole(1, 4))]
    inputs = tuple(Quantity(f"p{i}", _input(dice, timed)) for i in range(dice.whole(0, 2)))
    amounts = () if timed or dice.chance(0.7) else (Quantity("a0", Law("choice", (0.0, 0.25, 1.0, 0.25, 2.0, 0.5))),)
    draft = _Draft(dice, variables, [], [q.name for q in inputs], [q.name for q in amounts], dice.whole(2, 8), timed)
    milestones = []
    for i in range(dice.whole(0, 2)):
        milestones.append(Condition(f"m{i}", parse(_condition(draft))))
        draft.milestones.append(f"m{i}")
    actions = tuple(_action(draft, i, dice.pick(clocks) if i else clocks[0]) for i in range(draft.actions))
    terminal = (parse(_condition(draft)),) if dice.chance(0.2) else ()
    return Spec(name, tuple(variables), actions, inputs, amounts, (), tuple(milestones), (), (), terminal)


def _variable(dice: Dice, name: str) -> Variable:
    lower = -1 if dice.chance(0.2) else 0
    upper = lower + dice.pick(_TOP)
    start: int | Law = dice.whole(lower, upper)
    if dice.chance(0.15):
        start = Law("choice", (float(lower), 0.25, float(upper), 0.75))
    return Variable(name, lower, upper, start)


def _input(dice: Dice, timed: bool) -> Law:
    return dice.pick(_INPUTS) if timed else Law("fixed", (dice.pick((0.5, 0.8, 1.3)),))


def _condition(draft: _Draft) -> str:
    """A condition on a variable, or on two, or on a milestone."""
    dice = draft.dice
    variable = dice.pick(draft.variables)
    low, high = variable.lower, variable.upper or 0
    text = dice.pick(
        (
            f"{variable.name} < {dice.whole(low + 1, high)}",
            f"{variable.name} > {dice.whole(low, high - 1)}",
            f"{variable.name} == {dice.whole(low, high)}",
            f"{variable.name} != {dice.whole(low, high)}",
        )
    )
    if draft.milestones and dice.chance(0.25):
        return f"{text} {dice.pick(('and', 'or'))} {dice.pick(('', 'not '))}{dice.pick(draft.milestones)}"
    if dice.chance(0.25):
        other = dice.pick(draft.variables)
        return f"{text} {dice.pick(('and', 'or'))} {other.name} >= {dice.whole(other.lower, other.upper or 0)}"
    return text


def _number(draft: _Draft) -> str:
    if draft.inputs and draft.dice.chance(0.4):
        return draft.dice.pick(draft.inputs)
    return str(draft.dice.pick((0.0, 0.4, 0.7, 1.5, 2.5)))


def _factor(draft: _Draft) -> Expression:
    variable = draft.dice.pick(draft.variables).name
    text = draft.dice.pick(
        (
            f"where({_condition(draft)}, {_number(draft)}, 1)",
            f"({_number(draft)} + 0.5) ** {variable}",
            f"1 / (1 + 0.3 * abs({variable}))",
            f"exp(0.3 * {variable} - 0.2)",
            f"max(0, 1.2 - 0.4 * {variable})",
        )
    )
    return parse(text)


def _guard(draft: _Draft, often: float) -> Expression:
    return parse(_condition(draft)) if draft.dice.chance(often) else TRUE


def _action(draft: _Draft, number: int, kind: str) -> Action:
    dice = draft.dice
    # A delay is worth most where its guard comes and goes.
    guard = _guard(draft, 0.8 if kind == "delay" else 0.5)
    extra: tuple[Effect, ...] = ()
    clock: Clock
    if kind == "rate":
        base = draft.inputs[0] if draft.inputs and dice.chance(0.4) else str(dice.pick((0.5, 1.0, 2.0)))
        terms = (parse(f"0.2 * abs({dice.pick(draft.variables).name})"),) if dice.chance(0.3) else ()
        clock = Rate(parse(base), terms, tuple(_factor(draft) for _ in range(dice.whole(0, 2))))
    elif kind == "delay":
        clock = _delay(draft)
    elif kind == "calendar":
        clock = Calendar(dice.pick((0.0, 1.0, 1.5, 2.25)))
    else:
        # Every branch moves the variable away from the value that the guard waits for.
        variable = dice.pick(draft.variables)
        value = dice.whole(variable.lower, variable.upper or 0)
        others = [v for v in range(variable.lower, (variable.upper or 0) + 1) if v != value]
        guard, clock = parse(f"{variable.name} == {value}"), Immediate()
        extra = (Effect(variable.name, "set", Number(float(dice.pick(others)))),)
    branches = tuple(_branch(draft, j, extra) for j in range(dice.whole(1, 3)))
    if kind == "rate" and dice.chance(0.3):
        # A plain step that its guard keeps within bounds: engines have a path of their own for it.
        variable = dice.pick(draft.variables)
        step, end = dice.pick(((1.0, variable.upper or 0), (-1.0, variable.lower)))
        guard = parse(f"{variable.name} {'<' if step > 0 else '>'} {end}")
        branches = (Branch((Effect(variable.name, "add", Number(step)),)),)
    return Action(f"act{number}", f"actor{dice.whole(0, 2)}", clock, branches, guard, dice.whole(0, 1))


def _delay(draft: _Draft) -> Delay:
    dice = draft.dice
    law = dice.pick(_FIXED) if dice.chance(0.15) else dice.pick(LAWS)
    scale = parse(dice.pick(draft.inputs)) if draft.inputs and dice.chance(0.3) else TRUE
    factors = (_factor(draft),) if dice.chance(0.4) else ()
    memories: tuple[Memory, ...] = ("enabling", "age", "identical")
    # A clock that runs already must have something left: no age where a small scale or a fixed time could be over.
    running = law.family != "fixed" and scale == TRUE and dice.chance(0.4)
    return Delay(law, scale, factors, dice.pick(memories), 0.3 if running else 0.0)


def _branch(draft: _Draft, number: int, extra: tuple[Effect, ...]) -> Branch:
    dice = draft.dice
    effects = {effect.variable: effect for effect in extra}
    for _ in range(dice.whole(0 if number else 1, 2)):
        variable, other = dice.pick(draft.variables).name, dice.pick(draft.variables).name
        texts = ["1", "-1", "2", other, f"floor({other} / 2)", *draft.amounts]
        kinds: tuple[EffectKind, ...] = ("add", "add", "set", "at_least", "at_most")
        effect = Effect(variable, dice.pick(kinds), parse(dice.pick(texts)), saturate=True)
        effects.setdefault(variable, effect)
    weight = TRUE if number == 0 else parse(dice.pick(("0.5", "2", *draft.inputs)))
    condition = TRUE if number == 0 else _guard(draft, 0.4)
    factors = (_factor(draft),) if number and dice.chance(0.4) else ()
    restarts = (f"act{dice.whole(0, draft.actions - 1)}",) if draft.timed and dice.chance(0.25) else ()
    return Branch(tuple(effects.values()), weight, condition, factors, restarts)
