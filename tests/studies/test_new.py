"""A scenario of one's own: the template runs as it stands, and a bad path is refused before anything is written."""

from pathlib import Path

import pytest

from sim.scenario import json_schema
from sim.scenario.build import build
from sim.scenario.reading import read_file
from sim.studies.describe import describe
from sim.studies.new import create
from sim.studies.settings import SettingError


def test_template_is_a_scenario_at_both_of_its_dates(tmp_path: Path) -> None:
    path = create(str(tmp_path / "scenario" / "strait.yaml"))
    data = read_file(path).data
    late, early = build(data), build(data, as_of="2030-03-01")
    assert late.name == early.name == "strait"
    assert "island.exercise" in late.actions
    assert "island.exercise" not in early.actions
    assert (tmp_path / "scenario.schema.json").read_text(encoding="utf-8") == json_schema.text()
    assert "$schema=../scenario.schema.json" in path.read_text(encoding="utf-8")
    assert f"--config-dir {tmp_path} scenario=strait" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (None, "say where"),
        (7, "say where"),
        ("strait.yaml", "folder called scenario"),
        ("mine/scenario/strait.txt", "folder called scenario"),
        ("mine/scenario/Strait.yaml", "no name"),
        ("mine/scenario/../strait.yaml", "folder called scenario"),
    ],
)
def test_bad_paths_are_refused(path: object, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match=why):
        create(path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "scenario" / "strait.yaml"
    create(str(path))
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(SettingError, match="there already"):
        create(str(path))
    assert path.read_text(encoding="utf-8") == "mine"


def test_description_names_everything_in_the_scenario(tmp_path: Path) -> None:
    path = create(str(tmp_path / "scenario" / "strait.yaml"))
    scenario = build(read_file(path).data)
    text = " ".join(" ".join(describe(scenario)).split())
    names = [
        *scenario.actions,
        *(q.name for q in scenario.inputs),
        *(j.why for j in scenario.judgements if not j.fixed),
    ]
    says = [a.says for a in scenario.actions.values()] + [o.says for o in scenario.outcomes]
    shown = [name for name in [*names, *says] if not name.startswith("fading.") and "one of them fades" not in name]
    assert [name for name in shown if name not in text] == []
    assert "bargain 0.8, seize 0.2" in text
    assert "as of the end of 10 Mar 2030" in text.lower().replace("mar", "Mar")


def test_description_tells_of_the_rival_and_of_what_was_said(tmp_path: Path) -> None:
    path = create(str(tmp_path / "scenario" / "strait.yaml"))
    text = " ".join(" ".join(describe(build(read_file(path).data))).split())
    assert (
        "clash, odds × 3, with a chance of 20 %: the island's government wants the strait; so in 10 % of past cases"
        in text
    )
    assert "A former admiral, 10 Mar 2030: clash, 30 % (within 30 days) [finding 7]" in text
    early = " ".join(describe(build(read_file(path).data, as_of="2030-03-01")))
    assert "admiral" not in early
    assert max(map(len, describe(build(read_file(path).data)))) <= 110


def test_description_follows_the_date(tmp_path: Path) -> None:
    path = create(str(tmp_path / "scenario" / "strait.yaml"))
    early = build(read_file(path).data, as_of="2030-03-01")
    text = "\n".join(describe(early))
    assert "2 thousand" in text
    assert "6 thousand" not in text
    assert "the exercise begins" not in text
