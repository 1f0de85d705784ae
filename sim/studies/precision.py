"""``run.precision``: as many histories as it takes to know every chance shown so closely.

A forecast looks at run.least histories, twice, four times … as many, however they are cut into parts, and stops as
soon as the widest interval of all chances shown (outcomes and milestones at every horizon, flags at the end) is no
wider than asked, or at run.most. The intervals hold however often one looks (:mod:`sim.statistics.sequence`), so that
stopping by them does not spoil them. Where it stops, the run is the same as one of so many histories asked for at once.
``study.precise`` names the chances that are looked at, where not all matter: ``first_strike by 90``, or
``first_strike`` for all days at which it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sim.model.expressions import nearest
from sim.runs.plan import Task
from sim.runs.tally import Tally
from sim.statistics.shown import date_words, words
from sim.studies.settings import SettingError, Settings

Data = dict[str, Any]
#: (outcomes, milestones or flags; name; day) -> in how many histories.
Counts = dict[tuple[str, str, str], int]


def looks(settings: Settings, held: int) -> Iterator[int]:
    """Numbers of histories to look at, of those from ``held`` on: least, twice that, four times … and most.

    With more than that on disk already there is one look, at all of them.
    """
    look = settings.least
    while look < settings.most:
        if look >= held:
            yield look
        look *= 2
    yield max(settings.most, held)


def counted(task: Task, tally: Tally) -> Counts:
    """In how many histories each event shown has happened."""
    model, found = task.model, Counts()
    reached = np.cumsum(tally.milestones, axis=-1)
    for i, day in enumerate(task.days):
        for k, (name, _) in enumerate(model.outcomes):
            found["outcomes", name, str(day)] = int(tally.outcomes[i, k])
        for k, name in enumerate(model.milestones):
            found["milestones", name, str(day)] = int(reached[k, day])
    for k, (name, _) in enumerate(model.flags):
        found["flags", name, str(task.until)] = int(tally.flags[k])
    return found


def counted_of(summary: Mapping[str, Any]) -> Counts:
    """The same from the summary of a finished forecast."""
    n, last = summary["replications"], str(summary["until_days"])
    shares: dict[tuple[str, str, str], Mapping[str, float]] = {}
    for day, by in summary["outcomes_by"].items():
        shares |= {("outcomes", name, day): five for name, five in by.items()}
    for name, found in summary["milestones"].items():
        shares |= {("milestones", name, day): five for day, five in found["by"].items()}
    shares |= {("flags", name, last): five for name, five in summary["flags"].items()}
    return {event: round(five["probability"] * n) for event, five in shares.items()}


def chosen(counts: Counts, precise: Sequence[str]) -> Counts:
    """The chances that are named, as ``NAME by DAY`` or ``NAME``; all where none is.

    Raises SettingError for a name that is no outcome, milestone or flag, and a day at which it is not shown.
    """
    if not precise:
        return counts
    found: Counts = {}
    for text in precise:
        name, by, day = (part.strip() for part in text.partition(" by "))
        named = {event: count for event, count in counts.items() if event[1] == name}
        if not named:
            known = sorted({name for _, name, _ in counts})
            raise SettingError(f"study.precise: {text!r}: no outcome, milestone or flag {name!r}{nearest(name, known)}")
        days = list(dict.fromkeys(event[2] for event in named))
        if by and day not in days:
            raise SettingError(f"study.precise: {text!r}: {name} is shown by day {', '.join(days)}; give one of these")
        found |= {event: count for event, count in named.items() if not by or event[2] == day}
    return found


def judged(counts: Counts, n: int, settings: Settings, precise: Sequence[str] = ()) -> Data:
    """What n histories leave open: the widest interval of all that are looked at, and whether that is close enough.

    ``wanted`` and ``half_width`` are half-widths of 95 % intervals that hold however often one looks, ``low`` and
    ``high`` the ends of the widest one, ``of`` its kind, ``name`` and ``day``; ``never`` is the upper end for what has
    not happened in any history; ``precise`` are the chances that were named, if any were.
    """
    from sim.statistics.sequence import anytime

    counts = chosen(counts, precise)
    low, high = anytime(np.array(list(counts.values())), n)
    at = int(np.argmax(high - low))
    kind, name, day = list(counts)[at]
    half = float(high[at] - low[at]) / 2.0
    return {
        "wanted": settings.precision,
        "reached": settings.precision is not None and half <= settings.precision,
        "of": kind, "name": name, "day": day,
        "low": float(low[at]), "high": float(high[at]), "half_width": half,
        "never": float(anytime(0, n)[1]),
        **({"precise": list(precise)} if precise else {}),
    }  # fmt: skip


def line(summary: Mapping[str, Any]) -> list[str]:
    """What the footer of a forecast says of the precision that was asked for."""
    found = summary.get("precision")
    if found is None:
        return []
    n = f"{summary['replications']:,}"
    end = f"reached with {n}" if found["reached"] else f"not reached with {n}"
    of = (
        f"Of those that it was asked for ({', '.join(found['precise'])})"
        if "precise" in found
        else "Of all chances shown"
    )
    return [
        f"Precision asked for: ±{_points(found['wanted'])}; {end} simulated histories. {of} "
        f"{_widest(summary)} is known least closely: {100 * found['low']:.3g}–{100 * found['high']:.3g} % by sampling "
        "(95 %, however often one looks)."
    ]


def missed(summary: Mapping[str, Any]) -> str | None:
    """Why a forecast is not as close as asked, and what to do; None where it is, or nothing was asked."""
    found = summary.get("precision")
    if found is None or found["reached"]:
        return None
    n = summary["replications"]
    about = n * (found["half_width"] / found["wanted"]) ** 2
    more = float(f"{about:.1g}") if float(f"{about:.1g}") > about else float(f"{2 * about:.1g}")
    return (
        f"run.precision: ±{_points(found['wanted'])} were asked for; after {n:,} simulated histories "
        f"{_widest(summary)} is known to ±{_points(found['half_width'])}. What was done is kept and shown; ask for "
        f"less, or go on, with run.most={more:.0f} or so"
    )


def _widest(summary: Mapping[str, Any]) -> str:
    found = summary["precision"]
    return f"{words(found['name'])} by {date_words(summary['days'][found['day']])}"


def _points(share: float) -> str:
    return f"{100 * share:.2g} points"
