"""The benchmark compares what is comparable: same numbers in the peer and the scenario, equality before timing."""

import math
import re
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest

from sim._paths import conf_dir
from sim.engines import compiled, exact, lockstep, reference
from sim.engines.interface import TERMINAL, plan
from sim.figures.sheets import benchmark as figure
from sim.model.compiled import Model, compile_model
from sim.model.expressions import Number, parse
from sim.model.spec import Delay, Spec, Tension
from sim.runs import store
from sim.scenario.reading import read_file
from sim.studies import command
from sim.studies.benchmark import contest, user_style
from sim.studies.benchmark import loop as benchmark_loop
from sim.studies.benchmark import measures as benchmark_measures
from sim.studies.benchmark import network as benchmark_network
from sim.studies.benchmark import study as benchmark
from sim.studies.benchmark.contest import Contestant, DisagreementError
from sim.studies.benchmark.workload_b import PUSHES, workload_b
from sim.studies.library import scenario_of
from sim.studies.settings import SettingError
from tests.figures.looks import overlaps


@pytest.fixture(scope="module")
def model() -> Model:
    return compile_model(scenario_of("workload_a").spec)


def test_peer_and_scenario_hold_the_same_numbers() -> None:
    text = (Path(conf_dir()) / "scenario" / "workload_a.yaml").read_text(encoding="utf-8")
    written = re.findall(r"(?:rate|always): exp\((.*)\)", text)
    number = re.compile(r"([-+]?)\s?(\d+\.\d+)")
    in_file = [float(sign + value) for line in written for sign, value in number.findall(line)]
    in_peer = [c for row in user_style.COEFFICIENTS for c in (*row[:5], row[6], row[5]) if c != 0]
    assert in_file == in_peer


