"""What an earlier forecast is held against: how it is written, when it is an observation, and what is refused."""

import datetime

import pytest

from sim.scenario.scenario import free_judgements
from tests.scenario.mini import MINI, bend, made, problems

LATER = "      - {from: 2025-11-17, value: 15, basis: {report: 2}}\n"
ROUGH = "{roughly: 0.1, basis: {judgement: a round number, fixed: a reading}}"


def reads(how: str, value: str = "15", basis: str = "{report: 2}", text: str = MINI) -> str:
    entry = f"      - {{from: 2025-11-17, value: {value}, basis: {basis}, reported: {how}}}\n"
    return bend(LATER, entry, text)


@pytest.mark.parametrize(
    ("how", "reading", "spread"), [("exactly", "exactly", 0.0), ("at least", "at least", 0.0), (ROUGH, "roughly", 0.1)]
)
def test_a_reading_is_read(how: str, reading: str, spread: float) -> None:
    [found] = made(reads(how), "2025-09-27").observations
    assert (found.variable, found.date, found.value) == ("troops_k", datetime.date(2025, 11, 17), 15)
    assert (found.reading, found.spread) == (reading, spread)
    assert found.evidence.reports == (2,)
    assert found.why == ("a round number" if spread else "")


def test_it_is_an_observation_before_its_day_and_a_start_value_from_then_on() -> None:
    for day in ("2025-09-27", "2025-11-16"):
        scenario = made(reads("exactly"), day)
        assert [o.value for o in scenario.observations] == [15]
        assert next(v.start for v in scenario.spec.variables if v.name == "troops_k") == 4
    scenario = made(reads("exactly"))
    assert scenario.observations == ()
    assert next(v.start for v in scenario.spec.variables if v.name == "troops_k") == 15


@pytest.mark.parametrize("day", ["2025-09-27", "2025-11-17"])
def test_a_reading_moves_no_model_and_adds_no_free_judgement(day: str) -> None:
    plain, read = made(MINI, day), made(reads(ROUGH), day)
    assert plain.spec == read.spec
    assert len(free_judgements(plain)) == len(free_judgements(read))


def refused(text: str) -> list[str]:
    return [str(problem) for problem in problems(text)]


def one(text: str) -> str:
    [only] = refused(text)
    assert "mini.yaml:" in only
    return only


def test_what_is_refused_says_why_and_what_to_do() -> None:
    assert "'exactly' or 'at least'" in one(reads("about"))
    assert "one reading is wanted" in one(reads("{basis: {data: seen}}"))
    assert "unknown key" in one(reads("{rougly: 0.1, basis: {data: seen}}"))
    assert "say why so rough" in one(reads("{roughly: 0.1}"))
    assert "add `fixed" in one(reads("{roughly: 0.1, basis: {judgement: guessed}}"))
    assert "the finding stands at the value" in one(reads("{roughly: 0.1, basis: {report: [1]}}"))
    assert "more than 0 and up to 1" in one(reads("{roughly: 12, basis: {data: seen}}"))
    assert "more than none" in one(reads("{roughly: 0.1, basis: {data: seen}}", value="0"))
    assert "within the bounds" in str(problems(reads("exactly", value="400"), "2025-09-27")[0])
    judged = one(bend("  3: colour", "  3: colour\n  2: idle", reads("exactly", basis="{judgement: so, fixed: so}")))
    assert "a judgement is no observation" in judged


def test_only_a_dated_later_number_can_be_held_against_a_forecast() -> None:
    first = bend("{from: 2025-09-27, value: 4, ", "{from: 2025-09-27, reported: exactly, value: 4, ")
    assert "no earlier forecast" in one(first)
    levels = "start: [{from: 2025-09-27, value: open}, {from: 2025-11-17, value: open, reported: exactly}]"
    assert "held against numbers" in refused(bend("start: open", levels))[-1]


def test_a_finding_enters_once() -> None:
    twice = bend(
        "{min: 0, start: 21, meaning: strikes so far, basis: {data: counted}}",
        "{min: 0, meaning: strikes so far, start: [{from: 2025-09-27, value: 3, basis: {data: counted}},\n"
        "      {from: 2025-11-17, value: 21, basis: {report: [2]}, reported: at least}]}",
        reads("exactly"),
    )
    found = one(twice)
    assert "finding 2 enters a forecast once, and stands at state.troops_k.start.1.basis already" in found


def test_an_observation_bears_the_date_of_its_report() -> None:
    late = bend("from: 2025-11-17, value: 15", "from: 2025-11-10, value: 15", reads("exactly", basis="{report: 1}"))
    assert "`from: 2025-09-27`" in " ".join(refused(bend("  3: colour", "  3: colour\n  2: idle", late)))
