"""Changes by path: the same for an override, a cell of a sweep and ``sim.run(..., changes=...)``."""
# ruff: noqa: E501 - one case per line

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from sim.scenario import hydra_source
from sim.scenario.build import build
from sim.scenario.changes import change, remove
from sim.scenario.problems import ScenarioError
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Evidence, Scenario
from sim.scenario.source import Source
from sim.studies.library import scenario_of
from tests.scenario.mini import MINI, bend

#: The small scenario with an input whose law has changed with the dates.
DATED = bend(
    "  share: {uniform: [0.2, 0.7], basis: {judgement: wide}}",
    "  share:\n    - {from: 2025-09-27, uniform: [0.2, 0.7], basis: {report: [1]}}\n"
    "    - {from: 2025-11-17, uniform: [0.3, 0.6], basis: {report: [2]}}",
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "conf" / "scenario").mkdir(parents=True)
    (tmp_path / "conf" / "config.yaml").write_text(
        "defaults: [_self_, scenario: mini]\nrun: {seed: 1}\n", encoding="utf-8"
    )
    (tmp_path / "conf" / "scenario" / "mini.yaml").write_text(DATED, encoding="utf-8")
    hydra_source.install()
    yield tmp_path / "conf"
    GlobalHydra.instance().clear()


def composed(folder: Path, *overrides: str) -> Scenario:
    with initialize_config_dir(str(folder), version_base="1.3"):
        config = compose("config", list(overrides), return_hydra_config=True)
    choices: Any = OmegaConf.to_container(config.hydra.runtime.choices)
    data: Any = OmegaConf.to_container(config.scenario, resolve=True)
    return build(data, source=hydra_source.source_of(choices))


def number(scenario: Scenario, name: str) -> Any:
    """The law of an input in words, the start of a variable."""
    return {
        **{q.name: (q.law.family, *q.law.parameters) for q in scenario.inputs},
        **{v.name: v.start for v in scenario.spec.variables},
    }[name]


FORMS = [
    # an input whole: a number in its own unit, a quantity, a law
    ("inputs.pace=0.05", "pace", ("fixed", 0.05)),
    ("inputs.pace=1 per 4 d", "pace", ("fixed", 0.25)),
    ("inputs.share=0.5", "share", ("fixed", 0.5)),
    ("inputs.factor=3", "factor", ("fixed", 3.0)),
    ("inputs.pace={uniform: [1 per 9 d, 1 per 8 d]}", "pace", ("uniform", 1 / 9, 1 / 8)),
    # a law in place of another, whichever stood there; within a dated list, in every entry
    ("inputs.pace.uniform=[0.1,0.2]", "pace", ("uniform", 0.1, 0.2)),
    ("inputs.pace.value=1 per 5 d", "pace", ("fixed", 0.2)),
    ("inputs.factor.lognormal={median: 2, sigma: 0.5}", "factor", ("lognormal", 2.0, 0.5)),
    ("inputs.pace.lognormal.sigma=0.5", "pace", ("lognormal", 1 / 21, 0.5)),
    ("inputs.share.beta=[2,3]", "share", ("beta", 2.0, 3.0)),
    ("inputs.share.1.uniform=[0.1,0.2]", "share", ("uniform", 0.1, 0.2)),
    ("inputs.wait.gamma.shape=3", "wait", ("gamma", 3.0, 10.0)),
    # starts, dated and drawn
    ("state.troops_k.start=50", "troops_k", 50),
    ("state.troops_k.start.value=50", "troops_k", 50),
    ("state.troops_k.start.1.value=50", "troops_k", 50),
    ("state.goal.start=removal", "goal", 1),
    ("state.talks.start=closed", "talks", 0),
    ("state.struck.start=yes", "struck", 1),
]  # fmt: skip


