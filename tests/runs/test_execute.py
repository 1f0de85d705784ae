"""A run is the same however it is cut, spread, interrupted or damaged."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.runs import execute, store
from sim.runs.columns import words_of
from sim.runs.execute import Done, run_nested, run_parts, spread, workers
from sim.runs.executors import Where, lost_words
from sim.runs.plan import Part, Task, parts, parts_around, simulate_part
from sim.runs.store import Identity, RunError
from sim.studies.forecast import task_of
from sim.studies.settings import Settings
from tests.runs import small

SELF = Identity("configuration", "model")


@pytest.fixture(scope="module")
def task() -> Task:
    return small.task()


def run(task: Task, folder: Path, replications: int = 2_000, size: int = 500, **options: Any) -> Done:
    return run_parts(task, folder, SELF, replications, size=size, executor=options.pop("executor", "serial"), **options)


@pytest.fixture(scope="module")
def whole(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The run in one part, with nothing that could go wrong."""
    return run(task, tmp_path_factory.mktemp("whole"), size=2_000)


def test_parts_cover_the_replications_once() -> None:
    assert parts(5, 2) == [Part(0, 0, 2), Part(1, 2, 2), Part(2, 4, 1)]
    with pytest.raises(ValueError, match="0 replications in parts of 5"):
        parts(0, 5)


@pytest.mark.parametrize("size", [1_999, 500, 170])
def test_the_size_of_the_parts_changes_nothing(task: Task, whole: Done, tmp_path: Path, size: int) -> None:
    done = run(task, tmp_path, size=size)
    assert done.content == whole.content
    for mine, other in zip(done.tally.arrays(), whole.tally.arrays(), strict=True):
        assert np.array_equal(mine, other)


def test_processes_change_nothing(task: Task, whole: Done, tmp_path: Path) -> None:
    assert run(task, tmp_path, executor="processes").content == whole.content


def test_the_engine_changes_nothing(tmp_path: Path) -> None:
    settings = Settings(engine="reference")
    slow, fast = run(small.task(settings), tmp_path / "slow", 100), run(small.task(), tmp_path / "fast", 100)
    assert slow.content == fast.content


def test_another_seed_has_another_content(whole: Done, tmp_path: Path) -> None:
    assert run(small.task(Settings(seed=2)), tmp_path).content != whole.content


def test_fewer_replications_are_the_first_ones(task: Task, tmp_path: Path) -> None:
    long, short = simulate_part(task, Part(0, 0, 700)), simulate_part(task, Part(0, 0, 300))
    assert np.array_equal(long.milestones[:, :300], short.milestones)
    assert np.array_equal(long.inputs[:, :300], short.inputs)
    later = simulate_part(task, Part(1, 300, 400))
    assert np.array_equal(long.milestones[:, 300:], later.milestones)


def test_a_longer_run_keeps_what_is_there(task: Task, whole: Done, tmp_path: Path) -> None:
    run(task, tmp_path, 1_000)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").iterdir()}
    done = run(task, tmp_path, 2_000)
    assert done.kept == 1_000
    assert done.content == whole.content
    assert kept == {path: path.stat().st_mtime_ns for path in kept}


@pytest.mark.parametrize("sizes", [(400, 300, 1_300), (1_999, 1), (2_500,)])
def test_parts_of_any_size_are_kept_as_they_were_cut(
    task: Task, whole: Done, tmp_path: Path, sizes: Sequence[int]
) -> None:
    """Grown in steps, each with parts of another size: only what is missing is computed."""
    for n in np.cumsum(sizes).tolist():
        done = run(task, tmp_path, n, size=n)
    assert done.content == (whole.content if n == 2_000 else done.content)
    assert [record["count"] for record in done.records] == list(sizes)
    again = run(task, tmp_path, 2_000, size=170)
    assert again.kept == (2_000 if n == 2_000 else 0)  # a part that holds more than is wanted cannot be cut
    assert again.content == whole.content


@pytest.mark.parametrize(
    ("kept", "planned"),
    [
        ([], [(0, 10), (10, 10), (20, 5)]),
        ([Part(0, 0, 4), Part(1, 4, 9)], [(0, 4), (4, 9), (13, 10), (23, 2)]),
        ([Part(1, 4, 9)], [(0, 4), (4, 9), (13, 10), (23, 2)]),
        ([Part(2, 5, 20)], [(0, 2), (2, 3), (5, 20)]),
        ([Part(0, 0, 25)], [(0, 25)]),
        ([Part(0, 0, 26)], [(0, 10), (10, 10), (20, 5)]),  # too long
        ([Part(0, 0, 8), Part(1, 6, 4)], [(0, 8), (8, 10), (18, 7)]),  # over another
        ([Part(0, 3, 5)], [(0, 10), (10, 10), (20, 5)]),  # no number left for what is before it
        ([Part(3, 2, 5)], [(0, 10), (10, 10), (20, 5)]),  # more numbers than histories before it
    ],
)
def test_parts_are_planned_around_those_that_are_there(kept: list[Part], planned: list[tuple[int, int]]) -> None:
    found = parts_around(kept, 25, 10)
    assert [(part.first, part.count) for part in found] == planned
    assert [part.number for part in found] == list(range(len(found)))


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "gone":
        path.unlink()
    elif how == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])


