"""Indicators against closed forms of a model with rates only: a sign with a factor, one without, one seen late."""

import json
import math
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from sim.beliefs.record import Record, of_run
from sim.scenario.build import build
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.statistics.information import ratio_interval
from sim.studies.forecast import Result, forecast
from sim.studies.indicators import study as indicators
from sim.studies.indicators.rows import Sign, pairs_of, ranked
from sim.studies.indicators.study import Asked, asked_of, computed, counts_at, indicators_of
from sim.studies.indicators.table import show
from sim.studies.settings import SettingError, Settings
from sim.studies.table import console
from tests.runs import small

WARNED, BASE, TIMES, NOISE = 0.02, 0.004, 5.0, 0.03
DELAY, WINDOW, DAY = 6.0, 30, 90
N = 20_000
#: Standard deviations: one false alarm in 15,000 comparisons.
Z = 4.0

TEXT = f"""\
format: 1
name: signs
title: Signs of a strike
question: Does it come?
as_of: 2025-11-17
until: 120 days
horizons: [{WINDOW}, {DAY}]
actors:
  north: {{label: North, what: strikes}}
  south: {{label: South, what: waits}}
state:
  warned: {{start: no, meaning: a warning is out, {small.BASIS}}}
  noise: {{start: no, meaning: nothing to do with it, {small.BASIS}}}
  struck: {{start: no, meaning: a strike, {small.BASIS}}}
  angry: {{start: no, meaning: anger at a strike, {small.BASIS}}}
  never: {{start: no, meaning: what never comes, {small.BASIS}}}
  shots: {{min: 0, start: 0, meaning: shots at sea, {small.BASIS}}}
actions:
  south.warns: {{says: South warns, while: not warned, rate: {WARNED} per d, then: {{warned: yes}}, {small.BASIS}}}
  south.sings: {{says: South sings, while: not noise, rate: {NOISE} per d, then: {{noise: yes}}, {small.BASIS}}}
  south.shoots: {{says: South shoots, rate: 0.2 per d, then: {{shots: +1}}, {small.BASIS}}}
  north.strikes:
    says: North strikes
    while: not struck
    rate: {BASE} per d
    times: {{warned: {TIMES}}}
    then: {{struck: yes}}
    {small.BASIS}
  south.rages: {{says: South rages, while: struck and not angry, rate: 0.5 per d, then: {{angry: yes}}, {small.BASIS}}}
  south.moves: {{says: South moves, while: angry and not never, rate: 1e-12 per d, then: {{never: yes}}, {small.BASIS}}}
milestones:
  strike: {{when: struck, says: "North has struck"}}
  warning: {{when: warned, says: "South warns", seen_by: public, delay: {DELAY:g} d}}
  song: {{when: noise, says: "South sings", seen_by: south}}
  anger: {{when: angry, says: "South rages"}}
  move: {{when: never, says: "South moves"}}
outcomes:
  - {{name: blows, when: struck, says: "North has struck"}}
  - {{name: quiet, says: "nothing"}}
"""


def survival(day: float) -> float:
    """Chance of no strike by a day."""
    both = WARNED + BASE
    return math.exp(-both * day) + warned_by(day, day)


def warned_by(seen: float, day: float) -> float:
    """Chance of a warning by ``seen`` and no strike by a later day."""
    both, times = WARNED + BASE, TIMES * BASE
    return WARNED * math.exp(-times * day) * (1 - math.exp(-(both - times) * seen)) / (both - times)


RISK, LATER = survival(WINDOW), survival(DAY)
SEEN, SEEN_LATER = warned_by(WINDOW - DELAY, WINDOW), warned_by(WINDOW - DELAY, DAY)
IF_SEEN = 1 - SEEN_LATER / SEEN
IF_NOT = ((RISK - LATER) - (SEEN - SEEN_LATER)) / (RISK - SEEN)
FACTOR = ((SEEN - SEEN_LATER) / (RISK - LATER)) / (SEEN_LATER / LATER)


