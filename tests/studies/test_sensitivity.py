"""What drives the answer of scenarios where every index, share and difference has a closed form."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from sim.engines.interface import plan
from sim.model.compiled import compile_model
from sim.runs.plan import Engine, Task, simulate_part
from sim.runs.plan import Part as RunPart
from sim.scenario.build import build
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.studies.sensitivity import study as sensitivity
from sim.studies.sensitivity.ablation import mechanisms, without
from sim.studies.sensitivity.design import Quantity, anew, by_basis, pick_freeze, play_design, uncertain_inputs
from sim.studies.sensitivity.study import Question, computed, question
from sim.studies.sensitivity.table import footer, show
from sim.studies.settings import CheckError, SettingError, Settings
from sim.studies.table import console
from tests.runs import small

JUDGED = "basis: {judgement: invented for a test}"
#: Steps come at rate pace + step; the odds of a strike hang on the goal and on nothing else; marks at boost x pace.
TEXT = f"""\
format: 1
name: sums
title: Sums and products
question: What counts what?
as_of: 2025-11-17
until: 100 days
horizons: [50]
actors:
  north: {{label: North, what: steps}}
  south: {{label: South, what: marks}}
state:
  steps: {{min: 0, start: 0, meaning: steps of both kinds, {small.BASIS}}}
  marks: {{min: 0, start: 0, meaning: marks left, {small.BASIS}}}
  struck: {{start: no, meaning: it has struck, {small.BASIS}}}
  goal:
    levels: [calm, bold]
    start: {{drawn: {{calm: 0.5, bold: 0.5}}}}
    meaning: what North wants
    {JUDGED}
inputs:
  pace: {{uniform: [0.05 per d, 0.15 per d], {JUDGED}}}
  step: {{uniform: [0.025 per d, 0.075 per d], {small.BASIS}}}
  boost: {{uniform: [0.5, 1.5], {small.BASIS}}}
actions:
  north.steps:
    says: North steps
    rate: pace
    then: {{steps: +1}}
  north.steps_again:
    says: North steps again
    rate: step
    then: {{steps: +1}}
  south.marks:
    says: South marks
    rate: pace
    times: {{always: boost}}
    then: {{marks: +1}}
  north.strikes:
    says: North strikes
    while: not struck
    rate: 0.005 per d
    times: {{goal is bold: 4}}
    then: {{struck: yes}}
    basis: {{data: invented for a test}}
milestones:
  strike: {{when: struck, says: it strikes, seen_by: public}}
outcomes:
  - {{name: blows, when: struck, says: it has struck}}
  - {{name: quiet, says: it has not}}
"""
#: A contagious count, a tension, a trend, a fading and two branches: whatever can be switched off.
MANY = TEXT.replace(
    "inputs:",
    f"""\
  heat: {{decays: {{half_life: 5 d}}, start: 0, meaning: how hot it is, {small.BASIS}}}
  scares: {{min: 0, max: 5, start: 0, fades: {{half_life: 6 d}}, meaning: scares, {small.BASIS}}}
inputs:""",
).replace(
    "milestones:",
    f"""\
  north.scares:
    says: North scares
    rate: 0.02 per d
    plus: [0.01 * boost * heat]
    trend: {{shape: 0.8, at: 30 d, since: start}}
    either:
      - {{says: loudly, weight: 1, times: {{struck: boost}}, then: {{scares: +1 capped, heat: +1}}}}
      - {{says: in vain, weight: 1}}
    {small.BASIS}
  south.calms:
    says: South calms
    rate: 0.01 per d
    then: {{heat: -1}}
    restart: [north.scares]
    {small.BASIS}
