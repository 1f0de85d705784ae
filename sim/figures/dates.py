"""A calendar as the axis of a figure."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes

from sim.statistics.shown import date_words

#: Least distance of two date labels, as a share of the axis.
LEAST_GAP: Final = 0.16


def spaced(days: Sequence[int], before: Sequence[int] = ()) -> list[int]:
    """The last day and the others whose labels do not run into one another, on an axis from day 0 to the last one.

    Days ``before`` go first where an axis begins at the first of them.
    """
    first = before[0] if before else 0
    least = LEAST_GAP * (days[-1] - first)
    kept = [days[-1]]
    for day in (*reversed(before), *reversed(days[:-1])):
        edge = day in before or day - first >= least / 2
        if edge and min(abs(day - other) for other in kept) >= least:
            kept.append(day)
    return sorted(kept)


def calendar(ax: Axes, summary: Mapping[str, Any], first: datetime.date | None = None) -> None:
    """Date axis from the start of the run (or from ``first``) to its end, with marks at the days of the summary.

    An axis that begins before the start also marks both beginnings.
    """
    start = datetime.date.fromisoformat(summary["as_of"])
    begin = start if first is None or first > start else first
    days = [int(day) for day in summary["days"]]
    marked = spaced(days, [(begin - start).days, 0] if begin < start else ())
    ticks = [start + datetime.timedelta(days=day) for day in marked]
    labels = ["\n".join(date_words(tick.isoformat()).rsplit(" ", 1)) for tick in ticks]
    ax.set_xticks(ticks, labels)  # type: ignore[arg-type]
    ax.set_xlim(begin, start + datetime.timedelta(days=days[-1]))  # type: ignore[arg-type]


def dates(summary: Mapping[str, Any], days: Sequence[int]) -> list[datetime.date]:
    """Dates of days after the start of a run."""
    start = datetime.date.fromisoformat(summary["as_of"])
    return [start + datetime.timedelta(days=int(day)) for day in days]
