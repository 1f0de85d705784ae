"""Counts of a run as the numbers people ask for: plain data, unrounded, the same that the terminal shows rounded."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.runs.plan import Task
from sim.runs.store import FORMAT
from sim.runs.tally import Nested, Tally
from sim.statistics.clusters import range_over_inputs
from sim.statistics.incidence import cumulative
from sim.statistics.intervals import quantile_by_day, wilson, zero_event_bound
from sim.studies.baseline import jeffreys_by_day, pages
from sim.studies.counted import counts
from sim.studies.unseen import impossible, never

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

#: Quantiles of first times over all histories.
QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)

Numbers = dict[str, float]


def days_shown(horizons: Sequence[float], until: int) -> tuple[int, ...]:
    """Whole days at which outcomes are read: the horizons that lie before the end, and the end."""
    return tuple(sorted({int(day) for day in horizons if 0 < day < until} | {until}))


def summarise(scenario: Scenario, task: Task, tally: Tally, nested: Nested) -> dict[str, Any]:
    """Summary of a forecast.

    ``outcomes`` and ``flags`` (at the end), ``outcomes_by`` day, and the milestones' ``by`` map names to five shares:
    ``probability``; ``low`` and ``high``, its 95 % interval by sampling; ``range_low`` and ``range_high``, where it
    lies between the 10 % and the 90 % point of the uncertain inputs. Quantiles of first times are over all histories
    and null where they lie past the end. ``zero_bound`` is the largest chance that what happened in none of them may
    have: 95 %, one-sided and exact (with a larger one, none in n comes less than one time in twenty). It is for a
    number of histories that was settled beforehand; ``precision`` has its own, ``never``.
    """
    n, model = tally.replications, task.model
    outcome_names = [name for name, _ in model.outcomes]
    by_day = {
        str(day): _numbers(outcome_names, tally.outcomes[i], n, nested.outcomes[:, i], nested.histories)
        for i, day in enumerate(task.days)
    }
    reached = np.cumsum(tally.milestones, axis=-1)
    reached_nested = np.cumsum(nested.milestones, axis=-1)
    milestones: dict[str, Any] = {name: {"by": {}, "quantiles": {}} for name in model.milestones}
    for day in task.days:
        numbers = _numbers(model.milestones, reached[:, day], n, reached_nested[:, :, day], nested.histories)
        for name, five in numbers.items():
            milestones[name]["by"][str(day)] = five
    for i, name in enumerate(model.milestones):
        for share in QUANTILES:
            found = quantile_by_day(tally.milestones[i], n, share)
            keys = ("day", "low", "high")
            milestones[name]["quantiles"][f"{share:g}"] = {
                key: value if math.isfinite(value) else None for key, value in zip(keys, found, strict=True)
            }
    flag_names = [name for name, _ in model.flags]
    return {
        "format": FORMAT,
        "study": "forecast",
        "scenario": scenario.name,
        "title": scenario.title,
        "question": scenario.question,
        "as_of": scenario.as_of.isoformat(),
        "crisis_start": scenario.crisis_start.isoformat() if scenario.crisis_start else None,
        "latest_report": _latest_report(scenario),
        "until": _date(scenario.as_of, task.until),
        "until_days": task.until,
        "days": {str(day): _date(scenario.as_of, day) for day in task.days},
        "seed": task.seed,
        "replications": n,
        "inputs": nested.inputs,
        "histories": nested.histories,
        "outcomes": by_day[str(task.until)],
        "outcomes_by": by_day,
        "flags": _numbers(flag_names, tally.flags, n, nested.flags, nested.histories),
        "milestones": milestones,
        "base_rates": [_base_rate(rate) for rate in scenario.base_rates],
        "rival": pages(scenario, task.days),
        "impossible": impossible(scenario),
        "never": never(model, tally),
        "zero_bound": zero_event_bound(n),
        "seen": {m.name: {"by": _label(scenario, m.seen_by), "delay": m.delay} for m in scenario.milestones},
        "compared": _compared(scenario),
        "secret": [m.name for m in scenario.milestones if m.seen_by != "public"],
        "rungs": list(scenario.rungs),
        "counts": counts(scenario, {w.name: table for w, table in zip(task.watched, tally.occupancy, strict=True)}),
        "sentences": {
            "outcomes": {o.name: o.says for o in scenario.outcomes},
            "flags": {f.name: f.says for f in scenario.flags},
            "milestones": {m.name: m.says for m in scenario.milestones},
        },
        "ran_away": tally.ran_away,
        "ran_away_at": {row.name: int(count) for row, count in zip(model.rows, tally.culprits, strict=True) if count},
        "saturations": tally.saturations,
        "events": tally.events,
    }


def curves(task: Task, tally: Tally, nested: Nested) -> dict[str, NDArray[Any]]:
    """Cumulative incidence of every milestone by day, with its range over the inputs, in long form.

    Columns ``milestone``, ``day``, ``probability``, ``range_low``, ``range_high``, one row per milestone and day.
    """
    names = task.model.milestones
    share = cumulative(tally.milestones, tally.replications)
    low, high = range_over_inputs(np.cumsum(nested.milestones, axis=-1), nested.histories, share)
    days = task.until + 1
    return {
        "milestone": np.repeat(np.array(names, dtype=np.str_), days),
        "day": np.tile(np.arange(days, dtype=np.int64), len(names)),
        "probability": share.ravel(),
        "range_low": low.ravel(),
        "range_high": high.ravel(),
    }


def sampling_error(summary: Mapping[str, Any]) -> float:
    """Largest half-width of the 95 % intervals of the outcomes: what more histories would still remove."""
    fives = [five for numbers in summary["outcomes_by"].values() for five in numbers.values()]
    return float(max((five["high"] - five["low"]) / 2 for five in fives))


def _numbers(
    names: Sequence[str], counts: NDArray[Any], n: int, by_input: NDArray[Any], histories: int
) -> dict[str, Numbers]:
    """The five shares for each name; ``counts`` (names,) of n histories, ``by_input`` (K, names) of ``histories``."""
    share = counts / n
    low, high = wilson(counts, n)
    range_low, range_high = range_over_inputs(by_input, histories, share)
    keys = ("probability", "low", "high", "range_low", "range_high")
    table = zip(*(column.tolist() for column in (share, low, high, range_low, range_high)), strict=True)
    return {name: dict(zip(keys, row, strict=True)) for name, row in zip(names, table, strict=True)}


def _base_rate(rate: Any) -> dict[str, Any]:
    by = {f"{day:g}": share for day, share in rate.by.items()}
    label = {"milestone": rate.milestone, "label": rate.label, "n": rate.n, "weight": rate.weight}
    return {**label, "by": by, "range": jeffreys_by_day(rate), "source": rate.source}


def _label(scenario: Scenario, seen_by: str) -> str:
    """Who sees a milestone: ``public``, or the label of an actor."""
    actor = scenario.actors.get(seen_by)
    return actor.label if actor is not None else seen_by


def _compared(scenario: Scenario) -> list[str]:
    """Milestones for which the scenario has base rates on any date."""
    rows = scenario.data.get("base_rates") or ()
    named = {row.get("milestone") for row in rows if isinstance(row, Mapping)}
    return [milestone.name for milestone in scenario.milestones if milestone.name in named]


def _latest_report(scenario: Scenario) -> str | None:
    """Date of the last report that was known on the date of the forecast."""
    known = [report.date for report in scenario.reports.values() if report.date <= scenario.as_of]
    return max(known).isoformat() if known else None


def _date(as_of: datetime.date, day: int) -> str:
    return (as_of + datetime.timedelta(days=day)).isoformat()
