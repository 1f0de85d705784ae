"""Stated probabilities: who said how much of what, when, and until when; none is in force before it was known."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Final

from sim.scenario import quantities, schema
from sim.scenario.evidence import Ledger
from sim.scenario.problems import KeyPath
from sim.scenario.quantities import QuantityError
from sim.scenario.scenario import Statement
from sim.scenario.source import Faults
from sim.statistics import stated
from sim.statistics.stated import Stated

OPEN: Final = "open"
#: Tables of words as people call them.
TABLE_NAMES: Final[Mapping[str, str]] = {"icd_203": "ICD 203", "kent": "Kent"}


def read(file: schema.File, ledger: Ledger, faults: Faults) -> tuple[Statement, ...]:
    """The statements known on the date of the forecast; all are checked."""
    found = [_statement(name, given, file, ledger, faults) for name, given in file.statements.items()]
    return tuple(statement for statement in found if statement is not None)


def _statement(
    name: str, given: schema.Statement, file: schema.File, ledger: Ledger, faults: Faults
) -> Statement | None:
    path: KeyPath = ("statements", name)
    ledger.cite(path, given.basis)
    known_on = _dates(path, given, file, faults)
    _proposition((*path, "proposition"), given.proposition, file, faults)
    meant, within = _meant(path, given, faults), _within((*path, "within"), given, faults)
    if meant is None or known_on > ledger.as_of:
        return None
    return Statement(
        name=name,
        speaker=given.speaker,
        said_on=given.said_on,
        known_on=known_on,
        about=given.about,
        milestone=given.proposition.milestone,
        outcomes=given.proposition.outcomes,
        stated=meant,
        words=_words(given),
        within=within,
        origin=given.origin or name,
        evidence=ledger.rest(path, given.basis, fixed=False),
    )


def _dates(path: KeyPath, given: schema.Statement, file: schema.File, faults: Faults) -> datetime.date:
    """The day on which it was known: said, and reported."""
    if given.about is not None and given.about >= given.said_on:
        why = f"a recollection is about a time before it was said ({given.said_on}); leave `about` out of any other"
        faults.add((*path, "about"), why)
    cited = [file.findings[n].report for n in given.basis.report if n in file.findings]
    dates = [file.reports[report].date for report in cited if report in file.reports]
    if dates and given.said_on > max(dates):
        faults.add((*path, "said_on"), f"lies after the report that tells of it ({max(dates)})")
    return max([given.said_on, *dates])


def _proposition(path: KeyPath, given: schema.Proposition, file: schema.File, faults: Faults) -> None:
    if (given.milestone is None) == (not given.outcomes):
        faults.add(path, "one of two is wanted: `milestone: NAME`, or `outcomes: [NAME, …]`")
    if given.milestone is not None and given.milestone not in file.milestones:
        faults.add((*path, "milestone"), "no such milestone", known=file.milestones)
    known = [outcome.name for outcome in file.outcomes]
    for i, outcome in enumerate(given.outcomes):
        if outcome not in known:
            faults.add((*path, "outcomes", i), "no such outcome", known=known)
        elif outcome in given.outcomes[:i]:
            faults.add((*path, "outcomes", i), "the outcome stands twice; remove one of the two")
    if known and set(given.outcomes) >= set(known):
        faults.add((*path, "outcomes"), "all outcomes together are certain; name some of them")


def _meant(path: KeyPath, given: schema.Statement, faults: Faults) -> Stated | None:
    """How much was said: a number, a range or a word."""
    path, said = (*path, "says"), given.says
    if len(said) == 1 and isinstance(said[0], str) and not quantities.looks_like_one(said[0]):
        table = stated.TABLES.get(given.table)
        if table is None:
            faults.add((*path[:-1], "table"), "no such table of words", given.table, known=stated.TABLES)
        elif said[0].lower() not in table:
            why = f"no word of the table {given.table}, which has {', '.join(table)}"
            faults.add(path, why, said[0], known=table, word=said[0].lower())
        else:
            return stated.word(said[0], given.table)
        return None
    try:
        ends = [quantities.number(part) for part in said]
        return stated.between(ends[0], ends[-1])
    except QuantityError as error:
        faults.add(path, f"{error}; a chance is written as 0.8, as [0.3, 0.5] or as a word such as likely")
    except ValueError:
        faults.add(path, "chances lie within 0 … 1, the lower one first; 80 percent is 0.8", list(said))
    return None


def _within(path: KeyPath, given: schema.Statement, faults: Faults) -> float | None:
    if given.within == OPEN:
        return None
    try:
        return quantities.until(given.within, given.said_on)
    except QuantityError as error:
        why = str(error) if not isinstance(given.within, str) else f"{error}; `open` says that no deadline was named"
        faults.add(path, why)
        return None


def _words(given: schema.Statement) -> str:
    """How it was said: ``80 %``, ``between 33 and 50 %``, ``likely (ICD 203)``."""
    said = given.says
    if isinstance(said[0], str) and not quantities.looks_like_one(said[0]):
        return f"{said[0].lower()} ({TABLE_NAMES[given.table]})"
    shares = [f"{100 * quantities.number(part):g}" for part in said]
    return f"{shares[0]} %" if len(set(shares)) == 1 else f"between {shares[0]} and {shares[1]} %"
