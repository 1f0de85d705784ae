"""The ledger: written once, chained by hashes, resolved in part, and scored as study=score would."""

import datetime
import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from sim.scenario.problems import ScenarioError
from sim.scenario.reading import read_bytes
from sim.studies import command
from sim.studies.forecast import Result, forecast, task_of
from sim.studies.happened import asked_of, read
from sim.studies.ledger import book as ledger_book
from sim.studies.ledger import study as ledger
from sim.studies.ledger.book import Book
from sim.studies.ledger.page import markdown, show
from sim.studies.ledger.scores import BINS, scored
from sim.studies.register import register
from sim.studies.resolve import resolve
from sim.studies.score import study as score
from sim.studies.settings import CheckError, SettingError, Settings
from sim.studies.table import console
from tests.runs import small
from tests.studies.test_score import HAPPENED
from tests.studies.test_weigh import RUN, TEXT

SETTINGS = Settings(replications=3_000, inputs=60, histories=40)
START = datetime.datetime(2025, 11, 18, 8, tzinfo=datetime.UTC)
LATER = datetime.datetime(2026, 6, 1, 8, tzinfo=datetime.UTC)
FIRST = """\
format: 1
scenario: small
known: 2025-12-20
outcome: {2025-12-17: quarrel}
milestones: {strike: never}
source: the wire
"""


def later(text: str = TEXT, as_of: str = "2025-11-27") -> str:
    return text.replace("as_of: 2025-11-17", f"as_of: {as_of}")


def entered(
    book: Book, folder: Path, text: str = TEXT, at: datetime.datetime = START
) -> tuple[Book, dict[str, Any], bool]:
    scenario = small.scenario(text)
    found = forecast(scenario, SETTINGS, folder)
    return register(book, scenario, SETTINGS, task_of(scenario, SETTINGS), found, at=at)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def kept(runs: Path) -> Path:
    """A ledger of two forecasts, never written to again."""
    folder = runs / "kept"
    book = entered(Book(folder), runs)[0]
    entered(book, runs, later())
    return folder


@pytest.fixture
def book(kept: Path, tmp_path: Path) -> Book:
    shutil.copytree(kept, tmp_path / "ledger")
    return ledger_book.read(tmp_path / "ledger")


