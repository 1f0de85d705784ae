"""Typical histories: medoids of their outcome, the same however a run is cut, told as the engine replays them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.runs import rows
from sim.studies.forecast import Result, forecast, task_of
from sim.studies.settings import SettingError, Settings
from sim.studies.typical import study as typical
from sim.studies.typical.page import page
from sim.studies.typical.paths import paths_of
from sim.studies.typical.study import NEVER, Asked, asked_of, computed, coordinates, representatives, typical_of
from tests.runs import small

SETTINGS = Settings(replications=1_500, inputs=20, histories=5)
NAMES = ["crisis", "strike", "settlement"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return forecast(small.scenario(), SETTINGS, tmp_path_factory.mktemp("typical"))


@pytest.fixture(scope="module")
def data(run: Result) -> dict[str, Any]:
    return typical_of(run, small.scenario())


def points_of(run: Result, outcome: str) -> tuple[np.ndarray, np.ndarray]:
    """Replications of an outcome, and their coordinates by hand."""
    table = run.rows()
    here = np.flatnonzero(np.array(table["outcome.end"].to_pylist()) == outcome)
    columns = []
    for name in NAMES:
        times = [NEVER if t is None else t / 120 for t in table[f"milestone.{name}"].to_pylist()]
        columns.append(np.array(times)[here])
    for name in ("tension", "shots"):
        values = table[f"state.{name}"].to_numpy()[here].astype(float)
        low, high = np.quantile(values, [0.1, 0.9])
        columns.append(0.5 * np.clip((values - low) / (high - low if high > low else 1.0), -1, 2))
    return here, np.array(columns).T


def test_the_one_told_has_the_least_sum_of_distances(run: Result) -> None:
    found = typical_of(run, small.scenario(), each=1)
    for ending in found["outcomes"]:
        here, points = points_of(run, ending["name"])
        first = points[: typical.SAMPLE]
        sums = [float(np.abs(first - point).sum()) for point in first]
        (one,) = ending["typical"]
        assert one["replication"] == here[int(np.argmin(sums))]
        assert (one["nearest"], one["represents"]) == (here.size, 1.0)


def test_each_stands_for_those_that_are_nearer_to_it_than_to_the_others(run: Result, data: dict[str, Any]) -> None:
    for ending in data["outcomes"]:
        here, points = points_of(run, ending["name"])
        told = [int(np.flatnonzero(here == one["replication"])[0]) for one in ending["typical"]]
        own = np.argmin([np.abs(points - points[i]).sum(axis=1) for i in told], axis=0)
        assert [one["nearest"] for one in ending["typical"]] == np.bincount(own, minlength=len(told)).tolist()
        assert sum(one["represents"] for one in ending["typical"]) == pytest.approx(1.0)
        sizes = [one["nearest"] for one in ending["typical"]]
        assert sizes == sorted(sizes, reverse=True)


def test_shares_sum_to_one(data: dict[str, Any]) -> None:
    assert sum(ending["share"] for ending in data["outcomes"]) == pytest.approx(1.0)
    for ending in data["outcomes"]:
        shares = [way["share"] for way in ending["paths"]]
        assert sum(shares) + ending["other"]["share"] == pytest.approx(1.0)
        assert shares == sorted(shares, reverse=True)
        counts = [way["histories"] for way in ending["paths"]]
        assert sum(counts) + ending["other"]["histories"] == ending["histories"]


def test_what_is_told_is_the_history_of_the_run(run: Result, data: dict[str, Any]) -> None:
    table = run.rows()
    for ending in data["outcomes"]:
        for one in ending["typical"]:
            assert f": {ending['name']} (" in one["ending"][0]
            assert one["label"] == "one of many, invented"
            for milestone in one["milestones"]:
                assert table[f"milestone.{milestone['name']}"][one["replication"]].as_py() == milestone["day"]
                assert any(f"→ {milestone['name']}: " in line for line in one["timeline"])
            days = [milestone["day"] for milestone in one["milestones"]]
            assert days == sorted(days)
    text = "\n".join(page(data))
    assert "one of many, invented" in text
    assert "Ways into it:" in text


def test_neither_the_cut_nor_the_order_of_the_rows_matters(run: Result, data: dict[str, Any], tmp_path: Path) -> None:
    cut = Settings(replications=1_500, inputs=20, histories=5, chunk=271)
    other = forecast(small.scenario(), cut, tmp_path)
    assert typical_of(other.folder, small.scenario(), task=task_of(small.scenario(), SETTINGS)) == data
    parts = sorted((other.folder / "parts").glob("part-*.parquet"))
    for place, path in enumerate(parts):  # the parts in another order
        path.rename(path.with_name(f"part-{90 - place:05d}.parquet"))
    assert typical_of(other.folder, small.scenario()) == data
    assert set(rows.read(run.folder, ["end", "state.shots"])) == {"end", "state.shots"}


def test_the_first_histories_of_a_large_run_tell_what_a_run_of_so_many_does(run: Result, tmp_path: Path) -> None:
    few = forecast(small.scenario(), Settings(replications=700, inputs=20, histories=5), tmp_path)
    alone, first = typical_of(few, small.scenario()), typical_of(run, small.scenario(), most=700)
    assert (first["replications"], first["read"], alone["read"]) == (1_500, 700, 700)
    assert first["notes"] == [*alone["notes"], "All this is of the first 700 of 1,500 simulated histories."]
    assert {**first, "replications": 700, "notes": alone["notes"]} == alone
    assert "From the first 700 of 1,500 simulated histories of seed 1" in " ".join("\n".join(page(first)).split())
    assert "From 700 simulated histories of seed 1" in " ".join("\n".join(page(alone)).split())


def test_milestones_count_by_time_and_never_lies_past_the_end() -> None:
    times = np.array([[0.0, 60.0, 120.0, math.inf]])
    assert coordinates(times, np.zeros((0, 4)), 120)[:, 0].tolist() == [0.0, 0.5, 1.0, NEVER]
    numbers = np.array([[0.0] * 10 + [10.0] * 10])
    assert sorted(set(coordinates(np.zeros((1, 20)), numbers, 120)[:, 1].tolist())) == [0.0, 0.5]
    places, entries = representatives(np.zeros((1, 0)), np.zeros((0, 0)), 120, 3)
    assert (places.size, entries) == (0, [])


def test_ways_are_orders_of_first_times() -> None:
    inf = math.inf
    times = np.array(
        [
            [1.0, 2.0, inf, 1.0, 5.0],  # a
            [2.0, 1.0, 3.0, inf, 5.0],  # b
            [2.0, inf, 3.0, inf, 9.0],  # c, never alone but in the last
            [0.0, 0.0, 0.0, 0.0, 0.0],  # holds from the start
        ]
    )
    ways = paths_of(["a", "b", "c", "d"], times, np.zeros(5, dtype=np.int64))
    assert ways.names == ("a", "b", "c")
    found, other = ways.top(np.arange(5), 5, whole=True)
    assert [way["words"] for way in found] == ["a → b + c", "b → a", "b + c", "a", "a + b → c"]
    assert other == {"histories": 0, "share": 0.0, "paths": 0}
    found, other = ways.top(np.array([0, 1, 4]), 1)  # all of them reach a and b: what comes after both is left out
    assert found[0]["words"] == "a → b + c"
    assert other == {"histories": 2, "share": pytest.approx(2 / 3), "paths": 2}
    assert [way["words"] for way in ways.top(np.array([4]), 5)[0]] == ["a + b → c"]
    alone = paths_of(["a", "b", "c"], times[:3, :4], np.zeros(4, dtype=np.int64))
    assert alone.names == ("a", "b")  # c always comes with b
    assert paths_of([], np.zeros((0, 3)), np.zeros(3, dtype=np.int64)).top(np.arange(3), 2)[0][0]["histories"] == 3


def test_what_every_outcome_mostly_reaches_is_no_part_of_a_way() -> None:
    n = 100
    reached = np.where(np.arange(2 * n) % 10 == 0, math.inf, 1.0)  # in 90 % of the histories
    strike = np.where(np.arange(2 * n) < n, 5.0, math.inf)
    ended = np.repeat([0, 1], n)
    ways = paths_of(["alarm", "strike"], np.array([reached, strike]), ended)
    assert (ways.names, ways.background) == (("strike",), ("alarm",))
    assert paths_of(["alarm", "strike"], np.array([reached, strike]), np.zeros(2 * n, dtype=np.int64)).background == ()


def test_a_run_of_one_history_and_outcomes_never_seen(tmp_path: Path) -> None:
    one = forecast(small.scenario(), Settings(replications=1, inputs=20, histories=5), tmp_path)
    found = typical_of(one, small.scenario())
    json.dumps(found, allow_nan=False)
    assert sorted(ending["histories"] for ending in found["outcomes"]) == [0, 0, 1]
    for ending in found["outcomes"]:
        if ending["histories"]:
            assert [t["replication"] for t in ending["typical"]] == [0]
            assert ending["why"] == ""
        else:
            assert (ending["typical"], ending["paths"]) == ([], [])
            assert ending["why"] == "never seen in 1 simulated history"
            assert ending["high"] == pytest.approx(0.95)
    assert "Never seen in 1 simulated history." in page(found)
    assert typical.plot(found, tmp_path)[0].name == "paths.svg"


def test_questions_that_cannot_be_are_refused(run: Result) -> None:
    for study, why in (
        ({"outcomes": ["blow"]}, r"unknown outcome 'blow' \(did you mean 'blows'\?\)"),
        ({"each": 0}, r"study.each: 0 is outside 1 … 20"),
        ({"paths": "many"}, r"study.paths: 'many' is no whole number"),
    ):
        with pytest.raises(SettingError, match=why):
            asked_of(small.scenario(), study)
    only = computed(run, small.scenario(), Asked(("blows",), 1, 1))
    assert [ending["name"] for ending in only["outcomes"]] == ["blows"]


def test_a_study_is_kept_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked, settings = Asked(("blows",), 1, 2), Settings(replications=300, inputs=20, histories=5)
    found, folder = typical.typical(small.scenario(), asked, settings, tmp_path, command="escalation")
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == found
    assert (folder / "typical.txt").read_text(encoding="utf-8").splitlines() == page(found)
    assert typical.typical(small.scenario(), asked, settings, tmp_path)[0] == found
    assert "shown, not computed again" in capsys.readouterr().err
    again = Settings(replications=300, inputs=20, histories=5, again=True)
    assert typical.typical(small.scenario(), asked, again, tmp_path)[0] == found
