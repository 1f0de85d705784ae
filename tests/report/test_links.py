"""What acts on what: the marks are the reads and writes of the model, and their ways those of its formulas."""

import pytest

from sim.model.expressions import Call, Name, Number, names
from sim.model.spec import Delay, Rate
from sim.report.asked import Asked
from sim.report.documented import documented
from sim.report.links import links, table
from sim.scenario.scenario import Scenario
from sim.statistics.shown import words
from sim.studies.settings import Settings
from tests.report.described import SHIPPED, item, shipped, tricky
from tests.scenario.mini import made
from tests.scenario.test_tensions import TENSE


def read_and_written(scenario: Scenario) -> dict[str, tuple[set[str], set[str]]]:
    """By another way than the code's: names in the trees of each action, less words for levels and inputs."""
    spec = scenario.spec
    state = {v.name for v in spec.variables} | {t.name for t in spec.tensions} | {m.name for m in spec.milestones}
    levels = {level for v in spec.variables for level in v.levels}
    found = {}
    for action in spec.actions:
        clock = action.clock
        trees = [action.guard]
        trees += [clock.base, *clock.terms, *clock.factors] if isinstance(clock, Rate) else []
        trees += clock.factors if isinstance(clock, Delay) else []
        for branch in action.branches:
            trees += [branch.condition, branch.weight, *branch.factors]
        read = {name for tree in trees for name in names(tree)} & state
        effects = [effect for branch in action.branches for effect in branch.effects]
        read |= {n for effect in effects for n in names(effect.value) & state if n != effect.variable}
        found[action.name] = (read - levels, {effect.variable for effect in effects})
    return found


@pytest.mark.parametrize("name", [*SHIPPED, "tricky"])
def test_marks_are_the_reads_and_writes_of_the_model(name: str) -> None:
    scenario = tricky() if name == "tricky" else shipped(name)
    linked = links(scenario)
    marked = {}
    for action in linked["actions"]:
        marks = action["marks"].items()
        read = {n for n, m in marks if m["guard"] or m["speed"] or m["choice"] or m["reads"]}
        marked[action["name"]] = (read, {n for n, m in marks if m["writes"]})
    assert marked == read_and_written(scenario)
    assert {column["name"] for column in linked["columns"]} >= {v.name for v in scenario.spec.variables}


def test_a_level_is_no_milestone_of_the_same_name() -> None:
    linked = links(tricky())
    assert [column["name"] for column in linked["columns"]] == ["step", "aim", "hits", "heat"]
    assert linked["readers"][2] == {"name": "outcomes", "says": "which outcome holds", "columns": ["step"]}
    assert [column["kind"] for column in linked["columns"]] == ["state", "hidden", "state", "state"]


def test_ways_and_strengths() -> None:
    hits, chooses, fades = links(tricky())["actions"]
    assert hits["marks"]["heat"]["speed"] == {"way": "down", "size": pytest.approx(0.2**-3), "doubt": False}
    assert hits["marks"]["aim"]["speed"] == {"way": "up", "size": pytest.approx(1.2), "doubt": True}  # 0.55 at 10 %
    aim = chooses["marks"]["aim"]["choice"]
    assert (aim["way"], aim["size"], aim["doubt"]) == ("up", pytest.approx(3.0), False)
    opened = chooses["marks"]["hits"]["choice"]
    assert (opened["way"], opened["size"]) == ("up", None)  # it opens a branch: all or nothing
    assert chooses["marks"]["hits"]["reads"]  # how far another number goes down
    assert (chooses["restarts"], chooses["starts"]) == (["one.hits"], "about 1 per 10 d")
    assert fades["marks"]["heat"]["writes"] == ["take"]
    assert fades["actor"] == ""


def test_a_way_that_turns_is_neither_up_nor_down() -> None:
    asked = Asked(tricky().spec)
    heat = Name("heat")
    turned = Call("abs", (Call("sub", (heat, Number(1.0))),))
    assert asked.way([turned], "heat")["way"] == "either"
    tiny = Call("mul", (Number(1e-12), Call("add", (heat, Number(1.0)))))
    assert asked.way([tiny], "heat") == {"way": "up", "size": pytest.approx(4.0), "doubt": False}


def test_what_starts_an_action_is_told_in_words() -> None:
    starts = {action["name"]: action["starts"] for action in links(shipped("venezuela_2025"))["actions"]}
    assert starts["usa.designates"] == "on 24 Nov 2025"
    assert starts["usa.runs_down"] == "after 45 d"
    assert starts["usa.first_strike"] == "after about 5 d"
    assert starts["usa.decides"] == "about 1 per 21 d"


def test_a_tension_is_a_column_that_can_be_read_and_pushed() -> None:
    linked = links(made(TENSE))
    assert linked["columns"][-1]["kind"] == "tension"
    name = linked["columns"][-1]["name"]
    (mark,) = (action["marks"][name] for action in linked["actions"] if name in action["marks"])
    assert (mark["speed"]["way"], mark["writes"]) == ("up", ["add"])
    odd, _ = documented(made(TENSE), Settings())
    assert any("thinned" in text for text in item(odd, "7")["answer"])
    assert name in [row[0] for row in item(odd, "2")["table"]["rows"]]


def test_the_table_says_all_that_the_marks_say() -> None:
    linked = links(shipped("cuba_1962"))
    rows = table(linked)["rows"]
    assert len(rows) == len(linked["actions"]) + len(linked["readers"])
    for action, row in zip(linked["actions"], rows, strict=False):
        told = " | ".join(row)
        assert action["says"] in told
        assert all(words(name) in told for name in action["marks"])
