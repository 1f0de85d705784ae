"""Clusters give the same bits as one process, also where a worker is killed; one that is not there is told at once."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.runs.execute import Done, run_nested, run_parts, spread, workers
from sim.runs.executors import Executor, Where, Workers
from sim.runs.plan import Task
from sim.runs.store import Identity, RunError
from sim.studies.settings import SettingError, settings_of
from tests.runs import small

REPO = Path(__file__).resolve().parents[2]
SELF = Identity("configuration", "model")


@pytest.fixture(scope="module")
def task() -> Task:
    return small.task()


@pytest.fixture(scope="module")
def whole(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Done:
    return run_parts(task, tmp_path_factory.mktemp("whole"), SELF, 2_000, size=2_000, executor="serial")


# --------------------------------------------------------------------------------------------------- settings
@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"name": "dask", "address": "127.0.0.1:8786"}, "executor.address: '127.0.0.1:8786' is no address of a Dask"),
        ({"name": "dask", "address": "tcp://host"}, "executor.address: 'tcp://host' is no address"),
        ({"name": "dask", "address": "tcp://host:1", "workers": 2}, "executor.workers: 2, but the scheduler at"),
        (
            {"name": "processes", "address": "tcp://h:1"},
            "executor=processes has no such setting; it is one of executor=",
        ),
        ({"name": "processes", "workers": 0}, "executor.workers: 0; give a whole number from 1"),
        ({"name": "slurm", "cluster": "pbs"}, "executor.cluster: 'pbs'; choose from slurm, local"),
        ({"name": "slurm", "job": 3}, r"no such setting \(did you mean 'jobs'\?\)"),
    ],
)
def test_settings_that_cannot_be_are_refused(part: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingError, match=why):
        settings_of({"run": {}, "executor": part})


def test_files_of_jobs_go_to_the_results() -> None:
    chosen = settings_of({"run": {}, "executor": {"name": "slurm", "cluster": "local"}, "results": "there"}).executor
    assert isinstance(chosen, Where)
    assert chosen.folder == str(Path("there", ".jobs").absolute())
    assert settings_of({"run": {}, "executor": {"name": "processes", "workers": None}}).executor == "processes"


# ------------------------------------------------------------------------------------------------------- Dask
class Cluster:
    """A scheduler and two workers, started as a person would."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.log = (folder / "log").open("w", encoding="utf-8")
        self.scheduler = self.started("scheduler", "--host", "127.0.0.1", "--port", str(port))
        self.workers = [
            self.started("worker", self.address, "--nthreads", "1", "--no-nanny", "--local-directory", str(folder))
            for _ in range(2)
        ]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as line:
                if line.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.2)
        raise AssertionError("the scheduler does not answer")

    def started(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:], "--no-dashboard"]
        return subprocess.Popen(command, cwd=REPO, stdout=self.log, stderr=self.log)

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self.log.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One for the tests that use it, in their order: each leaves it with less."""
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    from sim.runs import dask_cluster

    found = Cluster(tmp_path_factory.mktemp("cluster"))
    yield found
    dask_cluster.close()
    found.end()


def squared(number: int) -> int:
    return number * number


@pytest.mark.timeout(180)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="a system without kill -9")
def test_dask_gives_the_same_when_a_worker_is_killed(task: Task, whole: Done, tmp_path: Path, cluster: Cluster) -> None:
    """One of two workers, while both are at work."""
    dask = Where("dask", address=cluster.address)
    heard: list[int] = []

    def kill_a_worker(done: int) -> None:
        heard.append(done)
        if len(heard) == 3:
            cluster.workers[0].kill()

    done = run_parts(task, tmp_path, SELF, 2_000, size=130, executor=dask, progress=kill_a_worker)
    assert cluster.workers[0].wait() == -signal.SIGKILL
    assert sum(heard) == 2_000
    assert done.content == whole.content
    mine, theirs = run_nested(task, 20, 10, "serial"), run_nested(task, 20, 10, dask)
    assert np.array_equal(mine.outcomes, theirs.outcomes)
    assert np.array_equal(mine.milestones, theirs.milestones)


@pytest.mark.timeout(180)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="a system without kill -9")
def test_a_run_whose_scheduler_is_killed_goes_on_elsewhere(
    task: Task, whole: Done, tmp_path: Path, cluster: Cluster
) -> None:
    seen: list[int] = []

    def kill_the_scheduler(done: int) -> None:
        seen.append(done)
        if len(seen) == 3:
            cluster.scheduler.kill()
            cluster.scheduler.wait()

    dask = Where("dask", address=cluster.address)
    with pytest.raises(RunError, match=r"the connection to the scheduler was lost; what was done is kept"):
        run_parts(task, tmp_path, SELF, 2_000, size=50, executor=dask, progress=kill_the_scheduler)
    rest = run_parts(task, tmp_path, SELF, 2_000, size=50, executor="serial")
    assert rest.kept >= 100
    assert rest.content == whole.content


@pytest.mark.parametrize(
    ("executor", "module", "extra"),
    [("dask", "distributed", "cluster"), (Where("slurm", cluster="local"), "submitit", "slurm")],
)
def test_an_extra_that_is_missing_is_bad_input(
    executor: Executor, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("sim.runs.dask_cluster._CLIENTS", {})
    with pytest.raises(ValueError, match=rf"executor=.* needs .*: install the extra `{extra}`"):
        list(spread(squared, range(2), workers(executor, 2)))


def test_a_scheduler_that_is_not_there_is_told_at_once() -> None:
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"  # bound, and nobody listens
        with pytest.raises(RunError, match=r"^executor.address: no Dask scheduler answers at tcp://127.* refused"):
            workers(Where("dask", address=address), 1)


def test_another_server_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    monkeypatch.setattr("sim.runs.dask_cluster.ANSWERS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(RunError, match=r"^executor.address: what listens at tcp://127.* is no Dask scheduler"):
            workers(Where("dask", address=address), 1)


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_a_cluster_of_our_own(task: Task, whole: Done, tmp_path: Path) -> None:
    from sim.runs import dask_cluster

    try:
        dask = Where("dask", workers=2)
        assert run_parts(task, tmp_path, SELF, 2_000, size=170, executor=dask).content == whole.content
    finally:
        dask_cluster.close()


# ------------------------------------------------------------------------------------------------------ Slurm
def local(folder: Path, jobs: int = 2) -> Where:
    pytest.importorskip("submitit", reason="the extra `slurm` is not installed")
    return Where("slurm", cluster="local", jobs=jobs, folder=str(folder / "jobs"))


def test_jobs_of_slurm_give_the_same(task: Task, whole: Done, tmp_path: Path) -> None:
    assert run_parts(task, tmp_path, SELF, 2_000, size=300, executor=local(tmp_path)).content == whole.content
    assert not (tmp_path / "jobs").exists()


def test_without_slurm_one_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit", reason="the extra `slurm` is not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    where = Where("slurm", folder=str(tmp_path))
    with pytest.raises(RunError, match=r"executor=slurm: Could not detect .srun.*executor.cluster=local"):
        list(spread(squared, range(2), Workers(2, where)))


class Killer:
    """Kills its job when it is asked for item 1, the first time or always."""

    def __init__(self, folder: Path, always: bool) -> None:
        self.folder, self.always = folder, always

    def __call__(self, item: int) -> int:
        mark = self.folder / "mark"
        if item == 1 and (self.always or not mark.exists()):
            mark.touch()
            os._exit(9)
        return item * item


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.parametrize("always", [False, True])
def test_what_is_lost_with_a_job_is_done_again(tmp_path: Path, always: bool) -> None:
    done: dict[int, int] = {}
    found = spread(Killer(tmp_path, always), range(4), workers(local(tmp_path), 1))
    if always:
        with pytest.raises(RunError, match="1 of 4 pieces of work killed their process 3 times"):
            done.update(found)
    else:
        done.update(found)
    assert done == {i: i * i for i in range(4) if i != 1 or not always}
