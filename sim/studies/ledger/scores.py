"""The forecasts of a ledger scored over time: each by what is known of it, and all together, pair by pair.

A forecast that was registered after a day had passed is scored on that day in hindsight, and pooled apart. Of several
forecasts of one configuration the first is pooled. Forecasts of one crisis share its luck: they are one case.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sim.studies.happened import Happened
from sim.studies.ledger import book as books
from sim.studies.register import law_of
from sim.studies.resolve import merged
from sim.studies.score.laws import scores
from sim.studies.score.study import gained

#: With fewer forecasts resolved, calibration would be read out of noise.
ENOUGH: Final = 10
#: Kinds in the order shown, in words.
KINDS: Final[Mapping[str, str]] = {
    "model": "the model",
    "past": "past cases",
    "rival": "one-page rival",
    "stated": "statements at face value",
    "weighted": "model and statements, by rule",
    "uniform": "every outcome alike",
}
#: Edges of the chances that are taken together.
BINS: Final = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)

Data = dict[str, Any]


def scored(book: books.Book, *, at: datetime, floor: float) -> Data:
    """The whole ledger as plain data: every forecast with its scores, the pools, and calibration where it can be."""
    entries = [_entry(book, entry, at, floor) for entry in book.entries]
    first: dict[tuple[str, str], int] = {}
    for entry in entries:
        number = first.setdefault((entry["scenario"], entry["configuration"]), entry["number"])
        entry["repeats"] = None if number == entry["number"] else number
    counted = [entry for entry in entries if entry["repeats"] is None]
    return {
        "format": books.FORMAT,
        "study": "ledger",
        "at": at.isoformat(),
        "records": len(book.records),
        "head": book.head,
        "floor": floor,
        "entries": entries,
        "pools": [pool for hindsight in (False, True) if (pool := _pool(counted, hindsight=hindsight))["n"]],
        "calibration": _calibration(counted),
    }


def _entry(book: books.Book, entry: Mapping[str, Any], at: datetime, floor: float) -> Data:
    told = book.resolutions(entry)
    happened = merged(entry, told)
    names, chances = list(entry["resolution"]["outcomes"]), entry["chances"]["outcomes_by"]
    rows = [scores(law_of(law), names, happened, floor) for law in entry["laws"]]
    gained(rows)
    passed = {day: on for day, on in entry["days"].items() if date.fromisoformat(on) < at.date()}
    resolved = [day for day in entry["days"] if int(day) in happened.outcomes]
    keys = ("number", "sha256", "registered", "scenario", "title", "as_of", "configuration", "content_hash", "days")
    return {
        **{key: entry[key] for key in keys},
        "resolution": entry["resolution"],
        "chances": {day: {n: three["probability"] for n, three in by.items()} for day, by in chances.items()},
        "resolved": resolved,
        "state": "resolved" if len(resolved) == len(entry["days"]) else "in part" if told else "open",
        "due": [on for day, on in passed.items() if day not in resolved],
        "hindsight": [day for day, on in entry["days"].items() if on <= entry["registered"][:10]],
        "told": [
            {"number": t["number"], "on": t["resolved"], "known": t["known"], "source": t["source"]} for t in told
        ],
        "happened": _happened(happened),
        "laws": rows,
    }


def _happened(happened: Happened) -> Data:
    return {
        "known": happened.known,
        "outcomes": {str(day): name for day, name in happened.outcomes.items()},
        "milestones": {name: [day, happened.known_for(name)] for name, day in happened.milestones.items()},
        "counts": {name: {str(day): value for day, value in by.items()} for name, by in happened.counts.items()},
    }


# --------------------------------------------------------------------------------------------------------- all together
def _pool(entries: Sequence[Data], *, hindsight: bool) -> Data:
    """Mean scores of each kind of law beside the model's on the same days of the same forecasts."""
    outcomes: dict[str, list[tuple[float, float, float]]] = {}
    milestones: dict[str, list[tuple[float, float, float]]] = {}
    crises, forecasts, days = set(), set(), 0
    for entry in entries:
        for day in entry["days"]:
            if (day in entry["hindsight"]) is not hindsight:
                continue
            found = dict(_means(entry, day, "outcome"))
            for kind, (log, brier, model) in found.items():
                outcomes.setdefault(kind, []).append((log, brier, model))
            events = dict(_means(entry, day, "milestone"))
            for kind, three in events.items():
                milestones.setdefault(kind, []).append(three)
            if found or events:
                crises.add(entry["scenario"])
                forecasts.add(entry["number"])
                days += bool(found)
    return {
        "hindsight": hindsight,
        "n": len(forecasts),
        "days": days,
        "cases": len(crises),
        "outcomes": {kind: _mean(outcomes[kind]) for kind in KINDS if kind in outcomes},
        "milestones": {kind: _mean(milestones[kind]) for kind in KINDS if kind in milestones},
    }


def _means(entry: Mapping[str, Any], day: str, what: str) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Kind -> log, Brier and the model's log on a day: of several laws of a kind their mean; of milestones, too."""
    model = entry["laws"][0]
    for kind in KINDS:
        found = []
        for law in entry["laws"]:
            if law["kind"] != kind:
                continue
            if what == "outcome" and day in law["outcomes"]:
                score = law["outcomes"][day]
                found.append((score["log"], score["brier"], model["outcomes"][day]["log"]))
            elif what == "milestone":
                for name, by in law["milestones"].items():
                    if day in by["by"]:
                        found.append((by["log"][day], by["by"][day], model["milestones"][name]["log"][day]))
        if found:
            log, brier, own = (math.fsum(column) / len(found) for column in zip(*found, strict=True))
            yield kind, (log, brier, own)


def _mean(rows: Sequence[tuple[float, float, float]]) -> Data:
    log, brier, model = (math.fsum(column) / len(rows) for column in zip(*rows, strict=True))
    return {"n": len(rows), "log": log, "brier": brier, "gain": log - model}


def _calibration(entries: Sequence[Data]) -> Data:
    """How often what got a chance came about; only from enough resolved forecasts, none in hindsight."""
    resolved, pairs = 0, []
    for entry in entries:
        days = [day for day in entry["resolved"] if day not in entry["hindsight"]]
        resolved += bool(days)
        for day in days:
            for name, chance in entry["chances"][day].items():
                pairs.append((chance, name == entry["happened"]["outcomes"][day]))
    bins = []
    for low, high in itertools.pairwise(BINS):
        inside = [(p, came) for p, came in pairs if low <= p < high or (high == 1.0 and p == 1.0)]
        if inside:
            mean = math.fsum(p for p, _ in inside) / len(inside)
            came = sum(came for _, came in inside)
            bins.append({"low": low, "high": high, "n": len(inside), "mean": mean, "came": came})
    crises = len({entry["scenario"] for entry in entries if entry["resolved"]})
    return {"resolved": resolved, "wanted": ENOUGH, "cases": crises, "bins": bins if resolved >= ENOUGH else []}
