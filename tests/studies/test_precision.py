"""A run that stops when it knows enough: where it looks, where it stops, and that it is like any other run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.runs import store
from sim.runs.tally import Tally
from sim.scenario.reading import read_bytes
from sim.scenario.source import Source
from sim.statistics.sequence import anytime
from sim.studies import precision, table
from sim.studies.forecast import Result, answer, forecast, named
from sim.studies.order import Order
from sim.studies.settings import SettingError, Settings, read_settings
from sim.studies.sweep import study as sweep
from tests.runs import small

FAST: dict[str, Any] = {"inputs": 20, "histories": 5, "least": 250}


def run(results: Path, **changes: Any) -> tuple[Result, list[str]]:
    said: list[str] = []
    return forecast(small.scenario(), Settings(**{**FAST, **changes}), results, say=said.append), said


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(tmp_path_factory.mktemp("results"), precision=0.04, chunk=300)[0]


def test_it_stops_at_the_first_look_that_knows_enough(stopped: Result) -> None:
    summary = stopped.summary
    n, close = summary["replications"], summary["precision"]
    assert n in (1_000, 2_000, 4_000)
    assert close["reached"]
    assert close["half_width"] <= 0.04
    counts = precision.counted_of(summary)
    widths = {event: float(anytime(k, n)[1] - anytime(k, n)[0]) / 2 for event, k in counts.items()}
    assert max(widths, key=widths.__getitem__) == (close["of"], close["name"], close["day"])
    assert max(widths.values()) == close["half_width"]
    assert {kind for kind, _, _ in counts} == {"outcomes", "milestones", "flags"}


def test_a_look_before_it_would_not_have_known_enough(stopped: Result, tmp_path: Path) -> None:
    n = stopped.summary["replications"]
    plain, _ = run(tmp_path, replications=n // 2)
    settings = Settings(**FAST, precision=0.04)
    assert not precision.judged(precision.counted_of(plain.summary), n // 2, settings)["reached"]


@pytest.mark.parametrize("chunk", [20_000, 700, 170])
def test_it_equals_a_plain_run_of_as_many_however_it_is_cut(stopped: Result, tmp_path: Path, chunk: int) -> None:
    n = stopped.summary["replications"]
    other, _ = run(tmp_path / "stopped", precision=0.04, chunk=chunk)
    plain, _ = run(tmp_path / "plain", replications=n)
    for found in (other, plain):
        assert found.summary["replications"] == n
        assert found.summary["content_hash"] == stopped.summary["content_hash"]
        assert found.folder.name == stopped.folder.name
    assert {**plain.summary, "precision": stopped.summary["precision"]} == stopped.summary


def test_nothing_is_computed_twice_from_look_to_look(tmp_path: Path) -> None:
    _, said = run(tmp_path, precision=0.08, chunk=20_000)
    assert said == []
    parts = sorted(tmp_path.glob("small/*/parts/*"))
    written = {path: path.stat().st_mtime_ns for path in parts}
    first = sum(part["count"] for part in manifest(tmp_path)["parts"])
    found, said = run(tmp_path, precision=0.04, chunk=20_000)
    assert said == [f"{first:,} of {found.summary['replications']:,} simulated histories were there already"]
    assert {path: path.stat().st_mtime_ns for path in parts} == written
    # Enough is enough: it is shown for less, and for as much.
    for wanted in (0.2, 0.04):
        assert run(tmp_path, precision=wanted)[1] == ["this run was complete: shown, not computed again"]


def manifest(results: Path) -> dict[str, Any]:
    found = store.read_manifest(next(results.glob("small/*")))
    assert found is not None
    return found


def test_a_run_stopped_between_looks_goes_on_and_ends_the_same(
    stopped: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    original = store.write_part

    def killed(*arguments: Any, **options: Any) -> None:
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(1)
        original(*arguments, **options)

    monkeypatch.setattr(store, "write_part", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, precision=0.04, chunk=300)
    monkeypatch.undo()
    found, said = run(tmp_path, precision=0.04, chunk=300)
    assert "were there already" in said[0]
    assert found.summary == stopped.summary


def test_at_the_last_look_it_says_what_is_missing(tmp_path: Path) -> None:
    found, _ = run(tmp_path, precision=0.001, most=900)
    assert found.summary["replications"] == 900
    close = found.summary["precision"]
    assert not close["reached"]
    said = precision.missed(found.summary)
    assert said is not None
    assert said.startswith("run.precision: ±0.1 points were asked for; after 900 simulated histories ")
    assert "What was done is kept and shown; ask for less, or go on, with run.most=" in said
    [line] = precision.line(found.summary)
    assert "not reached with 900 simulated histories" in line
    assert line in table.footer(found.summary)
    again, heard = run(tmp_path, precision=0.001, most=900)
    assert (again.summary, heard) == (found.summary, ["this run was complete: shown, not computed again"])
    plain, _ = run(tmp_path, replications=900)
    assert json.loads((plain.folder / "summary.json").read_text(encoding="utf-8")) == found.summary


def test_looks_double_and_go_on_from_what_is_there() -> None:
    def of(held: int, **settings: Any) -> list[int]:
        return list(precision.looks(Settings(precision=0.01, **settings), held))

    assert of(0, most=10_000) == [1_000, 2_000, 4_000, 8_000, 10_000]
    assert of(0, least=3, most=3) == [3]
    assert of(4_000, most=10_000) == [4_000, 8_000, 10_000]
    assert of(4_001, most=10_000) == [8_000, 10_000]
    assert of(20_000, most=10_000) == [20_000]


def test_what_has_not_happened_has_a_bound() -> None:
    settings = Settings(precision=0.01)
    none = precision.judged({("outcomes", "war", "30"): 0}, 1_000, settings)
    assert none["reached"]
    assert (none["low"], none["high"]) == (0.0, none["never"])
    assert 3 / 1_000 < none["never"] < 0.008
    assert not precision.judged({("outcomes", "war", "30"): 500}, 1_000, settings)["reached"]


def test_a_share_that_is_known_everywhere_but_once_is_not_enough(stopped: Result) -> None:
    """The widest interval decides, not their mean."""
    n = stopped.summary["replications"]
    counts = dict.fromkeys(precision.counted_of(stopped.summary), 0)
    assert precision.judged(counts, n, Settings(precision=0.01))["reached"]
    counts["milestones", "strike", "90"] = n // 2
    found = precision.judged(counts, n, Settings(precision=0.01))
    assert not found["reached"]
    assert (found["name"], found["day"]) == ("strike", "90")


def test_counts_of_a_run_are_those_of_its_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[precision.Counts] = []

    def listened(task: Any, tally: Tally) -> precision.Counts:
        seen.append(original(task, tally))
        return seen[-1]

    original = precision.counted
    monkeypatch.setattr(precision, "counted", listened)
    found, _ = run(tmp_path, precision=0.05)
    assert seen[-1] == precision.counted_of(found.summary)


def test_the_chances_it_is_about_can_be_named(stopped: Result) -> None:
    counts, n = precision.counted_of(stopped.summary), stopped.summary["replications"]
    both = precision.chosen(counts, ["strike by 90", "blows"])
    assert list(both) == [("milestones", "strike", "90"), *(("outcomes", "blows", day) for day in ("30", "90", "120"))]
    assert precision.chosen(counts, []) == counts
    settings = Settings(precision=0.04)
    close = precision.judged(counts, n, settings, ["strike by 30"])
    assert (close["name"], close["day"], close["precise"]) == ("strike", "30", ["strike by 30"])
    assert close["half_width"] < precision.judged(counts, n, settings)["half_width"]
    for text, why in (
        ("strik by 90", r"no outcome, milestone or flag 'strik' \(did you mean 'strike'\?\)"),
        ("strike by 91", "strike is shown by day 30, 90, 120; give one of these"),
    ):
        with pytest.raises(SettingError, match=why):
            precision.chosen(counts, [text])


def test_a_rare_chance_alone_is_known_sooner(stopped: Result, tmp_path: Path) -> None:
    found = sim.run(small.scenario(), precision=0.04, precise=["settlement by 30"], most=4_000, results=tmp_path)
    assert found.summary["precision"]["reached"]
    assert found.summary["replications"] < max(stopped.summary["replications"], 1_001)
    assert "Of those that it was asked for (settlement by 30) settlement by" in precision.line(found.summary)[0]
    with pytest.raises(ValueError, match="give precision, too"):
        sim.run(small.scenario(), precise=["strike"], results=tmp_path)
    order = order_of(tmp_path)
    with pytest.raises(SettingError, match=r"study\.precise: names the chances that run\.precision looks at"):
        named(replace(order, configuration={**order.configuration, "study": {"precise": "strike"}}))


def test_what_no_history_had_has_an_exact_bound_in_the_summary(stopped: Result) -> None:
    """One-sided, as the words "at most" are: with the bound for a chance, none in n happens one time in twenty.

    The upper end of a two-sided interval (Clopper and Pearson) is larger: one time in forty. Where one stops by what
    one sees neither holds, and the words take a larger one.
    """
    n, bound = stopped.summary["replications"], stopped.summary["zero_bound"]
    assert (1 - bound) ** n == pytest.approx(0.05, rel=1e-9)
    assert bound < 1 - 0.025 ** (1 / n) < stopped.summary["precision"]["never"]
    never = {"never": {"outcomes": ["peace"]}, "impossible": {}, "replications": n}
    assert f"(by sampling alone, 95 %: a chance of at most {100 * bound:.2g} % each): peace." in said(never)
    assert f"at most {100 * stopped.summary['precision']['never']:.2g} % each" in said(
        never | {"precision": stopped.summary["precision"]}
    )


def said(summary: dict[str, Any]) -> str:
    (line,) = table._never_happened(summary)
    return line


@pytest.mark.parametrize("value", [0, 1, 0.6, -0.1, 1e-7, "0.01", True, float("nan")])
def test_a_precision_that_cannot_be_is_refused(value: Any) -> None:
    with pytest.raises(SettingError, match=r"run\.precision: .*half of the width of an interval"):
        read_settings({"precision": value})


def test_the_first_look_is_not_after_the_last() -> None:
    with pytest.raises(SettingError, match=r"run\.least: 1000 is outside 1 … 500"):
        read_settings({"precision": 0.01, "most": 500})


def order_of(results: Path, **settings: Any) -> Order:
    data = read_bytes(small.TEXT.encode()).data
    study = {"name": "forecast", "figures": False}
    configuration = {"scenario": data, "study": study, "run": {**FAST, **settings}, "results": str(results)}
    return Order(configuration, Settings(**{**FAST, **settings}), None, "escalation")


def test_the_exit_code_says_whether_it_was_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(order_of(tmp_path, precision=0.1)) == 0
    found = capsys.readouterr()
    assert "Precision asked for: ±10 points; reached with " in " ".join(found.out.split())
    assert answer(order_of(tmp_path, precision=0.01, most=1_000)) == 3
    found = capsys.readouterr()
    assert found.err.splitlines()[-1].startswith("escalation: run.precision: ±1 points were asked for; after 1,000 ")
    assert Path(found.out.splitlines()[-1]).is_dir()
    assert "Where it stands" in found.out


def test_a_job_of_a_sweep_that_does_not_reach_it_failed_and_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def job(precision: float) -> sweep.Job:
        configuration = {**order_of(tmp_path, precision=precision, most=1_000).configuration, "format": 1}
        return sweep.Job(configuration, {"run.precision": precision}, "escalation", Source())

    assert sweep.run([job(0.2), job(0.01)], "escalation -m") == 1
    found = capsys.readouterr()
    assert "2 of 2  run.precision=0.01  failed" in found.out
    assert "job 2 (run.precision=0.01) failed: run.precision: ±1 points were asked for; after 1,000 " in found.err
    manifest = store.read_manifest(next(tmp_path.glob("small/*")))
    assert manifest is not None
    assert (manifest["complete"], manifest["replications"]) == (True, 1_000)
