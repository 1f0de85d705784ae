"""What happened since is put to the forecasts of the ledger: in part, as horizons pass, and again where it was wrong.

Each telling is a record of its own, dated and hashed, with who says so; a later one counts for what it tells, and
nothing is deleted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sim.model.expressions import nearest
from sim.scenario import quantities
from sim.scenario.reading import read_file
from sim.studies.happened import NEVER, Asked, Happened, read
from sim.studies.ledger import book as books
from sim.studies.order import Order, remark, say_folder
from sim.studies.settings import SettingError

STUDY: Final = "resolve"
SETTINGS: Final = ("happened", "entry", "ledger")

Data = dict[str, Any]


def answer(order: Order) -> int:
    """Put a file of what happened to the forecasts that it resolves; print the ledger."""
    from sim.studies.ledger.study import shown

    given = order.study.get("happened")
    if not isinstance(given, str):
        raise SettingError("study.happened: say which file tells what happened, such as study.happened=happened.yaml")
    book = books.read(books.folder_of(order))
    as_of = order.configuration.get("as_of")
    book, written = resolve(book, Path(given), entry=order.study.get("entry"), as_of=as_of, at=books.now())
    for record in written:
        remark(f"{record['number']:04d} resolves {record['entry']['number']:04d}, hash {record['sha256']}")
    shown(book, at=books.now())
    say_folder(book.folder)
    return 0


def resolve(
    book: books.Book, path: Path, *, entry: object = None, as_of: object = None, at: datetime
) -> tuple[books.Book, list[Data]]:
    """The ledger with what happened put to a forecast, or to all of the file's scenario (of one date, if given).

    Raises ScenarioError for a file that cannot be, SettingError where it resolves nothing.
    """
    head = read_file(path).data
    chosen = [book.find(entry)] if entry is not None else _chosen(book, str(head.get("scenario")), as_of)
    _told(path, head, at)
    told = hashlib.sha256(path.read_bytes()).hexdigest()
    written, why, told_before = list[Data](), list[str](), False
    for one in chosen:
        happened = read(path, asked_of(one), lenient=len(chosen) > 1)
        number = f"{one['number']:04d}"
        happened = _on_its_days(one, happened)
        for text in happened.left_out:
            remark(f"{number}: not of this forecast: {text}")
        if happened.empty:
            why.append(f"{number}: the file tells nothing of its days ({', '.join(one['days'].values())})")
            continue
        facts = facts_of(one, happened)
        if adds_nothing(facts, book.resolutions(one)):
            told_before = True
            remark(f"{number}: all that the file tells was told before: nothing is written")
            continue
        record = {
            "kind": books.RESOLUTION,
            "resolved": at.isoformat(),
            "entry": {"number": one["number"], "sha256": one["sha256"]},
            "source": happened.source,
            "file": {"name": path.name, "sha256": told},
            **facts,
        }
        book, kept = books.add(book, record, f"of-{number}")
        written.append(kept)
    if not written and not told_before:
        raise SettingError(f"{path}: nothing to resolve; {'; '.join(why)}")
    return book, written


def asked_of(entry: Mapping[str, Any]) -> Asked:
    """What a registered forecast speaks of."""
    sentences = entry["resolution"]
    return Asked(
        entry["scenario"],
        date.fromisoformat(entry["as_of"]),
        entry["until_days"],
        *(tuple(sentences[key]) for key in ("outcomes", "milestones", "counts")),
    )


def facts_of(entry: Mapping[str, Any], happened: Happened) -> Data:
    """What happened by date, as plain data."""
    start = date.fromisoformat(entry["as_of"])

    def on(day: int) -> str:
        return (start + timedelta(days=day)).isoformat()

    return {
        "known": on(happened.known),
        "outcomes": {on(day): name for day, name in happened.outcomes.items()},
        "milestones": {name: NEVER if day is None else on(day) for name, day in happened.milestones.items()},
        "counts": {name: {on(day): value for day, value in by.items()} for name, by in happened.counts.items()},
        "ranked": list(happened.ranked),
    }


def merged(entry: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> Happened:
    """All that was told of a forecast: of each outcome, milestone and count, what was told last."""
    start = date.fromisoformat(entry["as_of"])

    def day(on: str) -> int:
        return (date.fromisoformat(on) - start).days

    outcomes: dict[int, str] = {}
    milestones: dict[str, int | None] = {}
    known_of: dict[str, int] = {}
    counts: dict[str, dict[int, float]] = {}
    for facts in told:
        outcomes |= {day(on): name for on, name in facts["outcomes"].items()}
        for name, on in facts["milestones"].items():
            milestones[name], known_of[name] = None if on == NEVER else day(on), day(facts["known"])
        for name, by in facts["counts"].items():
            counts.setdefault(name, {}).update({day(on): float(value) for on, value in by.items()})
    last = max((day(facts["known"]) for facts in told), default=0)
    ranked = next((tuple(facts["ranked"]) for facts in reversed(told) if facts["ranked"]), ())
    source = str(told[-1]["source"]) if told else ""
    return Happened(last, dict(sorted(outcomes.items())), milestones, counts, ranked, source, known_of)


def adds_nothing(facts: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every fact was told before, in the last words on it."""
    outcomes: Data = {}
    milestones: Data = {}
    counts: dict[tuple[str, str], float] = {}
    for one in told:
        outcomes |= one["outcomes"]
        milestones |= {name: (on, one["known"]) for name, on in one["milestones"].items()}
        counts |= {(name, on): value for name, by in one["counts"].items() for on, value in by.items()}
    mine = {name: (on, facts["known"]) for name, on in facts["milestones"].items()}
    values = {(name, on): value for name, by in facts["counts"].items() for on, value in by.items()}
    same = all(outcomes.get(on) == name for on, name in facts["outcomes"].items())
    same &= all(milestones.get(name) == fact for name, fact in mine.items())
    same &= all(counts.get(key) == value for key, value in values.items())
    ranked = next((list(one["ranked"]) for one in reversed(told) if one["ranked"]), [])
    return same and (not facts["ranked"] or list(facts["ranked"]) == ranked)


