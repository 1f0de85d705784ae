"""The rival's page of a scenario: what it says, what of the file it follows, and which files are refused."""

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.scenario.build import build
from sim.scenario.problems import ScenarioError
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.scenario.source import Source
from sim.studies import baseline
from sim.studies.settings import Settings
from tests.runs import small

RIVAL = """
rival:
  - milestone: strike
    adjust:
      - {says: North wants force, if: goal is force, usual: 0.1, odds: force_x}
      - says: a third power looks on
        odds:
          - {from: 2025-11-17, value: 0.5, basis: {data: invented for a test}}
          - {from: 2025-12-20, value: 0.25, basis: {data: invented for a test}}
"""
LATER = "  two: {outlet: Another paper, date: 2025-12-20}\nfindings:"
TEXT = small.TEXT.replace("findings:", LATER) + RIVAL
DAYS = (30, 60, 90, 120)


def made(text: str = TEXT, as_of: str | None = None) -> Scenario:
    return build(read_bytes(text.encode()).data, as_of=as_of)


def problems(text: str) -> list[str]:
    reading = read_bytes(text.encode(), "small.yaml")
    try:
        build(reading.data, source=Source.of(reading))
    except ScenarioError as error:
        return [str(problem) for problem in error.problems]
    raise AssertionError("nothing was found wrong")


def odds(share: float) -> float:
    return share / (1 - share)


def test_the_page_follows_the_file() -> None:
    pages = baseline.pages(made(), DAYS)
    assert list(pages) == ["strike", "settlement"]
    strike = pages["strike"]
    [quarrels] = strike["classes"]
    assert (quarrels["label"], quarrels["n"], quarrels["weight"]) == ("quarrels of that kind", 20, 1.0)
    assert quarrels["by"]["30"]["share"] == pytest.approx(0.10)
    # Between 30 and 90 days the hazard is constant; after the last base rate there is no answer.
    assert 1 - quarrels["by"]["60"]["share"] == pytest.approx((0.9 * 0.7) ** 0.5)
    assert quarrels["by"]["120"] is None
    assert strike["by"]["120"] is None
    # By hand: in 30 of 100 ways North wants force. Its factor has the median 2.25 and was there in 1 of 10 cases.
    already = 0.9 + 0.1 * 2.25
    on, off = (odds(0.30) * 0.5 * factor / already for factor in (2.25, 1.0))
    assert strike["by"]["90"]["by_hand"] == pytest.approx(0.3 * on / (1 + on) + 0.7 * off / (1 + off))
    assert strike["by"]["90"]["pooled"] == pytest.approx(0.30)
    for numbers in (strike["by"]["30"], strike["by"]["90"]):
        assert numbers["range_low"] < numbers["probability"] < numbers["range_high"]
    force, third = strike["adjustments"]
    assert (force["input"], force["chance"], force["usual"]) == ("force_x", pytest.approx(0.3), 0.1)
    assert force["odds"] == {"median": 2.25, "low": pytest.approx(1.65), "high": pytest.approx(2.85)}
    assert (third["odds"]["median"], third["chance"], third["input"]) == (0.5, 1.0, None)


def test_a_milestone_without_adjustments_has_past_cases_alone() -> None:
    numbers = baseline.pages(made(), DAYS)["settlement"]["by"]["90"]
    assert numbers["by_hand"] == numbers["pooled"] == pytest.approx(0.25)
    assert numbers["probability"] == pytest.approx(2.5 / 9, abs=5e-4)  # 2 of 8, with half a case on each side


def test_adjustments_are_dated() -> None:
    first, later = (baseline.pages(made(as_of=date), DAYS)["strike"] for date in ("2025-11-17", "2025-12-20"))
    assert [page["adjustments"][1]["odds"]["median"] for page in (first, later)] == [0.5, 0.25]
    assert later["by"]["90"]["by_hand"] < first["by"]["90"]["by_hand"]


def test_a_known_start_decides_whether_an_adjustment_applies() -> None:
    known = TEXT.replace("start: {drawn: {bargain: 0.7, force: 0.3}}", "start: bargain")
    page = baseline.pages(made(known), DAYS)["strike"]
    assert page["adjustments"][0]["chance"] == 0.0
    assert page["by"]["90"]["by_hand"] < baseline.pages(made(), DAYS)["strike"]["by"]["90"]["by_hand"]


