"""What one command does: a composed configuration in, an exit code out."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from sim.model.expressions import nearest
from sim.studies.order import Order
from sim.studies.settings import PLAIN, SettingError, settings_of

if TYPE_CHECKING:
    from sim.scenario.source import Source

FORMAT: Final = 1
KEYS: Final = ("format", "scenario", "study", "as_of", "until", "results", "run", "engine", "executor")
#: Each is a module beside this one, or the module ``study`` of a folder there: SETTINGS names its own settings, and
#: answer(order) does it and gives the exit code.
STUDIES: Final = (
    "forecast", "baseline", "compare", "tornado", "sensitivity", "discover", "threshold", "weigh", "check_facts",
    "score", "register", "resolve", "ledger", "update", "indicators", "typical", "trace", "list", "show", "report",
    "plot", "diff", "check", "describe", "new", "verify", "random_models", "benchmark", "cost",
)  # fmt: skip
#: Studies of a stored run: run=FOLDER names it.
RUNS: Final = ("show", "report", "plot")


def run(configuration: Mapping[str, Any], command: str, source: Source | None = None) -> int:
    """Do the study of a configuration; returns the exit code (0, or 1 when a check failed).

    ``source`` knows which file and line gave what in the scenario.

    Raises ValueError (a bad setting or scenario) or RuntimeError (could not finish).
    """
    module, order = prepared(configuration, command, source)
    code: int = module.answer(order)
    sys.stdout.flush()  # a closed pipe is better noticed here than while Python shuts down
    return code


def prepared(configuration: Mapping[str, Any], command: str, source: Source | None = None) -> tuple[ModuleType, Order]:
    """The module of the study of a configuration, and what it is asked. Raises SettingError for a bad setting."""
    check_keys(configuration)
    study, run = configuration["study"], configuration["run"]
    if isinstance(run, str) and isinstance(study, Mapping) and study.get("name") in RUNS:
        # run=FOLDER says which run; how much to simulate, which `run` holds elsewhere, matters not to this study.
        study = {**study, "run": run}
        configuration = {**configuration, "run": {}, "study": study}
    order = Order(configuration, settings_of(configuration), source, command)
    name = study.get("name") if isinstance(study, Mapping) else study
    if name not in STUDIES:
        known = ", ".join(STUDIES)
        raise SettingError(f"study: {name!r} is unknown{nearest(str(name), STUDIES)}; choose from {known}")
    if order.settings.precision is not None and name != "forecast":
        raise SettingError(f"run.precision: only study=forecast stops by it; study={name} has numbers of its own")
    if order.settings.method != PLAIN and name != "forecast":
        raise SettingError(f"run.method: study={name} plays plain histories; run.method={PLAIN}, or study=forecast")
    module = module_of(name)
    for key in study:
        if key not in ("name", *module.SETTINGS):
            raise SettingError(f"study.{key}: study {name} has no such setting{nearest(str(key), module.SETTINGS)}")
    return module, order


def module_of(name: str) -> ModuleType:
    """The module of a study."""
    found = importlib.import_module(f"sim.studies.{name}")
    # A study that has grown is a folder.
    return importlib.import_module(f"sim.studies.{name}.study") if hasattr(found, "__path__") else found


def check_keys(configuration: Mapping[str, Any]) -> None:
    """Refuse keys that are unknown or missing, a misspelt experiment among them. Raises SettingError."""
    for key in configuration:
        if key == "experiments":
            raise SettingError(
                f"experiments={configuration[key]}: there is no such experiment; `escalation --help` lists them, and "
                "+experiments=NAME uses one"
            )
        if key not in KEYS:
            known = ", ".join(KEYS)
            raise SettingError(f"{key}: there is no such setting{nearest(str(key), KEYS)}; choose from {known}")
    if configuration.get("format", FORMAT) != FORMAT:
        raise SettingError(f"format: {configuration['format']!r}; this program reads format {FORMAT}")
    for key in ("scenario", "study", "run", "results"):
        if configuration.get(key) is None:
            raise SettingError(f"{key}: missing; give it a value, or leave it out to have the default")