def told(folder: Path, text: str, name: str = "happened.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def shown(data: dict[str, Any]) -> str:
    stream = StringIO()
    show(data, console(stream))
    return " ".join(stream.getvalue().split())


# ----------------------------------------------------------------------------------------------------- what is written
def test_an_entry_holds_what_scoring_needs(book: Book, runs: Path) -> None:
    first, second = book.entries
    found = forecast(small.scenario(TEXT), SETTINGS, runs)
    assert (first["registered"], first["as_of"]) == ("2025-11-18T08:00:00+00:00", "2025-11-17")
    assert first["content_hash"] == found.summary["content_hash"]
    assert first["configuration"] == found.summary["digests"]["configuration"] != second["configuration"]
    assert first["resolution"]["outcomes"]["blows"] == "shots were fired"
    assert first["resolution"]["milestones"]["strike"] == "North has struck"
    assert (first["previous"], second["previous"]) == ("0" * 64, first["sha256"])
    assert [s["name"] for s in first["statements"]] == ["watcher", "other", "before"]
    assert {law["kind"] for law in first["laws"]} >= {"model", "past", "rival", "stated", "weighted", "uniform"}


def test_the_same_forecast_is_registered_once(book: Book, runs: Path) -> None:
    before = sorted(path.name for path in book.folder.iterdir())
    again, entry, fresh = entered(book, runs, at=LATER)
    assert (fresh, entry["number"], len(again.records)) == (False, 1, 2)
    assert sorted(path.name for path in book.folder.iterdir()) == before


def test_a_number_is_never_written_over(book: Book) -> None:
    body = {key: value for key, value in book.records[1].items() if key not in ("number", "previous", "sha256")}
    old = Book(book.folder, book.records[:1])  # as another command saw it
    with pytest.raises(RuntimeError, match="number 2 was written by another command"):
        ledger_book.add(old, body, "small")


# ------------------------------------------------------------------------------------------------------------ tampering
def altered(book: Book, number: int, **changes: Any) -> Path:
    [path] = book.folder.glob(f"{number:04d}-*.json")
    path.write_text(json.dumps({**book.records[number - 1], **changes}), encoding="utf-8")
    return path


def test_an_altered_entry_is_named(book: Book) -> None:
    chances = json.loads(json.dumps(book.records[0]["chances"]))
    chances["outcomes_by"]["30"]["blows"]["probability"] += 1e-9
    path = altered(book, 1, chances=chances)
    with pytest.raises(CheckError, match=f"{path.name}: entry altered since it was registered") as error:
        ledger_book.read(book.folder)
    assert "0002" not in str(error.value)
    assert "put back what was there" in str(error.value)


def test_an_entry_altered_with_its_own_hash_breaks_the_chain(book: Book) -> None:
    forged = {**book.records[0], "registered": "2025-11-01T00:00:00+00:00"}
    altered(book, 1, registered=forged["registered"], sha256=ledger_book.digest(forged))
    with pytest.raises(CheckError, match=r"0002-forecast.*is not the one that was there when it was written"):
        ledger_book.read(book.folder)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_is_taken_away_shows(book: Book, tmp_path: Path, number: int) -> None:
    book, _ = resolve(book, told(tmp_path, FIRST), entry=1, at=LATER)
    ledger.shown(book, at=LATER)
    [path] = book.folder.glob(f"{number:04d}-*.json")
    path.unlink()
    with pytest.raises(CheckError, match=r"taken away|is missing"):
        ledger_book.read(book.folder)


def test_what_is_put_in_between_shows(book: Book) -> None:
    [second] = book.folder.glob("0002-*.json")
    second.rename(second.with_name(second.name.replace("0002", "0003")))
    body = {**book.records[1], "title": "Another"}
    forged = {**body, "sha256": ledger_book.digest(body)}
    second.write_text(json.dumps(forged), encoding="utf-8")
    with pytest.raises(CheckError, match=r"0003-forecast.*renamed"):
        ledger_book.read(book.folder)
    second.write_text("{", encoding="utf-8")
    with pytest.raises(CheckError, match="cannot be read"):
        ledger_book.read(book.folder)


# ----------------------------------------------------------------------------------------------------------- resolution
def test_scores_are_those_of_a_score(book: Book, runs: Path, tmp_path: Path) -> None:
    path = told(tmp_path, HAPPENED)
    scenario = small.scenario(TEXT)
    found: Result = forecast(scenario, SETTINGS, runs)
    mine = score.scored(scenario, SETTINGS, found, read(path, asked_of(scenario, 120)))
    book, [record] = resolve(book, path, entry="0001", at=LATER)
    assert record["entry"] == {"number": 1, "sha256": book.entries[0]["sha256"]}
    assert record["source"] == "invented"
    entry = scored(book, at=LATER, floor=0.001)["entries"][0]
    laws = {law["label"]: law for law in entry["laws"]}
    for law in mine["laws"]:
        other = laws[law["label"]]
        for day, scores in law["outcomes"].items():
            assert other["outcomes"][day] == pytest.approx(scores, abs=1e-6)
        for name, scores in law["milestones"].items():
            assert other["milestones"][name]["by"] == pytest.approx(scores["by"], abs=1e-6)
            assert other["milestones"][name]["crps"] == pytest.approx(scores["crps"], abs=1e-4)
    [count] = mine["counts"]
    for law in count["laws"]:
        assert laws[law["label"]]["counts"]["shots"]["90"]["crps"] == pytest.approx(law["crps"], abs=1e-6)


def test_only_what_is_known_is_scored_and_later_words_count(book: Book, tmp_path: Path) -> None:
    book, _ = resolve(book, told(tmp_path, FIRST), entry=1, at=START + datetime.timedelta(days=40))
    data = scored(book, at=START + datetime.timedelta(days=40), floor=0.001)
    entry = data["entries"][0]
    assert (entry["state"], entry["resolved"], entry["due"]) == ("in part", ["30"], [])
    model = entry["laws"][0]
    assert list(model["outcomes"]) == ["30"]
    assert list(model["milestones"]["strike"]["by"]) == ["30"]
    assert data["pools"][0] | {"outcomes": 0, "milestones": 0} == {
        **{"hindsight": False, "n": 1, "days": 1, "cases": 1},
        **{"outcomes": 0, "milestones": 0},
    }
    # A later telling adds a day and corrects what was said of the first; both records stay.
    second = FIRST.replace("2025-12-20", "2026-02-20").replace(
        "{2025-12-17: quarrel}", "{2025-12-17: settlement, 2026-02-15: blows}"
    )
    book, _ = resolve(book, told(tmp_path, second.replace("strike: never", "strike: 2025-12-24")), entry=1, at=LATER)
    entry = scored(ledger_book.read(book.folder), at=LATER, floor=0.001)["entries"][0]
    assert entry["happened"]["outcomes"] == {"30": "settlement", "90": "blows"}
    assert entry["happened"]["milestones"] == {"strike": [37, 95]}
    assert list(entry["laws"][0]["milestones"]["strike"]["by"]) == ["30", "90"]
    assert [t["number"] for t in entry["told"]] == [3, 4]
    assert entry["due"] == ["2026-03-17"]


def test_one_file_resolves_all_forecasts_of_its_scenario(book: Book, tmp_path: Path) -> None:
    both = FIRST.replace("{2025-12-17: quarrel}", "{2025-12-17: quarrel, 2025-12-27: blows}").replace("12-20", "12-30")
    book, records = resolve(book, told(tmp_path, both), at=LATER)
    assert [(r["entry"]["number"], r["outcomes"]) for r in records] == [
        (1, {"2025-12-17": "quarrel"}),
        (2, {"2025-12-27": "blows"}),
    ]
    again, none = resolve(book, told(tmp_path, both), at=LATER)
    assert (none, len(again.records)) == ([], 4)
    pool = scored(book, at=LATER, floor=0.001)["pools"][0]
    # The second was made ten days after the first was registered, and entered on the day the first was.
    assert (pool["n"], pool["cases"], pool["hindsight"]) == (2, 1, False)
    logs = [e["laws"][0]["outcomes"]["30"]["log"] for e in scored(book, at=LATER, floor=0.001)["entries"]]
    assert pool["outcomes"]["model"]["log"] == pytest.approx(sum(logs) / 2)
    assert pool["outcomes"]["model"]["gain"] == 0.0


def test_one_date_only(book: Book, tmp_path: Path) -> None:
    text = FIRST.replace("2025-12-17: quarrel", "2025-12-27: quarrel").replace("12-20", "12-30")
    _, [record] = resolve(book, told(tmp_path, text), as_of="2025-11-27", at=LATER)
    assert record["entry"]["number"] == 2


def test_what_was_registered_later_is_pooled_apart(runs: Path, tmp_path: Path) -> None:
    late = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    book = entered(Book(tmp_path), runs, at=late)[0]
    book, _ = resolve(book, told(tmp_path, HAPPENED), entry=1, at=LATER)
    data = scored(book, at=LATER, floor=0.001)
    assert data["entries"][0]["hindsight"] == ["30"]
    assert [(p["hindsight"], p["days"]) for p in data["pools"]] == [(False, 1), (True, 1)]
    text = shown(data)
    assert "(registered later: in hindsight)" in text
    assert "in hindsight (registered after the day): 1 forecast, one case" in text


def test_calibration_waits_for_ten(book: Book, tmp_path: Path) -> None:
    path = told(tmp_path, HAPPENED)
    book, _ = resolve(book, path, entry=1, at=LATER)
    assert scored(book, at=LATER, floor=0.001)["calibration"]["bins"] == []
    assert "Calibration is shown from 10 resolved forecasts on" in shown(scored(book, at=LATER, floor=0.001))
    first, facts = book.entries[0], book.records[-1]
    many = Book(book.folder)
    for i in range(10):  # ten other crises with the same chances
        body = {key: value for key, value in first.items() if key not in ("number", "previous", "sha256")}
        many, entry = ledger_book.add(Book(tmp_path / "many", many.records), {**body, "scenario": f"small_{i}"}, "x")
        told_of = {key: facts[key] for key in facts if key not in ("number", "previous", "sha256", "entry")}
        link = {"number": entry["number"], "sha256": entry["sha256"]}
        many, _ = ledger_book.add(many, {**told_of, "entry": link}, "y")
    data = scored(many, at=LATER, floor=0.001)
    bins = data["calibration"]["bins"]
    assert data["calibration"]["cases"] == data["pools"][0]["cases"] == 10
    assert sum(b["n"] for b in bins) == 10 * 2 * 3  # two days, three outcomes
    assert sum(b["came"] for b in bins) == 10 * 2
    assert all(BINS[0] <= b["low"] <= b["mean"] <= b["high"] <= BINS[-1] for b in bins)
    assert "Calibration of the outcomes (10 forecasts of 10 crises)" in markdown(data)


# ------------------------------------------------------------------------------------------------------- wrong inputs
@pytest.mark.parametrize(
    ("change", "asked", "why"),
    [
        (("source: the wire\n", ""), {}, "who says so"),
        (("known: 2025-12-20", "known: 2027-01-01"), {}, "lies ahead"),
        (("small", "smal"), {}, r"no forecast of 'smal' is registered \(did you mean 'small'"),
        (
            ("", ""),
            {"as_of": "2025-10-01"},
            "as of 2025-10-01 is registered; there are those of 2025-11-17, 2025-11-27",
        ),
        (("", ""), {"entry": 7}, "no forecast '7'.*there are 0001, 0002"),
        (
            ("2025-12-17: quarrel}\nmilestones: {strike: never}", "2025-12-18: quarrel}"),
            {"entry": 1},
            "nothing to resolve",
        ),
    ],
)
def test_what_cannot_be_resolved(
    book: Book, tmp_path: Path, change: tuple[str, str], asked: dict[str, Any], why: str
) -> None:
    with pytest.raises(SettingError, match=why):
        resolve(book, told(tmp_path, FIRST.replace(*change)), **asked, at=LATER)
    assert len(ledger_book.read(book.folder).records) == 2


@pytest.mark.parametrize(
    ("change", "line", "why"),
    [
        (("quarrel", "quarel"), 4, "did you mean 'quarrel'"),
        (("strike", "strke"), 5, "did you mean 'strike'"),
        (("known: 2025-12-20", "known: soon"), 3, "a date is wanted"),
        (("{2025-12-17: quarrel}", "{2026-12-17: quarrel}"), 4, "outside what can be scored"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(
    book: Book, tmp_path: Path, change: tuple[str, str], line: int, why: str
) -> None:
    with pytest.raises(ScenarioError) as error:
        resolve(book, told(tmp_path, FIRST.replace(*change)), entry=1, at=LATER)
    assert any(f"happened.yaml:{line}: " in str(p) and why in str(p) for p in error.value.problems)


def test_an_outcome_without_a_date_lies_within_the_forecast(tmp_path: Path) -> None:
    text = FIRST.replace("{2025-12-17: quarrel}", "quarrel").replace("2025-12-20", "2026-05-01")
    with pytest.raises(ScenarioError, match=r"past the end of the forecast; give it by date, such as {2026-03-17: "):
        read(told(tmp_path, text), asked_of(small.scenario(TEXT), 120))


# --------------------------------------------------------------------------------------------------- the three commands
def configuration(results: Path, name: str, **study: Any) -> dict[str, Any]:
    return {
        **{"format": 1, "scenario": dict(read_bytes(TEXT.encode()).data), "run": RUN, "results": str(results)},
        "study": {"name": name, **study},
    }


def test_the_commands(
    tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingError, match="no ledger here; study=register begins one"):
        command.run(configuration(tmp_path, "ledger"), "escalation study=ledger")
    with pytest.raises(SettingError, match=r"study\.ledger: 3 is no folder"):
        command.run(configuration(tmp_path, "register", ledger=3), "escalation study=register")
    with pytest.raises(SettingError, match=r"study\.happened: say which file"):
        command.run(configuration(tmp_path, "resolve"), "escalation study=resolve")
    monkeypatch.setattr(ledger_book, "now", lambda: START)
    saved = forecast(small.scenario(TEXT), SETTINGS, runs).folder
    assert command.run(configuration(tmp_path, "register", run=str(saved)), "escalation study=register") == 0
    said = capsys.readouterr()
    assert "registered as 0001, hash " in said.err
    assert said.out.splitlines()[-1] == str(tmp_path / "ledger")
    assert command.run(configuration(tmp_path, "register"), "escalation study=register") == 0
    assert "was registered as 0001 on 2025-11-18T08:00:00+00:00: nothing is written" in capsys.readouterr().err
    monkeypatch.setattr(ledger_book, "now", lambda: LATER)
    happened = str(told(tmp_path, HAPPENED))
    assert command.run(configuration(tmp_path, "resolve", happened=happened), "escalation study=resolve") == 0
    assert "0002 resolves 0001, hash " in capsys.readouterr().err
    assert command.run(configuration(tmp_path, "ledger"), "escalation study=ledger") == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in ("1 forecast of one crisis registered, 1 resolved", "0001, 15 Feb 2026, 90 days: blows; one case"):
        assert part in text
    assert "To be resolved: 0001 for 17 Mar 2026" in text
    page = (tmp_path / "ledger" / "ledger.md").read_text(encoding="utf-8")
    assert "*strike* (milestone): North has struck" in page
    assert "0002, 2026-06-01T08:00:00+00:00: known to 15 Feb 2026; invented" in page
    data = json.loads((tmp_path / "ledger" / "ledger.json").read_text(encoding="utf-8"))
    assert (data["records"], data["head"]) == (2, ledger_book.read(tmp_path / "ledger").head)
