"""Outcomes and flags are read from the state and the milestones of a day, in order; columns survive the disk."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from sim.engines.interface import Plan, Watched
from sim.engines.reference import simulate as reference
from sim.model.expressions import evaluate_scalar
from sim.runs import store
from sim.runs.columns import Columns, Digest, columns_of, outcome, words_of
from sim.runs.counts import Counts, counts_of, none
from sim.runs.plan import Part, Task, simulate_part
from sim.runs.store import Identity
from sim.runs.tally import empty
from tests.runs import small

PART = Part(0, 0, 400)
SELF = Identity("configuration", "model")


@pytest.fixture(scope="module")
def task() -> Task:
    return small.task()


@pytest.fixture(scope="module")
def columns(task: Task) -> Columns:
    return columns_of(task, simulate_part(task, PART), 0)


def test_outcomes_are_those_of_a_run_that_stops_on_that_day(task: Task, columns: Columns) -> None:
    """A second way to the same numbers: stop the reference engine on the day, then ask the conditions one by one."""
    model = task.model
    for day, name in ((30, "outcome.30"), (90, "outcome.90"), (120, "outcome.end")):
        numbers = np.arange(60)
        rows = reference(model, Plan(task.seed, float(day), numbers, numbers))
        for i in range(60):
            reached = [float(time <= day) for time in rows.milestones[:, i]]
            values = [*rows.state[:, i].astype(float).tolist(), *reached]
            holding = [k for k, (_, when) in enumerate(model.outcomes) if evaluate_scalar(when, values)]
            assert columns[name][i] == holding[0]


def test_the_first_outcome_that_holds_decides(task: Task) -> None:
    model = task.model
    state = np.zeros((len(model.variables), 2), dtype=np.int64)
    state[model.variables.index("struck")] = 1
    state[model.variables.index("settled")] = [0, 1]
    never = np.full((len(model.milestones), 2), np.inf)
    assert outcome(model, state, never, 30).tolist() == [0, 0]
    state[model.variables.index("struck")] = 0
    assert outcome(model, state, never, 30).tolist() == [2, 1]


def test_a_flag_may_ask_for_a_milestone(task: Task, columns: Columns) -> None:
    top = columns["state.tension"] == 5
    assert top.any()
    assert np.array_equal(columns["flag.at_the_top"], top & np.isfinite(columns["milestone.crisis"]))


def test_columns_survive_the_disk(task: Task, columns: Columns, tmp_path: Path) -> None:
    path, counts = tmp_path / "part.parquet", Counts((np.arange(6).reshape(2, 3),), np.arange(4))
    words = words_of(task.model)
    store.write_part(path, SELF, PART, columns, counts=counts, words=words)
    found = store.read_part(path, SELF, PART, words)
    assert found is not None
    assert list(found[0]) == list(columns)
    for name, values in columns.items():
        assert found[0][name].dtype == values.dtype
        assert np.array_equal(found[0][name], values)
    for mine, kept in zip(counts.arrays(), found[1].arrays(), strict=True):
        assert np.array_equal(mine, kept)
    assert store.read_part(path, SELF, Part(0, 0, 399), words) is None


def test_the_file_speaks_in_words_and_leaves_never_empty(task: Task, columns: Columns, tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    store.write_part(path, SELF, PART, columns, counts=none((), 0, 0), words=words_of(task.model))
    table = pq.read_table(path)
    assert set(table.column("outcome.end").to_pylist()) <= {"blows", "settlement", "quarrel"}
    assert table.column("milestone.strike").null_count == np.isinf(columns["milestone.strike"]).sum() > 0
    assert set(table.column("culprit").to_pylist()) == {None}
    wanted = {"replication", "input", "history", "status", "end", "events", "saturations", "start.goal", "input.pace"}
    assert wanted <= set(table.column_names)


def test_a_digest_sees_every_column_and_every_count(columns: Columns) -> None:
    def digest(changed: Columns, *counts: int) -> str:
        made = Digest()
        made.update(changed)
        return made.hexdigest(*(np.array([count]) for count in counts))

    plain = digest(columns, 1)
    assert plain == digest(dict(reversed(columns.items())), 1)
    assert plain != digest(columns, 2)
    for name, values in columns.items():
        other = values.copy()
        other[-1] = not other[-1] if other.dtype == bool else other[-1] + 1 if np.isfinite(other[-1]) else 0
        assert digest({**columns, name: other}, 1) != plain, name


def test_a_tally_counts_what_the_columns_say(task: Task, columns: Columns) -> None:
    rows = simulate_part(task, PART)
    tally = empty(task)
    tally.add(task, columns, counts_of(rows))
    assert tally.outcomes.sum(axis=1).tolist() == [400] * 3
    assert tally.outcomes[-1, 0] == np.isfinite(columns["milestone.strike"]).sum()
    assert tally.milestones[1, :31].sum() == (columns["milestone.strike"] <= 30).sum()
    assert tally.occupancy[0].sum(axis=1).tolist() == [400] * 121
    assert tally.occupancy[0][-1, 2] == (columns["state.struck"] == 1).sum()
    assert tally.saturations == columns["saturations"].sum() > 0
    assert tally.status.tolist() == [int((columns["status"] == k).sum()) for k in range(3)]
    assert tally.status[1] > 0
    assert tally.fired.sum() == tally.events


def test_a_task_that_makes_no_sense_is_refused(task: Task) -> None:
    for wrong, why in (
        ({"days": (30, 90)}, "the last of them 120"),
        ({"days": (90, 30, 120)}, "ascend"),
        ({"watched": (Watched(task.watched[0].program, 3),)}, "a name of its own"),
        ({"watched": task.watched * 2}, "a name of its own"),
        ({"engine": "fast"}, "choose from lockstep, reference, compiled, auto"),
    ):
        with pytest.raises(ValueError, match=why):
            Task(**{**vars(task), **wrong})
