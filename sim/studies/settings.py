"""The settings of a run, read from a composed configuration with messages that name key, value and remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from sim.model.expressions import nearest
from sim.runs import executors
from sim.runs.executors import EXECUTORS, Executor, Where
from sim.runs.plan import ENGINES, Engine

#: More histories than anybody can store; a slip of the finger is more likely.
MOST = 10**9
#: The counts of a nested run, by input and day, have to fit in memory.
MOST_INPUTS = 10**4
#: With fewer, a 10-90 % range would be made up of noise.
FEWEST_INPUTS = 20
FEWEST_HISTORIES = 5
#: Half-widths of an interval that make sense.
FINEST, COARSEST = 1e-6, 0.5
#: What a forecast knows of the time before it begins.
SURVIVED, RESTART = "survived", "restart"
PASTS: Final = (SURVIVED, RESTART)
#: How a forecast is made: histories as they come, or those that go far branched on the way.
PLAIN, SPLITTING = "plain", "splitting"
METHODS: Final = (PLAIN, SPLITTING)
#: Repeats of splitting whose differences tell its error.
FEWEST_REPEATS, MOST_REPEATS = 5, 10**4
#: Settings that are files of a group of the configuration: engine=NAME, executor=NAME.
GROUPS: Final = {"engine": ENGINES, "executor": EXECUTORS}
MOST_HISTORIES = 10**5


class SettingError(ValueError):
    """A setting that cannot be; the message names key, value and remedy."""


class CheckError(Exception):
    """A check that failed: what was computed is not what it should be."""


@dataclass(frozen=True)
class Settings:
    """How much to simulate and how.

    ``replications`` histories in parts of ``chunk``, or with a ``precision`` as many as that takes, from ``least`` to
    ``most``; beside them ``inputs`` x ``histories`` for the range over the inputs. ``again`` recomputes a complete run.
    ``replication`` is the history that is traced. ``past``: inputs that survived the crisis so far, or a plain restart.
    ``method`` splitting: ``repeats`` times ``effort`` histories for each of the ``levels`` of ``level`` (None: of the
    scenario's ladder), see :mod:`sim.studies.splitting.study`.
    """

    replications: int = 20_000
    seed: int = 1
    chunk: int = 20_000
    inputs: int = 250
    histories: int = 80
    precision: float | None = None
    least: int = 1_000
    most: int = 1_000_000
    again: bool = False
    replication: int = 0
    past: str = SURVIVED
    method: str = PLAIN
    level: str | None = None
    levels: Any = None
    effort: int = 5_000
    repeats: int = 20
    engine: Engine = "lockstep"
    executor: Executor = "auto"

    def __post_init__(self) -> None:
        _within(self.replications, "run.replications", 1, MOST)
        _within(self.seed, "run.seed", 0, 2**63 - 1)
        _within(self.chunk, "run.chunk", 1, MOST)
        _within(self.inputs, "run.inputs", FEWEST_INPUTS, MOST_INPUTS)
        _within(self.histories, "run.histories", FEWEST_HISTORIES, MOST_HISTORIES)
        _within(self.most, "run.most", 1, MOST)
        _within(self.least, "run.least", 1, self.most)
        _within(self.replication, "run.replication", 0, 2**62)
        _one_of(self.past, "run.past", PASTS)
        _one_of(self.method, "run.method", METHODS)
        _within(self.effort, "run.effort", 10, 10**6)
        _within(self.repeats, "run.repeats", FEWEST_REPEATS, MOST_REPEATS)
        _one_of(self.engine, "engine", ENGINES)
        _one_of(executors.name_of(self.executor), "executor", EXECUTORS)
        if not isinstance(self.again, bool):
            raise SettingError(f"run.again: {self.again!r} is neither true nor false")
        asked = self.precision
        if asked is not None and (type(asked) is not float or not FINEST <= asked <= COARSEST):
            raise SettingError(
                f"run.precision: {asked!r}; half of the width of an interval is wanted, within {FINEST} … {COARSEST}, "
                "such as 0.005 for half a point either way"
            )

    @property
    def up_to(self) -> int:
        """The most histories that a run by these settings makes, beside those for the range over the inputs."""
        return self.replications if self.precision is None else self.most


def settings_of(configuration: Mapping[str, Any]) -> Settings:
    """Settings from a composed configuration: its part ``run``, the name in ``engine``, and the part ``executor``.

    Raises SettingError as `read_settings` does.
    """
    run = configuration["run"]
    if not isinstance(run, Mapping):
        raise SettingError(f"run: {run!r}; its settings have names of their own, such as run.replications=20000")
    for key in GROUPS:
        if key in run:
            raise SettingError(f"run.{key}: there is no such setting; {key}={run[key]} chooses it")
    chosen = {}
    if "engine" in configuration:
        chosen["engine"] = _chosen(configuration["engine"], "engine")
    if "executor" in configuration:
        chosen["executor"] = _executor(configuration["executor"], configuration.get("results"))
    return read_settings({**run, **chosen})


def _executor(part: Any, results: Any) -> Any:
    """An executor by its name, or with its settings where some are given; files of jobs go to the results folder."""
    if not isinstance(part, Mapping):
        part = {"name": part}
    name = part.get("name")
    _one_of(name, "executor", EXECUTORS)
    own = executors.SETTINGS.get(name, ())
    for key in part:
        if key not in ("name", *own):
            # An address beside another executor is a slip that would cost hours on one machine.
            whose = next((other for other, keys in executors.SETTINGS.items() if key in keys), None)
            hint = f"; it is one of executor={whose}" if whose is not None else nearest(str(key), own)
            raise SettingError(f"executor.{key}: executor={name} has no such setting{hint}")
    given = {key: value for key, value in part.items() if key != "name" and value is not None}
    if name == "slurm" and "folder" not in given and isinstance(results, str):
        given["folder"] = str(Path(results, ".jobs").absolute())
    try:
        return Where(name, **given) if given else name
    except ValueError as error:
        raise SettingError(str(error)) from None


def _chosen(part: Any, group: str) -> Any:
    """Name of the file chosen from a group; ``engine: {name: lockstep}`` and ``engine: lockstep`` mean the same."""
    if not isinstance(part, Mapping):
        return part
    for key in part:
        if key != "name":
            raise SettingError(
                f"{group}.{key}: there is no such setting; {group}=NAME chooses one, such as {group}={GROUPS[group][0]}"
            )
    return part.get("name")


def read_settings(run: Mapping[str, Any]) -> Settings:
    """Settings by their names, as in the ``run`` part of a configuration; ``engine`` and ``executor`` by name, too.

    Raises SettingError for an unknown key or a value out of its range.
    """
    known = {field.name: field for field in fields(Settings)}
    for key in run:
        if key not in known:
            raise SettingError(f"run.{key}: there is no such setting{nearest(str(key), known)}")
    values: dict[str, Any] = {}
    for key, value in run.items():
        if known[key].type == "int":
            values[key] = whole(value, f"run.{key}")
        else:
            values[key] = value
    return Settings(**values)


def whole(value: Any, key: str) -> int:
    """A whole number, also when written ``1e6``.

    Raises SettingError for anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise SettingError(f"{key}: {value!r} is no whole number; write it as 20000")


def _within(value: int, key: str, low: int, high: int) -> None:
    if not low <= value <= high:
        raise SettingError(f"{key}: {value} is outside {low} … {high}")


def _one_of(value: str, key: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SettingError(f"{key}: {value!r} is unknown{nearest(str(value), known)}; choose from {', '.join(known)}")
