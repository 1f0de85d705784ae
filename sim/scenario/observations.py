"""Reported numbers that an earlier forecast is held against: later start values that say how they are to be read.

A finding enters a forecast once. Until the date of its report it is an observation, from then on a start value; so an
observation bears the date of the report that it rests on, and no two of them rest on the same finding.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Final

from sim.model.spec import Variable
from sim.scenario import schema
from sim.scenario.evidence import Ledger
from sim.scenario.problems import KeyPath, dotted
from sim.scenario.scenario import Observation, Reading, VariableInfo
from sim.scenario.source import Faults

#: Standard deviation of the logarithm of reported over true: beyond it "roughly" says next to nothing.
WIDEST: Final = 1.0


def read(
    file: schema.File,
    variables: Mapping[str, Variable],
    infos: Mapping[str, VariableInfo],
    ledger: Ledger,
    faults: Faults,
) -> tuple[Observation, ...]:
    """What was reported after the date of the forecast, by date; the rest is checked, too."""
    found: list[Observation] = []
    cited: dict[int, KeyPath] = {}
    for name, given in file.state.items():
        for i, entry in enumerate(given.start):
            if entry.reported is None or name not in infos:
                continue
            path: KeyPath = ("state", name, "start", i)
            before = len(faults.problems)
            _check(path, given, infos[name], faults)
            if len(faults.problems) > before:
                continue
            _rests((*path, "basis"), entry, file, cited, faults)
            reading, spread = _reading((*path, "reported"), entry.reported, ledger, faults)
            value = infos[name].dated[i].value
            if spread and value is not None and value <= 0:
                faults.add((*path, "value"), "what is roughly so many is more than none; read 0 `exactly`", value)
            if entry.from_ is None or entry.from_ <= ledger.as_of:
                continue  # as a start value it is checked where it is read
            if value is None or not _within(value, variables[name]):
                faults.add((*path, "value"), "a whole number within the bounds of the variable is wanted", entry.value)
            if len(faults.problems) > before or value is None:
                continue
            basis = entry.reported.basis
            if basis is not None:
                ledger.rest((*path, "reported"), basis, fixed=True)
            why = basis.why if basis is not None else ""
            rests = infos[name].dated[i].evidence
            found.append(Observation(name, entry.from_, value, reading, spread, why, rests))
    return tuple(sorted(found, key=lambda one: one.date))


def _check(path: KeyPath, given: schema.Variable, info: VariableInfo, faults: Faults) -> None:
    place, entry = int(path[-1]), given.start[int(path[-1])]
    if info.flag or info.levels:
        faults.add((*path, "reported"), "a forecast is held against numbers; leave it out where there are words")
    elif entry.value is None:
        faults.add((*path, "reported"), "goes with a `value`; what is drawn was not reported")
    elif place == 0 or entry.from_ is None:
        why = "no earlier forecast could be held against this: an entry with an earlier date is wanted before it"
        faults.add((*path, "reported"), why)


def _within(value: int, variable: Variable) -> bool:
    return variable.lower <= value and (variable.upper is None or value <= variable.upper)


def _rests(path: KeyPath, entry: schema.Start, file: schema.File, cited: dict[int, KeyPath], faults: Faults) -> None:
    """What was observed rests on findings of a report of that day, each once, or on data."""
    basis = entry.basis
    if basis is None or basis.judgement or not (basis.report or basis.data):
        faults.add(path, "a judgement is no observation; name the finding, `basis: {report: [N]}`, or the data")
        return
    for number in basis.report:
        date = _date(number, file)
        if date is not None and entry.from_ is not None and date != entry.from_:
            why = f"finding {number} was reported on {date}; a forecast is held against it on that day: `from: {date}`"
            faults.add(path, why, number)
        if number in cited:
            other = dotted(faults.real(cited[number]))
            faults.add(path, f"finding {number} enters a forecast once, and stands at {other} already", number)
        cited.setdefault(number, path)


def _date(number: int, file: schema.File) -> datetime.date | None:
    finding = file.findings.get(number)
    report = file.reports.get(finding.report) if finding is not None else None
    return report.date if report is not None else None


def _reading(path: KeyPath, given: schema.Reported, ledger: Ledger, faults: Faults) -> tuple[Reading, float]:
    if given.reading is not None:
        if given.roughly is not None or given.basis is not None:
            faults.add(path, "one reading is wanted: exactly, at least, or {roughly: 0.1, basis: …}")
        return given.reading, 0.0
    if given.roughly is None:
        faults.add(path, "one reading is wanted: exactly, at least, or {roughly: 0.1, basis: …}")
        return "exactly", 0.0
    if not 0.0 < given.roughly <= WIDEST:
        why = f"more than 0 and up to {WIDEST:g} is wanted, the relative error; 0.1 says give or take a tenth"
        faults.add((*path, "roughly"), why, given.roughly)
    ledger.cite(path, given.basis)
    if given.basis is None:
        faults.add(path, "say why so rough: `basis: {judgement: …, fixed: …}` or `{data: …}`")
    elif given.basis.report:
        faults.add((*path, "basis"), "the finding stands at the value; how rough it is rests on data or a judgement")
    elif given.basis.judgement and not given.basis.fixed:
        faults.add((*path, "basis"), "a judgement on a fixed number; add `fixed: why there is no spread`")
    return "roughly", given.roughly
