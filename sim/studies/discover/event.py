"""The event that a study asks about: a milestone by a day, or an outcome or flag at the end of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sim.model.expressions import nearest
from sim.statistics.shown import date_words, words
from sim.studies.settings import SettingError, whole

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

KINDS: Final = ("milestone", "outcome", "flag")


@dataclass(frozen=True)
class Event:
    """A milestone reached by the end of a day, or an outcome or flag that holds then."""

    kind: str
    name: str
    day: int

    def says(self, scenario: Scenario) -> str:
        """The event with its sentence and date."""
        sentences = {
            "milestone": {m.name: m.says for m in scenario.milestones},
            "outcome": {o.name: o.says for o in scenario.outcomes},
            "flag": {f.name: f.says for f in scenario.flags},
        }
        sentence = sentences[self.kind][self.name]
        on = "by" if self.kind == "milestone" else "at the end of"
        return f"{words(self.name)} ({sentence}) {on} {date_words(self.date(scenario))}, {self.day} days on"

    def date(self, scenario: Scenario) -> str:
        """Its day as a date."""
        return scenario.date(self.day).isoformat()


def event_of(scenario: Scenario, study: Mapping[str, Any]) -> Event:
    """The event that ``study.event`` and ``study.by`` name.

    By default the first milestone with base rates, or else the first milestone or outcome; a milestone by the last
    horizon but one, the others at the end.

    Raises SettingError for what cannot be.
    """
    there = {
        "milestone": [m.name for m in scenario.milestones],
        "outcome": [o.name for o in scenario.outcomes],
        "flag": [f.name for f in scenario.flags],
    }
    asked = study.get("event")
    if asked is None:
        rated = [rate.milestone for rate in scenario.base_rates]
        kind, name = (
            ("milestone", [*rated, *there["milestone"]][0])
            if there["milestone"]
            else ("outcome", scenario.outcomes[0].name)
        )
    else:
        kind, name = _named(str(asked), there)
    until = int(scenario.until)
    days = sorted({day for day in scenario.horizons if day < until} | {until})
    day = days[-2] if kind == "milestone" and len(days) > 1 else until
    if study.get("by") is not None:
        day = whole(study["by"], "study.by")
    if not 1 <= day <= until:
        raise SettingError(f"study.by: {day} is outside 1 … {until}, the days of the forecast; `until` makes it longer")
    return Event(kind, name, day)


def _named(asked: str, there: Mapping[str, list[str]]) -> tuple[str, str]:
    """Kind and name of what is asked about; a name alone is a milestone, or else an outcome, or else a flag."""
    before, dot, name = asked.partition(".")
    if dot and before in KINDS:
        if name in there[before]:
            return before, name
        raise SettingError(f"study.event: there is no {before} {name!r}{nearest(name, there[before])}")
    for kind in KINDS:
        if asked in there[kind]:
            return kind, asked
    known = list(dict.fromkeys(name for kind in KINDS for name in there[kind]))
    raise SettingError(
        f"study.event: no milestone, outcome or flag is called {asked!r}{nearest(asked, known)}; "
        "where two share a name, milestone.NAME, outcome.NAME or flag.NAME says which"
    )
