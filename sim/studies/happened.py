"""What happened, as a small file says it: outcome, dates of milestones, counts; known to the end of a day.

::

    format: 1
    scenario: NAME                     # the scenario whose words it uses
    known: 2030-06-30                  # what follows is known to the end of this day
    outcome: NAME                      # at the end of that day; or by date: {2030-04-30: NAME, 2030-06-30: NAME}
    milestones: {NAME: 2030-05-02, OTHER: never}     # `never`: not by that day; what is left out is not scored
    counts: {NAME: {2030-06-30: 12}}
    ranked: [NAME, NAME]               # outcomes in rising order of force, if they are to be ranked; others lie below
    source: who says so
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.scenario import quantities
from sim.scenario.problems import KeyPath
from sim.scenario.quantities import QuantityError
from sim.scenario.reading import read_file
from sim.scenario.source import Faults, Source

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

FORMAT: Final = 1
KEYS: Final = ("format", "scenario", "known", "outcome", "milestones", "counts", "ranked", "source")
NEVER: Final = "never"


@dataclass(frozen=True)
class Happened:
    """What happened, in days after the forecast; a milestone's day is None where it had not come by ``known``.

    ``known_of`` says up to which day a milestone is known, where that is not ``known``; ``left_out`` what the file
    says of other days than the forecast's, in sentences.
    """

    known: int
    outcomes: Mapping[int, str]
    milestones: Mapping[str, int | None]
    counts: Mapping[str, Mapping[int, float]]
    ranked: tuple[str, ...]
    source: str
    known_of: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def known_for(self, milestone: str) -> int:
        """The day up to which it is known whether a milestone has come."""
        return self.known_of.get(milestone, self.known)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to score."""
        return not (self.outcomes or self.milestones or self.counts)


@dataclass(frozen=True)
class Asked:
    """What a forecast speaks of: the names that a file of what happened may use, and the days that it covers."""

    scenario: str
    as_of: datetime.date
    until: int
    outcomes: tuple[str, ...]
    milestones: tuple[str, ...]
    counts: tuple[str, ...]


def asked_of(scenario: Scenario, until: int) -> Asked:
    """What a scenario's forecast of so many days speaks of."""
    return Asked(
        scenario.name,
        scenario.as_of,
        until,
        tuple(outcome.name for outcome in scenario.outcomes),
        tuple(milestone.name for milestone in scenario.milestones),
        tuple(scenario.variables),
    )


def read(path: Path, asked: Asked, *, lenient: bool = False) -> Happened:
    """Read the file for a forecast; where ``lenient``, what it says of other days is left out, and told.

    Raises ScenarioError with every problem found.
    """
    reading = read_file(path)
    faults = Faults(reading.data, Source.of(reading))
    found = _Reader(reading.data, faults, asked, lenient).read()
    faults.stop_if_any()
    return found


@dataclass(eq=False)
class _Reader:
    data: Mapping[str | int, Any]
    faults: Faults
    asked: Asked
    lenient: bool
    left_out: list[str] = field(default_factory=list)

    def read(self) -> Happened:
        data, add = self.data, self.faults.add
        for key in data:
            if key not in KEYS:
                add((key,), "unknown key", key, known=KEYS)
        if data.get("format") != FORMAT:
            add(("format",), f"this program reads format {FORMAT}")
        if data.get("scenario") != self.asked.scenario:
            add(("scenario",), f"the forecast is one of {self.asked.scenario}")
        seen = self.day(("known",), data.get("known"), last=10**6, always=True)
        known = self.asked.until if seen is None else min(seen, self.asked.until)
        endings = list(self.asked.outcomes)
        given = data.get("outcome", {})
        by_date = given if isinstance(given, Mapping) else {None: given}
        outcomes: dict[int, str] = {}
        for date, name in by_date.items():
            path: KeyPath = ("outcome",) if date is None else ("outcome", str(date))
            if name not in endings:
                add(path, "no such outcome", name, known=endings)
            day = self.undated(path, seen, known) if date is None else self.day(path, date, last=known)
            if day is not None:
                outcomes[day] = str(name)
        return Happened(
            known=known,
            outcomes=dict(sorted(outcomes.items())),
            milestones=self.milestones(known),
            counts=self.counts(known),
            ranked=self.ranked(endings),
            source=str(data.get("source", "")),
            left_out=tuple(self.left_out),
        )

    def day(self, path: KeyPath, value: object, *, last: int, always: bool = False) -> int | None:
        """A date as the day of the forecast that it is; ``always``: an error outside, however lenient."""
        try:
            day = (quantities.day(value) - self.asked.as_of).days
        except QuantityError as error:
            self.faults.add(path, str(error), value)
            return None
        if not 1 <= day <= last:
            end = self.asked.as_of + datetime.timedelta(days=min(last, self.asked.until))
            self.outside(
                path, f"lies outside what can be scored: after {self.asked.as_of} and until {end}", value, always
            )
            return None
        return day

    def outside(self, path: KeyPath, why: str, value: object, always: bool = False) -> None:
        """What is said of another day than the forecast's: an error, or left out."""
        if self.lenient and not always:
            self.left_out.append(f"{'.'.join(map(str, path))} ({value}): {why}")
        else:
            self.faults.add(path, why, value)

    def undated(self, path: KeyPath, seen: int | None, known: int) -> int | None:
        """Day of an outcome without a date: the last one known, if the forecast reaches that far."""
        if seen is not None and seen > known:
            end = self.asked.as_of + datetime.timedelta(days=known)
            why = f"holds on a day past the end of the forecast; give it by date, such as {{{end}: …}}"
            self.outside(path, why, self.data["outcome"])
            return None
        return known

    def section(self, key: str) -> Mapping[str, Any]:
        found = self.data.get(key, {})
        if isinstance(found, Mapping):
            return found
        self.faults.add((key,), "names with values are wanted here (`name: value`)")
        return {}

    def milestones(self, known: int) -> dict[str, int | None]:
        names = self.asked.milestones
        found: dict[str, int | None] = {}
        for name, date in self.section("milestones").items():
            if name not in names:
                self.faults.add(("milestones", name), "no such milestone", name, known=names)
            elif date == NEVER:
                found[name] = None
            else:
                found[name] = self.day(("milestones", name), date, last=known)
        return found

    def counts(self, known: int) -> dict[str, dict[int, float]]:
        found: dict[str, dict[int, float]] = {}
        names = self.asked.counts
        for name, by_date in self.section("counts").items():
            if name not in names:
                self.faults.add(("counts", name), "no such count", name, known=names)
            elif not isinstance(by_date, Mapping):
                self.faults.add(("counts", name), "a number by date is wanted, such as {2030-06-30: 12}")
            else:
                found[name] = {}
                for date, value in by_date.items():
                    day = self.day(("counts", name, str(date)), date, last=known)
                    try:
                        number = quantities.number(value)
                    except QuantityError as error:
                        self.faults.add(("counts", name, str(date)), str(error), value)
                        continue
                    if day is not None:
                        found[name][day] = number
        return found

    def ranked(self, endings: list[str]) -> tuple[str, ...]:
        given = self.data.get("ranked", [])
        listed = given if isinstance(given, list) else [given]
        for i, name in enumerate(listed):
            if name not in endings:
                self.faults.add(("ranked", i), "no such outcome", name, known=endings)
            elif name in listed[:i]:
                self.faults.add(("ranked", i), "the outcome stands twice; remove one of the two", name)
        if listed and len(set(listed)) == len(endings):
            self.faults.add(("ranked",), "every outcome is ranked, so none lies below; leave out those without force")
        return tuple(map(str, listed))
