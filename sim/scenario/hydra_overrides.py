"""Overrides of the command line, applied with our own meaning and messages.

Hydra parses overrides, sweeps over them and hands them over one composition at a time. Those of a scenario are changes
by path (:mod:`sim.scenario.changes`), so that a name with a dot, a law put in place of another and a misspelt key mean
the same as everywhere else. For the rest, a key that is not there is refused with the nearest one.

Hydra is imported when :func:`install` is called, so that importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sim.scenario.problems import COMMAND_LINE, NOTHING, Problem, ScenarioError, nearest

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

SCENARIO: Final = "scenario"
#: Keys that the latest composition had from the command line.
_overridden: set[str] = set()

Apply = Callable[[list["Override"], "DictConfig"], None]


def install() -> None:
    """Make Hydra apply overrides our way from now on; calling it again changes nothing."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl

    # Hydra offers no public way in here; the name and its two arguments are the same from 1.3 to 1.4.
    hydras = ConfigLoaderImpl._apply_overrides_to_config
    if getattr(hydras, "__module__", "") != __name__:
        setattr(ConfigLoaderImpl, "_apply_overrides_to_config", staticmethod(_ours(hydras)))  # noqa: B010


def overridden() -> frozenset[str]:
    """Keys that the latest composition had from the command line, such as ``run.seed``."""
    return frozenset(_overridden)


@cache
def refusal() -> type[ScenarioError]:
    """A ScenarioError that Hydra takes for one of its own, and so lets through."""
    from hydra.errors import ConfigCompositionException

    class RefusedError(ScenarioError, ConfigCompositionException):
        """What was wrong with a file or an override while Hydra composed."""

    return RefusedError


def _ours(hydras: Apply) -> Apply:
    def apply(overrides: list[Override], cfg: DictConfig) -> None:
        _overridden.clear()
        changes = []
        for override in overrides:
            key = override.key_or_group
            _overridden.add(key)
            if key.startswith(f"{SCENARIO}.") and override.package is None and _holds(cfg, SCENARIO):
                changes.append(override)
                continue
            _check_known(override, cfg)
            hydras([override], cfg)
        if changes:
            _change_scenario(changes, cfg)

    return apply


def _change_scenario(overrides: list[Override], cfg: DictConfig) -> None:
    from omegaconf import OmegaConf, open_dict

    from sim.scenario import changes

    data: Any = OmegaConf.to_container(cfg[SCENARIO], resolve=False)
    problems: list[Problem] = []
    for override in overrides:
        path = override.key_or_group.removeprefix(f"{SCENARIO}.")
        try:
            if override.is_delete():
                changes.remove(data, path, prefix=f"{SCENARIO}.")
            else:
                add = override.is_add() or override.is_force_add()
                changes.change(data, path, override.value(), add=add, prefix=f"{SCENARIO}.")
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise refusal()(problems)
    with open_dict(cfg):
        cfg[SCENARIO] = data


def _check_known(override: Override, cfg: DictConfig) -> None:
    """Refuse a key that is not there. Hydra's own settings and items of lists are left to Hydra."""
    from omegaconf import DictConfig

    key, adds = override.key_or_group, override.is_add() or override.is_force_add()
    if key.split(".")[0] == "hydra" or override.package is not None:
        return
    if key == SCENARIO and not override.is_delete():
        why = "a scenario is chosen by its name, as in scenario=NAME; its values have paths, as in scenario.inputs.NAME"
        raise refusal()([Problem(COMMAND_LINE, None, key, override.value(), why)])
    here: Any = cfg
    for part in key.split("."):
        if isinstance(here, DictConfig) and not here._is_none() and part in here:
            here = here._get_node(part)
        elif (isinstance(here, DictConfig) and not (adds and here is not cfg)) or not hasattr(here, "_get_node"):
            break
        else:
            return
    else:
        return
    known = [*_settings(cfg), "experiments"]
    near = nearest(key, known) or _by_last_name(key, known)
    why = "there is no such setting" + ("" if near else "; `escalation --cfg job` prints those there are")
    near = f"+{near}" if near == "experiments" else near
    value = NOTHING if override.is_delete() else override.value()
    raise refusal()([Problem(COMMAND_LINE, None, key, value, why, near)])


def _holds(cfg: DictConfig, key: str) -> bool:
    from omegaconf import DictConfig

    return key in cfg and isinstance(cfg._get_node(key), DictConfig)


def _settings(cfg: DictConfig, before: str = "") -> Iterator[str]:
    """Keys of settings, such as ``run.seed``; those of Hydra and inside the scenario are not among them."""
    from omegaconf import DictConfig

    for key in cfg:
        name = f"{before}{key!s}"
        node = cfg._get_node(key)
        if name == "hydra":
            continue
        yield name
        if isinstance(node, DictConfig) and not node._is_none() and name != SCENARIO:
            yield from _settings(node, f"{name}.")


def _by_last_name(key: str, known: list[str]) -> str | None:
    """The setting whose last name is like that of ``key``: run.replications for replications."""
    last = {name.rpartition(".")[2]: name for name in reversed(known)}
    found = nearest(key.rpartition(".")[2], last)
    return None if found is None else last[found]
