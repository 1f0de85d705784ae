"""What Python callers use: a forecast by one call, without files of configuration."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim import _paths
from sim.model.expressions import nearest
from sim.scenario.build import build
from sim.scenario.reading import read_file
from sim.scenario.scenario import Scenario
from sim.scenario.source import Source
from sim.studies import forecast
from sim.studies.settings import SettingError, read_settings


def run(
    scenario: str | Path | Mapping[str, Any] | Scenario,
    as_of: str | None,
    until: str | float | None,
    changes: Mapping[str, Any],
    *,
    settings: Mapping[str, Any],
    results: str | Path,
) -> forecast.Result:
    """Forecast of a scenario, see :func:`sim.run`; ``settings`` are those of the ``run`` part of a configuration."""
    built = scenario_of(scenario, as_of, until, changes)
    return forecast.forecast(built, read_settings(settings), Path(results), command="sim.run")


def load(folder: str | Path) -> forecast.Result:
    """A complete run from its folder."""
    return forecast.load(Path(folder))


def scenario_of(
    scenario: str | Path | Mapping[str, Any] | Scenario,
    as_of: str | None = None,
    until: str | float | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Scenario:
    """Scenario from a shipped name, a file, data or a built scenario, with changes made.

    Raises ScenarioError with every problem found, SettingError for a name or path that leads nowhere.
    """
    if isinstance(scenario, Scenario) and as_of is None and until is None and not changes:
        return scenario
    source = Source()
    if isinstance(scenario, Scenario):
        data: dict[Any, Any] = dict(scenario.data)
    elif isinstance(scenario, Mapping):
        data = dict(scenario)
    else:
        reading = read_file(_file(scenario))
        data, source = dict(reading.data), Source.of(reading)
    data = copy.deepcopy(data)
    for path, value in (changes or {}).items():
        change(data, path, value)
    return build(data, as_of=as_of, until=until, source=source)


def change(data: dict[Any, Any], path: str, value: Any) -> None:
    """Set the value at a path such as ``inputs.talks_x.uniform`` or ``actions.usa.decides.rate``, in place.

    Raises SettingError where the path leads nowhere.
    """
    parts, here, done = path.split("."), data, 0
    while True:
        key, used = _key(here, parts[done:])
        if key is None:
            shown = ".".join(parts[:done]) or "the scenario"
            hint = nearest(parts[done], [str(k) for k in here]) if isinstance(here, Mapping) else ""
            raise SettingError(f"changes: {path!r}: {shown} has no {parts[done]!r}{hint}")
        done += used
        if done == len(parts):
            here[key] = value
            return
        here = here[key]


def _key(here: Any, parts: list[str]) -> tuple[Any, int]:
    """The key that the next parts of a path mean, and how many of them: names of actions have a dot inside."""
    if isinstance(here, Mapping):
        known = {str(key): key for key in here}
        for used in range(len(parts), 0, -1):
            if ".".join(parts[:used]) in known:
                return known[".".join(parts[:used])], used
    if isinstance(here, list) and parts[0].isdigit() and int(parts[0]) < len(here):
        return int(parts[0]), 1
    return None, 0


def _file(scenario: str | Path) -> Path:
    path = Path(scenario)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    folder = _paths.conf_dir() / "scenario"
    names = sorted(file.stem for file in folder.glob("*.yaml"))
    if str(scenario) not in names:
        hint = nearest(str(scenario), names)
        raise SettingError(f"scenario {str(scenario)!r}: no such file or name{hint}; shipped are {', '.join(names)}")
    return folder / f"{scenario}.yaml"
