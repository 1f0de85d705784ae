"""What histories were like on an earlier day: the rows that a shorter run has, read off those of a longer one.

A history up to a day does not depend on how much longer it is played, so a run with an earlier end needs no simulation
of its own, where the longer one saw the days of the shorter one and kept its events.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.engines.interface import AT_HORIZON, Floats, Integers, Rows
from sim.runs.plan import Task, play


def covering(tasks: list[Task]) -> Task:
    """The longest of some tasks with one model, seed and past, that sees the days of all of them.

    Raises ValueError where they do not have the same histories.
    """
    longest = max(tasks, key=lambda task: task.until)
    for task in tasks:
        if family(task) != family(longest):
            raise ValueError(f"{task.model.name}: tasks that differ in more than their days share no histories")
    return replace(longest, days=tuple(sorted({day for task in tasks for day in task.days})))


def family(task: Task) -> tuple[object, ...]:
    """All that decides the histories of a task and what is watched in them, but for its end and its days."""
    watched = tuple((number.name, number.bins, repr(number.program)) for number in task.watched)
    return task.model.digest, task.seed, task.past.digest if task.past is not None else None, watched


def shorter(task: Task, longer: Task, rows: Rows, inputs: Integers, histories: Integers) -> Rows:
    """Rows of ``task`` for the units of ``rows``, which a ``longer`` task gave that saw the days of this one.

    Without a log in ``rows`` the numbers of events, saturations and branches are those of the longer task. Units
    (``inputs``, ``histories``, both (n,)) with a saturation are played once more, as no log tells when it came.

    Raises ValueError where the longer task did not see a day.
    """
    if not set(task.days) <= set(longer.days):
        raise ValueError(f"days {task.days}: not all among those that were seen, {longer.days}")
    seen = [longer.days.index(day) for day in task.days]
    observed, tensions = rows.observed[seen], rows.observed_tensions[seen]
    if task.until == longer.until:
        return replace(rows, observed=observed, observed_tensions=tensions, log=None)
    until = float(task.until)
    goes_on = rows.end > until
    times: Floats = np.where(rows.milestones <= until, rows.milestones, np.inf)
    cut = replace(
        rows,
        status=np.where(goes_on, AT_HORIZON, rows.status).astype(rows.status.dtype),
        end=np.where(goes_on, until, rows.end),
        culprit=np.where(goes_on, -1, rows.culprit),
        milestones=times,
        state=np.where(goes_on, observed[-1], rows.state),
        tensions=np.where(goes_on, tensions[-1], rows.tensions),
        observed=observed,
        observed_tensions=tensions,
        occupancy=tuple(counts[: task.until + 1].copy() for counts in rows.occupancy),
        log=None,
    )
    if rows.log is None:
        return cut
    before = rows.log.time <= until
    events = np.bincount(rows.log.position[before], minlength=rows.status.size)
    saturations = rows.saturations.copy()
    open_ = np.flatnonzero(goes_on & (saturations > 0))
    if open_.size:
        saturations[open_] = play(replace(task, watched=()), inputs[open_], histories[open_]).saturations
    return replace(
        cut,
        events=np.where(goes_on, events, rows.events),
        saturations=saturations,
        fired=np.bincount(rows.log.branch[before], minlength=rows.fired.size),
    )
