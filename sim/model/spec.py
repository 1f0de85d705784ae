"""The parts a model is declared with: plain frozen data with names, before compiling.

A scenario (or an oracle file, or a test) builds a :class:`Spec`; :func:`sim.model.compiled.compile_model` checks
it and turns names into numbers. Times are days after the start of the run, rates are per day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from sim.model.expressions import TRUE, ZERO, Expression, Name
from sim.model.laws import Law

Memory = Literal["enabling", "age", "identical"]
EffectKind = Literal["add", "set", "at_least", "at_most"]

#: The days since the start of the run, in an expression: for rates alone.
TIME: Final = Name("days since the start")


@dataclass(frozen=True, slots=True)
class Variable:
    """A whole number of the state, ``lower … upper`` (``None``: open to 2**62).

    ``start`` is a number, or a discrete law for a hidden type: drawn once per unit, it counts as an input.
    ``levels`` are words for the values 0, 1, …
    """

    name: str
    lower: int = 0
    upper: int | None = None
    start: int | Law = 0
    levels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quantity:
    """An uncertain number with its law: an input (one draw per unit) or an amount (a draw at each use)."""

    name: str
    law: Law


@dataclass(frozen=True, slots=True)
class Tension:
    """A real number that events push and time lets go of: x(t + u) = toward + (x(t) - toward) exp(-decay u).

    ``start``, ``toward`` and ``decay`` (per day, >= 0) read inputs only. Effects may change it; rates, weights and
    effects may read it, and nothing else may: between events nothing happens because of it.
    """

    name: str
    decay: Expression
    start: Expression = ZERO
    toward: Expression = ZERO


@dataclass(frozen=True, slots=True)
class Trend:
    """A rate that rises or falls with the time u: times (u / scale)**(shape - 1), which is 1 at u = ``scale`` days.

    u counts from ``age`` days before the start of the run or, where the trend is ``renewed``, from when the guard
    last began to hold or the action last happened (from ``age`` days before the start for a guard that holds then).
    A Weibull clock of that shape and scale whose speed the state may change has the rate shape / scale.
    """

    shape: float
    scale: float
    renewed: bool = False
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class Rate:
    """A clock with an exponential requirement; speed = (base + terms) x factors x trend, per day.

    What reads a tension or :data:`TIME` is thinned: candidates come at a bound and are accepted in proportion. The
    bound is found by interval arithmetic; ``bound`` gives it instead where the speed may rise without an event. It
    bounds the product of (base + terms) and factors, of those that read a tension or the time.
    """

    base: Expression
    terms: tuple[Expression, ...] = ()
    factors: tuple[Expression, ...] = ()
    trend: Trend | None = None
    bound: Expression | None = None


@dataclass(frozen=True, slots=True)
class Delay:
    """A clock whose requirement is ``scale`` x a draw of ``law``, in days.

    ``scale`` reads inputs only. ``factors`` accelerate (speed = their product, 1 without any). ``memory`` says what
    happens when the guard stops holding. ``age`` > 0: the clock has been running for so many days at the start and
    its first requirement is drawn given that it exceeds them.
    """

    law: Law
    scale: Expression = TRUE
    factors: tuple[Expression, ...] = ()
    memory: Memory = "enabling"
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class Calendar:
    """A date: the action happens ``time`` days after the start if its guard holds then, and never otherwise."""

    time: float


@dataclass(frozen=True, slots=True)
class Immediate:
    """No clock: the action happens at once whenever its guard holds, also at the start."""


Clock = Rate | Delay | Calendar | Immediate


@dataclass(frozen=True, slots=True)
class Effect:
    """A change of one variable or tension by an expression of the state before the action, inputs and amounts.

    An effect that would leave the bounds is an error unless it says ``saturate``.
    """

    variable: str
    kind: EffectKind
    value: Expression
    saturate: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """What may follow an action: chosen with chance proportional to ``weight`` x ``factors`` where ``condition``."""

    effects: tuple[Effect, ...] = ()
    weight: Expression = TRUE
    condition: Expression = TRUE
    factors: tuple[Expression, ...] = ()
    restarts: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """Something an actor does: while ``guard`` holds, when ``clock`` says, with one of ``branches`` following.

    On exact ties calendar actions come first, then immediate ones, then clocks; within a class lower ``priority``
    first, then declared order.
    """

    name: str
    actor: str
    clock: Clock
    branches: tuple[Branch, ...] = (Branch(),)
    guard: Expression = TRUE
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """A named yes/no over state and milestones. As a milestone, its first time is recorded."""

    name: str
    when: Expression


@dataclass(frozen=True, slots=True)
class Spec:
    """A model as declared.

    ``outcomes`` is ordered: the first condition that holds decides; the last one should always hold. ``terminal``
    conditions end a replication. Names of variables, milestones, inputs, amounts and tensions share one name space.
    """

    name: str
    variables: tuple[Variable, ...]
    actions: tuple[Action, ...]
    inputs: tuple[Quantity, ...] = ()
    amounts: tuple[Quantity, ...] = ()
    constants: tuple[tuple[str, float], ...] = ()
    milestones: tuple[Condition, ...] = ()
    outcomes: tuple[Condition, ...] = ()
    flags: tuple[Condition, ...] = ()
    terminal: tuple[Expression, ...] = field(default=())
    tensions: tuple[Tension, ...] = ()