def scenario(text: str = TEXT) -> Scenario:
    return build(read_bytes(text.encode()).data)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return forecast(scenario(), Settings(replications=N, inputs=20, histories=5), tmp_path_factory.mktemp("signs"))


@pytest.fixture(scope="module")
def data(run: Result) -> dict[str, Any]:
    return indicators_of(run, scenario())


def row(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    (found,) = (row for row in data["rows"] if row["name"] == name)
    return dict(found)


def off(share: float, truth: float, n: int) -> float:
    """How many standard deviations a share lies from the truth."""
    return abs(share - truth) / math.sqrt(truth * (1 - truth) / n)


def test_chances_and_factor_are_those_of_the_closed_form(data: dict[str, Any]) -> None:
    found = row(data, "warning")
    assert (data["window"], data["target"]["day"], data["target"]["name"]) == (WINDOW, DAY, "strike")
    assert off(data["at_risk"] / N, RISK, N) < Z
    assert off(data["probability"], 1 - LATER / RISK, data["at_risk"]) < Z
    assert off(found["seen_share"], SEEN / RISK, data["at_risk"]) < Z
    assert off(found["chance_seen"], IF_SEEN, found["seen"]) < Z
    assert off(found["chance_unseen"], IF_NOT, data["at_risk"] - found["seen"]) < Z
    k, n = data["happened"], data["at_risk"]
    a = round(found["chance_seen"] * found["seen"])
    low, high = ratio_interval(a, k, found["seen"] - a, n - k, 1 - 6e-5)
    assert float(low) < FACTOR < float(high)
    assert FACTOR > 1.2
    assert found["clear"]
    assert found["bits_low"] > 0


def test_estimators_that_forget_the_delay_or_what_has_happened_are_noticed(run: Result, data: dict[str, Any]) -> None:
    record = of_run(run.folder, ["strike", "warning", "anger"], ["blows", "quiet"], [30, 90, 120], exact=True)
    strike, warning = record.times["strike"], record.times["warning"]
    at_risk = strike > WINDOW
    assert off(float((warning[at_risk] <= WINDOW).mean()), SEEN / RISK, int(at_risk.sum())) > 2 * Z  # no delay
    seen = warning + DELAY <= WINDOW
    assert off(float((strike[seen] <= DAY).mean()), IF_SEEN, int(seen.sum())) > 2 * Z  # those struck before count
    # Anger comes after the strike only: with it counted whenever it comes, it would be the best of signs.
    assert (strike[record.times["anger"] <= DAY] <= DAY).all()
    assert row(data, "anger")["seen"] == 0


def test_an_event_that_tells_nothing_has_a_factor_of_one(data: dict[str, Any]) -> None:
    found = row(data, "song")
    n, k = data["at_risk"], data["happened"]
    a = round(found["chance_seen"] * found["seen"])
    low, high = ratio_interval(a, k, found["seen"] - a, n - k, 1 - 6e-5)
    assert float(low) < 1.0 < float(high)
    assert found["p"] > 6e-5
    assert found["bits"] < 0.001
    assert (found["public"], found["seen_by"]) == (False, "South")
    assert not [pair for pair in data["pairs"] if "song" in pair["names"]]


def test_what_is_never_seen_before_the_target_has_no_factor(data: dict[str, Any]) -> None:
    for name in ("anger", "move"):
        found = row(data, name)
        assert found["factor"] is None
        assert found["why"] == f"never seen in {data['at_risk']:,} simulated histories"
        assert found["seen_high"] == pytest.approx(3 / data["at_risk"], rel=0.01)
        assert found["bits"] == 0.0
    assert [row["name"] for row in data["rows"]][:2] == ["warning", "song"]
    assert data["watch"] == ["warning"]


def test_the_first_histories_of_a_large_run_say_what_a_run_of_so_many_does(run: Result, tmp_path: Path) -> None:
    few = forecast(scenario(), Settings(replications=3_000, inputs=20, histories=5), tmp_path)
    alone, first = indicators_of(few, scenario()), indicators_of(run, scenario(), most=3_000)
    assert (first["replications"], first["read"], alone["read"]) == (N, 3_000, 3_000)
    own = f"All shares are among the {alone['at_risk']:,}"
    assert f"{own} simulated histories in which" in alone["notes"][1]
    assert f"{own} of the first 3,000 of 20,000 simulated histories in which" in first["notes"][1]
    assert {**first, "replications": 3_000, "notes": alone["notes"]} == alone
    stream = StringIO()
    show(first, console(stream))
    assert f"{first['at_risk']:,} of the first 3,000 of 20,000 simulated histories)" in " ".join(
        stream.getvalue().split()
    )


def test_days_ahead_run_from_when_it_can_be_seen(run: Result, data: dict[str, Any]) -> None:
    record = of_run(run.folder, ["strike", "warning"], ["blows", "quiet"], [30, 90, 120], exact=True)
    gaps = [
        strike - (warning + DELAY)
        for strike, warning in zip(record.times["strike"].tolist(), record.times["warning"].tolist(), strict=True)
        if warning + DELAY < strike <= DAY
    ]
    lead = row(data, "warning")["lead"]
    assert (lead["histories"], lead["median"]) == (len(gaps), pytest.approx(float(np.median(gaps))))
    assert lead["share"] == pytest.approx(len(gaps) / int((record.times["strike"] <= DAY).sum()))
    assert row(data, "anger")["lead"] is None


def test_counts_are_those_of_the_histories_of_the_run(run: Result) -> None:
    from sim.studies.forecast import task_of

    task = task_of(scenario(), Settings())
    numbers = counts_at(scenario(), task, WINDOW, 3_000, lambda _: None)
    assert abs(float(numbers["shots"].mean()) - 0.2 * WINDOW) < Z * math.sqrt(0.2 * WINDOW / 3_000)
    assert (counts_at(scenario(), task, 120, 500, lambda _: None)["shots"] == run.rows()["state.shots"][:500]).all()
    found = computed(run, scenario(), Asked("strike", None, DAY, WINDOW), numbers)
    rows = {row["name"]: row for row in found["rows"] if row["kind"] == "count"}
    assert len(rows) == 2
    for one in rows.values():
        assert one["seen_share"] <= 0.25
        assert one["at_risk"] < 3_000
        assert one["p"] > 6e-5  # shots have nothing to do with it
    assert any("or more" in one["says"] for one in rows.values())


def test_two_signs_may_say_together_what_neither_says_alone() -> None:
    rng = np.random.default_rng(1)
    one, two, other = (rng.random(4_000) < 0.5 for _ in range(3))
    happens = (one ^ two) & (rng.random(4_000) < 0.8)
    every = np.ones(4_000, dtype=bool)
    signs = [Sign(n, "milestone", n, True, "public", 0.0, s, None) for n, s in (("a", one), ("b", two), ("c", other))]
    pairs, tested = pairs_of(signs, every, happens)
    assert tested == 3
    assert [pair["names"] for pair in pairs] == [["a", "b"]]
    (pair,) = pairs
    assert pair["beyond"] > 0.4
    assert pair["chances"]["both"] == pair["chances"]["neither"] == 0.0
    assert pair["chances"]["first"] == pytest.approx(0.8, abs=Z * math.sqrt(0.16 / 900))
    assert sum(pair["histories"].values()) == 4_000
    # Two signs that each say something, and nothing more together than apart, are rarely shown as a pair with noise.
    assert pairs_of(signs[1:], every, rng.random(4_000) < 0.3)[0] == []
    assert ranked(signs, every, happens)[0]["bits"] < 0.01


def test_a_sign_seen_only_before_the_target_has_a_factor_without_an_end() -> None:
    happens = np.arange(100) < 30
    seen = np.arange(100) < 10
    (found,) = ranked([Sign("a", "milestone", "a", True, "public", 0.0, seen, None)], np.ones(100, bool), happens)
    assert (found["factor"], found["factor_high"], found["chance_seen"]) == (None, None, 1.0)
    assert found["factor_low"] > 3
    assert found["why"] == ""


def test_an_outcome_at_the_end_is_a_target_too(run: Result) -> None:
    found = indicators_of(run, scenario(), outcome="blows")
    record = of_run(run.folder, ["strike"], ["blows", "quiet"], [30, 90, 120])
    assert found["at_risk"] == int((record.times["strike"] > WINDOW).sum())
    assert found["happened"] == int(((record.times["strike"] > WINDOW) & (record.times["strike"] <= 120)).sum())
    assert row(found, "strike")["why"].startswith("never seen")
    quiet = indicators_of(run, scenario(), outcome="quiet")
    assert quiet["at_risk"] == found["at_risk"]
    assert quiet["happened"] == found["at_risk"] - found["happened"]
    assert all(row["lead"] is None for row in quiet["rows"])


def test_of_the_last_outcome_those_are_at_risk_where_it_still_holds() -> None:
    outcomes = {30: np.array([0, 1, 2, 2], dtype=np.int8), 90: np.array([0, 1, 2, 0], dtype=np.int8)}
    record = Record({}, outcomes, ("war", "peace", "neither"))
    risk, happens = indicators.target(record, Asked(None, "neither", 90, 30))
    assert (risk.tolist(), happens.tolist()) == ([False, False, True, True], [False, False, True, False])
    risk, happens = indicators.target(record, Asked(None, "war", 90, 30))
    assert (risk.tolist(), happens.tolist()) == ([False, True, True, True], [True, False, False, True])


def test_questions_that_cannot_be_are_refused(run: Result) -> None:
    for study, why in (
        ({"milestone": "srike"}, r"unknown milestone 'srike' \(did you mean 'strike'\?\)"),
        ({"outcome": "blow"}, r"unknown outcome 'blow' \(did you mean 'blows'\?\)"),
        ({"outcome": "blows", "day": 60}, r"study.day: 60 does not go with study.outcome"),
        ({"outcome": "blows", "window": 31}, r"study.window: outcomes are read at the scenario's horizons only"),
        ({"window": 90}, r"study.window: 90 is outside 1 … 89"),
        ({"window": 0}, r"study.window: 0 is outside"),
        ({"day": 1}, r"study.day: 1; nothing can be seen before the first day"),
        ({"counts": -1}, r"study.counts: -1 is outside"),
    ):
        with pytest.raises(SettingError, match=why):
            asked_of(scenario(), study)
    with pytest.raises(SettingError, match=r"a run of signs as of 2025-11-17, not of small"):
        indicators_of(run.folder, small.scenario())


@pytest.mark.parametrize("replications", [1, 40])
def test_a_run_of_few_histories_works(replications: int, tmp_path: Path) -> None:
    settings = Settings(replications=replications, inputs=20, histories=5)
    few = forecast(scenario(), settings, tmp_path)
    found = indicators_of(few.folder, scenario(), day=3, window=2)
    json.dumps(found, allow_nan=False)
    assert not any(row["clear"] for row in found["rows"])
    stream = StringIO()
    show(found, console(stream))
    assert "never seen in" in stream.getvalue()


def test_a_study_is_kept_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(replications=2_000, inputs=20, histories=5)
    asked = Asked("strike", None, DAY, WINDOW, 1_000)
    found, folder = indicators.indicators(scenario(), asked, settings, tmp_path, command="escalation")
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == found
    assert pq.read_table(folder / "indicators.parquet")["name"].to_pylist() == [row["name"] for row in found["rows"]]
    assert indicators.indicators(scenario(), asked, settings, tmp_path)[0] == found
    assert "shown, not computed again" in capsys.readouterr().err
    chunked = Settings(replications=2_000, inputs=20, histories=5, chunk=333)
    assert indicators.indicators(scenario(), asked, chunked, tmp_path / "other")[0] == found
    stream = StringIO()
    show(found, console(stream))
    printed = stream.getvalue()
    assert "indications within the model, not causes" in printed.replace("\n", " ")
    assert "shots" in printed
    assert [path.name for path in indicators.plot(found, folder)] == ["indicators.svg", "indicators.png"]
