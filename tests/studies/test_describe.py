"""The description of a scenario as a command: words, a picture, two standards, and a folder with all of it."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sim.report.documented import documented
from sim.studies import describe, describe_files, describe_page, stored
from sim.studies.describe import FORMS
from sim.studies.order import Order
from sim.studies.settings import SettingError, Settings
from tests.report.described import HARD, shipped, tricky


def order(results: Path, form: Any = None, scenario: str = "two_rivals", **settings: Any) -> Order:
    study = {"name": "describe", **({} if form is None else {"form": form})}
    configuration = {"study": study, "scenario": dict(shipped(scenario).data), "results": str(results)}
    return Order(configuration, Settings(**settings), None, "escalation study=describe")


def test_words_are_printed_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert describe.answer(order(tmp_path)) == 0
    first = capsys.readouterr().out
    assert first.startswith("Two rivals and a border\n")
    assert describe.answer(order(tmp_path, "words")) == 0
    assert capsys.readouterr().out == first
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["pgae", 3, ["odd"]])
def test_an_unknown_form_is_told(form: Any, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=re.escape(f"study.form: {form!r} is unknown")):
        describe.answer(order(tmp_path, form))


def test_a_page_is_a_complete_run_and_the_same_each_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert describe.answer(order(tmp_path, "page")) == 0
    lines = capsys.readouterr().out.splitlines()
    folder = Path(lines[-1])
    assert "ODD: 16 of 17 items filled, 6 of 7 blocks; for an author: 1." in lines
    assert "STRESS-DES: 18 of 24 items filled; for an author: 1.1, 1.3, 2.3, 3.2, 5.4, 6.1." in lines
    names = {"describe.md", "documented.json", "manifest.json", "summary.json", "figures"}
    assert {path.name for path in folder.iterdir()} == names
    assert {path.name for path in (folder / "figures").iterdir()} == {"model.svg", "model.png"}
    (run,) = stored.runs(tmp_path)
    assert (run.complete, run.study) == (True, "describe")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert describe.answer(order(tmp_path, "page")) == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    kept = json.loads((folder / "documented.json").read_text(encoding="utf-8"))
    assert [section["filled"] for section in kept["sections"]] == [16, 18]


def test_the_diagram_is_told_in_lines_and_leaves_a_page_that_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = order(tmp_path, "diagram")
    folder, _ = describe_files.folder_of(asked, shipped("two_rivals"))
    folder.mkdir(parents=True)
    (folder / "describe.md").write_text("a page")
    assert describe.answer(asked) == 0
    told = capsys.readouterr().out
    assert Path(told.splitlines()[-1]) == folder
    assert "North: North takes a step up (about 1 per 60 d)\n    possible by: step\n" in told
    assert (folder / "describe.md").is_file()
    assert (folder / "figures" / "model.svg").is_file()


@pytest.mark.parametrize("form", ["odd", "stress"])
def test_a_standard_alone_is_printed_as_markdown(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert describe.answer(order(tmp_path, form, "cuba_1962")) == 0
    told = capsys.readouterr().out
    section = next(s for s in documented(shipped("cuba_1962"), Settings()) if s["name"] == form)
    for one in section["items"]:
        assert f"### {one['number']} {one['name']}" in told
        assert not one["author"] or f"**For an author:** {describe_page._safe(one['author'])}." in told
    assert list(tmp_path.iterdir()) == []
    assert set(FORMS) == {"words", "diagram", "odd", "stress", "page"}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.add(tag)


def test_a_label_is_shown_and_never_run() -> None:
    from sim.figures.sheets.model import alt
    from sim.report.links import links

    scenario = tricky()
    linked = links(scenario)
    sections = documented(scenario, Settings())
    page = describe_page.page(scenario.title, describe.describe(scenario), linked, alt(linked), sections)
    outside = re.sub(r"```text\n.*?\n```", "", page, flags=re.S)  # a block that is shown as it is
    tags = Tags()
    tags.feed(re.sub(r"\\.", "", outside))
    assert tags.found == {"br"}
    assert "\\<img src=x onerror=alert(1)\\> \\| \\`x\\`" in outside
    assert HARD[:20] in page
    rows = [line for line in outside.splitlines() if line.startswith("|")]
    widths = [len(re.split(r"(?<!\\)\|", row)) for row in rows]
    starts = [i for i, row in enumerate(rows) if row.startswith("|---")]
    assert starts
    for start, after in zip(starts, [*starts[1:], len(rows) + 1], strict=True):
        assert len(set(widths[start - 1 : after - 1])) == 1  # no label adds a column to its table


def test_the_folder_hangs_on_what_is_told(tmp_path: Path) -> None:
    scenario = shipped("two_rivals")
    one, _ = describe_files.folder_of(order(tmp_path), scenario)
    same, _ = describe_files.folder_of(order(tmp_path, again=True), scenario)
    assert one == same
    # Other settings are told otherwise, so they have a folder of their own.
    others = {
        describe_files.folder_of(asked, scenario)[0] for asked in (order(tmp_path, seed=3), order(tmp_path, chunk=3))
    }
    assert len({one, *others}) == 3
