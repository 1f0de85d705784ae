"""The table of a forecast: rivals beside the model, what cannot happen, what never did, words only where they fit."""

import re
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from sim.model.compiled import compile_model
from sim.scenario.build import build
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.statistics.intervals import wilson
from sim.statistics.shown import with_range
from sim.studies import check, table, unseen
from sim.studies.baseline import pages
from sim.studies.forecast import Result, forecast
from sim.studies.settings import Settings
from tests.runs import small

SETTINGS = Settings(replications=600, inputs=30, histories=20)
#: A blockade that only the second report makes possible, a siege that nothing brings about, and an action so slow that
#: no history has it.
TEXT = (
    small.TEXT.replace("findings:", "  two: {outlet: Another paper, date: 2025-12-20}\nfindings:")
    .replace("inputs:\n", f"  blockaded: {{start: no, meaning: a blockade, {small.BASIS}}}\n"
                          f"  moved: {{start: no, meaning: a capital moved, {small.BASIS}}}\ninputs:\n")
    .replace("milestones:\n", f"""\
  north.blockades:
    from: 2025-12-20
    says: North declares a blockade
    rate: 0.02 per d
    while: not blockaded
    then: {{blockaded: yes}}
    {small.BASIS}
  south.moves:
    says: South moves its capital
    while: not moved
    rate: 1e-12 per d
    then: {{moved: yes}}
    {small.BASIS}
milestones:
  blockade: {{when: blockaded, says: "a blockade is declared", delay: 3 d}}
  plan: {{when: tension at least 2, says: "North has a plan", seen_by: north}}
""")
    .replace("outcomes:\n", 'outcomes:\n  - {name: siege, when: blockade and tension is 5, says: "a siege"}\n'
                            '  - {name: exile, when: moved, says: "South governs from elsewhere"}\n')
    .replace("class: other quarrels, ", "class: other quarrels, weight: 1, ")
)  # fmt: skip


def made(as_of: str | None = None) -> Scenario:
    return build(read_bytes(TEXT.encode()).data, as_of=as_of)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return forecast(made(), SETTINGS, tmp_path_factory.mktemp("results"))


def text_of(summary: dict[str, Any], width: int = table.PIPE_WIDTH) -> str:
    """The table in a pipe of some width, without its bars."""
    return re.sub(r"[█░▏▎▍▌▋▊▉]", " ", drawn(summary, width))


def drawn(summary: dict[str, Any], width: int = table.PIPE_WIDTH, encoding: str = "utf-8") -> str:
    stream = TextIOWrapper(BytesIO(), encoding=encoding, errors="replace")
    out = table.console(stream)
    out.width = width
    table.show(summary, out)
    stream.seek(0)
    return stream.read()


def line_of(text: str, start: str) -> str:
    [found] = [line for line in text.splitlines() if line.strip().startswith(start)]
    return " ".join(found.split())


def test_past_cases_and_the_rival_stand_under_their_milestone(result: Result) -> None:
    text = text_of(result.summary)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    place = next(i for i, line in enumerate(lines) if line.startswith("strike: North has struck"))
    assert lines[place + 1] == "past cases (n = 20): quarrels of that kind 10 % (4–20) 30 % (20–45) –"
    page = pages(made(), (30, 90, 120))["strike"]
    rival = [with_range(*(page["by"][day][key] for key in ("probability", "range_low", "range_high")))
             for day in ("30", "90")]  # fmt: skip
    assert lines[place + 2] == f"one-page rival (past cases alone) {' '.join(rival)} –"
    assert result.summary["rival"] == pages(made(), (30, 90, 120))
    assert result.summary["base_rates"][0]["range"]["90"] == pytest.approx([0.185, 0.441], abs=0.002)
    assert "One-page rival: those classes pooled and adjusted in log-odds" in " ".join(lines)


def test_what_cannot_happen_has_no_number(result: Result) -> None:
    cannot = result.summary["impossible"]
    assert cannot["milestones"] == {"blockade": "2025-12-20"}
    assert cannot["outcomes"] == {"siege": "2025-12-20"}
    text = text_of(result.summary)
    for start in ("blockade: a blockade is declared", "siege: a siege"):
        assert line_of(text, start).endswith("– – –")
    flat = " ".join(text.split())
    assert "– cannot happen in this model: siege (not modelled before 20 Dec 2025)" in flat
    assert "blockade (not modelled before 20 Dec 2025)" in flat
    # With the second report it can, and then it has numbers.
    later = unseen.impossible(made("2025-12-20"))
    assert later == {"milestones": {}, "outcomes": {}, "flags": {}, "actions": {}}


def test_what_never_happened_is_named(result: Result) -> None:
    never = result.summary["never"]
    assert never["actions"] == ["south.moves"]
    assert never["outcomes"] == ["siege", "exile"]
    flat = " ".join(text_of(result.summary).split())
    # What cannot happen is said elsewhere.
    bound = "(by sampling alone, 95 %: a chance of at most 0.5 % each)"
    assert f"Never happened in 600 simulated histories {bound}: exile; south: moves." in flat
    many = {**never, "actions": [f"south.does_{i}" for i in range(12)]}
    flat = " ".join(text_of({**result.summary, "never": many}).split())
    assert "south: does 6; and 5 more, see summary.json." in flat
    assert "south: does 7" not in flat


def test_who_learns_of_a_milestone_and_when_is_said(result: Result) -> None:
    flat = " ".join(text_of(result.summary, 180).split())
    assert "(known only to: North)" in flat
    assert "“Public … later”: counted on the day it happens" in flat
    assert "(public 3 days later)" in flat