milestones:""",
)
ASKED = Question("strike", 50, (Quantity("count", "steps"), Quantity("count", "marks")), 200, 2, 150, 20, 200)
SERIAL = Settings(executor="serial")


def scenario(text: str = TEXT) -> Scenario:
    return build(read_bytes(text.encode()).data)


def within(rows: list[dict[str, Any]], wanted: dict[str, float], key: str, error: str) -> None:
    """Each number lies within 4.5 of its standard errors: one false alarm in 150,000, and the seed is fixed."""
    for row in rows:
        name = row.get("name", row["basis"])
        assert abs(row[key] - wanted[name]) <= 4.5 * row[error] / 1.96 + 1e-9, (name, row)


def test_counts_vary_with_the_inputs_as_their_formulas_say() -> None:
    quantities = (Quantity("count", "steps"), Quantity("count", "marks"), Quantity("time", "strike"))
    asked = Question("strike", 50, quantities, 700, 4, 100, 20, 100)
    steps, marks, strike = computed(scenario(), asked, SERIAL)["indices"]["quantities"]
    # steps: 100 (pace + step), whose variances are 1/1200 and 1/4800; chance adds the mean, 15.
    sums = {"pace": 0.8, "step": 0.2, "boost": 0.0, "goal": 0.0, "judgement": 0.8, "data": 0.2}
    inputs = 100**2 * 5 / 4800
    assert steps["mean"] == pytest.approx(15.0, abs=0.3)
    assert steps["spread"] == pytest.approx(inputs**0.5, rel=0.1)
    assert abs(steps["explained"] - inputs / (inputs + 15)) <= 4.5 * steps["explained_error"] / 1.96
    # marks: 10 x 10 pace x boost, both uniform around 1: 1/12, 1/12 and their product.
    alone, both = 1 / 12, 1 / 144
    first = {"pace": alone, "boost": alone, "step": 0.0, "goal": 0.0, "judgement": alone, "data": alone}
    total = {name: share + both if share else 0.0 for name, share in first.items()}
    whole = 2 * alone + both
    for key in ("inputs", "basis"):
        within(steps[key], sums, "first", "first_error")
        within(steps[key], sums, "total", "total_error")
        within(marks[key], {name: share / whole for name, share in first.items()}, "first", "first_error")
        within(marks[key], {name: share / whole for name, share in total.items()}, "total", "total_error")
    # The time to a strike hangs on the goal alone.
    within(strike["inputs"], {"pace": 0.0, "step": 0.0, "boost": 0.0, "goal": 1.0}, "total", "total_error")
    mean = np.mean([(1 - np.exp(-100 * rate)) / rate for rate in (0.005, 0.02)])
    assert strike["mean"] == pytest.approx(mean, abs=3.0)


def test_the_log_odds_hang_on_the_goal_which_is_a_judgement() -> None:
    asked = Question("strike", 50, (), 100, 2, 600, 100, 100)
    data = computed(scenario(), asked, SERIAL)
    found = data["log_odds"]
    within(found["inputs"], {"pace": 0.0, "step": 0.0, "boost": 0.0, "goal": 1.0}, "share", "error")
    within(found["basis"], {"judgement": 1.0, "data": 0.0}, "share", "error")
    calm, bold = 1 - np.exp(-0.25), 1 - np.exp(-1.0)
    odds = [np.log(chance / (1 - chance)) for chance in (calm, bold)]
    assert found["variance"] == pytest.approx((odds[1] - odds[0]) ** 2 / 4, rel=0.1)
    assert found["range_low"] == pytest.approx(calm, abs=0.08)
    assert found["range_high"] == pytest.approx(bold, abs=0.08)
    assert data["indices"]["quantities"] == []
    # With the goal known nothing is left to vary with.
    known = scenario(TEXT.replace("start: {drawn: {calm: 0.5, bold: 0.5}}", "start: bold").replace(JUDGED, small.BASIS))
    nothing = computed(known, asked, SERIAL)["log_odds"]
    assert all(row["share"] is None and abs(row["variance"]) < 0.01 for row in nothing["inputs"])
    assert nothing["rest"] is None


@pytest.mark.parametrize("engine", ["lockstep", pytest.param("compiled", marks=pytest.mark.campaign), "reference"])
def test_drawn_anew_an_input_changes_and_nothing_else(engine: Engine) -> None:
    """Columns of a design, bit for bit: A with x from B has B's x and A's all else, the luck included."""
    if engine == "compiled":
        pytest.importorskip("numba")
    spec = scenario().spec
    names = [one.name for one in uncertain_inputs(scenario())]
    base, mixed, fresh = (
        simulate_part(Task(compile_model(one), 1, 100, (100,), engine=engine), RunPart(0, 0, 40))
        for one in pick_freeze(spec, [["boost"]], names)
    )
    places = {name: i for i, name in enumerate(compile_model(spec).inputs)}
    for name, place in places.items():
        source = fresh if name == "boost" else base
        assert mixed.inputs[place].tolist() == source.inputs[place].tolist()
        assert (fresh.inputs[place] != base.inputs[place]).all()
    variables = compile_model(spec).variables
    goal, steps, marks = (variables.index(name) for name in ("goal", "steps", "marks"))
    assert (fresh.start[goal] != base.start[goal]).any()
    assert mixed.start[goal].tolist() == base.start[goal].tolist()
    assert mixed.state[steps].tolist() == base.state[steps].tolist()
    assert mixed.milestones.tolist() == base.milestones.tolist()
    assert (mixed.state[marks] != base.state[marks]).any()


def test_columns_are_the_same_in_every_engine() -> None:
    pytest.importorskip("numba")
    from sim.engines import compiled, lockstep, reference

    names = [one.name for one in uncertain_inputs(scenario(MANY))]
    model = compile_model(anew(scenario(MANY).spec, names), strict=False)
    prints = {engine.simulate(model, plan(3, 60.0, 30)).fingerprint() for engine in (compiled, lockstep, reference)}
    assert len(prints) == 1


def test_points_do_not_depend_on_how_the_work_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    specs, quantities = pick_freeze(scenario().spec, [["pace"]], ["pace", "step"]), [Quantity("count", "steps")]
    results = []
    for together in (20_000, 40):
        monkeypatch.setattr("sim.studies.sensitivity.design.TOGETHER", together)
        done: list[int] = []
        found = play_design(specs, quantities, 50, 30, 3, settings=SERIAL, progress=done.append)
        results.append(found.values)
        assert sum(done) == 3 * 30 * 3
    assert results[0].tolist() == results[1].tolist()


def test_every_mechanism_is_listed() -> None:
    found = [(one.kind, one.paths) for one in mechanisms(scenario(MANY))]
    scares = "actions.north.scares"
    assert found == [
        ("action", ("actions.north.steps",)),
        ("action", ("actions.north.steps_again",)),
        ("action", ("actions.south.marks",)),
        ("factor", ("actions.south.marks.times.always",)),
        ("action", ("actions.north.strikes",)),
        ("factor", ("actions.north.strikes.times.goal is bold",)),
        ("action", (scares,)),
        ("term", (f"{scares}.plus.0",)),
        ("factor", (f"{scares}.either.0.times.struck",)),
        ("trend", (f"{scares}.trend",)),
        ("branch", (f"{scares}.either.0",)),
        ("branch", (f"{scares}.either.1",)),
        ("action", ("actions.south.calms",)),
        ("fading", ("state.scares.fades",)),
        ("tension", (f"{scares}.either.0.then.heat", "actions.south.calms.then.heat")),
        ("shared", ("actions.south.marks.times.always", f"{scares}.either.0.times.struck", f"{scares}.plus.0")),
    ]


def test_each_is_taken_away_alone_and_what_cannot_be_says_why() -> None:
    base = scenario(MANY)
    found = {one.mechanism.paths: one for one in without(base, mechanisms(base))}
    for paths, one in found.items():
        assert one.spec != base.spec, paths
        assert (one.spec is None) == bool(one.why)
    refused = found["actions.north.scares",]
    assert refused.spec is None
    assert refused.why == "actions.south.calms.restart.0: no such action"
    assert sum(one.spec is None for one in found.values()) == 1
    scares = found["actions.north.scares.either.1",].spec
    assert scares is not None
    assert [len(a.branches) for a in scares.actions if a.name == "north.scares"] == [1]


def test_a_factor_switched_off_makes_the_difference_of_its_formula() -> None:
    data = computed(scenario(), Question("strike", 50, (), 100, 2, 100, 20, 4_000), SERIAL)
    rows = {row["paths"][0]: row for row in data["ablation"]["rows"]}
    factor = rows["actions.north.strikes.times.goal is bold"]
    wanted = (np.exp(-1.0) - np.exp(-0.25)) / 2
    assert abs(factor["difference"] - wanted) <= 4.5 * factor["error"] / 1.96
    for still in ("actions.south.marks", "actions.south.marks.times.always", "actions.north.steps"):
        assert (rows[still]["difference"], rows[still]["parted"]) == (0.0, 0.0)
    assert data["ablation"]["refused"] == []
    data["ablation"]["refused"] = [{"says": "north.strikes: North strikes", "why": "it has to"}]
    assert "Not switched off: north.strikes: North strikes (it has to)." in footer(data)


def test_data_with_a_judgement_in_it_is_named() -> None:
    rule = "basis: {data: counts by a rule that is judged}"
    told = scenario(TEXT.replace(f"meaning: what North wants\n    {JUDGED}", f"meaning: what North wants\n    {rule}"))
    assert {one.name: one.judged for one in uncertain_inputs(told)} == {
        "pace": False, "step": False, "boost": False, "goal": True,
    }  # fmt: skip
    rows = [{"name": "goal", "basis": "data", "judged": True, "share": 0.9, "error": 0.1, "variance": 1.0}]
    rows += [{"name": "pace", "basis": "data", "judged": True, "share": 0.0, "error": 0.1, "variance": 0.0}]
    found = {"variance": 1.0, "sets": 1, "each": 1, "inputs": rows, "basis": [], "never": 0, "always": 0, "ran_away": 0}
    data = {
        "log_odds": found, "indices": {"quantities": [], "ran_away": 0}, "replications": 1, "seed": 1,
        "ablation": {"rows": [], "refused": []},
    }  # fmt: skip
    [line] = [line for line in footer(data) if "is judged" in line]
    assert "is judged, too, in goal (of the log-odds 90 % together)" in line


def test_the_seed_moves_every_number() -> None:
    # That the same seed gives the same numbers is seen where a stored run is computed again.
    one, other = (computed(scenario(), ASKED, Settings(seed=seed, executor="serial")) for seed in (1, 2))
    assert one["log_odds"]["variance"] != other["log_odds"]["variance"]
    assert one["ablation"]["probability"] != other["ablation"]["probability"]
    for mine, theirs in zip(one["indices"]["quantities"], other["indices"]["quantities"], strict=True):
        assert mine["mean"] != theirs["mean"]
        for key in ("inputs", "basis"):
            errors = [{row.get("name", row["basis"]): row["first_error"] for row in of[key]} for of in (mine, theirs)]
            assert any(errors[0][name] != errors[1][name] for name in errors[0])


def test_a_scenario_without_uncertain_inputs_has_mechanisms_only() -> None:
    text = TEXT.replace("start: {drawn: {calm: 0.5, bold: 0.5}}", "start: bold").replace(JUDGED, small.BASIS)
    for name, value in (("pace", "0.1 per d"), ("step", "0.05 per d"), ("boost", "1")):
        line = next(line for line in text.splitlines() if line.startswith(f"  {name}: {{uniform"))
        text = text.replace(line, f"  {name}: {{value: {value}, {small.BASIS}}}")
    data = computed(scenario(text), ASKED, SERIAL)
    assert data["log_odds"] is None
    assert data["indices"]["quantities"] == []
    assert sensitivity.pictures(data) == ["sensitivity-ablation"]
    stream = StringIO()
    show(data, console(stream))
    assert "No input is uncertain here" in stream.getvalue()


def test_the_question_has_sensible_defaults() -> None:
    asked = question(scenario(), {})
    quantities = (Quantity("count", "steps"), Quantity("count", "marks"), Quantity("time", "strike"))
    assert asked == Question("strike", 50, quantities, 4_000, 4, 2_000, 200, 10_000)
    small_run = question(scenario(), {"each": 30}, 2_000)
    assert [small_run.points, small_run.histories, small_run.sets, small_run.each] == [400, 4, 200, 30]
    assert question(scenario(), {}, 10).replications == 100
    assert question(scenario(), {"sobol": False}).quantities == ()
    assert question(scenario(), {"counts": [], "times": []}).quantities == ()
    assert question(scenario(), {"counts": "steps", "times": ["strike"]}).quantities == quantities[::2]
    assert [q.name for q in question(scenario(MANY), {}).quantities] == ["steps", "marks", "strike"]
    for study, why in (
        ({"milestone": "srike"}, r"study.milestone: unknown milestone 'srike' \(did you mean 'strike'\?\)"),
        ({"counts": ["stps"]}, r"study.counts: unknown variable 'stps' \(did you mean 'steps'\?\)"),
        ({"counts": ["steps", "steps"]}, r"study.counts: .* stands twice"),
        ({"times": "never"}, r"study.times: unknown milestone 'never'"),
        ({"points": 3}, r"study.points: 3 is outside 100 … 100,000"),
        ({"each": "many"}, r"study.each: 'many' is no whole number"),
        ({"sobol": "yes"}, r"study.sobol: 'yes' is neither true nor false"),
    ):
        with pytest.raises(SettingError, match=why):
            question(scenario(), study)


def test_without_salib_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"need SALib, .* extra `sensitivity` .* study.sobol=false") as caught:
        question(scenario(), {})
    assert "\n" not in str(caught.value)
    assert question(scenario(), {"sobol": False}).quantities == ()


def test_inputs_are_sorted_by_what_they_rest_on() -> None:
    assert by_basis(uncertain_inputs(scenario())) == {"judgement": ["pace", "goal"], "data": ["step", "boost"]}


def test_a_run_is_kept_shown_extended_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = sensitivity.sensitivity
    data, folder = run(scenario(), ASKED, SERIAL, tmp_path, command="escalation study=sensitivity")
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == data
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["complete"] is True
    rows = pq.read_table(folder / "sensitivity.parquet").to_pylist()
    assert len(rows) == (4 + 2) + 2 * 2 * (4 + 2) + len(data["ablation"]["rows"])
    paths = sensitivity.plot(data, folder)
    assert sorted(path.stem for path in paths if path.suffix == ".png") == sorted(sensitivity.pictures(data))
    assert all(path.stat().st_size > 1_000 for path in paths)
    assert run(scenario(), ASKED, SERIAL, tmp_path) == (data, folder)
    assert "shown, not computed again" in capsys.readouterr().err
    assert run(scenario(), ASKED, Settings(again=True, executor="serial"), tmp_path)[0] == data
    stream = StringIO()
    show(data, console(stream))
    text = " ".join(stream.getvalue().split())
    for part in (
        "Sums and products: what drives the answer",
        "shares of the variance",
        "all that rests on judgements of ours (2 inputs)",
        "steps by 25 Feb 2026: ",
        "Without each mechanism",
        "study=tornado",
    ):
        assert part in text, part
    wrong = folder / "summary.json"
    wrong.write_text(wrong.read_text(encoding="utf-8").replace('"difference": 0.0', '"difference": 0.5', 1), "utf-8")
    with pytest.raises(CheckError, match="computed again, the numbers differ"):
        run(scenario(), ASKED, Settings(again=True, executor="serial"), tmp_path)