@pytest.fixture(autouse=True)
def fewer_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow peers are compared on fewer histories than before a real benchmark."""
    fewer = {name: max(n // 5, 30) for name, n in contest.COMPARED.items()}
    monkeypatch.setattr(contest, "COMPARED", fewer)


def peers(*names: str) -> list[Contestant]:
    """Peers on workload A and on the network, skipped with a message where they are not installed."""
    absent = contest.missing()
    for name in names:
        if name in absent:
            pytest.skip(f"{name} cannot take part: {absent[name]}")
    return [one for one in contest.contestants(scenario_model(), ()) if one.name in names]


def scenario_model() -> Model:
    return compile_model(scenario_of("workload_a").spec)


def test_the_check_passes_and_sees_another_model(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = peers(contest.SIMPY, "plain Python loop")
    contest.check(model, ours)
    monkeypatch.setattr(user_style.Crisis, "hazards", lambda self, a: [0.05] * 8)
    with pytest.raises(DisagreementError, match="not the same model"):
        contest.check(model, ours)
    different = lockstep.simulate(model, plan(1, 180.0, 40))
    monkeypatch.setattr(reference, "simulate", lambda *_: different)
    with pytest.raises(DisagreementError, match="different histories"):
        contest.check(model, ours)


def test_the_loop_is_checked_too(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = peers("plain Python loop")
    monkeypatch.setattr(benchmark_loop, "run", lambda first, n, until: (171 * n, 0))  # as many events, but no war
    with pytest.raises(DisagreementError, match="plain Python loop on workload A: ends"):
        contest.check(model, loop)


@pytest.mark.parametrize("name", ["salabim", "rebop"])
def test_optional_peers_play_the_same_models(model: Model, name: str) -> None:
    contest.check(model, peers(name))


@pytest.mark.campaign  # compiling takes a while
@pytest.mark.filterwarnings("default")  # those of the libraries it uses are not ours
def test_gillespy2_plays_the_same_models(model: Model) -> None:
    contest.check(model, peers("GillesPy2, C++"))


def test_the_network_never_comes_near_its_bounds() -> None:
    """A count at its bound would be no mass action any more."""
    network = benchmark_network.model()
    rows = lockstep.simulate(network, plan(5, 180.0, 4_000))
    assert int(rows.state.max()) < benchmark_network.MOST // 2 + 4
    assert len(benchmark_network.reactions()) == 24
    assert 140 < rows.events.mean() < 190  # as workload A: 171


def test_the_network_has_the_means_that_its_linear_part_gives() -> None:
    """v gains h and loses s v each day: its mean is exact. Within 5 standard errors (6e-7); without loss it is not."""
    network = benchmark_network.model()
    n = 20_000
    v = lockstep.simulate(network, plan(7, 180.0, n)).state[network.variables.index("v1")]
    (gain,), (loss,) = (
        [r.rate for r in benchmark_network.reactions() if r.name == name] for name in ("harden1", "soften1")
    )
    decay = np.exp(-loss * 180)
    mean, variance = gain / loss * (1 - decay) + decay, gain / loss * (1 - decay) + decay * (1 - decay)
    assert abs(v.mean() - mean) < 5 * (variance / n) ** 0.5
    assert abs(v.mean() - (1 + gain * 180)) > 5 * (variance / n) ** 0.5


def test_what_is_missing_is_named_and_the_rest_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    everybody = dict.fromkeys(contest.SIZES, 2) | {"lockstep": 50, "compiled": 50}
    monkeypatch.setattr(contest, "SIZES", everybody)
    absent = {"rebop": "it is absent in this test", "GillesPy2, C++": "it too"}
    kept = {name: why for name, why in contest.missing().items() if name not in absent}
    monkeypatch.setattr(benchmark, "missing", lambda: kept | absent)
    configuration = {
        "scenario": dict(read_file(conf_dir() / "scenario" / "workload_a.yaml").data),
        "study": {"name": "benchmark", "rounds": 2, "gallery": str(tmp_path)},
        "results": str(tmp_path),
        "run": {},
    }
    assert command.run(configuration, "escalation study=benchmark") == 0
    said = capsys.readouterr().out
    folder = Path(said.strip().splitlines()[-1])
    assert "Left out: rebop: it is absent in this test." in said
    for engine in contest.SIZES:
        assert (f"| {engine} " in said) is (engine not in kept | absent)
    data = store.read_json(folder / "summary.json")
    assert data is not None
    assert data["rounds"] == 2
    assert sorted(path.name for path in tmp_path.glob("benchmark.*")) == ["benchmark.md", "benchmark.svg"]
    assert {path.name for path in folder.rglob("*.*")} == {
        "summary.json", "benchmark.md", "benchmark.svg", "benchmark.png",
    }  # fmt: skip


def test_a_gallery_must_be_a_folder(tmp_path: Path) -> None:
    configuration = {
        "scenario": {},
        "study": {"name": "benchmark", "gallery": str(tmp_path / "no")},
        "results": str(tmp_path),
        "run": {},
    }
    with pytest.raises(SettingError, match=r"study\.gallery: .* is no folder that exists"):
        command.run(configuration, "escalation")


def test_the_figure_shows_everybody_and_covers_nothing() -> None:
    rows = [
        {"engine": name, "model": model, "median": 10.0 * 4**i}
        for model in ("workload A", "network")
        for i, name in enumerate(contest.SIZES)
    ]
    data = {"machine": "a processor, 2 cores", "python": "3.11", "rounds": 7, "rows": rows}
    drawn = figure.draw(data)
    for ax in drawn.axes:
        assert {label.get_text() for label in ax.get_yticklabels()} == set(contest.SIZES)
    assert overlaps(drawn) == []
    with pytest.raises(ValueError, match="nothing to draw"):
        figure.draw({**data, "rows": []})


# ---------------------------------------------------------------------------------------------------- further measures
def test_theatres_are_copies_that_do_not_touch_each_other() -> None:
    """Mean events: ten times those of one theatre without an early end, within 5 standard errors; not nine times."""
    spec = scenario_of("workload_a").spec
    one = lockstep.simulate(compile_model(replace(spec, terminal=())), plan(2, 60.0, 2_000)).events
    ten = lockstep.simulate(compile_model(benchmark_measures.theatres(spec, 10)), plan(2, 60.0, 400)).events
    error = (100 * one.var() / one.size + ten.var() / ten.size) ** 0.5
    assert abs(ten.mean() - 10 * one.mean()) < 5 * error
    assert abs(ten.mean() - 9 * one.mean()) > 5 * error


def test_uncertain_inputs_and_kept_clocks_are_in_the_models() -> None:
    spec = scenario_of("workload_a").spec
    drawn, kept = benchmark_measures.with_inputs(spec), benchmark_measures.with_kept_clocks(spec)
    rows = lockstep.simulate(compile_model(drawn), plan(2, 30.0, 200))
    assert rows.inputs.shape == (30, 200)
    assert (rows.inputs.std(axis=1) > 0.1).all()
    assert sum(isinstance(action.clock, Delay) for action in kept.actions) == 4
    short = plan(2, 60.0, 30, log=True)
    for found in (drawn, kept):  # and both engines play them alike
        played = compile_model(found)
        assert lockstep.simulate(played, short).fingerprint() == reference.simulate(played, short).fingerprint()


def test_a_difference_on_common_luck_varies_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """At least three times less; a model that forgets the names of its actions (independent luck) would give 1."""
    monkeypatch.setattr(benchmark_measures, "PAIRS", 4_000)
    found = benchmark_measures.paired(scenario_of("workload_a").spec, lockstep, batches=4)
    assert found.value > 3
    assert found.low <= found.value <= found.high


def test_workload_a_simulates_as_its_exact_solution_says(model: Model) -> None:
    """Within 5 standard errors (false alarm 6e-7) of the chain of 73,728 states; the chance 30 days earlier is not."""
    n = 20_000
    share = float((lockstep.simulate(model, plan(3, 180.0, n)).status == 1).mean())
    chain = exact.build(model)
    top = model.program(parse("rung is 8"))
    for until, agrees in ((180.0, True), (150.0, False)):
        p = exact.reach_within(chain, top, until).mean
        assert (abs(share - p) < 5 * (p * (1 - p) / n) ** 0.5) is agrees


#: Events that happened and chance of a war by day 180, with standard errors, of another implementation of workload B.
MEANS_OF_B = ((117.5, 0.49), (0.647, 0.0048))


def means_of(spec: Spec, n: int = 20_000) -> list[tuple[float, float]]:
    """Events and chance of a war, with standard errors."""
    rows = lockstep.simulate(compile_model(spec), plan(3, 180.0, n))
    return [(float(x.mean()), float(x.std() / n**0.5)) for x in (rows.events, rows.status == TERMINAL)]


def apart(found: list[tuple[float, float]]) -> list[float]:
    """By how many combined standard errors means are off those of the other implementation."""
    return [abs(a - b) / math.hypot(e, f) for (a, e), (b, f) in zip(found, MEANS_OF_B, strict=True)]


def test_workload_b_is_that_of_another_implementation() -> None:
    """Within 5 combined standard errors (false alarm 6e-7 each); a tension never pushed, or decaying faster, is not."""
    spec = scenario_of("workload_a").spec
    tense = workload_b(spec)
    assert max(apart(means_of(tense))) < 5
    never_pushed = tuple(
        replace(a, branches=tuple(replace(b, effects=b.effects[:-1]) for b in a.branches))
        if a.name.split(".")[-1] in PUSHES
        else a
        for a in tense.actions
    )
    faster = replace(tense, tensions=(Tension("tension", Number(0.12)),))
    for wrong in (replace(tense, actions=never_pushed), faster, benchmark_measures.with_kept_clocks(spec)):
        assert min(apart(means_of(wrong, 4_000))) > 5


def test_workload_b_has_a_measure_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each engine that is there, with the time per event that happened."""
    for name, few in (("HISTORIES", 200), ("PAIRS", 400)):
        monkeypatch.setattr(benchmark_measures, name, few)
    rows = benchmark_measures.measures(scenario_of("workload_a").spec, "workload_a", 1, large=False)
    found = list(takewhile(lambda m: not m.name.startswith("240 actions"), rows))
    engines = [m.name.split(", ")[1] for m in found if m.name.startswith("workload B against A, ")]
    assert engines == (["lockstep", "compiled"] if compiled.installed() else ["lockstep"])
    assert all(m.value > 0 and m.unit == "times the time per event" for m in found if m.name.startswith("workload B"))


def test_another_workload_b_in_one_engine_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = scenario_of("workload_a").spec
    different = lockstep.simulate(compile_model(spec), plan(1, 180.0, 40, log=True))
    monkeypatch.setattr(reference, "simulate", lambda *_: different)
    with pytest.raises(DisagreementError, match="different histories of workload B"):
        next(benchmark_measures.measures(spec, "workload_a", 1, large=False))