def _chosen(book: books.Book, scenario: str, as_of: object) -> list[Data]:
    """The forecasts of a scenario, those of one date if it is given. Raises SettingError where there is none."""
    there = [entry for entry in book.entries if entry["scenario"] == scenario]
    if not there:
        known = list(dict.fromkeys(entry["scenario"] for entry in book.entries))
        named = f"; registered are forecasts of {', '.join(known)}" if known else "; register one first: study=register"
        raise SettingError(f"{book.folder}: no forecast of {scenario!r} is registered{nearest(scenario, known)}{named}")
    found = [entry for entry in there if as_of is None or entry["as_of"] == str(as_of)]
    if not found:
        dates = ", ".join(dict.fromkeys(entry["as_of"] for entry in there))
        raise SettingError(f"as_of: no forecast of {scenario} as of {as_of} is registered; there are those of {dates}")
    return found


def _told(path: Path, head: Mapping[Any, Any], at: datetime) -> None:
    """Refuse what cannot be known yet, or is told by nobody."""
    if not str(head.get("source", "")).strip():
        raise SettingError(f"{path}: source: who says so? The ledger keeps no fact without a source; add `source: …`")
    try:
        known = quantities.day(head.get("known"))
    except quantities.QuantityError:
        return  # told with its line when the file is read
    if known > at.date():
        raise SettingError(f"{path}: known: {known} lies ahead (it is {at.date()}); nothing is known of it yet")


def _on_its_days(entry: Mapping[str, Any], happened: Happened) -> Happened:
    """Only what the forecast can be scored by: outcomes and counts at its horizons."""
    days, left = [int(day) for day in entry["days"]], list(happened.left_out)
    dates = ", ".join(entry["days"].values())
    start = date.fromisoformat(entry["as_of"])

    def fits(what: str, day: int) -> bool:
        if day not in days:
            left.append(f"{what} on {start + timedelta(days=day)}: the forecast is read at the end of {dates}")
        return day in days

    outcomes = {day: name for day, name in happened.outcomes.items() if fits("the outcome", day)}
    counts = {
        name: {day: value for day, value in by.items() if fits(f"count {name}", day)}
        for name, by in happened.counts.items()
    }
    counts = {name: by for name, by in counts.items() if by}
    return replace(happened, outcomes=outcomes, counts=counts, left_out=tuple(left))
