"""What a report says: numbers of the run and no others, whatever the scenario has or lacks."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

from sim.report.words import one_in
from sim.runs import store
from sim.scenario.build import build
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.statistics.shown import percent, with_range
from sim.studies import command
from sim.studies.forecast import forecast
from sim.studies.indicators.study import indicators_of
from sim.studies.report import beside, drivers
from sim.studies.report import first as report_first
from sim.studies.report import study as report
from sim.studies.settings import SettingError, Settings
from sim.studies.tornado import study as tornado
from sim.studies.typical.study import typical_of
from sim.studies.update import study as update
from tests.report.looks import QUICK, Page, written
from tests.runs import small
from tests.studies import two_dates


def two_reports(as_of: str | None) -> Scenario:
    """A scenario with three reports, as of a date."""
    return build(read_bytes(two_dates.TEXT.encode()).data, as_of=as_of)


def told(text: str, section: str) -> str:
    """What a section says, as one line."""
    start = text.index(f'id="{section}"')
    part = text[text.index(">", start) + 1 :]
    return " ".join(Page(html.unescape(part[: part.index("</section>")]).replace("\u00a0", " ")).text.split())


# ------------------------------------------------------------------------------------------------- numbers of the run
def test_the_headline_is_the_run_s_own_chance_with_its_range(tmp_path: Path) -> None:
    found, text = written(small.scenario(), tmp_path)
    said = told(text, "headline")
    for day in ("30", "90", "120"):
        five = found.milestones["strike"]["by"][day]
        shown = with_range(five["probability"], five["range_low"], five["range_high"])
        assert f"({day} days) {one_in(five['probability'])} {shown}" in said
    assert "strike: North has struck" in text
    beside = told(text, "beside")
    assert "past cases (n = 20)" in beside
    assert "one-page rival" in beside


def test_the_course_names_the_likeliest_outcome_and_the_commonest_order(tmp_path: Path) -> None:
    found, text = written(small.scenario(), tmp_path)
    likeliest = max(found.outcomes, key=lambda name: found.outcomes[name]["probability"])
    assert f"Most likely on 17 Mar 2026: {likeliest}, {percent(found.outcomes[likeliest]['probability'])}" in told(
        text, "course"
    )
    summary = {"milestones": {"a": {}, "b": {}, "secret": {}}, "secret": ["secret"]}
    times = {
        "a": np.array([1.0, 2.0, 5.0, np.inf]),
        "b": np.array([3.0, 4.0, 1.0, np.inf]),
        "secret": np.array([0.5, np.inf, 0.5, 0.5]),
    }
    said = report_first.commonest(summary, times)
    assert "a → b, and no other (50 % of the histories)" in said
    nothing = {name: np.full(4, np.inf) for name in times}
    assert "none of them (over 95 % of the histories)" in report_first.commonest(summary, nothing)


def test_what_was_known_later_is_not_in_the_page(tmp_path: Path) -> None:
    later = two_reports("2030-01-05")
    text = written(later, tmp_path)[1]
    known = {number for number, f in later.findings.items() if later.reports[f.report].date <= later.as_of}
    assert known < set(later.findings)
    assert set(map(int, re.findall(r'id="finding-(\d+)"', text))) == known
    first = written(two_reports("2030-01-01"), tmp_path)[1]
    assert "This is the first report" in told(first, "changed")
    assert "What changed since 1 Jan 2030" in told(text, "changed")
    assert "no number" not in told(text, "silent")  # all of the findings known then are used
    assert "hits: 0 → 2" in told(text, "changed")


# ---------------------------------------------------------------------------------------------------------- what drives
def test_an_input_that_decides_is_told_and_others_are_not() -> None:
    """With no effect at all, Holm names one of the inputs in at most 5 % of runs; 60 runs make 10 or more such with a
    chance below 0.1 %. A rule without it (any difference beyond its own 95 % interval) names one in four of five runs.
    """
    scenario, generator = small.scenario(), np.random.default_rng(5)
    names = ["input.pace", "input.force_x", "start.goal"]
    wrong = naive = 0
    for _ in range(60):
        drawn = {names[0]: generator.random(2_000), names[1]: generator.random(2_000)}
        drawn[names[2]] = (generator.random(2_000) < 0.3).astype(np.int64)
        many = [f"input.i{i}" for i in range(20)]
        happened = generator.random(2_000) < 0.2
        rows = [row for row in drivers._tenths(scenario, happened, drawn) if row["error"] > 0]
        columns = [generator.random(2_000) for _ in many]
        ends = [(column <= 0.1, column >= 0.9) for column in columns]
        more = [drivers._row(("i", "", scenario.inputs[0].evidence), happened, end, ("", "")) for end in ends]
        rows += [row for row in more if row is not None]
        told_apart = drivers.told_apart([r["difference"] for r in rows], [r["error"] for r in rows])
        wrong += any(told_apart)
        naive += any(abs(row["difference"]) > row["error"] for row in rows)
    assert wrong < 10
    assert naive > 20
    pace = generator.random(4_000)
    drawn = {"input.pace": pace, "input.force_x": generator.random(4_000)}
    rows = drivers._tenths(scenario, generator.random(4_000) < pace, drawn)
    clear = drivers.told_apart([row["difference"] for row in rows], [row["error"] for row in rows])
    assert clear == [True, False]
    assert rows[0]["difference"] == pytest.approx(0.9, abs=0.09)  # four standard errors


def test_a_stored_tornado_of_the_question_is_taken(tmp_path: Path) -> None:
    scenario = small.scenario()
    assert "That is conditioning, not holding" in told(written(scenario, tmp_path)[1], "drivers")
    asked = tornado.Question("strike", 90, 400)
    data, folder = tornado.tornado(scenario, asked, QUICK, tmp_path)
    assert folder == tornado.folder_of(scenario, asked, QUICK, tmp_path)
    said = told(written(scenario, tmp_path)[1], "drivers")
    assert "From the stored study=tornado" in said
    row = data["rows"][0]
    assert f"{percent(row['at_high'])} at {row['high_value']}" in said


def test_of_a_large_run_the_page_looks_at_the_first_histories_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written(small.scenario(), tmp_path)[1]
    assert "the first 300" not in told(whole, "drivers") + told(whole, "indicators") + told(whole, "typical")
    for function in (drivers.columns, indicators_of, typical_of):
        monkeypatch.setitem(function.__kwdefaults__ or {}, "most", 300)
    found, text = written(small.scenario(), tmp_path)
    n = found.summary["replications"]
    assert f"From the first 300 of {n:,} histories of this run: the chance among those" in told(text, "drivers")
    assert f"In the first 300 of {n:,} histories of this run in which it was drawn" in told(text, "hangs")
    assert f"of the first 300 of {n:,} simulated histories in which the target" in told(text, "indicators")
    assert f"All this is of the first 300 of {n:,} simulated histories." in told(text, "typical")
    law = {**found.summary, "weights": {"story": 0.3}, "replaces": False}
    asked = {"kind": "milestones", "name": "strike"}
    for read, said in (
        (300, f"the first 300 of {n:,} simulated histories, with weight"),
        (n, "the same histories, with"),
    ):
        (row,) = beside._weighed_row({**law, "read": read}, found.summary, asked, list(found.summary["days"]))
        assert row["refers"].startswith(said)


# ----------------------------------------------------------------------------------------------------- what changed
def test_what_changed_is_listed_and_its_parts_are_told_once_update_was_run(tmp_path: Path) -> None:
    scenario = two_reports(None)
    text = written(scenario, tmp_path)[1]
    assert "study=update" in told(text, "changed")
    assert "points" not in told(text, "changed")  # no number is made up
    asked = update.question(scenario, {"replications": 200})
    data, folder = update.update(scenario, asked, QUICK, tmp_path)
    assert folder == update.folder_of(scenario, update.question(scenario, {}), QUICK, tmp_path)
    said = told(written(scenario, tmp_path)[1], "changed")
    move = data["moves"][-1]
    what = f"by.{data['milestone']}"
    largest = max((p for p in move["parts"] if p["what"] == what), key=lambda part: abs(part["value"]))
    assert f"{100 * largest['value']:+.1f} ± {100 * largest['error']:.1f}" in said


# -------------------------------------------------------------------------------------------------- what may be missing
def without(*sections: str) -> str:
    """The small scenario without some of its sections."""
    text = small.TEXT
    for section in sections:
        text = re.sub(rf"^{section}:.*\n(?:[ ].*\n)*", "", text, count=1, flags=re.MULTILINE)
    return text


def test_a_scenario_with_little_in_it_has_a_page(tmp_path: Path) -> None:
    bare = without("ladder", "flags", "base_rates", "not_modelled", "findings", "reports", "milestones")
    bare = bare.replace(" and crisis", "").replace("ends: [settlement]", "ends: [settled]")
    found, text = written(small.scenario(bare), tmp_path)
    assert not found.milestones
    assert "The chance that this is how things stand on a day" in text
    assert 'id="bands"' in text  # counts are drawn
    assert "no base rate and no one-page rival" in told(text, "beside")
    assert "The scenario cites no report" in told(text, "changed")
    assert "Never tested" in told(text, "record")


@pytest.mark.parametrize("replications", [1, 3])
def test_a_run_of_one_replication_says_how_little_it_says(tmp_path: Path, replications: int) -> None:
    settings = Settings(replications=replications, inputs=20, histories=5)
    text = written(small.scenario(), tmp_path, settings)[1]
    assert "so few say little. run.replications=20000 says more." in told(text, "headline")


def test_what_never_happened_has_a_bound_and_what_cannot_happen_says_so(tmp_path: Path) -> None:
    never = small.TEXT.replace("after: {lognormal: {median: 10 d, p90: 30 d}}", "rate: 0.0000001 per d")
    found, text = written(small.scenario(never), tmp_path)
    assert found.milestones["strike"]["by"]["120"]["probability"] == 0
    assert "It happened in none of them: by sampling alone (95 %), a chance of at most 0.5 %" in told(text, "headline")
    assert "under 1 in 100" in told(text, "headline")
    cannot = small.TEXT.replace("says: North strikes", "says: North strikes\n    from: 2025-12-24")
    said = told(written(small.scenario(cannot), tmp_path)[1], "headline")
    assert "cannot happen in this model" in said
    assert "none of them" not in said


# --------------------------------------------------------------------------------------------------------- as a command
def composed(results: Path, study: dict[str, object], run: object) -> dict[str, object]:
    data = read_bytes(small.TEXT.encode()).data
    return {"format": 1, "scenario": data, "results": str(results), "study": study, "run": run, "executor": "serial"}


def test_a_forecast_writes_its_page_where_it_draws_or_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = {"replications": 300, "inputs": 20, "histories": 5}
    assert command.run(composed(tmp_path, {"name": "forecast", "figures": False}, run), "escalation") == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    assert not (folder / "report.html").exists()
    asked = {"name": "forecast", "figures": False, "report": True}
    assert command.run(composed(tmp_path, asked, run), "escalation") == 0
    page = folder / "report.html"
    assert json.loads((folder / "summary.json").read_text())["content_hash"] in page.read_text()
    page.write_text("kept")  # a page of other numbers is written again, this run's own is left as it is
    assert command.run(composed(tmp_path, asked, run), "escalation") == 0
    assert page.read_text() != "kept"
    before = page.stat().st_mtime_ns
    assert command.run(composed(tmp_path, asked, run), "escalation") == 0
    assert page.stat().st_mtime_ns == before
    assert command.run(composed(tmp_path, asked, {**run, "inputs": 25}), "escalation") == 0  # other ranges
    assert "25 draws" in page.read_text()
    capsys.readouterr()
    again = composed(tmp_path, {"name": "report"}, str(folder))
    assert command.run(again, "escalation") == 0
    assert capsys.readouterr().out.splitlines() == [str(page), str(folder)]
    # The page of a stored run gives each number the basis it had.
    assert "[data: invented for a test]" in page.read_text()


def test_only_a_forecast_has_a_page(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="give a run folder"):
        command.run(composed(tmp_path, {"name": "report"}, {}), "escalation")
    with pytest.raises(SettingError, match="report: 'maybe' is neither true nor false"):
        command.run(composed(tmp_path, {"name": "forecast", "report": "maybe"}, {"replications": 100}), "escalation")
    other = tmp_path / "small" / "tornado-0123456789"
    store.write_json(other / "manifest.json", {"format": 1, "study": "tornado", "complete": True})
    with pytest.raises(SettingError, match="only a forecast has a report"):
        command.run(composed(tmp_path, {"name": "report"}, "small/tornado"), "escalation")


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    scenario: Scenario = small.scenario()
    first = written(scenario, tmp_path)[1]
    found = forecast(scenario, QUICK, tmp_path)
    assert report.write(found, scenario, QUICK).read_text(encoding="utf-8") == first
