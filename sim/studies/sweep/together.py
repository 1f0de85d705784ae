"""Forecasts of a sweep that differ in their end alone: played once, to the latest end, and read off for all of them.

What it writes is what each of them would have written by itself: parts, nested run and the plain restart to compare
with. Each job then finds its histories there already, and so does a sweep that was stopped and goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.beliefs.record import NESTED, columns_read, keep_nested
from sim.runs import store
from sim.runs.columns import columns_of, words_of
from sim.runs.counts import counts_of
from sim.runs.execute import TOGETHER, Progress, silent, spread, uncertain, workers
from sim.runs.plan import Part, Task, made_ready, numbers_of, parts_around, play, surviving_inputs
from sim.runs.shorter import covering, family, shorter
from sim.runs.store import Identity
from sim.studies import forecast, past, shared
from sim.studies.order import Order


@dataclass(frozen=True, eq=False)
class Member:
    """A forecast of a group: its order, its task, its folder, and what its parts are known by."""

    order: Order
    task: Task
    folder: Path
    parts: Identity


def groups(orders: Sequence[Order | None]) -> list[list[int]]:
    """Numbers of the jobs, from 0, that go together: same histories, but for their end and the days they are read at.

    A job without an order, one whose order cannot be done, one by precision and one that computes again are in none;
    of jobs with one end the first stands for all.
    """
    found: dict[Any, dict[str, int]] = {}
    for number, order in enumerate(orders):
        if order is None or order.settings.precision is not None or order.settings.again:
            continue
        try:
            task = forecast.task_of(order.scenario(), order.settings)
        except (ValueError, RuntimeError):
            continue  # its job says why
        settings = order.settings
        sizes = settings.replications, settings.chunk, settings.inputs, settings.histories, task.engine
        group = found.setdefault((family(task), sizes, str(order.results), order.scenario().name), {})
        group.setdefault(shared.histories(task), number)
    return [sorted(group.values()) for group in found.values() if len(group) > 1]


def work(orders: Sequence[Order]) -> int:
    """Histories that :func:`make` counts."""
    return past.work(orders[0].scenario(), orders[0].settings)


def make(orders: Sequence[Order], progress: Progress = silent) -> None:
    """Play what is missing of the forecasts of a group, to the latest of their ends, and write it for each of them.

    Raises RunError where another process is at work on one of them, SimulationError where a history has no meaning.
    """
    settings, members = orders[0].settings, []
    with ExitStack() as locks:
        for order in orders:
            scenario = order.scenario()
            task = forecast.task_of(scenario, order.settings)
            begun = forecast.begin(scenario, task, order.settings, order.results, command=order.command, locks=locks)
            if begun is not None:
                members.append(Member(order, task, *begun))
        if len(members) < 2:
            return
        missing = settings.replications + settings.inputs * settings.histories
        longest = made_ready(covering([member.task for member in members]), missing)
        _parts(members, longest, progress)
        _nested(members, longest, progress)
        _restart(members, longest)


def _parts(members: Sequence[Member], longest: Task, progress: Progress) -> None:
    settings = members[0].order.settings
    plans = [parts_around(store.parts_said(m.folder, m.parts), settings.replications, settings.chunk) for m in members]
    # Parts that were cut in another way stay as they are: their run is done alone.
    same = [member for member, plan in zip(members, plans, strict=True) if plan == plans[-1]]
    todo = [part for part in plans[-1] if any(not store.part_path(m.folder, part).exists() for m in same)]
    count = sum(part.count for part in todo)
    for index, _ in spread(_Maker(tuple(same), longest), todo, workers(settings.executor, count)):
        progress(todo[index].count)


@dataclass(frozen=True, eq=False)
class _Maker:
    """Plays a part and writes it for all members that lack it; a class, so that it can be sent to another process."""

    members: tuple[Member, ...]
    longest: Task

    def __call__(self, part: Part) -> None:
        numbers = numbers_of(part)
        inputs = surviving_inputs(self.longest, numbers)
        rows = play(self.longest, inputs, numbers, log=True)
        for member in self.members:
            path, task = store.part_path(member.folder, part), member.task
            if not path.exists():
                own = shorter(task, self.longest, rows, inputs, numbers)
                columns, words = columns_of(task, own, part.first, inputs), words_of(task.model)
                store.write_part(path, member.parts, part, columns, counts=counts_of(own), words=words)


def _nested(members: Sequence[Member], longest: Task, progress: Progress) -> None:
    settings = members[0].order.settings
    inputs, histories = settings.inputs, settings.histories
    size = inputs * histories
    # A nested run too large to be kept would be simulated again by each job.
    if not uncertain(longest.model) or size > shared.KEPT or size * len(members) > shared.KEPT * 4:
        return
    todo = [member for member in members if not (member.folder / NESTED).exists()]
    if not todo:
        return
    step = max(TOGETHER // histories, 1)
    pieces = [(first, min(step, inputs - first)) for first in range(0, inputs, step)]
    player = _NestedPlayer(tuple(member.task for member in todo), replace(longest, watched=()), histories)
    made: dict[int, list[list[NDArray[Any]]]] = {}
    for index, found in spread(player, pieces, workers(settings.executor, size)):
        made[index] = found
        progress(pieces[index][1] * histories)
    for place, member in enumerate(todo):
        columns = zip(*(made[index][place] for index in range(len(pieces))), strict=True)
        keep_nested(member.task, inputs, histories, member.folder, [np.concatenate(column) for column in columns])


@dataclass(frozen=True, eq=False)
class _NestedPlayer:
    tasks: tuple[Task, ...]
    longest: Task
    histories: int

    def __call__(self, piece: tuple[int, int]) -> list[list[NDArray[Any]]]:
        first, count = piece
        numbers = np.arange(first * self.histories, (first + count) * self.histories, dtype=np.int64)
        inputs = surviving_inputs(self.longest, first + np.repeat(np.arange(count), self.histories))
        rows = play(self.longest, inputs, numbers)
        tasks = [replace(task, watched=()) for task in self.tasks]
        return [columns_read(task, shorter(task, self.longest, rows, inputs, numbers)) for task in tasks]


def _restart(members: Sequence[Member], longest: Task) -> None:
    if longest.past is None:
        return
    todo = [member for member in members if not (member.folder / shared.RESTART).exists()]
    if not todo:
        return
    used, moved = past.used_and_moved(todo[0].folder)
    whole = past.restarted(longest, moved)
    for member in todo:
        days = {f"outcome.{day}" for day in member.task.days}
        own = {name: column for name, column in whole.items() if name in days or name.startswith("milestone.")}
        shared.keep(member.folder / shared.RESTART, past.restart_mark(member.task, used.size), own)
