"""A scenario ready to run: the declared model and, beside it, the words and evidence that people read."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from sim.model.expressions import Expression
from sim.model.laws import Law
from sim.model.spec import Spec
from sim.scenario import quantities
from sim.scenario.quantities import Kind
from sim.statistics.stated import Stated

Reading = Literal["exactly", "at least", "roughly"]


@dataclass(frozen=True)
class Report:
    """A source."""

    outlet: str
    date: datetime.date
    file: str | None
    origin: tuple[str, ...]
    grade: str | None


@dataclass(frozen=True)
class Finding:
    """A fact taken from a report."""

    report: str
    says: str


@dataclass(frozen=True)
class Actor:
    """Who acts."""

    label: str
    what: str


@dataclass(frozen=True)
class Evidence:
    """What a number rests on. ``kind``: report, data, judgement, or change (by an experiment or command)."""

    kind: str
    why: str = ""
    reports: tuple[int, ...] = ()
    fixed: str | None = None


@dataclass(frozen=True)
class Judgement:
    """A number that rests on a judgement; ``place`` is its key path. It is free unless ``fixed`` says why not."""

    place: str
    why: str
    reports: tuple[int, ...]
    fixed: str | None


@dataclass(frozen=True)
class DatedValue:
    """A start value as the file has it, in force or not; ``since`` is its date, ``value`` None where it is drawn."""

    since: datetime.date | None
    value: int | None
    evidence: Evidence


@dataclass(frozen=True)
class VariableInfo:
    """A variable of the state in words; ``levels`` are the words for 0, 1, …; a flag has the levels no and yes.

    ``fades``: its units are forgotten one after another. ``dated`` are its start values of all dates. ``knows_past``:
    a hidden type whose law holds already what the days since the start of the crisis say of it.
    """

    name: str
    meaning: str
    levels: tuple[str, ...]
    unit: str
    flag: bool
    evidence: Evidence
    fades: bool = False
    dated: tuple[DatedValue, ...] = ()
    knows_past: bool = False


@dataclass(frozen=True)
class TensionInfo:
    """A tension in words."""

    name: str
    meaning: str
    unit: str
    evidence: Evidence


@dataclass(frozen=True)
class QuantityInfo:
    """An input or amount in words.

    ``kind`` is its unit: number, days or per day. ``constant``: a fixed number, which the model holds as a constant
    and not as an input. ``knows_past``: its law holds already what the days since the start of the crisis say of it.
    """

    name: str
    kind: Kind
    law: Law
    constant: bool
    meaning: str
    evidence: Evidence
    knows_past: bool = False

    @property
    def spread(self) -> str:
        """The law in words: the number, or its range from the 10 % to the 90 % quantile, and the median."""
        unit = {"number": "", "days": " d", "per day": " per d"}[self.kind]
        if self.law.family == "fixed":
            return f"{self.law.parameters[0]:.3g}{unit}"
        low, middle, high = self.law.quantile(np.array([0.1, 0.5, 0.9]))
        return f"{low:.3g} to {high:.3g}{unit} (10-90 %), median {middle:.3g}"


@dataclass(frozen=True)
class ActionInfo:
    """An action in words; ``branches`` are the sentences of its branches in order."""

    name: str
    actor: str
    says: str
    branches: tuple[str, ...]
    evidence: Evidence | None


@dataclass(frozen=True)
class Milestone:
    """A condition whose first time is recorded; seen by an actor or the public, ``delay`` days later."""

    name: str
    says: str
    seen_by: str
    delay: float


@dataclass(frozen=True)
class Ending:
    """An outcome or flag with the sentence that lets an outsider tell whether it holds."""

    name: str
    says: str


@dataclass(frozen=True)
class BaseRate:
    """How often past crises of a class went a way: ``by`` day -> share of ``n`` cases; ``weight`` among the classes."""

    milestone: str
    label: str
    n: int
    by: Mapping[float, float]
    source: str
    weight: float = 1.0


@dataclass(frozen=True)
class Adjustment:
    """A factor on the odds of the one-page rival.

    ``input`` names the input whose law it repeats, else empty. ``usual`` is the share of past cases with the same;
    ``chance`` that it applies here.
    """

    says: str
    law: Law
    input: str
    usual: float
    chance: float
    evidence: Evidence


@dataclass(frozen=True)
class Rival:
    """What moves the base rates of a milestone on the rival's page.

    ``patterns``: the ways the hidden starts may be, as their chance and which adjustments apply then.
    """

    milestone: str
    adjustments: tuple[Adjustment, ...]
    patterns: tuple[tuple[float, tuple[bool, ...]], ...]


@dataclass(frozen=True)
class Statement:
    """A stated probability, known ``known_on`` (when said and reported); a recollection where ``about`` is a date.

    It is about a ``milestone`` that is reached, or about one of some ``outcomes``, ``within`` so many days of the day
    it was said; None: no deadline. ``words`` are how it was said. Statements of one ``origin`` are one voice.
    """

    name: str
    speaker: str
    said_on: datetime.date
    known_on: datetime.date
    about: datetime.date | None
    milestone: str | None
    outcomes: tuple[str, ...]
    stated: Stated
    words: str
    within: float | None
    origin: str
    evidence: Evidence


@dataclass(frozen=True)
class Observation:
    """A number reported after the date of the forecast, which is held against it and is no part of it.

    ``reading`` is how ``value`` of the ``variable`` at the end of ``date`` is meant: exactly, at least or roughly; of
    the last, ``spread`` is the standard deviation of the logarithm of reported over true.
    """

    variable: str
    date: datetime.date
    value: int
    reading: Reading
    spread: float
    why: str
    evidence: Evidence


@dataclass(frozen=True, eq=False)
class Scenario:
    """A scenario as of a date.

    ``until`` is in days after ``as_of``; ``rung_program`` is a tree over the names of ``spec`` that gives the number
    of the highest rung that holds, 0 … len(rungs) - 1; ``statements`` are those known by then, ``observations`` what
    was reported later; ``data`` is the file as plain data, with ``as_of`` and ``until`` as they are in force.
    ``unchanged`` are the starts in the file (of hidden types only the known ones) that a change stands in place of.
    """

    name: str
    title: str
    question: str
    as_of: datetime.date
    crisis_start: datetime.date | None
    until: float
    horizons: tuple[int, ...]
    reports: Mapping[str, Report]
    findings: Mapping[int, Finding]
    actors: Mapping[str, Actor]
    rungs: tuple[str, ...]
    rung_program: Expression
    variables: Mapping[str, VariableInfo]
    inputs: tuple[QuantityInfo, ...]
    amounts: tuple[QuantityInfo, ...]
    actions: Mapping[str, ActionInfo]
    milestones: tuple[Milestone, ...]
    outcomes: tuple[Ending, ...]
    flags: tuple[Ending, ...]
    base_rates: tuple[BaseRate, ...]
    rivals: tuple[Rival, ...]
    statements: tuple[Statement, ...]
    observations: tuple[Observation, ...]
    judgements: tuple[Judgement, ...]
    not_modelled: Mapping[int, str]
    spec: Spec
    data: Mapping[str | int, Any]
    tensions: Mapping[str, TensionInfo] = field(default_factory=dict)
    unchanged: Mapping[str, Any] = field(default_factory=dict)

    def date(self, t: float) -> datetime.date:
        """Day that contains the time ``t``: day ``as_of + j`` for t in (j - 1, j]; t = 0 is ``as_of``."""
        return quantities.date_of(t, self.as_of)


def free_judgements(scenario: Scenario) -> tuple[Judgement, ...]:
    """Judgements that could well be otherwise: all but those that say why they are fixed."""
    return tuple(judgement for judgement in scenario.judgements if judgement.fixed is None)
