"""What Python callers have: the public names, the demonstration, the tutorial, and what a notebook shows."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

import sim
from sim.statistics.shown import with_range
from sim.studies.notebook import Pictures, Told, comparison_html, forecast_html
from tests.notebooks import played

REPO = Path(__file__).resolve().parent.parent
TUTORIAL = REPO / "results" / "gallery" / "tutorial.ipynb"


@pytest.fixture(autouse=True)
def no_window() -> Iterator[None]:
    from matplotlib import pyplot

    before = mpl.get_backend()
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")
    pyplot.switch_backend(before)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> sim.Result:
    return sim.demo(500, results=tmp_path_factory.mktemp("results"))


class Page(HTMLParser):
    """The tags and the text of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("br", "img") and (self.get_starttag_text() or "")[-2:] != "/>":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if (self.get_starttag_text() or "")[-2:] != "/>" or tag == (self.open or [""])[-1]:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_public_names_are_there_described_and_in_the_readme() -> None:
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    for name in sim.__all__:
        thing = getattr(sim, name)
        assert name == "__version__" or thing.__doc__, name
        assert f"`sim.{name}" in readme, name
    for name in sim.figures.__all__:
        assert getattr(sim.figures, name).__doc__, name
    assert 10 <= len(sim.__all__) <= 14
    with pytest.raises(AttributeError, match="no attribute 'runs_and_hides'"):
        _ = sim.runs_and_hides


def test_importing_loads_nothing_heavy() -> None:
    code = "import sim, sim.figures, sys; print(*(sys.modules.keys() & {'numpy', 'matplotlib', 'pyarrow', 'rich'}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_the_demonstration_prints_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = sim.demo(200, results=tmp_path)
    printed = capsys.readouterr().out
    assert "Two rivals and a border" in printed
    assert "200 simulated histories, seed 1" in printed
    assert found.summary["inputs"], "it has a range over the inputs to show"
    assert found.folder.is_relative_to(tmp_path)
    assert sim.stored(f"two_rivals/{found.folder.name[:12]}", tmp_path).summary == found.summary


def test_every_cell_of_the_tutorial_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    book = json.loads(TUTORIAL.read_text(encoding="utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    assert all(not cell["outputs"] for cell in book["cells"] if cell["cell_type"] == "code")
    shown = [value for _, value in played(TUTORIAL)]
    kinds = [type(value).__name__ for value in shown if value is not None]
    assert kinds == ["Result", "Result", "Comparison", "Told"]
    printed = capsys.readouterr().out
    assert "Two rivals and a border" in printed
    wars = [float(share) for share in re.findall(r"chance of war (0\.\d+)", printed)]
    assert wars[0] > wars[1] > wars[2], "accepted offers of talks make war less likely"
    assert not list(tmp_path.iterdir()), "it leaves nothing where it is run"


def test_a_cell_that_fails_fails_the_notebook(tmp_path: Path) -> None:
    cells = [{"cell_type": "code", "source": ["a = 2\n", text]} for text in ("a * 21", "a;", "a = 1 / 0")]
    book = tmp_path / "x.ipynb"
    book.write_text(json.dumps({"cells": cells}))
    running = played(book)
    assert [next(running)[1], next(running)[1]] == [42, None]
    with pytest.raises(ZeroDivisionError):
        next(running)


# ------------------------------------------------------------------------------------------------- what is shown
def test_a_result_is_shown_with_the_numbers_of_the_terminal(result: sim.Result) -> None:
    page = Page(result._repr_html_())
    assert page.open == []
    for by in result.summary["outcomes_by"].values():
        for five in by.values():
            assert with_range(five["probability"], five["range_low"], five["range_high"]) in page.text
    assert "500 simulated histories, seed 1" in page.text
    assert "under assumptions" in page.text
    wide = [float(width) for width in re.findall(r'<rect y="4" width="([\d.]+)"', result._repr_html_())]
    last = [five["probability"] for five in result.outcomes.values()]
    assert wide[: len(last)] == pytest.approx([110 * share for share in last], abs=0.06)


def test_what_cannot_happen_has_no_number(result: sim.Result) -> None:
    summary = {**result.summary, "impossible": {"outcomes": {"war": None}, "milestones": {}, "flags": {}}}
    rows = forecast_html(summary).split("<tr>")
    [war] = [row for row in rows if "<b>war</b>" in row and "–</td>" in row]
    assert "rect" not in war
    assert "%" not in war


HOSTILE = '<script>alert("x")</script> \u202e & \x1b[31m'


def test_html_in_a_label_is_shown_and_not_run(result: sim.Result) -> None:
    told = {kind: dict.fromkeys(by, HOSTILE) for kind, by in result.summary["sentences"].items()}
    summary = {**result.summary, "title": HOSTILE, "question": HOSTILE, "sentences": told}
    for text in (forecast_html(summary), Told({}, (HOSTILE, "two"))._repr_html_()):
        page = Page(text)
        assert "script" not in page.tags
        assert '<script>alert("x")</script>' in page.text
        assert not {"\u202e", "\x1b"} & set(text)


def test_a_comparison_is_shown_by_its_differences(tmp_path: Path) -> None:
    same = {"inputs.north_push.value": "1 per 60 d"}
    found = sim.compare(
        {"less": {"inputs.north_push.value": "1 per 600 d"}, "same": {"says": HOSTILE, "changes": same}},
        "two_rivals", replications=200, inputs=20, histories=5, results=tmp_path,
    )  # fmt: skip
    page = Page(found._repr_html_())
    assert page.open == []
    assert "script" not in page.tags
    kind, name = found.summary["event"]["kind"], found.summary["event"]["name"]
    for day, number in found.variants["less"][kind][name].items():
        assert f"{100 * number['difference']:+.1f} ± {100 * number['error']:.1f}" in page.text, day
    assert re.search(r"[^+\-.\d]0\.0 ± ", page.text), "no difference has no sign"
    assert page.text == Page(comparison_html(found.summary)).text


def test_pictures_show_themselves(tmp_path: Path) -> None:
    drawing = tmp_path / "a_b.svg"
    drawing.write_text("<svg/>")
    shown = Pictures([drawing, tmp_path / "a_b.png", tmp_path / "gone.svg"])._repr_html_()
    assert shown.count("<img") == 1
    assert 'alt="a b"' in shown
    assert "base64,PHN2Zy8+" in shown


def test_a_history_is_told_and_drawn(result: sim.Result) -> None:
    history: Any = result.history(7)
    assert str(history).startswith("Two rivals and a border: simulated history 7 of seed 1")
    ax = sim.figures.timeline(history)
    assert "simulated history 7 of seed 1" in ax.get_title(loc="left").lower().replace("\n", " ")
    with pytest.raises(ValueError, match="history 500: this run has those from 0 to 499"):
        result.history(500)
