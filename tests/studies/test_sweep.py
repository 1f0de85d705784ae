"""Sweeps: what is done, what the index says of it, what a figure shows, and what happens when something goes wrong."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from sim.__main__ import main
from sim.figures.sheets import sweep as figure
from sim.figures.style import ERROR, RANGE, save
from sim.scenario.problems import ScenarioError
from sim.scenario.source import Source
from sim.studies.forecast import forecast, load
from sim.studies.settings import SettingError, Settings, settings_of
from sim.studies.sweep import index, sweeper
from sim.studies.sweep import study as sweep
from sim.studies.sweep import table as sweep_table
from sim.studies.table import console
from tests.figures.looks import overlaps, texts
from tests.runs import small

REPO = Path(__file__).resolve().parents[2]
OWN = ("--config-dir", "own", "scenario=small")
QUICK = ("run.replications=300", "run.inputs=20", "run.histories=5")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder to work in, with a scenario of one's own."""
    folder = tmp_path / "own" / "scenario"
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text(small.TEXT, encoding="utf-8")
    return tmp_path


@pytest.fixture
def escalation(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line in this process, to save a start: exit code, standard output, standard error."""
    monkeypatch.chdir(here)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        monkeypatch.setattr(sys, "argv", ["escalation", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert isinstance(end.value.code, int)
        return end.value.code, *capsys.readouterr()

    return run


def start(here: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    environment.pop("HYDRA_FULL_ERROR", None)
    # A shell starts background jobs with interrupts ignored, and children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "sim", *arguments],
            cwd=here,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / "index.parquet").to_pylist()
    return found


# ------------------------------------------------------------------------------------------------ a whole sweep
def test_a_job_that_fails_is_marked_and_named_and_the_others_are_done(here: Path, escalation: Command) -> None:
    process = start(here, "-m", *OWN, *QUICK, "study.figures=false", "run.seed=3,-1,4")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3
    assert "Traceback" not in err
    assert err.startswith("job 2 (run.seed=-1) failed: ")
    assert err.endswith("run.seed: -1 is outside 0 … 9223372036854775807\n")
    folder = here / out.splitlines()[-1]
    assert folder.parent == here / "results" / "sweeps"
    assert folder.name.startswith("small-forecast-")
    assert [line.split("  ")[:2] for line in out.splitlines()[:3]] == [
        ["1 of 3", "run.seed=3"],
        ["2 of 3", "run.seed=-1"],
        ["3 of 3", "run.seed=4"],
    ]
    assert out.count("Where it stands") == 1, "one table over all jobs, none for each"
    rows = rows_of(folder)
    assert [row["status"] for row in rows] == ["done", "failed", "done"]
    assert [row["run.seed"] for row in rows] == [3, -1, 4]
    assert rows[1]["error"].endswith("run.seed: -1 is outside 0 … 9223372036854775807")
    mark = here / rows[1]["folder"] / "error.txt"
    assert mark.parent.parent == folder
    alone, _, why = mark.read_text(encoding="utf-8").split("\n", 2)
    assert why == f"{rows[1]['error']}\n"
    assert {path.name for path in folder.iterdir()} == {"index.csv", "index.parquet", "manifest.json", "job-002"}
    # The command in the mark repeats the job.
    code, _, said = escalation(*shlex.split(alone)[1:])
    assert code == 2
    assert "run.seed: -1 is outside" in said


def test_the_index_says_what_the_runs_say(here: Path, escalation: Command) -> None:
    code, out, err = escalation("-m", *OWN, *QUICK, "study.figures=false", "until=60,90,'2026-03-17'")
    assert (code, err) == (0, "")
    folder = here / out.splitlines()[-1]
    rows = rows_of(folder)
    assert [row["until"] for row in rows] == ["60", "90", "2026-03-17"], "what was asked, as text where kinds differ"
    for row in rows:
        summary = load(here / row["folder"]).summary
        assert (row["n"], row["seed"], row["as_of"]) == (300, 1, "2025-11-17")
        assert row["until_days"] == summary["until_days"]
        last = str(summary["until_days"])
        for share in index.SHARES:
            assert row[f"outcome.blows.{share}"] == summary["outcomes"]["blows"][share]
            assert row[f"flag.at_the_top.{share}"] == summary["flags"]["at_the_top"][share]
            assert row[f"milestone.strike.30.{share}"] == summary["milestones"]["strike"]["by"]["30"][share]
            assert row[f"milestone.strike.end.{share}"] == summary["milestones"]["strike"]["by"][last][share]
    # 90 days are an end for the second and a horizon for the third.
    assert [row["milestone.strike.90.low"] is None for row in rows] == [True, True, False]
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert list(read[0]) == list(rows[0])
    for text, row in zip(read, rows, strict=True):
        assert {key: value or None for key, value in text.items()} == {
            key: None if value is None else str(value) for key, value in row.items()
        }


def test_a_sweep_done_again_shows_what_is_there_and_more_histories_extend_it(escalation: Command, here: Path) -> None:
    asked = ("-m", *OWN, *QUICK, "study.figures=false", "run.seed=1,2")
    _, out, _ = escalation(*asked)
    folder = here / out.splitlines()[-1]
    before = (folder / "index.csv").read_bytes()
    assert "shown, not computed again" not in out
    code, again, err = escalation(*asked)
    assert (code, err) == (0, "")
    assert again.count("(shown, not computed again)") == 2
    assert again.splitlines()[-1] == out.splitlines()[-1]
    assert (folder / "index.csv").read_bytes() == before
    # A job alone finds the run that the sweep made, by the command that the run says made it.
    run = here / rows_of(folder)[1]["folder"]
    command = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["command"]
    code, alone, err = escalation(*shlex.split(command)[1:])
    assert (code, err) == (0, "this run was complete: shown, not computed again\n")
    assert here / alone.splitlines()[-1] == run
    code, more, _ = escalation(*(text.replace("=300", "=400") for text in asked))
    assert (code, more.splitlines()[-1]) == (0, out.splitlines()[-1])
    assert [row["n"] for row in rows_of(folder)] == [400, 400]


def test_an_interrupted_sweep_has_an_index_and_goes_on(here: Path) -> None:
    slow = ("engine=reference", "executor=serial", "run.replications=2000", "run.chunk=100", "study.figures=false")
    asked = ("-m", *OWN, *QUICK[1:], *slow, "run.seed=1,2")
    process = start(here, *asked)
    deadline = time.monotonic() + 60
    while not list(here.glob("results/sweeps/*/index.csv")):
        assert time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "escalation: stopped; what was done is kept, and the same command goes on from there\n"
    [folder] = here.glob("results/sweeps/*")
    assert [(row["job"], row["status"]) for row in rows_of(folder)] == [(1, "done")]
    assert not json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["complete"]
    process = start(here, *(text.replace("reference", "lockstep") for text in asked))
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.count("(shown, not computed again)") == 1
    assert [(row["job"], row["status"]) for row in rows_of(folder)] == [(1, "done"), (2, "done")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run.sed=1,2",), "run.sed"),
        (("+foo=1,2",), "foo: there is no such setting"),
        (("scenario.state.tensoin.start=1,2",), "tensoin"),
        (("scenario=small,smal",), "smal"),
        (("engine=lockstep,refrence",), "refrence"),
        (("run.seed=interval(1,2)",), "name the values to sweep over, such as run.seed=1,2,3"),
        (("run.seed=range(2000)",), "the sweep has 2,000 jobs; 1,000 is the most"),
        (("run.seed=1,2", "experiments=basline"), "+experiments="),
        (("run.seed=1,2", "+experiments=basline"), "basline"),
    ],
)
def test_what_cannot_be_asked_stops_a_sweep_before_anything_is_done(
    here: Path, escalation: Command, arguments: tuple[str, ...], message: str
) -> None:
    own = OWN if not arguments[0].startswith("scenario=") else OWN[:2]
    code, out, err = escalation("-m", *own, *QUICK, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not (here / "results").exists()


def test_all_jobs_failing_is_a_sweep_all_the_same(here: Path, escalation: Command) -> None:
    code, out, err = escalation("-m", *OWN, *QUICK, "as_of=2025-02-30,2025-02-31")
    assert code == 3
    assert [row["status"] for row in rows_of(here / out.splitlines()[-1])] == ["failed", "failed"]
    assert "Where it stands" not in out
    assert err.count(" failed: ") == 2
    assert "Traceback" not in err


def test_a_job_mended_later_loses_its_mark(here: Path, escalation: Command) -> None:
    file = here / "own" / "scenario" / "other.yaml"
    text = small.TEXT.replace("name: small", "name: other")
    file.write_text(text.replace("while: tension below 5", "while: tensoin below 5"), encoding="utf-8")
    asked = ("-m", *OWN[:2], *QUICK, "study.figures=false", "scenario=small,other")
    code, out, err = escalation(*asked)
    assert code == 3
    assert "other.yaml:" in err
    folder = here / out.splitlines()[-1]
    assert folder.name.startswith("several-forecast-")
    assert (folder / "job-002" / "error.txt").is_file()
    file.write_text(text, encoding="utf-8")
    code, out, err = escalation(*asked)
    assert code == 0
    assert not (here / out.splitlines()[-1] / "job-002").exists()


def test_jobs_that_share_a_run_folder_go_to_the_cluster_together(tmp_path: Path) -> None:
    """A run folder belongs to one process at a time; histories that are played together are played once."""
    from sim.scenario.reading import read_bytes
    from sim.studies.sweep import launched

    def cell(seed: int, until: int, engine: str) -> sweep.Job:
        scenario = read_bytes(small.TEXT.encode(), "small.yaml").data
        run = {"seed": seed, "replications": 100}
        configuration = {"scenario": scenario, "study": {"name": "forecast"}, "run": run, "results": str(tmp_path)}
        return sweep.Job(configuration | {"until": until, "engine": engine}, {}, "escalation", Source())

    cells = [cell(1, 60, "lockstep"), cell(2, 60, "lockstep"), cell(1, 60, "reference"), cell(1, 90, "lockstep")]
    broken = sweep.Job({**cells[0].configuration, "engine": "none"}, {}, "escalation", Source())
    found = [[number for number, _ in bundle] for bundle in launched.bundles([*cells, broken])]
    assert found == [[1, 3, 4], [2], [5]]


def test_an_extra_that_is_missing_is_said_in_a_line(
    here: Path, escalation: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.engines import compiled

    monkeypatch.setitem(sys.modules, "numba", None)
    compiled._told.cache_clear()
    code, _, err = escalation(*OWN, *QUICK, "engine=compiled", "executor=serial")
    assert code == 2
    [line] = err.splitlines()
    assert line.startswith("escalation: engine=compiled needs Numba: install the extra `compiled`")


def test_settings_of_hydras_launcher_reach_submitit(tmp_path: Path) -> None:
    from sim.studies.sweep import launched

    asked = {"cluster": "slurm", "timeout_min": 5, "partition": "short", "qos": None, "max_num_timeout": 0}
    queue = launched.queue_of(asked, tmp_path, 40)
    assert queue.wanted == {"timeout_min": 5, "slurm_partition": "short"}
    assert (queue.asked, queue.cluster, queue.jobs) == ("hydra/launcher=submitit_slurm", "slurm", 40)


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_a_sweep_by_hydras_launcher_has_the_same_index(
    here: Path, escalation: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With submitit's local executor; the last job cannot be done, and its error is told as it is told here."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="the extra `slurm` is not installed")
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    asked = ("-m", *OWN, *QUICK, "run.seed=1,2", "until=60,90,0")
    code, _, _ = escalation(*asked, "results=there")
    again, _, err = escalation(*asked, "results=far", "hydra/launcher=submitit_local")
    assert (code, again) == (3, 3)
    assert err.count("failed:") == 2
    [near], [far] = (list(Path(place, "sweeps").iterdir()) for place in ("there", "far"))
    ours, theirs = rows_of(near), rows_of(far)
    assert len(ours) == 6
    assert json.loads(json.dumps(ours, default=str).replace("there/", "far/")) == json.loads(
        json.dumps(theirs, default=str)
    )
    assert not (far / ".jobs").exists()


def test_other_studies_are_swept_too(here: Path, escalation: Command) -> None:
    code, out, _ = escalation("-m", *OWN, "study=trace", "run.replication=1,2")
    assert code == 0
    assert "simulated history 1 of seed 1" in out
    assert "simulated history 2 of seed 1" in out
    rows = rows_of(here / out.splitlines()[-1])
    assert [row["run.replication"] for row in rows] == [1, 2]
    assert all((here / row["folder"]).is_dir() for row in rows)


# ------------------------------------------------------------------------------------------------- experiments
def test_an_experiment_can_be_a_sweep_and_its_keys_can_be_fixed(here: Path, escalation: Command) -> None:
    folder = here / "own" / "experiments"
    folder.mkdir()
    text = "# @package _global_\n# Which seed?\nformat: 1\nsweep:\n  run.seed: [1, 2]\n  as_of: [2025-11-17, null]\n"
    (folder / "seeds.yaml").write_text(text, encoding="utf-8")
    code, out, _ = escalation(*OWN, *QUICK, "+experiments=seeds", "study.figures=false")
    assert code == 0
    rows = rows_of(here / out.splitlines()[-1])
    assert [(row["run.seed"], row["as_of"]) for row in rows] == [
        (seed, date) for seed in (1, 2) for date in ("2025-11-17", None)
    ]
    code, out, _ = escalation(*OWN, *QUICK, "+experiments=seeds", "study.figures=false", "run.seed=5", "as_of=null")
    assert code == 0
    assert (here / out.splitlines()[-1] / "summary.json").is_file(), "one job is a plain run"
    (folder / "seeds.yaml").write_text(text.replace("[1, 2]", "12"), encoding="utf-8")
    code, out, err = escalation(*OWN, *QUICK, "+experiments=seeds")
    assert (code, out) == (2, "")
    assert "seeds.yaml:5: sweep.run.seed: give a list of the values to run, such as [1, 2, 3] (got 12)" in err


def test_values_of_an_experiment_arrive_as_they_are_written(tmp_path: Path) -> None:
    values: list[Any] = [1, -2.5, True, None, "a, b='c'\\", "2025-09-27", "no", [1, "x"], {"value": 3.0, "of": "y z"}]
    data = sweeper.translated({"format": 1, "sweep": {f"k{i}": [value] for i, value in enumerate(values)}}, "x.yaml")
    assert data["hydra"]["mode"] == "MULTIRUN"
    overrides = [f"{key}={value}" for key, value in data["hydra"]["sweeper"]["params"].items()]
    assert list(sweeper.typed(overrides).values()) == values
    assert "sweep" not in data
    file = tmp_path / "x.yaml"
    file.write_text("sweep: yes\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"x.yaml:1: sweep: give keys with lists of values"):
        sweeper.translated({"sweep": "yes"}, str(file))


def test_engine_and_executor_are_chosen_by_their_files() -> None:
    assert settings_of({"run": {}, "engine": {"name": "reference"}, "executor": "serial"}).engine == "reference"
    for part, why in (
        ({"run": {"engine": "reference"}}, "run.engine: there is no such setting; engine=reference chooses it"),
        ({"run": {}, "engine": {"nam": "reference"}}, "engine.nam: there is no such setting"),
        ({"run": {}, "executor": {"name": "proceses"}}, r"executor: 'proceses' is unknown \(did you mean"),
    ):
        with pytest.raises(SettingError, match=why):
            settings_of(part)
    for group in ("engine", "executor"):
        for file in (REPO / "conf" / group).glob("*.yaml"):
            assert file.read_text(encoding="utf-8").startswith("# ")


# ------------------------------------------------------------------------------------------- index and its name
def test_columns_have_the_type_of_their_values(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"job": 1, "a": 1, "b": 1, "c": True, "d": "x", "e": [1, 2], "f": None, "g": 2**70, "status": "done"},
        {"job": 2, "a": 2, "b": 2.5, "c": None, "d": 3, "e": None, "f": None, "g": 1, "status": "done"},
    ]
    index.write(tmp_path, "hash", list("abcdefg"), rows)
    table = pq.read_table(tmp_path / "index.parquet")
    kinds = dict(zip(table.column_names, table.schema.types, strict=True))
    text = pa.string()
    assert [kinds[key] for key in "abcdefg"] == [pa.int64(), pa.float64(), pa.bool_(), text, text, text, text]
    assert table.column("e").to_pylist() == ["[1, 2]", None]
    assert sorted(index.read(tmp_path, "hash")) == [1, 2]
    assert index.read(tmp_path, "other") == {}
    (tmp_path / "index.parquet").write_bytes(b"PAR1 torn")
    assert index.read(tmp_path, "hash") == {}


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-2 d", "@SUM(A1)", "\tx", "\r=x", " =x", "|calc"])
def test_no_cell_of_the_csv_is_taken_for_a_formula(tmp_path: Path, cell: str) -> None:
    index.write(tmp_path, "hash", [cell], [{"job": 1, cell: cell, "error": cell, "n": -3}])
    with (tmp_path / "index.csv").open(newline="", encoding="utf-8") as file:
        header, row = csv.reader(file)
    shown = f"'{cell}".replace("\r", " ")
    assert shown in header
    assert row.count(shown) == 2
    assert "-3" in row, "numbers stay numbers"


def job(**overrides: Any) -> sweep.Job:
    run = {key: overrides[key] for key in ("seed", "replications") if key in overrides}
    configuration = {"scenario": {"name": "small"}, "study": {"name": "forecast"}, "run": run}
    configuration |= {key: overrides.get(key) for key in ("engine", "results")}
    return sweep.Job(configuration, overrides, "escalation", Source())


def test_a_sweep_is_named_by_what_is_swept_and_not_by_how_it_is_done() -> None:
    def name(*jobs: sweep.Job) -> str:
        return sweep.name_of(jobs, sweep.swept(jobs))

    first = name(job(seed=1), job(seed=2))
    assert first == name(*(job(seed=i, replications=9, engine="reference", results="x") for i in (1, 2)))
    others = [name(job(seed=1), job(seed=3)), name(job(seed=2), job(seed=1)), name(job(engine="a"), job(engine="b"))]
    assert len({first, *others}) == 4
    assert sweep.swept([job(seed=1, a=2), job(seed=1, a=3)]) == ("a",)


# ------------------------------------------------------------------------------------------------------ figures
@pytest.fixture(scope="module")
def summaries(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    settings = [Settings(replications=400, inputs=20, histories=10, seed=seed) for seed in range(1, 7)]
    results = tmp_path_factory.mktemp("results")
    return [forecast(small.scenario(), setting, results).summary for setting in settings]


def test_numbers_are_drawn_as_lines_with_bands_and_sampling_error_apart(summaries: list[dict[str, Any]]) -> None:
    cells = [((float(x),), summary) for x, summary in zip((100, 4, 50), summaries[:3], strict=True)]
    drawn = figure.draw(cells, {"troops_k": "troops, thousand"}, "strike", failed=1)
    ordered = [cells[i][1]["outcomes"] for i in (1, 2, 0)]
    panels = [ax for ax in drawn.axes if ax.axison]
    assert [ax.get_title(loc="left") for ax in panels] == ["blows", "settlement", "quarrel"]
    for ax, name in zip(panels, ("blows", "settlement", "quarrel"), strict=True):
        line, *_caps = ax.get_lines()
        assert np.asarray(line.get_xdata()).tolist() == [4, 50, 100]
        assert np.asarray(line.get_ydata()).tolist() == [by[name]["probability"] for by in ordered]
        band, marks = ax.collections
        edges = np.asarray(band.get_paths()[0].vertices)[:, 1]
        assert edges.max() == max(by[name]["range_high"] for by in ordered)
        ends = [np.asarray(path.vertices)[:, 1].tolist() for path in marks.get_paths()]
        assert np.array(ends) == pytest.approx(np.array([[by[name]["low"], by[name]["high"]] for by in ordered]))
        assert band.get_facecolor()[0] == pytest.approx(to_rgba(RANGE["color"], RANGE["alpha"]))
        assert marks.get_edgecolor()[0] == pytest.approx(to_rgba(ERROR["ecolor"]))
        assert ax.get_xscale() == "log"
    text = texts(drawn)
    for part in (
        "A small crisis: where it stands on 17 Mar 2026",
        "Band: 10–90 % range over the inputs (20 draws with 10 histories each)",
        "95 % sampling error",
        "400 simulated histories a job, 3 seeds, as of 17 Nov 2025",
        "under assumptions",
        "1 of 4 jobs failed",
        "troops, thousand",
    ):
        assert part in text


def test_choices_are_drawn_as_bars(summaries: list[dict[str, Any]]) -> None:
    cells = [((value,), summary) for value, summary in zip(("pressure", True, "2025-09-27"), summaries, strict=False)]
    drawn = figure.draw(cells, {"goal": "goal"}, "strike")
    [ax] = [ax for ax in drawn.axes if ax.axison]
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["pressure", "true", "27 Sep 2025"]
    for number, (_, summary) in enumerate(cells):
        found: Any = ax.containers[3 * number : 3 * number + 3]
        bars, ranges, errors = found
        five = list(summary["outcomes"].values())
        assert [bar.get_width() for bar in bars] == [f["probability"] for f in five]
        assert [bar.get_x() for bar in ranges] == [f["range_low"] for f in five]
        assert ranges[0].get_facecolor() == pytest.approx(to_rgba(RANGE["color"], RANGE["alpha"]))
        ends = [np.asarray(path.vertices)[:, 0].tolist() for path in errors.lines[2][0].get_paths()]
        assert np.array(ends) == pytest.approx(np.array([[f["low"], f["high"]] for f in five]))
    assert len({patch.get_hatch() for patch in legend.get_patches()}) == 3, "told apart without colour"


def shades(ax: Axes) -> Any:
    """The numbers behind a heat map, nan where there is none."""
    found = ax.images[0].get_array()
    assert found is not None
    return np.ma.filled(found, np.nan)


def test_two_keys_are_drawn_as_heat_maps_with_the_headline_first(summaries: list[dict[str, Any]]) -> None:
    grid = [(x, y) for x in (4, 100) for y in ("pressure", "removal")][:3]  # the fourth job failed
    cells = list(zip(grid, summaries, strict=False))
    drawn = figure.draw(cells, {"a": "troops", "b": "goal"}, "strike")
    first, *others = [ax for ax in drawn.axes if ax.images]
    assert first.get_title(loc="left") == "strike has happened"
    assert [ax.get_title(loc="left") for ax in others] == ["blows", "settlement", "quarrel"]
    shares = [summary["milestones"]["strike"]["by"]["120"]["probability"] for summary in summaries[:3]]
    assert np.array_equal(shades(first), [[shares[0], shares[2]], [shares[1], np.nan]], equal_nan=True)
    assert len(first.texts) == 3 + 1  # three cells and the sentence
    assert [label.get_text() for label in first.get_xticklabels()] == ["4", "100"]
    # An outcome of the same name says what the milestone would, and numbers go up.
    pairs = [((x, -x), {**s, "milestones": {"blows": s["milestones"]["strike"]}}) for x, s in enumerate(summaries[:2])]
    first = figure.draw(pairs, {"a": "x", "b": "y"}, "blows").axes[0]
    assert first.get_title(loc="left") == "blows"
    assert [label.get_text() for label in first.get_yticklabels()] == ["0", "-1"]


def test_many_choices_and_seeds_are_a_heat_map_of_outcomes(summaries: list[dict[str, Any]]) -> None:
    cells = [((seed,), summary) for seed, summary in enumerate(summaries, 1)]
    [ax] = [ax for ax in figure.draw(cells, {"run.seed": "seed"}, "strike").axes if ax.images]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["blows", "settlement", "quarrel"]
    table = [[summary["outcomes"][name]["probability"] for summary in summaries] for name in summaries[0]["outcomes"]]
    assert shades(ax).tolist() == table


@pytest.mark.parametrize(
    "values",
    [
        [(4,), (10,), (15,), (200,)],
        [("pressure",), ("removal",), ("bargain",), ("a long name of a choice, longer than most are",)],
        [(f"choice {i}",) for i in range(6)],
        [(4, "pressure"), (4, "removal"), (200, "pressure"), (200, "removal")],
    ],
)
def test_no_text_covers_another(summaries: list[dict[str, Any]], values: list[tuple[Any, ...]]) -> None:
    sentences = dict.fromkeys(
        ("blows", "settlement", "quarrel"), "a sentence of many words that an outsider reads " * 4
    )
    long = [{**s, "sentences": {**s["sentences"], "outcomes": sentences}} for s in summaries]
    label = "US personnel in the region (troops_k), thousand, at the start"
    axes = {f"k{i}": label for i in range(len(values[0]))}
    drawn = figure.draw(list(zip(values, long, strict=False)), axes, "strike", failed=2)
    assert overlaps(drawn) == []


def test_equal_sweeps_give_equal_files(summaries: list[dict[str, Any]], tmp_path: Path) -> None:
    def drawn(folder: Path) -> list[bytes]:
        cells = [((x, y), summaries[2 * x + y]) for x in (0, 1) for y in (0, 1)]
        lines = [((x,), summaries[x]) for x in range(3)]
        paths = save(figure.draw(cells, {"a": "x", "b": "y"}, "strike"), folder, "two")
        paths += save(figure.draw(lines, {"a": "x"}, "strike"), folder, "one")
        return [path.read_bytes() for path in paths]

    with mpl.rc_context({"font.size": 20.0}):  # the user's own taste
        first = drawn(tmp_path / "one")
    assert drawn(tmp_path / "two") == first


def test_there_is_no_figure_of_three_keys_and_the_sweep_says_so(here: Path, escalation: Command) -> None:
    keys = ("run.seed=1,2", "as_of=2025-11-17,2025-11-18", "until=60,90")
    code, out, err = escalation("-m", *OWN, *QUICK, *keys)
    assert code == 0
    assert err == "no figure: it shows one or two keys, and 3 were swept; index.csv holds every job\n"
    folder = here / out.splitlines()[-1]
    assert not list(folder.glob("figures/*"))
    assert len(rows_of(folder)) == 8
    code, out, err = escalation("-m", *OWN, *QUICK, "run.seed=1,2")
    assert (code, err) == (0, "")
    assert sorted(path.name for path in (here / out.splitlines()[-1] / "figures").iterdir()) == [
        "sweep.png",
        "sweep.svg",
    ]


def test_the_table_says_its_deadline_and_leaves_out_what_never_happens(summaries: list[dict[str, Any]]) -> None:
    import io

    def shown(*found: dict[str, Any]) -> str:
        stream = io.StringIO()
        cells = [((i,), summary) for i, summary in enumerate(found)]
        sweep_table.show(cells, ["scenario.state.tension.start"], "strike", console(stream))
        return stream.getvalue()

    five = summaries[0]["outcomes"]["blows"]
    text = shown(*summaries[:2])
    assert text.startswith("Where it stands on 17 Mar 2026 (120 days): chances in %; in brackets: 10–90 % range")
    assert "tension.start" in text.replace("\n", "")
    assert "2 jobs of 400 simulated histories, seed 1, 2; sampling error at most " in text
    assert "under assumptions" in text
    nothing = dict.fromkeys(index.SHARES, 0.001)
    never = [{**s, "outcomes": {**s["outcomes"], "settlement": nothing}} for s in summaries[:2]]
    assert "Under 1 % in every job, at both ends of the range: settlement." in shown(*never)
    # Where not all columns fit beside one another they follow in blocks, each with the keys; no word is broken.
    many = [{**s, "outcomes": {f"a_rather_longwinded_outcome_{i}": five for i in range(14)}} for s in summaries[:2]]
    text = shown(*many)
    assert text.count("tension.start") == 2
    assert text.count("longwinded") == 14
    assert max(map(len, text.splitlines())) <= 130
    other = {**summaries[0], "as_of": "2025-11-10", "until": "2026-03-10"}
    assert "until=2026-03-17 would compare them on one." in shown(other, summaries[1])
    same = {**summaries[0], "as_of": "2025-11-10"}
    assert "are all read on the same calendar date." in shown(same, summaries[1])