def test_what_only_the_page_reads_is_no_part_of_the_model() -> None:
    assert made().spec == made(small.TEXT).spec
    unused = TEXT.replace("inputs:\n", f"inputs:\n  third_x: {{uniform: [1, 2], {small.BASIS}}}\n")
    [fault] = problems(unused.replace("odds: force_x", "odds: third_x"))
    assert "inputs.third_x: nothing uses this" in fault


def test_the_page_is_printed_and_kept(tmp_path: Path) -> None:
    lines, folder = baseline.write(made(), Settings(), tmp_path)
    text = "\n".join(lines)
    for part in (
        "past cases (n = 20): quarrels of that kind",
        "odds × 2.2 (1.6–2.9), with a chance of 30 %: North wants force; taken to be so in 10 % of past cases [input",
        "odds × 0.5: a third power looks on [data: invented for a test]",
        "by hand: every doubt at its middle",
        "one-page rival: mean over the doubts",
        "It speaks of 2 of 3 milestones",
        "Of the model's 2 uncertain inputs it reads 1 (force x).",
    ):
        assert part in text.replace("\n      ", " "), part
    assert (folder / "page.txt").read_text(encoding="utf-8") == text + "\n"
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["rival"] == baseline.pages(made(), (30, 90, 120))
    assert summary["left_out"] == baseline.left_out(made())


def test_without_base_rates_the_page_says_what_it_needs(tmp_path: Path) -> None:
    bare = small.TEXT[: small.TEXT.index("base_rates:")]
    lines, _ = baseline.write(made(bare), Settings(), tmp_path)
    assert "The scenario holds no base rates" in "\n".join(lines)


def test_intervals_of_past_cases_are_jeffreys() -> None:
    rate = made().base_rates[0]
    [(day, ends), _] = baseline.jeffreys_by_day(rate).items()
    assert day == "30"
    grid = (np.arange(200_000) + 0.5) / 200_000
    density = grid**1.5 * (1 - grid) ** 17.5  # Beta(2.5, 18.5), for 2 of 20
    below = np.cumsum(density) / density.sum()
    assert np.interp(ends, grid, below) == pytest.approx([0.1, 0.9], abs=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("milestone: strike\n    adjust", "milestone: crisis\n    adjust", "no base rates for it to start from"),
        ("usual: 0.1", "usual: 1", "at least 0 and below 1"),
        ("if: goal is force", "if: crisis", "only variables may be read here"),
        ("if: goal is force", "if: gaol is force", "did you mean 'goal'?"),
        ("odds: force_x", "odds: forse_x", "did you mean 'force_x'?"),
        ("odds: force_x", "odds: pace", "a positive number without a unit"),
        ("value: 0.5", "value: 0", "a positive number without a unit"),
        ("value: 0.5", "value: 1 per 5 d", "a positive number without a unit"),
        ("odds: force_x", "odds: {value: force_x, basis: {data: twice}}", "has its own basis"),
        ("value: 0.5, basis: {data: invented for a test}", "value: 0.5", "a number without a basis"),
        ("value: 0.5, basis: {data:", "value: 0.5, basis: {judgement:", "a judgement on a fixed number"),
        ("source: invented}\n  - {milestone: settlement", "source: invented, weight: -1}\n  - {milestone: settlement",
         "a number of 0 or more"),
        ("class: other quarrels, ", "class: other quarrels, weight: 0, ", "no class of this milestone has weight"),
        ("rival:\n", "rival:\n  - {milestone: strike}\n", "has a page already"),
        ("adjust:\n", "adjusts:\n", "did you mean 'adjust'?"),
    ],
)  # fmt: skip
def test_faults_are_told_at_their_place(old: str, new: str, why: str) -> None:
    assert TEXT.count(old) == 1
    found = problems(TEXT.replace(old, new))
    assert any(why in fault for fault in found), found
    assert all(fault.startswith("small.yaml:") for fault in found)


def test_every_shipped_base_rate_has_a_page() -> None:
    from sim.studies.library import scenario_of

    for date in (datetime.date(2025, 9, 27), datetime.date(2025, 11, 17)):
        scenario = scenario_of("venezuela_2025", as_of=date.isoformat())
        pages: dict[str, Any] = baseline.pages(scenario, (30, 90, 180))
        assert list(pages) == ["first_strike", "ended_without_force"]
        for page in pages.values():
            assert all(0 < page["by"][day]["probability"] < 1 for day in ("30", "90", "180"))
