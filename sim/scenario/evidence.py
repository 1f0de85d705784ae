"""What numbers rest on: findings, data or judgement, and what was known on a day."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sim.scenario import schema
from sim.scenario.problems import KeyPath, dotted
from sim.scenario.scenario import Evidence, Judgement
from sim.scenario.source import Faults

_Entry = TypeVar("_Entry", bound=schema.Dated)
_REMEDY = "say where it comes from: `basis: {report: [finding]}`, `{data: …}` or `{judgement: …}`"


@dataclass
class Ledger:
    """Keeps account of the findings cited and the judgements made while a scenario is built."""

    file: schema.File
    faults: Faults
    as_of: datetime.date
    cited: dict[int, KeyPath] = field(default_factory=dict)
    judgements: list[Judgement] = field(default_factory=list)

    @property
    def last_report(self) -> datetime.date:
        """Date of the latest report, or ``as_of`` when there is none; those that only look back do not count."""
        back = {n for s in self.file.statements.values() if s.about is not None for n in s.basis.report}
        told: dict[str, set[int]] = {}
        for number, finding in self.file.findings.items():
            told.setdefault(finding.report, set()).add(number)
        dates = [report.date for name, report in self.file.reports.items() if not told.get(name, {0}) <= back]
        return max(dates, default=self.as_of)

    def latest(self, path: KeyPath, entries: Sequence[_Entry]) -> tuple[int, _Entry] | None:
        """The entry in force: the latest whose date is not after ``as_of``; an entry without a date always was."""
        dates = [entry.from_ or datetime.date.min for entry in entries]
        if not entries:
            self.faults.add(path, "an empty list; write one entry at least")
        for i in range(1, len(dates)):
            if dates[i] <= dates[i - 1]:
                self.faults.add((*path, i), "dated entries stand in ascending order, each with its own `from`")
        for i, entry in enumerate(entries):
            if entry.from_ is not None and entry.from_ > self.last_report and entry.from_ > self.as_of:
                self.faults.add((*path, i, "from"), f"lies after the last report ({self.last_report}) and after as_of")
        known = [i for i, date in enumerate(dates) if date <= self.as_of]
        return (known[-1], entries[known[-1]]) if known else None

    def cite(self, path: KeyPath, basis: schema.Basis | None) -> None:
        """Note the findings of an entry whether or not it is in force, and check its form."""
        if basis is None:
            return
        path = (*path, "basis")
        if not (basis.report or basis.data or basis.judgement):
            self.faults.add(path, f"an empty basis; {_REMEDY}")
        if basis.data and basis.judgement:
            self.faults.add(path, "`data` or `judgement`, not both: which of them does the number come from?")
        if basis.fixed and not basis.judgement:
            self.faults.add((*path, "fixed"), "`fixed` goes with a judgement; what is reported or measured needs none")
        for number in basis.report:
            if number not in self.file.findings:
                known = self.file.findings
                self.faults.add((*path, "report"), f"no finding has the number {number}", number, known=known)
            self.cited.setdefault(number, path)

    def rest(self, path: KeyPath, basis: schema.Basis | None, *, fixed: bool, at: KeyPath | None = None) -> Evidence:
        """What an element in force rests on. ``fixed``: it is a number without a spread; ``at``: where it stands."""
        by = None if at is None else self.faults.changed(at)
        if by is not None:
            return Evidence("change", f"set by {by}")
        if basis is None:
            self.faults.add(at or path, f"a number without a basis; {_REMEDY}")
            return Evidence("judgement")
        for number in basis.report:
            finding = self.file.findings.get(number)
            report = self.file.reports.get(finding.report) if finding else None
            if report is not None and report.date > self.as_of:
                why = f"finding {number} was reported on {report.date}, after as_of ({self.as_of})"
                self.faults.add((*path, "basis", "report"), f"{why}; date the entry with `from: {report.date}`", number)
        if basis.judgement:
            if fixed and not basis.fixed:
                why = "a judgement on a fixed number; give a law with a spread, or add `fixed: why there is none`"
                self.faults.add((*path, "basis"), why)
            self.judgements.append(
                Judgement(dotted(self.faults.real(path)), basis.judgement, basis.report, basis.fixed)
            )
        return Evidence(basis.kind, basis.why, basis.report, basis.fixed)

    def knows_past(self, said: bool | None, basis: schema.Basis | None) -> bool:
        """Whether a law holds already what the days since the start of the crisis say of it.

        As the entry says; otherwise, where it rests on findings alone, whether one was reported in those days.
        """
        since = self.file.crisis_start
        if said is not None or basis is None or basis.kind != "report" or since is None:
            return bool(said)
        told = (self.file.findings[number].report for number in basis.report if number in self.file.findings)
        return any(report in self.file.reports and self.file.reports[report].date > since for report in told)

    def check_findings(self, *, whole: bool) -> None:
        """Every finding is cited (asked of a ``whole`` file) or not modelled, and names a report that exists."""
        file = self.file
        for number, finding in file.findings.items():
            if finding.report not in file.reports:
                self.faults.add(("findings", number, "report"), "no such report", known=file.reports)
            if whole and number not in self.cited and number not in file.not_modelled:
                why = "cited by no basis; cite it, or say under `not_modelled` why it is left out"
                self.faults.add(("findings", number), why, finding.says)
            elif number in self.cited and number in file.not_modelled:
                why = (
                    f"cited at {dotted(self.faults.real(self.cited[number]))}, so it is modelled; remove one of the two"
                )
                self.faults.add(("not_modelled", number), why)
        for number in file.not_modelled:
            if number not in file.findings:
                self.faults.add(
                    ("not_modelled", number), f"no finding has the number {number}", number, known=file.findings
                )
