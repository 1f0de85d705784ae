"""`study=plot`: the figures of a stored run again, the same bytes or as wished, without simulating."""

from pathlib import Path
from typing import Any

import pytest

from sim.runs import store
from sim.runs.store import RunError
from sim.studies import command
from sim.studies.forecast import Result, forecast
from sim.studies.settings import SettingError, Settings
from tests.runs import small


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    chosen = Settings(replications=100, inputs=20, histories=5)
    return forecast(small.scenario(), chosen, tmp_path_factory.mktemp("results"))


def plotted(result: Result, run: str | None = None, **settings: Any) -> int:
    configuration = {
        "format": 1,
        "scenario": {},
        "study": {"name": "plot", **settings},
        "run": run or str(result.folder),
        "results": str(result.folder.parent.parent),
    }
    return command.run(configuration, "escalation")


def size_of(png: Path) -> tuple[int, int]:
    data = png.read_bytes()
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def test_figures_come_back_with_the_same_bytes(result: Result, capsys: pytest.CaptureFixture[str]) -> None:
    first = {path.name: path.read_bytes() for path in result.plot()}
    folder = result.folder / "figures"
    for path in folder.iterdir():
        path.unlink()
    assert plotted(result) == 0
    said = capsys.readouterr().out.splitlines()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert [Path(line).name for line in said[:-1]] == list(first)
    assert said[-1] == str(result.folder)


def test_some_in_another_format_and_width(result: Result, capsys: pytest.CaptureFixture[str]) -> None:
    folder = result.folder / "figures"
    plotted(result, figures=["outcomes"], formats=["pdf", "png"], width=600)
    said = capsys.readouterr().out.splitlines()
    assert [Path(line).name for line in said[:-1]] == ["outcomes.pdf", "outcomes.png"]
    assert (folder / "outcomes.pdf").read_bytes()[:5] == b"%PDF-"
    assert size_of(folder / "outcomes.png")[0] == 600
    once = (folder / "outcomes.pdf").read_bytes()
    plotted(result, figures="outcomes", formats="pdf")
    assert (folder / "outcomes.pdf").read_bytes() == once


def test_chosen_milestones_are_drawn(result: Result) -> None:
    path = result.folder / "figures" / "incidence.svg"
    plotted(result, figures=["incidence"], formats=["svg"])
    all_of_them = path.read_bytes()
    plotted(result, figures=["incidence"], formats=["svg"], milestones=["strike"])
    assert path.read_bytes() != all_of_them


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"figures": ["outcome"]}, r"study.figures: .* has no 'outcome' \(did you mean 'outcomes'\?\); choose from"),
        ({"formats": ["gif"]}, "study.formats: 'gif' is unknown; choose from svg, png, pdf"),
        ({"width": 20}, "study.width: 20 is outside 300 … 10,000"),
        ({"width": "broad"}, "study.width: 'broad' is no whole number"),
        ({"milestones": ["strik"]}, r"study.milestones: unknown milestone 'strik' \(did you mean 'strike'\?\)"),
        ({"colour": "red"}, "study.colour: study plot has no such setting"),
        ({"run": "nowhere"}, "run 'nowhere': no such run under"),
    ],
)
def test_a_wrong_wish_is_refused_before_anything_is_written(
    result: Result, settings: dict[str, Any], message: str
) -> None:
    before = sorted((result.folder / "figures").glob("*"))
    with pytest.raises(SettingError, match=message):
        plotted(result, settings.pop("run", None), **settings)
    assert sorted((result.folder / "figures").glob("*")) == before


def test_what_keeps_nothing_to_draw_is_said(result: Result, tmp_path: Path) -> None:
    for study, complete, message in (
        ("trace", True, "study trace keeps nothing to draw"),
        ("forecast", False, "it has not ended; its command goes on: escalation x"),
    ):
        folder = tmp_path / "small" / f"{study}-01234567"
        manifest = {"format": store.FORMAT, "study": study, "complete": complete, "command": "escalation x"}
        store.write_json(folder / "manifest.json", manifest)
        with pytest.raises(RunError, match=message):
            plotted(result, str(folder))
