"""The shape of a scenario file: which keys there are and of what type. What the values mean is for building.

Single entries that may also be dated lists are read as lists, so that the rest of the program knows one form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sim.model.expressions import nearest
from sim.scenario import quantities
from sim.scenario.fields import ActionName, Date, Days, Name, Number, Text, Truth, Value, Whole, checker, scalar
from sim.scenario.quantities import QuantityError

FORMAT: Final = 1


class Strict(BaseModel):
    """Frozen, and no other keys than those declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Report(Strict):
    """A source: what was published when, and whose account it is."""

    outlet: Text
    date: Date
    file: Text | None = None
    origin: tuple[Name, ...] = ()
    grade: Text | None = None


class Finding(Strict):
    """A fact taken from a report."""

    report: Name
    says: Text


class Actor(Strict):
    """Who acts."""

    label: Text
    what: Text


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class Basis(Strict):
    """Where a number comes from: findings, data, or a judgement (with a spread, or fixed for a reason)."""

    report: Annotated[tuple[Whole, ...], BeforeValidator(_listed)] = ()
    data: Text | None = None
    judgement: Text | None = None
    fixed: Text | None = None

    @property
    def kind(self) -> str:
        """``judgement``, ``data`` or ``report``: what the number rests on."""
        return "judgement" if self.judgement else "data" if self.data else "report"

    @property
    def why(self) -> str:
        """The sentence, or empty when findings stand for it."""
        return self.judgement or self.data or ""


class Rung(Strict):
    """A rung of the ladder."""

    name: Name
    when: Value | None = None


class Dated(Strict):
    """Something that holds from a date on."""

    from_: Date | None = Field(default=None, alias="from")
    basis: Basis | None = None


Reading = Literal["exactly", "at least"]
READINGS: Final = get_args(Reading)


class Reported(Strict):
    """How a reported number is to be read; ``exactly`` and ``at least`` stand alone, under ``=``."""

    reading: Reading | None = Field(default=None, alias="=")
    roughly: Number | None = None
    basis: Basis | None = None


def _reported(value: Any) -> Any:
    if isinstance(value, Mapping | Reported):
        return value
    if value not in READINGS:
        wanted = " or ".join(map(repr, READINGS))
        raise QuantityError(f"{wanted} is wanted, or {{roughly: 0.1, basis: …}}{nearest(str(value), READINGS)}")
    return {"=": value}


Observed = Annotated[Reported, BeforeValidator(checker(_reported), json_schema_input_type=Value | Reported)]


class Start(Dated):
    """A start value, or the chances of a hidden type; ``reported``: earlier forecasts are held against it.

    ``knows_past``: see :class:`Uncertain`.
    """

    value: Value | None = None
    drawn: dict[Value, Number] | None = None
    knows_past: Truth | None = None
    reported: Observed | None = None


def _dated(value: Any) -> Any:
    """A list of entries from one entry, which may be a bare value."""
    entries = value if isinstance(value, list) else [value]
    return [entry if isinstance(entry, Mapping) else {"value": entry} for entry in entries]


Starts = Annotated[tuple[Start, ...], BeforeValidator(_dated, json_schema_input_type=Value | Start | list[Start])]


class Fades(Strict):
    """How fast what has been counted is forgotten."""

    half_life: Value


class Decays(Strict):
    """How fast a tension lets go, by its half-life or its mean length, and of what it does not let go."""

    half_life: Value | None = None
    mean: Value | None = None
    toward: Value | None = None


class Variable(Strict):
    """A whole number of the state, or with ``decays`` a tension."""

    meaning: Text
    start: Starts
    basis: Basis | None = None
    levels: tuple[Name, ...] = ()
    min: Whole | None = None
    max: Whole | None = None
    unit: Text | None = None
    fades: Fades | None = None
    decays: Decays | None = None


class Lognormal(Strict):
    """By median and 90 % quantile, or by median and sigma."""

    median: Value
    p90: Value | None = None
    sigma: Number | None = None


