"""Regions of inputs found again where they are known, and none where there is none."""

import json
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from sim.statistics import boxes
from sim.studies.discover import prim as discover_prim
from sim.studies.discover import study as discover
from sim.studies.discover.event import Event
from sim.studies.discover.study import Question, computed, inputs_of, question
from sim.studies.discover.table import rule, show, verdict, with_error
from sim.studies.library import scenario_of
from sim.studies.settings import SettingError, Settings
from sim.studies.table import console
from tests.studies.test_tornado import scenario

pytest.importorskip("ema_workbench")
Floats = NDArray[np.float64]
ASKED = Question(Event("milestone", "strike", 90))
N = 4_000


def columns(seed: int, n: int = N) -> list[Floats]:
    """Draws of pace, rash_x, talk_rate and goal."""
    generator = np.random.default_rng(seed)
    numbers = [generator.uniform(low, high, n) for low, high in ((0.002, 0.012), (2.0, 6.0), (0.02, 0.08))]
    return [*numbers, generator.choice(3, n, p=[0.5, 0.3, 0.2]).astype(float)]


def happened(drawn: list[Floats], chance: Floats, seed: int = 9) -> NDArray[np.bool_]:
    return np.asarray(np.random.default_rng(seed).random(drawn[0].size) < chance)


@pytest.fixture(scope="module")
def steps() -> discover.Data:
    """An event that is four times as likely where pace is above .008 and the goal is bold or rash."""
    drawn = columns(1)
    chance = np.where((drawn[0] > 0.008) & (drawn[3] >= 1), 0.6, 0.15)
    return {**computed(scenario(), ASKED, drawn, happened(drawn, chance)), "seed": 1}


def test_a_known_region_is_found_again(steps: discover.Data) -> None:
    assert [one.name for one in inputs_of(scenario())] == ["pace", "rash_x", "talk_rate", "goal"]
    assert steps["found"] is True
    box = steps["boxes"][steps["chosen"] - 1]
    assert {limit["name"] for limit in box["limits"]} == {"pace", "goal"}
    [pace] = [limit for limit in box["limits"] if limit["name"] == "pace"]
    [goal] = [limit for limit in box["limits"] if limit["name"] == "goal"]
    assert pace["low"] == pytest.approx(0.008, abs=0.0004)  # within the 4 % of the draws that one step peels
    assert pace["high"] is None
    assert pace["below"] == pytest.approx(0.6, abs=0.05)
    assert goal["levels"] == ["bold", "rash"]
    assert all(limit["holds_up"] for limit in box["limits"])
    # 40 % x 50 % of the draws; 2,000 histories judge, so five standard errors of a share are .06 at most.
    assert box["share"] == pytest.approx(0.2, abs=0.05)
    assert box["density"] == pytest.approx(0.6, abs=0.1)
    assert box["coverage"] == pytest.approx(0.2 * 0.6 / (0.2 * 0.6 + 0.8 * 0.15), abs=0.08)
    assert box["intervals"]["density"][0] < box["density"] < box["intervals"]["density"][1]


def test_where_no_input_matters_there_is_no_region() -> None:
    fooled = 0
    for seed in range(2):
        drawn = columns(20 + seed, 2_000)
        luck = happened(drawn, np.full(2_000, 0.2), seed)
        data = computed(scenario(), ASKED, drawn, luck)
        # Each finds one by luck with a chance of 1 % at most; these seeds are fixed.
        assert not data["found"]
        assert "No region" in verdict(data, data["chosen"])
        # Judged by the half that chose them, a search that drops nothing would have found one nearly every time.
        half = [column[::2] for column in drawn]
        every = discover_prim.paths(half, [False] * 4, luck[::2])
        seen = [boxes.measured(box, half, luck[::2]) for box in every]
        fooled += min(boxes.lucks(seen)) <= discover.NONE
    assert fooled == 2


def test_where_the_event_always_happens_there_is_no_region() -> None:
    data = computed(scenario(), ASKED, columns(2, 400), np.ones(400, dtype=bool))
    assert (data["enough"], data["found"], data["boxes"]) == (True, False, [])
    assert verdict(data, data["chosen"]).startswith("No region: in ")


def test_levels_at_which_the_event_always_or_never_happens_are_no_obstacle() -> None:
    drawn = columns(2, 400)
    data = computed(scenario(), ASKED, drawn, drawn[3] == 1)
    assert [limit["levels"] for limit in data["boxes"][data["chosen"] - 1]["limits"]] == [["bold"]]
    assert (data["boxes"][data["chosen"] - 1]["density"], data["boxes"][data["chosen"] - 1]["coverage"]) == (1.0, 1.0)


def test_what_stands_beside_a_share_reaches_both_ends_of_its_interval(steps: discover.Data) -> None:
    # Of 30 histories none: the interval ends at 11.4 %, and half of it is not what is left open.
    box = {"density": 0.0, "intervals": {"density": [0.0, 0.114]}}
    assert with_error(box, "density") == "0.0 ± 11.4"
    box = steps["boxes"][steps["chosen"] - 1]
    low, high = box["intervals"]["density"]
    reach = float(with_error(box, "density").split(" ± ")[1]) / 100
    assert box["density"] - reach <= low + 0.0006
    assert box["density"] + reach >= high - 0.0006


