"""What Hydra needs to know about sweeps: composing their jobs, and the key ``sweep`` of an experiment.

Hydra's own sweeper composes every job twice, writes into the sweep's folder before it knows that the jobs can be
composed, and keeps to itself which of them failed. Ours composes each job once and hands it over; what a job does,
and where, is :mod:`sim.studies.sweep.study`'s business. So a key that does not exist stops a sweep before anything is
done.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping
from typing import Any, Final

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf, open_dict, read_write

from sim.scenario.problems import Problem, ScenarioError
from sim.scenario.reading import read_file

NAME: Final = "escalation"
#: Hydra's own launcher, with which the jobs of a sweep are done here.
BASIC: Final = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
#: Hydra's launchers for submitit, by the last part of their names.
SUBMITIT: Final = {"SlurmLauncher": "slurm", "LocalLauncher": "local"}
#: Each job is composed before the first is done, a few per second.
MOST_JOBS: Final = 1_000


class Composing(Sweeper):
    """Composes the jobs of a sweep and calls the task with each."""

    def __init__(self, params: Mapping[str, str] | None = None) -> None:
        self.params = dict(params or {})

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Remember what Hydra hands over before `sweep`."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> None:
        """Compose every job that the overrides mean, in order; those of the command line replace the experiment's."""
        if self.hydra_context is None or self.config is None:
            raise HydraException("sweep() was called before setup()")
        launcher_of(self.config.hydra.launcher)  # one that cannot be stops a sweep before anything is composed
        loader = self.hydra_context.config_loader
        texts = [*(f"{key}={value}" for key, value in self.params.items()), *arguments]
        choices: dict[str, list[str]] = {}
        for override in OverridesParser.create(config_loader=loader).parse_overrides(texts):
            key = override.get_key_element()
            if not override.is_sweep_override():
                choices[key] = [str(override.input_line)]
            elif override.is_discrete_sweep():
                choices[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
            else:
                raise HydraException(f"{override.input_line}: name the values to sweep over, such as {key}=1,2,3")
        jobs = math.prod(len(found) for found in choices.values())
        if jobs > MOST_JOBS:
            raise HydraException(f"the sweep has {jobs:,} jobs; {MOST_JOBS:,} is the most, so sweep fewer values")
        for number, overrides in enumerate(itertools.product(*choices.values())):
            config = loader.load_sweep_config(self.config, list(overrides))
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = number
            HydraConfig.instance().set_config(config)
            task = copy.deepcopy(config)
            with read_write(task), open_dict(task):
                del task["hydra"]
            self.task_function(task)


def launcher_of(part: Any) -> dict[str, Any]:
    """Settings of the launcher that was chosen, with its ``cluster``; nothing for Hydra's own.

    Hydra's launchers for submitit let each job compose its configuration again, after the plugins of the process that
    asked were put over its own, among them our reader of scenarios: "file is already registered with a different
    class". So we take their settings, and do what they ask for.

    Raises HydraException for a launcher of another kind.
    """
    target = str(part.get("_target_"))
    if target == BASIC:
        return {}
    name = target.rpartition(".")[2]
    cluster = SUBMITIT.get(name)
    if cluster is None or "submitit" not in target:
        raise HydraException(
            f"hydra/launcher: {name} cannot do the jobs of a sweep; choose from basic, "
            "submitit_slurm, submitit_local, or leave it away and use executor=processes or executor=dask"
        )
    # Where its files go depends on the sweep's folder, which nobody knows yet.
    own = {key: part[key] for key in part if key not in ("_target_", "submitit_folder")}
    plain: Any = OmegaConf.to_container(OmegaConf.create(own), resolve=True)
    return {**plain, "cluster": cluster}


def install() -> None:
    """Make the sweeper known to Hydra as ``hydra/sweeper: escalation``."""
    # Hydra takes plugins by names in a package of this name alone; it finds ours by hand.
    name = f"hydra_plugins.{NAME}.{Composing.__name__}"
    Plugins.instance().class_name_to_class[name] = Composing
    node = {"_target_": name, "params": {}}
    ConfigStore.instance().store(group="hydra/sweeper", name=NAME, node=node, provider=NAME)


def typed(overrides: list[str]) -> dict[str, Any]:
    """Overrides of a job by key, ``["run.seed=3", "+a=x"]`` as ``{"run.seed": 3, "a": "x"}``."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    return {override.key_or_group: override.value() for override in parsed}


def translated(data: Mapping[Any, Any], file: str) -> dict[Any, Any]:
    """An experiment whose ``sweep: {KEY: [VALUE, …]}`` is put as Hydra wants it, so that it needs no ``-m``.

    Raises ScenarioError where ``sweep`` is anything else.
    """
    sweep = data["sweep"]
    if not isinstance(sweep, Mapping) or not sweep:
        raise _refused(file, ("sweep",), sweep, "give keys with lists of values, such as `run.seed: [1, 2, 3]`")
    params = {}
    for key, values in sweep.items():
        if not isinstance(values, list) or not values:
            raise _refused(file, ("sweep", key), values, "give a list of the values to run, such as [1, 2, 3]")
        params[str(key)] = ",".join(_written(value) for value in values)
    rest = {key: value for key, value in data.items() if key != "sweep"}
    return {**rest, "hydra": {"mode": "MULTIRUN", "sweeper": {"params": params}}}


def _written(value: Any) -> str:
    """A value in the grammar of Hydra's overrides."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{_written(found)}' for key, found in value.items())}}}"
    if isinstance(value, str):
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{quoted}'"
    return repr(value)


def _refused(file: str, path: tuple[str | int, ...], value: Any, why: str) -> ScenarioError:
    line = read_file(file).lines.get(path)
    return ScenarioError([Problem(file, line, ".".join(map(str, path)), value, why)])
