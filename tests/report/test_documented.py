"""ODD and STRESS-DES: everything of the scenario is in them, nothing filled is empty, each answer has its source."""

import re
from typing import Any

import pytest

from sim.report.documented import documented
from sim.report.formulas import formulas
from sim.report.sourced import checked, exists, item
from sim.studies.settings import Settings
from tests.report import described
from tests.report.described import SHIPPED, shipped, tricky

#: As Monks et al. number them.
STRESS = "1.1 1.2 1.3 2.1 2.2 2.3 2.4 2.5.1 2.5.2 2.5.3 2.5.4 2.5.5 3.1 3.2 3.3 3.4 4.1 4.2 4.3 5.1 5.2 5.3 5.4 6.1"


def text_of(sections: list[dict[str, Any]]) -> str:
    parts: list[str] = []
    for one in (one for section in sections for one in section["items"]):
        parts += [one["number"], one["name"], *one["answer"], one["author"]]
        parts += [cell for row in (one["table"] or {"rows": []})["rows"] for cell in row]
    return "\n".join(parts)


@pytest.mark.parametrize("name", [*SHIPPED, "tricky"])
def test_everything_of_the_scenario_is_told_and_the_counts_stand(name: str) -> None:
    scenario = tricky() if name == "tricky" else shipped(name)
    odd, stress = documented(scenario, Settings())
    assert (odd["filled"], odd["of"], odd["blocks_filled"], odd["blocks"]) == (16, 17, 6, 7)
    assert (stress["filled"], stress["of"]) == (18, 24)
    assert " ".join(one["number"] for one in stress["items"]) == STRESS
    cells = {
        row[0] for section in (odd, stress) for one in section["items"] if one["table"] for row in one["table"]["rows"]
    }
    spec = scenario.spec
    assert {action.name for action in spec.actions} <= cells
    assert {variable.name for variable in spec.variables} <= cells
    assert {q.name for q in (*scenario.inputs, *scenario.amounts)} <= cells
    told = text_of([odd, stress])
    assert all(ending.says in told for ending in (*scenario.outcomes, *scenario.flags))
    assert all(milestone.says in told for milestone in scenario.milestones)
    assert all(judgement.why in told for judgement in scenario.judgements)
    assert all(actor.label in told for actor in scenario.actors.values())


def test_nothing_filled_is_empty_and_what_is_not_is_marked() -> None:
    for one in (one for section in documented(shipped("two_rivals"), Settings()) for one in section["items"]):
        assert one["question"].endswith((".", "?"))
        if one["status"] == "filled":
            assert one["from"]
            assert not one["author"]
            assert any(text.strip() for text in one["answer"]) or one["table"]["rows"]
        else:
            assert one["author"]


def test_a_source_that_does_not_exist_fails() -> None:
    scenario, settings = tricky(), Settings()
    for source in ("scenario: actions.one.hits", "scenario: nowhere", "setting: run.sede", "code: sim/nowhere.py",
                   "code: tests/models.py", "rumour: said"):  # fmt: skip
        assert not exists(source, scenario, settings)
        section = {"title": "S", "items": [item("1", "a", "b?", ["c"], source=[source])]}
        with pytest.raises(ValueError, match=re.escape(f"S 1 (a): the source {source!r} does not exist")):
            checked(section, scenario, settings)
    assert exists("scenario: ladder.1.when", scenario, settings)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (item("1", "a", "b?", [" "], source=["scenario: state"]), "nothing stands there"),
        (item("1", "a", "b?", [], source=["scenario: state"]), "nothing stands there"),
        (item("1", "a", "b?", [], table={"head": ["x"], "rows": []}, source=["scenario: state"]), "nothing stands"),
        (item("1", "a", "b?", ["c"]), "without a source"),
    ],
)
def test_an_empty_answer_does_not_count_as_filled(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        checked({"title": "S", "items": [wrong]}, tricky(), Settings())


def test_numbers_are_those_of_the_settings_or_of_the_run() -> None:
    scenario = shipped("two_rivals")
    _, stress = documented(scenario, Settings(replications=321, seed=77))
    told = " ".join(described.item(stress, "4.3")["answer"])
    assert "321 independent histories are simulated with seed 77" in told
    assert "no range over the inputs" in told
    _, stress = documented(scenario, Settings(precision=0.005))
    looked = " ".join(described.item(stress, "4.3")["answer"])
    assert "0.005 either way" in looked
    assert "however often one looks" in looked
    assert "Wilson" not in looked
    summary = {"replications": 2_000, "seed": 5, "ran_away": 3, "events": 99}
    _, stress = documented(scenario, Settings(), summary)
    assert "2,000 independent histories were simulated with seed 5; 3 ran away" in " ".join(
        described.item(stress, "4.3")["answer"]
    )
    assert described.item(stress, "5.4")["status"] == "part"


def test_formulas_are_typeset_from_the_file() -> None:
    venezuela = shipped("venezuela_2025")
    decides = formulas(venezuela, "usa.decides")
    assert decides[:2] == ["while talks below deal", "rate = review_rate × [mind_x if mind_made_up]"]
    assert "troops_x^log2(max(troops_k, 1) / 10)" in decides[3]
    assert decides[-1] == "in any case; then mind_made_up := no"
    assert formulas(venezuela, "usa.designates") == [
        "on 2025-11-24, if it is possible then",
        "then designated := yes",
    ]
    assert formulas(tricky(), "fading.heat") == ["speed = ln 2 / half-life × heat, half-life = 5 d", "then heat − 1"]
    assert formulas(tricky(), "one.hits")[0] == "rate = pace × less_x^(heat) × [odd_x if aim is hard]"
    assert formulas(tricky(), "one.chooses")[1:5] == [
        "rate = pace",
        "w_1 = 1 (peace holds)",
        "w_2 = 1 × [3 if aim is hard] if hits above 2, else 0 (war comes); then step := war",
        "w_3 = 1 (the count is halved); then heat := min(hits, 3), one.hits starts anew",
    ]
    with pytest.raises(KeyError):
        formulas(tricky(), "one.nothing")
