"""The command line as a person meets it: help, results, errors and exit codes, each in a process of its own."""
# ruff: noqa: E501, PLR0917 - one case per line, all its parts side by side

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
    for part in ("study=forecast", "scenario=venezuela_2025", "+experiments=", "Exit codes: 0 done, 1 a check"):
        assert part in out
    listed = out.partition("\n  +experiments=")[2].partition("\n\nOften changed")[0]
    names = {path.stem for path in (REPO / "experiments").glob("*.yaml")}
    assert set(re.split(r",\s+", listed.strip())) == names
    studies = out.partition("Studies\n")[2].partition("\n\n")[0]
    for path in (REPO / "conf" / "study").glob("*.yaml"):
        assert re.search(rf"[=\s]{path.stem}[\s,]", studies), path.stem
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


def merged(*arguments: str) -> list[str]:
    """A small run of one's own scenario, what is given in place of what it has: a key may not stand twice."""
    given = {argument.partition("=")[0] for argument in arguments}
    own = OWN if "--config-dir" not in given and "scenario" not in given else ()
    return [*own, *(setting for setting in QUICK if setting.partition("=")[0] not in given), *arguments]


BAD = [
    (
        ("scenario=smal", "--config-dir", "own"),
        "scenario=smal: there is no such scenario (did you mean 'small'?)\nthere are ",
    ),
    (("scenario=zzz",), "one's own scenario lies at DIR/scenario/NAME.yaml"),
    (("scenario=own/scenario/small.yaml",), "write --config-dir DIR scenario=NAME"),
    (("scenario={a:1}",), "a scenario is chosen by its name"),
    (("+experiments=basline",), "+experiments=basline: there is no such experiment (did you mean 'baseline'?)"),
    (("experiments=baseline",), "write +experiments=NAME"),
    (("+experiment=baseline",), "experiment: there is no such setting (got 'baseline') (did you mean '+experiments'?)"),
    (("run.replicatons=3",), "run.replicatons: there is no such setting (got 3) (did you mean 'run.replications'?)"),
    (("replications=3",), "(did you mean 'run.replications'?)"),
    (("foo=1",), "foo: there is no such setting"),
    (("study=forcast",), "study=forcast: there is no such study (did you mean 'forecast'?)"),
    (("run.replications=0",), "command line: run.replications: 0 is outside 1 …"),
    (("run.replications=abc",), "command line: run.replications: 'abc' is no whole number"),
    (("run.replications=1000000000000",), "outside 1 … 1000000000"),
    (("run.replications=15,000",), "run.replications=15,000: a comma makes several values"),
    (("run.replications=1000000", "run.chunk=1000000000000"), "run.chunk"),
    (("run.seed=-1",), "run.seed: -1 is outside"),
    (("run.seed=18446744073709551616",), "run.seed: 18446744073709551616 is outside"),
    (("run.seed=1.5",), "no whole number"),
    (("run.seed=1" + "0" * 5000,), "so many digits"),
    (("run.seed=1", "run.seed=2"), "run.seed=2: run.seed is given twice (first as run.seed=1); keep one"),
    (("run=3",), "its settings have names of their own"),
    (("study.milestones=[crisi]",), "study.milestones: unknown milestone 'crisi' (did you mean 'crisis'?)"),
    (("as_of=2025-02-30",), "command line: as_of: no such day"),
    (("as_of=yesterday",), "command line: as_of: a date is wanted"),
    (("until=foo",), "command line: until: not a number; wanted is a number of days"),
    (("until",), "until: cannot be read; write it as KEY=VALUE"),
    (("scenario.title={a",), "a bracket is not closed"),
    (("scenario.title='a",), "a quotation mark is not closed"),
    (
        ("--replications", "5"),
        "--replications: there is no such flag; a setting is written KEY=VALUE, such as run.replications=",
    ),
    (("--multirn",), "(did you mean '--multirun'?)"),
    (("--cfg", "jab"), "job or hydra or all must follow"),
    (("--config-name", "x"), "is not offered here"),
    (("--experimental-rerun", "x.pickle"), "is not offered here"),
    (("--config-dir", "nowhere"), "there is no such folder"),
    (("--config-dir", "own/scenario/small.yaml"), "is a file"),
    (("--config-dir", "own/scenario"), "name the folder above it"),
    (("--config-dir", "."), "holds no folder scenario/, study/ or experiments/"),
    (("scenario.foo=1",), "command line: scenario.foo: the scenario has no 'foo'"),
    (
        ("scenario.inputs.force_xx=1",),
        "command line: scenario.inputs.force_xx: inputs has no 'force_xx' (got 1) (did you mean 'force_x'?)",
    ),
    (("scenario.actions.north.push.rate=1",), "(did you mean 'north.pushes'?)"),
    (("scenario.inputs.force_x.uniform=[3,1]",), "command line: inputs.force_x.uniform: "),
    (("scenario.inputs.force_x=nan",), "command line: inputs.force_x: not a finite number"),
    (("scenario.inputs.force_x=1e400",), "not a finite number"),
    (("scenario.title=${oc.env:HOME}",), "`${` is not understood here"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
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
    monkeypatch.setattr(sys, "argv", ["escalation", *merged(*arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    assert message in err
    assert err.startswith("escalation: command line: ")
    assert "Traceback" not in err
    assert "append to your" not in err
    assert len(err.splitlines()) <= 12
    assert not (here / "results").exists()


EXPERIMENT = (
    "# @package _global_\n# A question?\ndefaults:\n  - override /scenario: small\n  - override /study: check\n"
)


@pytest.mark.parametrize(
    ("folder", "text", "message"),
    [
        ("experiments", EXPERIMENT + "run:\n  seeed: 3\n", ":7: run.seeed: there is no such setting (did you mean 'seed'?)"),
        ("experiments", EXPERIMENT + "runn: 3\n", ":6: runn: there is no such setting (did you mean 'run'?)"),
        ("experiments", EXPERIMENT + "run:\n  seed: minus\n", ":7: run.seed: 'minus' is no whole number"),
        ("experiments", EXPERIMENT + "run: {seed: 3\n", ":7: run: not valid YAML"),
        ("experiments", EXPERIMENT.replace("small", "smal"), ":4: scenario=smal: there is no such scenario"),
        ("experiments", EXPERIMENT + "scenario: {inputs: {force_xx: {value: 3}}}\n", ":6: inputs.force_xx: the scenario has no such input, and nothing uses it (did you mean 'force_x'?)"),
        ("experiments", EXPERIMENT + "scenario: {titel: x}\n", ":6: titel: unknown key (got 'titel') (did you mean 'title'?)"),
        ("study", "name: check\nfigurs: no\n", ":2: study.figurs: study check has no such setting"),
        ("study", "name: check\nname: x\n", ":2: name: the key stands twice"),
        ("scenario", small.TEXT.replace("name: small", "name: large"), "name: the file is called mine.yaml"),
    ],
)  # fmt: skip
def test_files_of_ones_own_are_told_with_their_line(
    here: Path,
    folder: str,
    text: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = here / "own" / folder / "mine.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    (here / "results").mkdir()
    (here / "results" / "config.yaml").write_text("a: *b", encoding="utf-8")
    chosen = {
        "experiments": ["+experiments=mine"],
        "study": ["scenario=small", "study=mine"],
        "scenario": ["scenario=mine"],
    }
    monkeypatch.chdir(here)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "argv", ["escalation", "--config-dir", "own", *chosen[folder]])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    assert err.startswith(f"escalation: own/{folder}/mine.yaml:"), err
    assert message in err


def test_the_folder_one_stands_in_may_hold_results_too(here: Path) -> None:
    (here / "own" / "results" / "small").mkdir(parents=True)
    (here / "own" / "results" / "config.yaml").write_text("a: *b", encoding="utf-8")
    (here / "own" / "config.yaml").write_text("a: *b", encoding="utf-8")
    code, out, err = run(here / "own", "--config-dir", ".", "scenario=small", "study=check", "results=elsewhere")
    assert (code, err) == (0, "")
    assert out.startswith("ok: small")


def test_ones_own_file_of_a_shipped_name_is_the_one_that_is_read(here: Path) -> None:
    text = small.TEXT.replace("name: small", "name: two_rivals")
    (here / "own" / "scenario" / "two_rivals.yaml").write_text(text, encoding="utf-8")
    code, out, _ = run(here, "--config-dir", "own", "scenario=two_rivals", "study=check")
    assert code == 0
    assert out.startswith("ok: two_rivals as of 2025-11-17, 120 days")


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
    slow = ("engine=reference", "run.chunk=100", "executor=serial")
    process = start(here, *merged(*slow, *arguments))
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
    code, out, err = run(here, *merged("run.replications=4000"))
    assert code == 0
    assert re.match(r"[\d,]+00 of 4,000 simulated histories were there already", err)
    undisturbed = forecast(small.scenario(), Settings(replications=4_000), here / "other").summary["content_hash"]
    summary = json.loads((here / out.splitlines()[-1] / "summary.json").read_text(encoding="utf-8"))
    assert summary["content_hash"] == undisturbed


def test_errors_as_python_tells_them_are_there_for_the_asking(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setattr(sys, "argv", ["escalation", "as_of=1999-01-01", f"results={tmp_path}"])
    with pytest.raises(SystemExit) as stopped:
        main()
    err = capsys.readouterr().err
    assert stopped.value.code == 2
    assert "Traceback" in err
    assert "lies before the first report" in err
    assert os.environ["HYDRA_FULL_ERROR"] == "1"


def test_the_switch_of_hydra_is_left_as_it_was(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    monkeypatch.setattr(sys, "argv", ["escalation", "as_of=1999-01-01", f"results={tmp_path}"])
    with pytest.raises(SystemExit):
        main()
    assert "Traceback" not in capsys.readouterr().err
    assert "HYDRA_FULL_ERROR" not in os.environ
