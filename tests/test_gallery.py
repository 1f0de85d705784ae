"""The pictures of the README are there, light, and drawn from the scenario as it now is."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sim import _paths
from sim.scenario.build import build
from sim.scenario.reading import read_file
from sim.studies.forecast import task_of
from sim.studies.settings import Settings

REPO = Path(__file__).resolve().parent.parent
GALLERY = REPO / "results" / "gallery"
PICTURES = sorted(set(re.findall(r"!\[[^]]*\]\(([^)]*)\)", (REPO / "README.md").read_text(encoding="utf-8"))))
MOST_BYTES = 220_000
HREF = "{http://www.w3.org/1999/xlink}href"


def test_the_readme_shows_the_gallery_and_nothing_else() -> None:
    assert sorted(f"results/gallery/{path.name}" for path in GALLERY.glob("*.svg")) == PICTURES


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_is_light_and_whole(picture: str) -> None:
    data = (REPO / picture).read_bytes()
    assert len(data) <= MOST_BYTES
    drawn = list(ElementTree.fromstring(data).iter())
    known = {f"#{element.get('id')}" for element in drawn if element.get("id")}
    used = {name for element in drawn if (name := element.get(HREF))}
    assert used
    assert used <= known, "each sign and mark is drawn from one that is there"


@pytest.mark.parametrize("picture", PICTURES)
def test_its_readme_says_how_each_is_made(picture: str) -> None:
    said = (GALLERY / "README.md").read_text(encoding="utf-8")
    name = Path(picture).stem
    assert f"/{name}.svg" in said or re.search(rf"\{{[\w,]*\b{name}\b[\w,]*\}}\.svg", said)


def test_the_pictures_are_of_the_scenario_as_it_now_is() -> None:
    manifest = json.loads((GALLERY / "manifest.json").read_text(encoding="utf-8"))
    scenario = build(read_file(_paths.conf_dir() / "scenario" / "venezuela_2025.yaml").data)
    assert manifest["scenario"] == scenario.name
    assert manifest["replications"] == Settings().replications
    assert manifest["as_of"] == scenario.as_of.isoformat()
    now = task_of(scenario, Settings()).model.digest
    assert manifest["model"] == now, "the scenario has moved: make the gallery again, see results/gallery/README.md"