@pytest.mark.parametrize(("how", "why"), [("gone", ""), ("cut", "damaged"), ("empty", "empty"), ("one bit", "damaged")])
def test_a_damaged_part_is_set_aside_and_done_again(
    task: Task, whole: Done, tmp_path: Path, how: str, why: str
) -> None:
    run(task, tmp_path)
    path = tmp_path / "parts" / "part-00002.parquet"
    damage(path, how)
    found = path.read_bytes() if path.exists() else None
    said: list[str] = []
    done = run(task, tmp_path, say=said.append)
    assert done.kept == 1_500
    assert done.content == whole.content
    if found is None:
        assert not said
    else:
        assert said == [f"set aside in {tmp_path / 'aside'}, and done again where needed: {path.name} ({why})"]
        assert (tmp_path / "aside" / path.name).read_bytes() == found


def test_any_flipped_bit_and_any_cut_is_found(task: Task, tmp_path: Path) -> None:
    """A part is whole or not: 300 bits anywhere in it, and every length at a step of 1 KiB."""
    part = Part(0, 0, 200)
    run(task, tmp_path, 200, 200)
    path, words = store.part_path(tmp_path, part), words_of(task.model)
    data = path.read_bytes()
    assert isinstance(store.examine(path, SELF, part, words), tuple)
    for place in np.random.default_rng(6).integers(8 * len(data), size=300).tolist():
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        assert store.examine(path, SELF, part, words) == "damaged"
    for length in range(1024, len(data), 1024):
        path.write_bytes(data[:length])
        assert store.examine(path, SELF, part, words) == "damaged"


def test_foreign_and_misplaced_files_are_set_aside(task: Task, whole: Done, tmp_path: Path) -> None:
    run(task, tmp_path)
    parts_folder = tmp_path / "parts"
    run_parts(task, tmp_path / "seed", Identity("other", "model"), 500, size=500, executor="serial")
    run_parts(task, tmp_path / "model", Identity("configuration", "other"), 1_000, size=500, executor="serial")
    (tmp_path / "seed" / "parts" / "part-00000.parquet").replace(parts_folder / "part-00000.parquet")
    (tmp_path / "model" / "parts" / "part-00001.parquet").replace(parts_folder / "part-00001.parquet")
    swapped = [parts_folder / f"part-0000{i}.parquet" for i in (2, 3)]
    swapped[0].rename(tmp_path / "keep")
    swapped[1].rename(swapped[0])
    (tmp_path / "keep").rename(swapped[1])
    (parts_folder / "notes.txt").write_text("mine", encoding="utf-8")
    (parts_folder / "part-copy.parquet").write_bytes(b"PAR1")
    said: list[str] = []
    done = run(task, tmp_path, say=said.append)
    assert done.content == whole.content
    [line] = said
    assert "part-00000.parquet (of another configuration)" in line
    assert "part-00001.parquet (of another model)" in line
    names = {path.name for path in (tmp_path / "aside").iterdir()}
    assert {"notes.txt", "part-copy.parquet", "part-00000.parquet", "part-00001.parquet"} <= names
    assert {path.name for path in parts_folder.iterdir()} == {record["file"] for record in done.records}
    assert run(task, tmp_path, say=said.append).kept == 2_000
    assert len(said) == 1


def test_what_is_set_aside_twice_is_kept_twice(task: Task, tmp_path: Path) -> None:
    for text in (b"one", b"two"):
        run(task, tmp_path, 500)
        store.part_path(tmp_path, Part(0, 0, 500)).write_bytes(text)
    run(task, tmp_path, 500)
    found = {path.name: path.read_bytes() for path in (tmp_path / "aside").iterdir()}
    assert found == {"part-00000.parquet": b"one", "part-00000.2.parquet": b"two"}


def test_a_part_of_a_longer_run_is_not_called_damaged(task: Task, whole: Done, tmp_path: Path) -> None:
    run(task, tmp_path, 2_500, 500)
    said: list[str] = []
    assert run(task, tmp_path, 2_000, say=said.append).content == whole.content
    assert "part-00004.parquet (cut otherwise than this run)" in said[0]