def test_words_stand_only_where_the_range_lies_within_one_band(result: Result) -> None:
    summary = result.summary

    def shown(low: float, high: float) -> str:
        five = {**summary["flags"]["at_the_top"], "probability": low, "range_low": low, "range_high": high}
        return " ".join(text_of({**summary, "flags": {"at_the_top": five}}).split())

    assert "25 % (25–40) unlikely" in shown(0.25, 0.40)
    assert "Words (ICD 203)" in shown(0.25, 0.40)
    assert "unlikely" not in shown(0.15, 0.40).partition("Beside the outcome")[2]
    assert "almost no chance" not in shown(0.01, 0.02)


def test_bars_are_the_chances_of_the_last_day(result: Result) -> None:
    text = drawn(result.summary)
    for name, five in result.outcomes.items():
        if name in result.summary["impossible"]["outcomes"]:
            continue
        line = next(line for line in text.splitlines() if line.startswith(f" {name}:"))
        signs = line[table.PIPE_WIDTH - table.BAR - 1 :].rstrip()
        full, part = signs.count("█"), signs.rstrip("░")[signs.count("█") :]
        share = (full + ("▏▎▍▌▋▊▉".index(part) + 1) / 8 if part else full) / table.BAR
        assert share == pytest.approx(five["probability"], abs=1 / 16 / table.BAR + 1e-9)
        assert len(signs) == max(round(five["range_high"] * table.BAR), full + len(part))
    chance = {"probability": 0.5, "range_high": 0.75}
    assert table.bar(chance) == "██████░░░"
    assert table.bar({"probability": 1.0, "range_high": 1.0}) == "█" * table.BAR
    assert table.bar({"probability": 0.0, "range_high": 0.0}) == ""


@pytest.mark.parametrize("width", [60, 80, 100, 130])
def test_the_table_fits_and_tears_no_range_apart(result: Result, width: int) -> None:
    text = drawn(result.summary, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert "\x1b" not in text
    numbers = [line for line in lines[: lines.index(next(x for x in lines if "Beside" in x))] if "%" in line]
    assert not [line for line in numbers if re.search(r"\((up to|\d+–)\s*$", line)]
    assert any("last day" in line for line in lines) == (width >= table.ROOM)


def test_a_stream_without_blocks_has_bars_of_plain_signs(result: Result) -> None:
    text = drawn(result.summary, encoding="ascii")
    assert re.search(r"#+-+", text.partition("What has happened")[0])
    assert "- reaches on to the upper end" in text


def test_numbers_are_counted_in_good_english(result: Result) -> None:
    flat = " ".join(text_of({**result.summary, "saturations": 1, "inputs": 1, "histories": 1}).split())
    assert "; 1 effect met a bound." in flat
    assert "1 draw of the inputs with 1 simulated history each." in flat
    assert "to the nearest 5 points, below 10 to the nearest 1" in flat


def test_a_summary_of_an_earlier_version_is_still_shown(result: Result) -> None:
    new = ("rival", "impossible", "never", "seen")
    old = {key: value for key, value in result.summary.items() if key not in new}
    old["base_rates"] = [{key: rate[key] for key in ("milestone", "label", "n", "by")} for rate in old["base_rates"]]
    text = text_of(old)
    assert line_of(text, "past cases (n = 20)") == "past cases (n = 20): quarrels of that kind 10 % 30 % –"
    assert "one-page rival" not in text


def test_many_days_break_between_a_number_and_its_range(tmp_path: Path) -> None:
    four = build(read_bytes(small.TEXT.replace("horizons: [30, 90]", "horizons: [10, 30, 90]").encode()).data)
    text = text_of(forecast(four, SETTINGS, tmp_path).summary)
    assert max(map(len, text.splitlines())) <= table.PIPE_WIDTH
    torn = [line for line in text.splitlines() if line.count("(") != line.count(")") and "Words" not in line]
    assert not [line for line in torn if "%" in line and "past cases" not in line]


def test_the_check_lists_findings_and_free_judgements() -> None:
    judged = TEXT.replace(f"goal:\n    levels: [bargain, force]\n    start: {{drawn: {{bargain: 0.7, force: 0.3}}}}\n"
                          f"    meaning: what North wants\n    {small.BASIS}",
                          "goal:\n    levels: [bargain, force]\n    start: {drawn: {bargain: 0.7, force: 0.3}}\n"
                          "    meaning: what North wants\n    basis: {judgement: nobody can know}")  # fmt: skip
    scenario = build(read_bytes(judged.encode()).data)
    model = compile_model(scenario.spec)
    lines = list(check.told(scenario, model))
    assert lines[0].startswith("ok: small as of 2025-11-17, 120 days: 7 variables, 2 uncertain inputs, 6 actions, 5 ")
    assert lines[1:] == [
        "1 finding of 2 reports: 0 used, 1 not modelled",
        "1 free judgement:",
        "  state.goal: nobody can know",
    ]
    assert list(check.told(scenario, model, judgements=False))[2:] == ["1 free judgement"]


def test_a_milestone_that_never_happened_but_can_keeps_its_number(result: Result) -> None:
    summary = result.summary
    by = summary["outcomes_by"]["120"]["exile"]
    low, high = wilson(0, 600)
    assert (by["probability"], by["low"], by["high"]) == (0.0, low, high)
    assert line_of(text_of(summary), "exile: South").endswith("under 1 % under 1 % under 1 %")
