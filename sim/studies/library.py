"""What Python callers use: a forecast by one call, without files of configuration."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim import _paths
from sim.model.expressions import nearest
from sim.scenario.build import build
from sim.scenario.changes import change
from sim.scenario.reading import read_file
from sim.scenario.scenario import Scenario
from sim.scenario.source import Layer, Source
from sim.studies import forecast, stored
from sim.studies.settings import SPLITTING, SettingError, read_settings

if TYPE_CHECKING:
    from sim.studies.compare.study import Comparison
    from sim.studies.splitting.study import Rare

#: What the demonstration leaves open in the made-up crisis, so that there is a range over inputs to see.
DEMO: Final = {
    "inputs.accept_share": {"uniform": [0.1, 0.4]},
    "inputs.north_push": {"lognormal": {"median": "1 per 60 d", "p90": "1 per 30 d"}},
}


def run(
    scenario: str | Path | Mapping[str, Any] | Scenario | None,
    as_of: str | None,
    until: str | float | None,
    changes: Mapping[str, Any],
    *,
    settings: Mapping[str, Any],
    results: str | Path,
    precise: Sequence[str] = (),
) -> forecast.Result:
    """Forecast of a scenario, see :func:`sim.run`; ``settings`` are those of the ``run`` part of a configuration."""
    built = scenario_of(default_scenario() if scenario is None else scenario, as_of, until, changes)
    read = read_settings(settings)
    if precise and read.precision is None:
        raise SettingError("precise: names the chances that a precision is about; give precision, too, such as 0.005")
    return forecast.forecast(built, read, Path(results), command="sim.run", precise=precise)


def compare(
    variants: Mapping[str, Any],
    scenario: str | Path | Mapping[str, Any] | Scenario | None,
    as_of: str | None,
    until: str | float | None,
    changes: Mapping[str, Any],
    *,
    settings: Mapping[str, Any],
    results: str | Path,
) -> Comparison:
    """Variants against a scenario, see :func:`sim.compare`; ``settings`` as for :func:`run`."""
    from sim.studies.compare import study
    from sim.studies.compare.variants import variants_of

    built = scenario_of(default_scenario() if scenario is None else scenario, as_of, until, changes)
    whole = {
        name: one if isinstance(one, Mapping) and "changes" in one else {"changes": one}
        for name, one in variants.items()
    }
    asked, read = study.question(built, {}), read_settings(settings)
    found = study.compare(built, variants_of(built, whole), asked, read, Path(results), command="sim.compare")
    return study.Comparison(*found)


def rare(
    scenario: str | Path | Mapping[str, Any] | Scenario | None,
    as_of: str | None,
    until: str | float | None,
    changes: Mapping[str, Any],
    *,
    settings: Mapping[str, Any],
    results: str | Path,
) -> Rare:
    """Chances by splitting, see :func:`sim.rare`; ``settings`` as for :func:`run`."""
    from sim.studies.splitting import study

    built = scenario_of(default_scenario() if scenario is None else scenario, as_of, until, changes)
    read = read_settings({**settings, "method": SPLITTING})
    return study.Rare(*study.split(built, study.question(built, read), read, Path(results), command="sim.rare"))


def load(folder: str | Path) -> forecast.Result:
    """A complete run from its folder."""
    return forecast.load(Path(folder))


def stored_run(run: str | Path, results: str | Path) -> stored.Stored:
    """A run of any study, see :func:`sim.stored`."""
    return stored.read(stored.find(Path(results), str(run)))


def demo(replications: int, results: str | Path) -> forecast.Result:
    """A small forecast with its table, see :func:`sim.demo`."""
    from sim.studies import table

    settings = {"replications": replications, "inputs": 100, "histories": 40}
    found = run("two_rivals", None, None, DEMO, settings=settings, results=results)
    table.show(found.summary, table.console())
    return found


def default_scenario() -> str:
    """Name of the scenario that the configuration uses unless told otherwise."""
    import yaml

    defaults = yaml.safe_load((_paths.conf_dir() / "config.yaml").read_text(encoding="utf-8"))["defaults"]
    return next(str(entry["scenario"]) for entry in defaults if isinstance(entry, Mapping) and "scenario" in entry)


def scenario_of(
    scenario: str | Path | Mapping[str, Any] | Scenario,
    as_of: str | None = None,
    until: str | float | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Scenario:
    """Scenario from a shipped name, a file, data or a built scenario, with changes made.

    Raises ScenarioError with every problem found, SettingError for a name that leads nowhere.
    """
    if isinstance(scenario, Scenario) and as_of is None and until is None and not changes:
        return scenario
    source, unchanged = Source(by="changes"), {}
    if isinstance(scenario, Scenario):
        data: dict[Any, Any] = dict(scenario.data)
        unchanged = dict(scenario.unchanged)
    elif isinstance(scenario, Mapping):
        data = dict(scenario)
    else:
        reading = read_file(_file(scenario))
        data, source = dict(reading.data), replace(Source.of(reading), by="changes")
    if changes and not source.layers:  # what differs from the data given was changed, and needs no basis
        source = replace(source, layers=(Layer("scenario", data, {}),))
    data = copy.deepcopy(data)
    for path, value in (changes or {}).items():
        change(data, path, value, by=source.by)
    return build(data, as_of=as_of, until=until, source=source, unchanged=unchanged)


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