def test_a_limit_that_does_not_hold_up_is_said(steps: discover.Data) -> None:
    number = steps["chosen"]
    box = steps["boxes"][number - 1]
    limits = [{**limit, "holds_up": limit["name"] != "pace"} for limit in box["limits"]]
    weak = {**steps, "boxes": [{**box, "limits": limits}] * number}
    assert "luck would do as well as the limit on pace" in verdict(weak, number)
    assert "luck" not in verdict(steps, number)


def test_it_is_told_in_the_words_of_the_scenario(steps: discover.Data) -> None:
    stream = StringIO()
    show(steps, console(stream), steps["chosen"])
    text = " ".join(stream.getvalue().split())
    assert "strike (North has struck) by 15 Feb 2026, 90 days on" in text
    assert "where pace is above 0.00" in text
    assert "per d and goal is bold or rash. That region holds" in text
    assert "2,000 to find regions by, 2,000 others to judge them" in text
    between = {"name": "talk_rate", "kind": "per day", "low": 0.03, "high": 0.0412345}
    assert rule([between, {"name": "wait", "kind": "days", "low": None, "high": 1234.0}]) == (
        "talk rate is between 0.03 per d and 0.0412 per d and wait is below 1,230 d"
    )


def test_rare_levels_and_rare_events() -> None:
    drawn = columns(3)
    drawn[3] = (np.random.default_rng(3).random(N) < 0.02).astype(float)
    data = computed(scenario(), ASKED, drawn, happened(drawn, np.where(drawn[0] > 0.008, 0.5, 0.1)))
    assert data["rare"] == ["goal: bold"]
    assert {limit["name"] for limit in data["boxes"][data["chosen"] - 1]["limits"]} == {"pace"}
    never = computed(scenario(), ASKED, drawn, np.zeros(N, dtype=bool))
    assert (never["boxes"], never["chosen"], never["enough"]) == ([], 0, False)
    assert "too few to find a region by" in verdict(never, 0)


def test_what_can_be_asked() -> None:
    assert question(scenario(), {}) == Question(Event("milestone", "strike", 90), 4)
    assert question(scenario(), {"event": "talk", "by": 12}).event == Event("milestone", "talk", 12)
    assert question(scenario(), {"event": "outcome.strike"}).event == Event("outcome", "strike", 120)
    with pytest.raises(SettingError, match="no input of two_rivals is uncertain"):
        question(scenario_of("two_rivals"), {})
    for study, why in (
        ({"event": "stike"}, r"no milestone, outcome or flag is called 'stike' \(did you mean 'strike'\?\)"),
        ({"event": "outcome.talk"}, r"there is no outcome 'talk'"),
        ({"by": 121}, r"study.by: 121 is outside 1 … 120"),
        ({"event": "quiet", "by": 31}, r"the outcome on day 30, 90, 120, not on day 31"),
        ({"limits": 0}, r"study.limits: 0 is outside 1 … 20"),
    ):
        with pytest.raises(SettingError, match=why):
            question(scenario(), study)


def test_it_uses_a_stored_forecast_and_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(replications=1_600, inputs=20, histories=5)
    data, folder = discover.discover(scenario(), ASKED, settings, tmp_path)
    [run] = (tmp_path / "one_clock").glob("forecast-*")
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == data
    rows = pq.read_table(sorted((run / "parts").glob("*.parquet"))[0])
    times = rows.column("milestone.strike").to_pylist()
    assert data["overall"] == sum(time is not None and time <= 90 for time in times) / 1_600
    assert data["found"]  # pace or goal: whoever is bold strikes more often
    assert "goal" in {row["input"] for row in pq.read_table(folder / "discover.parquet").to_pylist()}
    assert discover.discover(scenario(), ASKED, settings, tmp_path) == (data, folder)
    assert "shown, not computed again" in capsys.readouterr().err
    quiet = discover.rows_of(scenario(), Event("outcome", "quiet", 90), run, 1_500)[1]
    assert (quiet == [time is None or time > 90 for time in times[:1_500]]).all()
    paths = discover.plot(data, data["chosen"], folder)
    assert all(path.stat().st_size > 1_000 for path in paths)


def test_a_missing_library_is_one_line_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ema_workbench.analysis.prim", None)
    with pytest.raises(SettingError, match=r"install the extra `discovery`") as error:
        discover.discover(scenario(), ASKED, Settings(replications=200), tmp_path)
    assert "\n" not in str(error.value)
    assert not any(tmp_path.iterdir())


def test_either_version_of_the_library_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from ema_workbench.analysis import prim

    real, drawn = prim.Prim, columns(5, 400)
    chance = happened(drawn, np.where(drawn[0] > 0.008, 0.6, 0.1))
    before = discover_prim.paths(drawn, [False] * 4, chance)

    class Later(real):  # type: ignore[misc, valid-type]
        """As of version 3, which takes no threshold."""

        def __init__(self, x: object, y: object, *, mass_min: float = 0.05) -> None:
            super().__init__(x, y, 0.0, mass_min=mass_min)

    monkeypatch.setattr(prim, "Prim", Later)
    assert discover_prim.paths(drawn, [False] * 4, chance) == before
