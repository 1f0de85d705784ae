"""Every named experiment composes, runs, and says its question and its finding."""

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from sim.__main__ import main

FILES = sorted((Path(__file__).resolve().parent.parent / "experiments").glob("*.yaml"))
SMALL = ("run.replications=100", "run.inputs=20", "run.histories=5", "study.figures=false")
#: What else is made smaller: every model of these is compiled (Sobol' indices are tested in tests/studies), or every
#: value has a past of its own (crossings are sought there, too).
SMALLER = {
    "sensitivity": ("study.sobol=false", "study.sets=100", "study.each=20"),
    "even_odds": ("study.values=3", "study.low=50"),
}


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "argv", ["escalation", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert isinstance(end.value.code, int)
    return end.value.code, *capsys.readouterr()


def test_there_are_experiments() -> None:
    assert {"baseline", "two_reports", "troop_levels", "goal"} <= {file.stem for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_experiment_runs_by_its_name_alone(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = file.read_text(encoding="utf-8")
    package, question, finding = text.splitlines()[:3]
    assert package == "# @package _global_"
    assert question.startswith("# ")
    assert question.endswith("?")
    assert finding.startswith("# Finding: ")
    data = yaml.safe_load(text)
    assert data["format"] == 1
    # The ends of a long list are enough, and show that the command line has the last word.
    sweep = {
        key: values if len(values) <= 2 else [values[0], values[-1]] for key, values in data.get("sweep", {}).items()
    }
    ends = [f"{key}={values[0]},{values[1]}" for key, values in sweep.items() if values != data["sweep"][key]]
    small = (*SMALL, *SMALLER.get(file.stem, ()))
    code, out, err = run(capsys, monkeypatch, f"+experiments={file.stem}", *small, f"results={tmp_path}", *ends)
    assert code == 0, err
    folder = Path(out.splitlines()[-1])
    if not sweep:
        assert (folder / "summary.json").is_file()
        return
    index = pq.read_table(folder / "index.parquet")
    jobs = 1
    for key, values in sweep.items():
        jobs *= len(values)
        assert set(map(str, index.column(key).to_pylist())) == set(map(str, values))
    assert index.column("status").to_pylist() == ["done"] * jobs
    if "as_of" in sweep:
        assert len(set(index.column("until_days").to_pylist())) == jobs, (
            "one calendar date is another number of days from each"
        )
        assert "are all read on the same calendar date" in out


def test_a_misspelt_experiment_is_refused_with_the_nearest_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, monkeypatch, "+experiments=two_report", *SMALL)
    assert (code, out) == (2, "")
    assert "two_reports" in err
    assert not (tmp_path / "results").exists()