@pytest.mark.parametrize(("override", "name", "value"), FORMS)
def test_every_form_works_alike_from_both_sides(
    folder: Path, tmp_path: Path, override: str, name: str, value: Any
) -> None:
    if override == "state.struck.start=yes":  # which ends the history at once
        with pytest.raises(ScenarioError, match="holds at the start"):
            composed(folder, f"scenario.{override}")
        return
    found = composed(folder, f"scenario.{override}")
    reached = number(found, name)
    if isinstance(value, tuple):
        assert (reached[0], reached[1:]) == (value[0], pytest.approx(value[1:]))
    else:
        assert reached == value
    path, _, text = override.partition("=")
    plain = read_bytes(f"x: {text}".encode()).data["x"]
    by_python = scenario_of(folder / "scenario" / "mini.yaml", changes={path: plain})
    assert by_python.spec == found.spec
    assert [q.evidence for q in found.inputs if q.name == name] in ([], [Evidence("change", "set by command line")])
    assert [q.evidence for q in by_python.inputs if q.name == name] in ([], [Evidence("change", "set by changes")])


def test_a_change_holds_at_every_date(folder: Path) -> None:
    for as_of in ("2025-09-27", "2025-11-17"):
        found = composed(
            folder, "scenario.inputs.share=0.5", "scenario.state.troops_k.start=50", f"scenario.as_of={as_of}"
        )
        assert number(found, "share") == ("fixed", 0.5)
        assert number(found, "troops_k") == 50
        found = composed(folder, "scenario.inputs.share.beta=[2,3]", f"scenario.as_of={as_of}")
        assert number(found, "share") == ("beta", 2.0, 3.0)


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("actions.usa.strikes.rate=1 per 9 d", ("actions", "usa.strikes", "rate"), "1 per 9 d"),
        ("actions.usa.strikes.times.talks_is_open=3", ("actions", "usa.strikes", "times", "talks is open"), 3),
        ("actions.usa.decides.either.1.weight=5", ("actions", "usa.decides", "either", 1, "weight"), 5),
        ("actions.usa.decides.either.1.times.goal_is_removal=5", ("actions", "usa.decides", "either", 1, "times", "goal is removal"), 5),
        ("actions.usa.decides.after.lognormal.sigma=0.2", ("actions", "usa.decides", "after", "lognormal", "sigma"), 0.2),
        ("actions.usa.decides.after=9 d", ("actions", "usa.decides", "after"), "9 d"),
        ("actions.usa.decides.after.gamma={shape: 2, mean: 9 d}", ("actions", "usa.decides", "after"), {"gamma": {"shape": 2, "mean": "9 d"}}),
        ("actions.usa.decides.memory=age", ("actions", "usa.decides", "memory"), "age"),
        ("actions.usa.strikes.then.strikes='+2'", ("actions", "usa.strikes", "then", "strikes"), "+2"),
        ("state.recent.fades.half_life=3 d", ("state", "recent", "fades", "half_life"), "3 d"),
        ("amounts.deaths.poisson.mean=4", ("amounts", "deaths", "poisson", "mean"), 4),
        ("amounts.deaths=4", ("amounts", "deaths"), 4),
        ("horizons.0=20", ("horizons", 0), 20),
        ("horizons=[10,20]", ("horizons",), [10, 20]),
        ("base_rates.0.n=7", ("base_rates", 0, "n"), 7),
        ("findings.1.says=other", ("findings", 1, "says"), "other"),
        ("+inputs.new=3", ("inputs", "new"), 3),
        ("+actions.ven.more={says: x}", ("actions", "ven.more"), {"says": "x"}),
        ("+actions.usa.strikes.times.recent={each: 2}", ("actions", "usa.strikes", "times", "recent"), {"each": 2}),
    ],
)  # fmt: skip
def test_where_a_path_leads(folder: Path, override: str, path: tuple[str | int, ...], value: object) -> None:
    add = override.startswith("+")
    with initialize_config_dir(str(folder), version_base="1.3"):
        config = compose("config", [f"{'+' * add}scenario.{override.lstrip('+')}"])
    found: Any = OmegaConf.to_container(config.scenario)
    for part in path:
        found = found[part]
    assert found == value