class Gamma(Strict):
    """By shape and mean."""

    shape: Number
    mean: Value


class Weibull(Strict):
    """By shape and scale."""

    shape: Number
    scale: Value


class Poisson(Strict):
    """By its mean."""

    mean: Number


class NegativeBinomial(Strict):
    """By mean and size."""

    mean: Number
    size: Number


Pair = tuple[Value, Value]


class Laws(Strict):
    """The continuous laws; one of them is given."""

    uniform: Pair | None = None
    lognormal: Lognormal | None = None
    gamma: Gamma | None = None
    weibull: Weibull | None = None


class Input(Dated, Laws):
    """What we do not know: one draw per unit, or a fixed number."""

    meaning: Text | None = None
    value: Value | None = None
    beta: tuple[Number, Number] | None = None


class Uncertain(Input):
    """An input; ``knows_past``: its law holds already what the days since ``crisis_start`` say of it."""

    knows_past: Truth | None = None


class Amount(Input):
    """A number drawn afresh at each use."""

    poisson: Poisson | None = None
    negative_binomial: NegativeBinomial | None = None
    choice: dict[Whole, Number] | None = None
    plus: Number = 0.0


Inputs = Annotated[tuple[Uncertain, ...], BeforeValidator(_dated, json_schema_input_type=Uncertain | list[Uncertain])]
Amounts = Annotated[tuple[Amount, ...], BeforeValidator(_dated, json_schema_input_type=Amount | list[Amount])]

# --------------------------------------------------------------------------------------------------------- actions
_EACH = re.compile(r"(each above|each up to|per doubling from) (\S+)")


class Factor(NamedTuple):
    """A factor, and how often it counts: ``form`` is plain or a counting form with its ``edge``, written ``key``."""

    form: str
    edge: float
    value: str | int | float | bool
    key: str = ""