@pytest.mark.parametrize("other", [Identity("other", "model"), Identity("configuration", "other")])
def test_parts_of_another_run_are_not_trusted(task: Task, whole: Done, tmp_path: Path, other: Identity) -> None:
    run_parts(task, tmp_path, other, 2_000, size=500, executor="serial")
    done = run(task, tmp_path)
    assert done.kept == 0
    assert done.content == whole.content


def test_a_run_killed_midway_ends_as_if_it_never_was(
    task: Task, whole: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def killed(*arguments: Any, **options: Any) -> None:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(1)
        original(*arguments, **options)

    original = store.write_part
    monkeypatch.setattr(store, "write_part", killed)
    with pytest.raises(KeyboardInterrupt):
        run(task, tmp_path)
    monkeypatch.undo()
    done = run(task, tmp_path)
    assert done.kept == 1_000
    assert done.content == whole.content
    assert [record["first"] for record in done.records] == [0, 500, 1_000, 1_500]


def test_a_part_that_cannot_be_written_stops_the_run(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "write_part", lambda *_, **__: None)
    with pytest.raises(RunError, match=r"part-00000\.parquet: the part was written but cannot be read back"):
        run(task, tmp_path)


def test_progress_counts_every_history_once(task: Task, tmp_path: Path) -> None:
    run(task, tmp_path, 1_000)
    heard: list[int] = []
    run(task, tmp_path, 2_000, progress=heard.append)
    assert heard == [1_000, 500, 500]


# ------------------------------------------------------------------------------------------------------- nested
def test_a_nested_run_plays_each_input_with_its_own_histories(task: Task) -> None:
    nested = run_nested(task, 30, 20, "serial")
    assert nested.outcomes.shape == (30, len(task.days), len(task.model.outcomes))
    assert (nested.outcomes.sum(axis=2) == 20).all()
    assert nested.inputs == 30
    # An outcome at the end that is a milestone: two ways of counting the same histories.
    strikes = nested.milestones[:, task.model.milestones.index("strike")].sum(axis=1)
    assert np.array_equal(strikes, nested.outcomes[:, -1, 0])


def test_a_nested_run_does_not_depend_on_its_pieces(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    one = run_nested(task, 30, 20, "serial")
    monkeypatch.setattr(execute, "TOGETHER", 130)
    other = run_nested(task, 30, 20, "serial")
    assert np.array_equal(one.outcomes, other.outcomes)
    assert np.array_equal(one.milestones, other.milestones)
    assert np.array_equal(one.flags, other.flags)


def test_without_uncertain_inputs_nothing_is_nested() -> None:
    text = small.TEXT.replace("lognormal: {median: 1 per 40 d, p90: 1 per 12 d}", "value: 1 per 40 d")
    text = text.replace("uniform: [1.5, 3]", "value: 2").replace("{drawn: {bargain: 0.7, force: 0.3}}", "force")
    nested = run_nested(task_of(small.scenario(text), Settings()), 30, 20, "serial")
    assert nested.inputs == 0


# ---------------------------------------------------------------------------------------------------- processes
def test_processes_are_used_where_they_pay() -> None:
    assert workers("serial", 10**9) == 1
    assert workers("auto", execute.PAYS) == 1
    assert workers("auto", execute.PAYS + 1) == workers("processes", 1) >= 1
    assert workers(Where("processes", workers=3), 1) == 3
    with pytest.raises(ValueError, match="executor 'threads'; choose from auto, serial, processes, dask, slurm"):
        workers("threads", 1)  # type: ignore[arg-type]


class Killer:
    """Kills its process the first time it is asked for an item of the list."""

    def __init__(self, folder: Path, items: Sequence[int], always: bool = False) -> None:
        self.folder, self.items, self.always = folder, items, always

    def __call__(self, item: int) -> int:
        mark = self.folder / str(item)
        if item in self.items and (self.always or not mark.exists()):
            mark.touch()
            os._exit(9)
        return item * item


def test_work_lost_with_a_killed_process_is_done_again(tmp_path: Path) -> None:
    found = dict(spread(Killer(tmp_path, [3]), range(8), 2))
    assert found == {i: i * i for i in range(8)}


def test_a_piece_that_always_kills_is_named_once_the_others_are_done(tmp_path: Path) -> None:
    done: dict[int, int] = {}
    with pytest.raises(RunError, match=r"^1 of 6 pieces of work killed their process 3 times, each done alone: a int;"):
        done.update(spread(Killer(tmp_path, [2], always=True), range(6), 2))
    assert done == {i: i * i for i in range(6) if i != 2}


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (Part(3, 1_500, 500), "replications 1,500 to 1,999"),
        (("a task", Part(0, 0, 20)), "replications 0 to 19"),
        ((40, 10), "sets of inputs 40 to 49"),
    ],
)
def test_a_piece_is_named_by_what_it_holds(item: Any, said: str) -> None:
    assert f"alone: {said};" in lost_words([item], 9, 3)
