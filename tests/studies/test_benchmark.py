"""The benchmark compares what is comparable: same numbers in the peer and the scenario, equality before timing."""

import re
from pathlib import Path

import pytest

from sim._paths import conf_dir
from sim.engines import exact, lockstep, reference
from sim.engines.interface import plan
from sim.model.compiled import Model, compile_model
from sim.model.expressions import parse
from sim.studies import benchmark, benchmark_user_style
from sim.studies.library import scenario_of


@pytest.fixture(scope="module")
def model() -> Model:
    return compile_model(scenario_of("workload_a").spec)


def test_peer_and_scenario_hold_the_same_numbers() -> None:
    text = (Path(conf_dir()) / "scenario" / "workload_a.yaml").read_text(encoding="utf-8")
    written = re.findall(r"(?:rate|always): exp\((.*)\)", text)
    number = re.compile(r"([-+]?)\s?(\d+\.\d+)")
    in_file = [float(sign + value) for line in written for sign, value in number.findall(line)]
    in_peer = [c for row in benchmark_user_style.COEFFICIENTS for c in (*row[:5], row[6], row[5]) if c != 0]
    assert in_file == in_peer


def test_the_check_passes_and_sees_another_model(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark.check(model)
    monkeypatch.setattr(benchmark_user_style.Crisis, "hazards", lambda self, a: [0.05] * 8)
    with pytest.raises(benchmark.DisagreementError, match="not the same model"):
        benchmark.check(model)
    different = lockstep.simulate(model, plan(1, 180.0, 40))
    monkeypatch.setattr(reference, "simulate", lambda *_: different)
    with pytest.raises(benchmark.DisagreementError, match="different histories"):
        benchmark.check(model)


def test_a_table_with_every_engine_is_printed(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "SIZES", {"SimPy, user style": 2, "reference": 2, "lockstep": 50, "compiled": 50})
    lines: list[str] = []
    assert benchmark.run(model, 2, lines.append, lambda _: None) == 0
    for engine in benchmark.SIZES:  # what is not installed is named all the same
        assert any(line.startswith(engine) for line in lines)


def test_workload_a_simulates_as_its_exact_solution_says(model: Model) -> None:
    """Within 5 standard errors (false alarm 6e-7) of the chain of 73,728 states; the chance 30 days earlier is not."""
    n = 20_000
    share = float((lockstep.simulate(model, plan(3, 180.0, n)).status == 1).mean())
    chain = exact.build(model)
    top = model.program(parse("rung is 8"))
    for until, agrees in ((180.0, True), (150.0, False)):
        p = exact.reach_within(chain, top, until).mean
        assert (abs(share - p) < 5 * (p * (1 - p) / n) ** 0.5) is agrees
