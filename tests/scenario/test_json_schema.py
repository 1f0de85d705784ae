"""The JSON schema for editors says yes to every scenario there is, and no to what has not the form of one."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sim import _paths
from sim.scenario import json_schema
from sim.scenario.reading import read_file

SHIPPED = sorted((_paths.conf_dir() / "scenario").glob("*.yaml"))
TEMPLATE = Path(json_schema.__file__).with_name("template.yaml")


def plain(path: Path) -> Any:
    """A file as an editor sees it: keys are texts."""
    data = read_file(path).data
    return json.loads(json.dumps(data))


def faults(data: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(json_schema.json_schema())
    return [f"{'.'.join(str(p) for p in error.path)}: {error.message}" for error in validator.iter_errors(data)]


def test_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema.json_schema())
    assert json.loads(json_schema.text()) == json_schema.json_schema()


@pytest.mark.parametrize("path", [*SHIPPED, TEMPLATE], ids=lambda path: path.stem)
def test_accepts_every_scenario(path: Path) -> None:
    assert faults(plain(path)) == []


BROKEN: dict[str, Any] = {
    "unknown key": lambda d: d.update(actor=d["actors"]),
    "missing key": lambda d: d.pop("title"),
    "misspelt key in an action": lambda d: d["actions"]["north.pushes"].update(whle="step below war"),
    "name of an action without an actor": lambda d: d["actions"].update(pushes=d["actions"]["north.pushes"]),
    "name with capitals": lambda d: d["inputs"].update(Rate=d["inputs"]["north_push"]),
    "list for a text": lambda d: d.update(title=["a", "b"]),
    "text for a number": lambda d: d.update(horizons=["soon"]),
    "null": lambda d: d["inputs"]["north_push"].update(value=None),
    "two words for yes": lambda d: d["actions"]["north.pushes"]["then"].update(step={"add": 1, "capped": "maybe"}),
    "unknown memory": lambda d: d["actions"]["north.pushes"].update(memory="ages"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_refuses_what_has_not_the_form(what: str) -> None:
    data = plain(_paths.conf_dir() / "scenario" / "two_rivals.yaml")
    BROKEN[what](data)
    assert len(faults(data)) >= 1
