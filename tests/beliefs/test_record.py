"""What is read from histories counts the same as reading them one by one."""

from pathlib import Path

import numpy as np
import pytest

from sim.beliefs import record
from sim.beliefs.record import Event, nested_record, of_run
from sim.runs.plan import Part, simulate_part
from sim.runs.tally import simulate_nested
from sim.studies.forecast import Result, forecast
from sim.studies.settings import Settings
from tests.beliefs.small_run import DAYS, drawn
from tests.runs import small

SETTINGS = Settings(replications=1_500, inputs=40, histories=20, chunk=700)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return forecast(small.scenario(), SETTINGS, tmp_path_factory.mktemp("results"))


def test_the_table_counts_every_event_in_every_group() -> None:
    found, _ = drawn(3_000, 5)
    index = np.random.default_rng(1).integers(0, 7, 3_000)
    table = found.table(DAYS, index, 7)
    events = found.events(DAYS)
    assert table.shape == (len(events), 7)
    for row, event in zip(table, events, strict=True):
        assert row.tolist() == np.bincount(index[found.holds(event)], minlength=7).tolist()


def test_several_outcomes_are_one_event() -> None:
    found, _ = drawn(3_000, 5)
    either = found.holds(Event(90, outcomes=("strike", "quarrel")))
    assert np.array_equal(either, ~found.holds(Event(90, outcomes=("deal",))))
    with pytest.raises(KeyError):
        found.holds(Event(60, outcomes=("deal",)))


def test_a_run_on_disk_is_read_as_it_was_simulated(result: Result) -> None:
    task = small.task()
    names = [name for name, _ in task.model.outcomes]
    found = of_run(result.folder, task.model.milestones, names, task.days)
    exact = of_run(result.folder, task.model.milestones, names, task.days, exact=True)
    assert found.size == exact.size == 1_500
    rows = simulate_part(task, Part(0, 0, 1_500))
    for name, times in zip(task.model.milestones, rows.milestones, strict=True):
        assert np.array_equal(exact.times[name], times)
        assert found.times[name].itemsize == 4
        for day in range(task.until + 1):
            assert np.array_equal(found.times[name] <= day, times <= day)
    for day in task.days:
        for name in names:
            share = found.holds(Event(day, outcomes=(name,))).mean()
            assert share == result.summary["outcomes_by"][str(day)][name]["probability"]


def test_the_first_histories_of_a_run_are_read_alone(result: Result) -> None:
    """700 lie in one part, 701 in two, and no more than there are in three."""
    task = small.task()
    names, flags = [name for name, _ in task.model.outcomes], [name for name, _ in task.model.flags]
    whole = of_run(result.folder, task.model.milestones, names, task.days, flags)
    for most, read in ((1, 1), (700, 700), (701, 701), (1_500, 1_500), (10**6, 1_500)):
        found = of_run(result.folder, task.model.milestones, names, task.days, flags, most=most)
        assert found.size == read
        for event in whole.events(task.days):
            assert np.array_equal(found.holds(event), whole.holds(event)[:read])


def test_the_nested_run_is_that_of_the_forecast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = small.task()
    monkeypatch.setattr(record, "TOGETHER", 300)
    found = nested_record(task, 40, 20, folder=tmp_path)
    assert found is not None
    counts = simulate_nested(task, 0, 40, 20)
    group = np.repeat(np.arange(40), 20)
    for i, name in enumerate(task.model.milestones):
        for day in task.days:
            held = np.bincount(group[found.holds(Event(day, name))], minlength=40)
            assert held.tolist() == counts.milestones[:, i, : day + 1].sum(axis=1).tolist()
    for which, day in enumerate(task.days):
        for k, (name, _) in enumerate(task.model.outcomes):
            held = np.bincount(group[found.holds(Event(day, outcomes=(name,)))], minlength=40)
            assert held.tolist() == counts.outcomes[:, which, k].tolist()
    # Read from disk the next time, and only if it is the same.
    monkeypatch.setattr(record, "simulate", None)
    again = nested_record(task, 40, 20, folder=tmp_path)
    assert again is not None
    assert all(np.array_equal(again.times[name], found.times[name]) for name in found.times)
    with pytest.raises(TypeError):
        nested_record(task, 40, 21, folder=tmp_path)
    (tmp_path / record.NESTED).write_bytes(b"damaged")
    with pytest.raises(TypeError):
        nested_record(task, 40, 20, folder=tmp_path)