def _factor(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return Factor("plain", 0.0, scalar(value))
    if len(value) != 1:
        raise QuantityError("one form is wanted: each, each above N, each up to N or per doubling from N")
    ((key, factor),) = value.items()
    match = _EACH.fullmatch(str(key))
    if key != "each" and match is None:
        raise QuantityError(f"{key!r} is unknown here; write each, each above N, each up to N or per doubling from N")
    form, edge = (match[1], quantities.number(match[2])) if match else ("each", 0.0)
    return Factor(form, edge, scalar(factor), str(key))


Counting = dict[str, Value]
Factors = dict[str, Annotated[Any, BeforeValidator(checker(_factor), json_schema_input_type=Value | Counting)]]


class Effect(Strict):
    """An effect in its long form; the short form (``+1``, ``open``) stands under ``=``."""

    short: Value | None = Field(default=None, alias="=")
    set: Value | None = None
    add: Value | None = None
    at_least: Value | None = None
    at_most: Value | None = None
    capped: Truth = False


def _effect(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {"=": value}


Effects = dict[Name, Annotated[Effect, BeforeValidator(_effect, json_schema_input_type=Value | Effect)]]


class Branch(Strict):
    """What may follow an action."""

    says: Text | None = None
    weight: Value | None = None
    if_: Value | None = Field(default=None, alias="if")
    times: Factors = {}
    then: Effects = {}
    restart: tuple[ActionName, ...] = ()


def _delay(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {"=": value}


class Delay(Laws):
    """The time that something takes; a plain duration stands under ``=``."""

    plain: Value | None = Field(default=None, alias="=")


_Since = Literal["start", "enabling"] | Date


def _since(value: Any) -> Any:
    if value in ("start", "enabling"):
        return value
    try:
        return quantities.day(value)
    except QuantityError as error:
        raise QuantityError(f"start, enabling or a date is wanted: {error}") from None


class Trend(Strict):
    """How a rate rises or falls with time: ``at`` so long after ``since`` it is as written."""

    shape: Number
    at: Value
    since: Annotated[Any, BeforeValidator(checker(_since), json_schema_input_type=_Since)] = "start"


class Action(Dated):
    """Something an actor does."""

    says: Text
    while_: Value | None = Field(default=None, alias="while")
    rate: Value | None = None
    after: Annotated[Delay, BeforeValidator(_delay, json_schema_input_type=Value | Delay)] | None = None
    on: Date | None = None
    when: Value | None = None
    memory: Literal["enabling", "age", "identical"] | None = None
    since: Date | None = None
    trend: Trend | None = None
    plus: tuple[Value, ...] = ()
    times: Factors = {}
    either: tuple[Branch, ...] = ()
    always: Effects = {}
    then: Effects = {}
    restart: tuple[ActionName, ...] = ()


# ------------------------------------------------------------------------------------------------- what is read off
class Milestone(Strict):
    """A condition whose first time is recorded."""

    when: Value
    says: Text
    seen_by: Name = "public"
    delay: Days = 0.0


class Outcome(Strict):
    """An end state; the last holds otherwise and has no condition."""

    name: Name
    when: Value | None = None
    says: Text


class Flag(Strict):
    """A yes/no beside the outcomes."""

    when: Value
    says: Text


class BaseRate(Dated):
    """How often past crises of a class went a way."""

    milestone: Name
    class_: Text = Field(alias="class")
    n: Whole
    by: dict[Number, Number]
    source: Text
    weight: Number = 1.0


#: As an input; its value may also be the name of one.
Odds = Annotated[tuple[Input, ...], BeforeValidator(_dated, json_schema_input_type=Value | Input | list[Input])]


class Adjustment(Strict):
    """What is special in this case: a factor on the odds, a law with its basis or the name of an input."""

    says: Text
    odds: Odds
    if_: Value | None = Field(default=None, alias="if")
    usual: Number = 0.0


class Rival(Strict):
    """The one-page rival for a milestone: its base rates, moved in log-odds."""

    milestone: Name
    adjust: tuple[Adjustment, ...] = ()


class Proposition(Strict):
    """What a statement is about: a milestone that is reached, or some of the outcomes."""

    milestone: Name | None = None
    outcomes: tuple[Name, ...] = ()


def _said(value: Any) -> Any:
    if not isinstance(value, list):
        return (scalar(value),)
    if len(value) != 2:
        raise QuantityError("a number, two numbers such as [0.3, 0.5], or a word is wanted")
    return tuple(scalar(part) for part in value)


class Statement(Strict):
    """A probability that somebody stated; with ``about`` another time a recollection, for comparison only."""

    speaker: Text
    said_on: Date
    about: Date | None = None
    proposition: Proposition
    says: Annotated[Any, BeforeValidator(checker(_said), json_schema_input_type=Value | Pair)]
    table: Name = "icd_203"
    within: Value
    origin: Name | None = None
    basis: Basis


class Accepts(Strict):
    """What would be refused, had it not been thought of: loops that run away, by the actions that drive them."""

    unstable: tuple[ActionName, ...] = ()


class File(Strict):
    """A scenario file."""

    format: Whole
    name: Name
    title: Text
    question: Text
    as_of: Date
    crisis_start: Date | None = None
    until: Value
    horizons: tuple[Whole, ...]
    reports: dict[Name, Report] = {}
    findings: dict[Whole, Finding] = {}
    actors: dict[Name, Actor]
    ladder: tuple[Rung, ...] = ()
    state: dict[Name, Variable]
    inputs: dict[Name, Inputs] = {}
    amounts: dict[Name, Amounts] = {}
    actions: dict[ActionName, Action]
    milestones: dict[Name, Milestone] = {}
    outcomes: tuple[Outcome, ...]
    flags: dict[Name, Flag] = {}
    ends: tuple[Value, ...] = ()
    base_rates: tuple[BaseRate, ...] = ()
    rival: tuple[Rival, ...] = ()
    statements: dict[Name, Statement] = {}
    accepts: Accepts = Accepts()
    not_modelled: dict[Whole, Text] = {}