@pytest.mark.parametrize(
    ("override", "why", "near"),
    [
        ("inputs.pase=1", "inputs has no 'pase'", "pace"),
        ("inputs.pace.lognormla.median=1", "inputs.pace has no 'lognormla'", "lognormal"),
        ("inputs.pace.lognormal.meidan=1", "inputs.pace.lognormal has no 'meidan'", "median"),
        ("actions.usa.strike.rate=1", "actions has no 'usa.strike'", "usa.strikes"),
        ("actions.usa.strikes.rat=1", "actions.usa.strikes has no 'rat'", "rate"),
        ("actions.usa.strikes.times.talks_is_opn=1", "has no 'talks_is_opn'", "talks is open"),
        ("actions.usa.decides.either.2.weight=1", "its items are called 0 … 1", None),
        ("actions.usa.decides.either.second.weight=1", "its items are called 0 … 1", None),
        ("actions.usa.strikes.rate.x=1", "which has no parts", None),
        ("actions.usa.strikes.then.recent=2", "write '+2' in quotes, or {set: 2}", None),
        ("state.talks=open", "state.talks.start", None),
        ("actions.usa.strikes=1 per d", "actions.usa.strikes.rate", None),
        ("titel=x", "the scenario has no 'titel'", "title"),
        ("title=null", "no value", None),
        ("title=", "no value", None),
        ("title='${oc.env:HOME}'", "`${` is not understood", None),
        ("inputs.pace={value: '${x}'}", "`${` is not understood", None),
    ],
)
def test_a_path_that_leads_nowhere(folder: Path, override: str, why: str, near: str | None) -> None:
    with pytest.raises(ScenarioError) as caught:
        composed(folder, f"scenario.{override}")
    [problem] = caught.value.problems
    assert str(problem).startswith("command line: scenario.")
    assert why in problem.why
    assert problem.nearest == near


def test_all_wrong_overrides_come_at_once(folder: Path) -> None:
    with pytest.raises(ScenarioError, match=r"(?s)inputs has no 'pase'.*has no 'titel'"):
        composed(folder, "scenario.inputs.pase=1", "scenario.inputs.pace=1", "scenario.titel=x")


def test_what_is_taken_away(folder: Path) -> None:
    found = composed(folder, "~scenario.actions.ven.ends", "~scenario.inputs.share.basis", "scenario.inputs.share=1")
    assert "ven.ends" not in found.actions
    with pytest.raises(
        ScenarioError, match=r"command line: scenario\.actions\.ven\.end: actions has no 'ven\.end'.*'ven\.ends'"
    ):
        composed(folder, "~scenario.actions.ven.end")


def test_a_value_of_another_unit_is_told_at_its_place(folder: Path) -> None:
    for override in ("inputs.pace=5 d", "inputs.pace.value=5 d", "inputs.wait=0.1 per d", "inputs.factor=5 d"):
        with pytest.raises(
            ScenarioError,
            match=rf"^command line: {re.escape(override.partition('=')[0].removesuffix('.value'))}.*the scenario has",
        ) as caught:
            composed(folder, f"scenario.{override}")
        assert len(caught.value.problems) == 1


def test_python_may_change_data_and_built_scenarios() -> None:
    data: Any = read_bytes(MINI.encode()).data
    before = copy.deepcopy(data)
    for scenario in (data, build(data)):
        found = scenario_of(scenario, changes={"inputs.pace": "1 per 4 d"})
        assert dict(found.spec.constants)["pace"] == 0.25
        assert found.inputs[0].evidence == Evidence("change", "set by changes")
        with pytest.raises(ScenarioError, match=r"^changes: inputs\.pase\.value: inputs has no 'pase'"):
            scenario_of(scenario, changes={"inputs.pase.value": 1})
    assert data == before


def test_a_path_without_a_scenario_behind_it() -> None:
    data: dict[Any, Any] = {"inputs": {"a": 1}}
    change(data, "inputs.a", 2)
    assert data == {"inputs": {"a": 2}}
    remove(data, "inputs.a")
    assert data == {"inputs": {}}
    assert Source().setting("run.seed") == ""
