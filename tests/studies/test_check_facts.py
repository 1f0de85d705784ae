"""A forecast held against later reports: what is asked, what is found, how it is told, kept and drawn."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

from sim.figures.sheets import facts as figures
from sim.studies import command
from sim.studies.check_facts.run import first_times, gather
from sim.studies.check_facts.study import FAN, Data, answer, computed, plot, question
from sim.studies.check_facts.table import percentile, show
from sim.studies.forecast import task_of
from sim.studies.settings import CheckError, SettingError
from sim.studies.table import console
from tests.figures.looks import overlaps, texts
from tests.studies.two_dates import DAYS, DAYS_BEFORE, SHAPE, TEXT, order


def made(tmp_path: Path, text: str = TEXT, run: dict[str, Any] | None = None, **study: Any) -> Data:
    asked = order(tmp_path, text, run, **study)
    return computed(question(asked), asked.settings)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    return made(tmp_path_factory.mktemp("facts"), run={"replications": 40_000})


def told(data: Data) -> str:
    stream = StringIO()
    show(data, console(stream))
    return " ".join(stream.getvalue().split())


def by_name(rows: list[Data]) -> dict[str, Data]:
    return {row["name"]: row for row in rows}


# ---------------------------------------------------------------------------------------------------- what is found
def test_facts_come_by_date_with_what_was_simulated(data: Data) -> None:
    assert [(f["name"], f["day"], f["value"], f["reading"]) for f in data["facts"]] == [
        ("hits", 4, 2, "at least"), ("hits", 10, 4, "exactly"), ("crowd_k", 10, 10, "roughly"),
    ]  # fmt: skip
    early, late, crowd = data["facts"]
    assert (data["as_of"], data["known"], late["source"]) == ("2030-01-01", "2030-01-11", "A paper")
    law = stats.nbinom(SHAPE, DAYS_BEFORE / (DAYS_BEFORE + DAYS))
    # 4.9 standard errors of 40,000 histories: a chance of 1e-6.
    assert late["place"] == pytest.approx(law.cdf(3) + law.pmf(4) / 2, abs=4.9 * 0.5 / 200)
    # By the closed form exactly half of the histories have two hits or fewer, so that luck decides on the median.
    assert [late["quantiles"][i] for i in (0, 1, 3, 4)] == [law.ppf(FAN[i]) for i in (0, 1, 3, 4)]
    assert early["place"] == pytest.approx(stats.nbinom(SHAPE, 10 / 14).sf(1), abs=4.9 * 0.5 / 200)
    # Given two hits or more early on, four in all are fewer than they would have been.
    assert late["given"] < late["place"] - 0.1
    assert sum(late["histories"]) == data["simulated"] == 40_000
    assert crowd["why"] == "half of them cannot count"


def test_what_bears_on_the_reports_moves_and_the_rest_does_not(data: Data) -> None:
    rows = by_name(data["inputs"])
    assert not rows["hit_rate"]["unchanged"]
    assert rows["hit_rate"]["prior"]["mean"] == pytest.approx(SHAPE / DAYS_BEFORE, rel=1e-3)
    assert rows["hit_rate"]["posterior"]["mean"] == pytest.approx(
        7 / 20, abs=4.9 * rows["hit_rate"]["posterior"]["error"]
    )
    assert rows["shout_rate"]["unchanged"]
    assert by_name(data["hidden"])["mood"]["unchanged"]
    [mood] = data["hidden"]
    assert sum(level["posterior"] for level in mood["levels"]) == pytest.approx(1.0)
    assert [level["prior"] for level in mood["levels"]] == pytest.approx([0.6, 0.4])


def test_the_milestone_before_and_after(data: Data) -> None:
    found = data["milestone"]
    assert (found["name"], found["day"], found["end_day"]) == ("many", 10, 20)
    assert found["posterior"]["by"] == 0.0  # four hits are not six
    after = stats.nbinom.sf(1, SHAPE + 4, 20 / 30)  # two more within ten days
    # Wilson's half-width is two standard errors.
    half = (found["posterior"]["after_high"] - found["posterior"]["after_low"]) / 2
    assert found["posterior"]["after"] == pytest.approx(after, abs=2.5 * half)
    half = (found["prior"]["by_high"] - found["prior"]["by_low"]) / 2
    assert found["prior"]["by"] == pytest.approx(stats.nbinom(SHAPE, 0.5).sf(5), abs=2.5 * half)


def test_one_fact_alone(tmp_path: Path) -> None:
    data = made(tmp_path, facts=["crowd_k"])
    assert [fact["name"] for fact in data["facts"]] == ["crowd_k"]
    rows = by_name(data["inputs"])
    assert rows["hit_rate"]["unchanged"]
    assert data["together"] == data["facts"][0]["surprise"]


def test_more_are_simulated_until_enough_agree(tmp_path: Path) -> None:
    few = made(tmp_path, run={"replications": 500}, effective=1)
    assert (few["simulated"], few["replications"]) == (500, 500)
    more = made(tmp_path, run={"replications": 500}, effective=300)
    assert more["effective"] > 250
    assert more["simulated"] % 500 == 0
    assert made(tmp_path, run={"replications": 500}, effective=300, up_to=3)["simulated"] == 1_500


def test_numbers_do_not_depend_on_the_parts(tmp_path: Path) -> None:
    one, other = (made(tmp_path, run={"replications": 3_000, "chunk": chunk}) for chunk in (3_000, 170))
    assert one == other


def test_agreeing_histories_are_followed_on(tmp_path: Path) -> None:
    """Each is the very history of the forecast: the same hits by the last report."""
    asked = order(tmp_path)
    task = task_of(question(asked).scenario, asked.settings)
    seen = gather(task, question(asked).facts, 2_000)
    times = first_times(task, "many", seen.numbers)
    assert times.min() > DAYS
    everything = first_times(task, "many", np.arange(2_000))
    assert np.array_equal(times, everything[seen.numbers])


def test_nothing_agrees(tmp_path: Path) -> None:
    text = TEXT.replace("value: 4, basis", "value: 4000, basis")
    data = made(tmp_path, text, run={"replications": 200}, up_to=2)
    assert (data["matched"], data["agreeing"], data["together"]) == (0, 0.0, 0.0)
    assert all(row["posterior"] is None for row in data["inputs"])
    assert "Not one of 400 histories agrees" in told(data)
    assert len(plot(data, tmp_path)) == 2
    with pytest.raises(ValueError, match="no history agrees"):
        figures.inputs(data)


# ------------------------------------------------------------------------------------------------------ how it is told
def test_the_terminal_says_it(data: Data) -> None:
    text = told(data)
    assert "Forecast as of the end of 1 Jan 2030, reports until 11 Jan 2030." in text
    assert "hits: 4, by 11 Jan 2030, lie at the" in text
    assert "Read exactly it would lie at the" in text
    assert "roughly 10 thousand" in text
    assert "agrees with all of it" in text
    assert text.count("unchanged by data") >= 2
    assert "give or take (one standard deviation) crowd k: 20% (half of them cannot count)" in text
    assert "many (six hits): by 11 Jan 2030" in text


@pytest.mark.parametrize(
    ("place", "said"),
    [(0.8, "80th"), (0.21, "21st"), (0.12, "12th"), (0.93, "93rd"), (0.995, "99.5th"), (0.0, "0.1th"), (1.0, "99.9th")],
)
def test_percentiles_in_words(place: float, said: str) -> None:
    assert percentile(place) == f"{said} percentile"


def test_figures_show_it_and_come_from_the_summary(data: Data, tmp_path: Path) -> None:
    stored = json.loads(json.dumps(data))
    first, second = figures.predicted(stored), figures.inputs(stored)
    assert {"at least 2", "4", "roughly 10"} <= set(texts(first).split("\n"))
    assert texts(second).count("unchanged by data") >= 2
    assert "hit rate" in texts(second)
    for figure in (first, second):
        assert overlaps(figure) == []
    assert {path.name for path in plot(stored, tmp_path)} == {
        f"{name}.{kind}" for name in ("check_facts", "check_facts_inputs") for kind in ("svg", "png")
    }


# -------------------------------------------------------------------------------------------------- asked and kept
def test_a_run_is_kept_shown_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = {"replications": 1_000}
    assert answer(order(tmp_path, run=small, figures=True)) == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    table = pq.read_table(folder / "check_facts.parquet")
    assert table.num_rows == len(summary["facts"]) + len(summary["inputs"]) + 2
    assert {path.suffix for path in (folder / "figures").iterdir()} == {".svg", ".png"}
    assert answer(order(tmp_path, run=small)) == 0
    assert "shown, not computed again" in capsys.readouterr().err
    assert answer(order(tmp_path, run={**small, "again": True})) == 0
    summary["effective"] += 1.0
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    with pytest.raises(CheckError, match="differ"):
        answer(order(tmp_path, run={**small, "again": True}))


def test_little_that_agrees_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(order(tmp_path, run={"replications": 100}, up_to=1)) == 0
    assert "effective histories agree with the reports, of 100" in capsys.readouterr().err


def test_later_dates_have_less_to_be_held_against(tmp_path: Path) -> None:
    since: dict[str, Any] = {"from": "2030-01-05"}
    asked = question(order(tmp_path, **since))
    assert [(o.variable, str(o.date)) for o in asked.observations] == [
        ("hits", "2030-01-11"),
        ("crowd_k", "2030-01-11"),
    ]
    assert [fact.day for fact in asked.facts] == [6, 6]


@pytest.mark.parametrize(
    ("study", "why"),
    [
        ({"from": "2030-01-11"}, "is not before as_of"),
        ({"from": "soon"}, "write 2025-09-27"),
        ({"facts": ["hit"]}, "nothing is reported of 'hit' .did you mean 'hits'"),
        ({"milestone": "mny"}, "unknown milestone 'mny' .did you mean 'many'"),
        ({"effective": 0}, "outside 1"),
        ({"up_to": 0}, "outside 1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(study: dict[str, Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=why):
        question(order(tmp_path, **study))


def test_without_anything_reported_the_remedy_is_named(tmp_path: Path) -> None:
    text = TEXT
    for how in ("at least", "exactly"):
        text = text.replace(f", reported: {how}", "")
    text = text.replace("        reported: {roughly: 0.2, basis: {data: half of them cannot count}}\n", "")
    with pytest.raises(SettingError, match="`reported: exactly`"):
        question(order(tmp_path, text))


def test_the_command_knows_the_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = {**order(tmp_path).configuration, "run": {"replications": 300}}
    assert command.run(configuration, "escalation study=check_facts") == 0
    assert "held against what was reported later" in capsys.readouterr().out
