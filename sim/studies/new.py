"""A scenario of one's own to begin with: a commented template that runs as it stands, and its schema for editors."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Any, Final

from sim.scenario import json_schema
from sim.studies.order import Order
from sim.studies.settings import SettingError

SETTINGS: Final = ("path",)
#: Scenarios lie in a folder of this name, which is how Hydra finds them.
GROUP: Final = "scenario"
SCHEMA: Final = "scenario.schema.json"
TEMPLATE_NAME: Final = "my_crisis"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


def answer(order: Order) -> int:
    """Write the template to the path of the study's setting and say how to go on."""
    path = create(order.study.get("path"))
    folder, name = path.parent.parent, path.stem
    print(f"{path}: a scenario that runs as it stands; change it piece by piece. Then:")
    for study in (" study=check", " study=describe", ""):
        print(f"  escalation --config-dir {folder} scenario={name}{study}")
    print(path)
    return 0


def create(setting: Any) -> Path:
    """Copy the template to DIR/scenario/NAME.yaml, and the schema to DIR; gives the path of the scenario.

    Raises SettingError unless the path has this form and is free.
    """
    if not isinstance(setting, str):
        raise SettingError("study.path: say where it shall be, such as study.path=mine/scenario/strait.yaml")
    path = Path(setting)
    if path.suffix != ".yaml" or path.parent.name != GROUP:
        raise SettingError(
            f"study.path: {setting!r}; a scenario lies in a folder called {GROUP}, such as mine/{GROUP}/strait.yaml, "
            "so that --config-dir mine finds it"
        )
    if not _NAME.fullmatch(path.stem):
        raise SettingError(
            f"study.path: {path.stem!r} is no name for a scenario; small letters, digits and _, a letter first"
        )
    if path.exists():
        raise SettingError(f"study.path: {setting!r} is there already; give another name, or remove it first")
    template = resources.files("sim.scenario").joinpath("template.yaml").read_text(encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        template.replace(TEMPLATE_NAME, path.stem).replace("DIR", str(path.parent.parent)), encoding="utf-8"
    )
    (path.parent.parent / SCHEMA).write_text(json_schema.text(), encoding="utf-8")
    return path
