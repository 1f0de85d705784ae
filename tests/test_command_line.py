"""The command line as a person meets it: help, results, errors and exit codes, each in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.__main__ import main
from sim.studies.forecast import forecast
from sim.studies.settings import Settings
from tests.runs import small

REPO = Path(__file__).resolve().parent.parent
#: A small run of a small scenario, so that most of the time is start-up.
QUICK = ("run.replications=300", "run.inputs=20", "run.histories=5", "study.figures=false")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder to work in, with a scenario of one's own."""
    folder = tmp_path / "own" / "scenario"
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text(small.TEXT, encoding="utf-8")
    return tmp_path


def start(here: Path, *arguments: str, **options: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    environment.pop("HYDRA_FULL_ERROR", None)
    command = [sys.executable, "-m", "sim", *arguments]
    # A shell starts background jobs with interrupts ignored, and children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            command, cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )
    finally:
        signal.signal(signal.SIGINT, before)


def run(here: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    process = start(here, *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


OWN = ("--config-dir", "own", "scenario=small")


def test_help_is_one_page_and_loads_nothing_heavy(here: Path) -> None:
    code, out, err = run(here, "--help")
    assert (code, err) == (0, "")
    for part in ("study=forecast", "scenario=venezuela_2025", "+experiments=baseline", "Exit codes: 0 done, 1 a check"):
        assert part in out
    assert len(out.splitlines()) <= 50
    script = "import sys; sys.argv = ['x', '-h']\nfrom sim.__main__ import main\n"
    script += "try: main()\nfinally: assert not {'numpy', 'hydra', 'yaml'} & set(sys.modules), 'heavy'"
    subprocess.run([sys.executable, "-c", script], cwd=REPO, check=True, stdout=subprocess.DEVNULL)


def test_version_is_that_of_the_package(here: Path) -> None:
    code, out, _ = run(here, "--version")
    assert code == 0
    assert re.fullmatch(r"escalation \S.*\n", out)


def test_a_forecast_ends_with_its_folder_and_the_second_one_shows_it(here: Path) -> None:
    code, out, err = run(here, *OWN, *QUICK)
    assert (code, err) == (0, "")
    folder = here / out.splitlines()[-1]
    assert folder.parent == here / "results" / "small"
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["replications"] == 300
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["command"].startswith("escalation --config-dir own scenario=small run.replications=300 ")
    assert sorted(path.name for path in here.iterdir()) == ["own", "results"], "Hydra left something behind"
    second = run(here, *OWN, *QUICK)
    assert second == (0, out, "this run was complete: shown, not computed again\n")
    code, again, err = run(here, *OWN, *QUICK, "run.again=true")
    assert (code, again) == (0, out)
    assert err.startswith("computed again: all 300 simulated histories are the same")
    # A run that is not what it says it is: a check fails.
    (folder / "manifest.json").write_text(json.dumps({**manifest, "content_hash": "0" * 64}), encoding="utf-8")
    code, again, err = run(here, *OWN, *QUICK, "run.again=true")
    assert (code, again) == (1, "")
    assert "the 300 simulated histories differ" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("scenario=smal",), "Could not find 'scenario/smal'"),
        (("+experiments=basline",), "Could not find 'experiments/basline'"),
        (("experiments=baseline",), "use +experiments=baseline"),
        (("+experiment=baseline",), "experiment: there is no such setting"),
        (("run.replicatons=3",), "Could not override 'run.replicatons'"),
        (("study=forcast",), "Could not find 'study/forcast'"),
        (("run.replications=0",), "run.replications: 0 is outside 1 …"),
        (("run.replications=15,000",), "Ambiguous value"),
        (("study.milestones=[crisi]",), "study.milestones: unknown milestone 'crisi' (did you mean 'crisis'?)"),
        (("as_of=2025-02-30",), "as_of"),
        (("scenario.inputs.force_x.uniform=[3,1]",), "inputs.force_x"),
        (("until",), "Error parsing override 'until'"),
    ],
)
def test_bad_input_is_2_with_a_short_message(
    here: Path,
    arguments: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # In this process, to save a dozen starts.
    monkeypatch.chdir(here)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "argv", ["escalation", *OWN, *QUICK, *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 13
    assert not (here / "results").exists()


def test_a_fault_in_a_scenario_is_told_with_file_and_line(here: Path) -> None:
    file = here / "own" / "scenario" / "small.yaml"
    text = small.TEXT.replace("while: tension below 5", "while: tensoin below 5")
    file.write_text(text, encoding="utf-8")
    line = next(i for i, found in enumerate(text.splitlines(), 1) if "tensoin" in found)
    code, out, err = run(here, *OWN, "study=check")
    assert (code, out) == (2, "")
    assert f"small.yaml:{line}: actions.north.pushes.while: " in err
    assert "did you mean 'tension'?" in err


def test_a_scenario_in_order_is_said_so(here: Path) -> None:
    code, out, _ = run(here, *OWN, "study=check")
    assert code == 0
    assert out.startswith(
        "ok: small as of 2025-11-17, 120 days: 5 variables, 2 uncertain inputs, 5 actions, 3 milestones"
    )


def test_a_file_where_a_folder_should_be_is_bad_input(here: Path) -> None:
    (here / "results").write_text("a file where a folder should be", encoding="utf-8")
    code, out, err = run(here, *OWN, *QUICK)
    assert code == 2
    assert out == ""
    assert err.startswith("escalation: results: ")
    assert "Traceback" not in err


def test_a_named_experiment_and_one_history(here: Path) -> None:
    code, out, err = run(here, "+experiments=baseline", "study=trace", "run.replication=3")
    assert (code, err) == (0, "")
    assert "simulated history 3 of seed 1, from 17 Nov 2025" in out
    folder = here / out.splitlines()[-1]
    assert (folder / "history-3.txt").read_text(encoding="utf-8") in out


def test_a_sweep_does_every_job_and_one_that_fails_makes_it_3(here: Path) -> None:
    code, out, err = run(here, "-m", *OWN, *QUICK, "run.seed=3,-1,4")
    folders = re.findall(r"^results/small/forecast-\w+$", out, flags=re.MULTILINE)
    assert code == 3
    assert len(set(folders)) == 2
    assert "run.seed: -1 is outside" in err


def test_a_closed_pipe_is_no_error(here: Path) -> None:
    process = start(here, *OWN, *QUICK)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 0
    process.stderr.close()


def caught(here: Path, pattern: str, sent: signal.Signals, *arguments: str) -> tuple[int, str]:
    """Exit code and last words of a run that gets a signal once a file is there."""
    # The reference engine is slow enough to be caught in the act; parts and engine do not name the folder.
    slow = ("run.engine=reference", "run.chunk=100", "run.executor=serial")
    process = start(here, *OWN, *QUICK, *slow, *arguments)
    deadline = time.monotonic() + 60
    while not list(here.glob(f"results/small/*/{pattern}")):
        assert time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_its_own_code(here: Path, sent: signal.Signals, code: int) -> None:
    words = "escalation: stopped; what was done is kept, and the same command goes on from there\n"
    assert caught(here, "manifest.json", sent, "run.replications=100000") == (code, words)


def test_a_killed_run_goes_on_where_it_was(here: Path) -> None:
    code, err = caught(here, "parts/part-00001.parquet", signal.SIGKILL, "run.replications=4000")
    assert (code, err) == (-9, "")
    code, out, err = run(here, *OWN, *QUICK, "run.replications=4000")
    assert code == 0
    assert re.match(r"[\d,]+00 of 4,000 simulated histories were there already", err)
    undisturbed = forecast(small.scenario(), Settings(replications=4_000), here / "other").summary["content_hash"]
    summary = json.loads((here / out.splitlines()[-1] / "summary.json").read_text(encoding="utf-8"))
    assert summary["content_hash"] == undisturbed
