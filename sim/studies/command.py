"""What one command does: a composed configuration in, an exit code out, and on the terminal what people read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.model.expressions import nearest
from sim.runs.execute import Progress, silent
from sim.runs.plan import ENGINES
from sim.studies.settings import CheckError, SettingError, Settings, read_settings, whole

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario
    from sim.scenario.source import Source

FORMAT: Final = 1
KEYS: Final = ("format", "scenario", "study", "as_of", "until", "results", "run")
SHOWN_PROBLEMS: Final = 20


@dataclass(frozen=True, eq=False)
class Order:
    """A composed configuration, the settings read from it, where its scenario comes from, and the command."""

    configuration: Mapping[str, Any]
    settings: Settings
    source: Source | None
    command: str

    @property
    def study(self) -> Mapping[str, Any]:
        """The study's own settings."""
        study: Mapping[str, Any] = self.configuration["study"]
        return study

    @property
    def results(self) -> Path:
        """Folder for run folders."""
        folder = Path(str(self.configuration["results"]))
        if not str(self.configuration["results"]).strip() or any(p.is_file() for p in (folder, *folder.parents)):
            raise SettingError(f"results: {str(folder)!r} is no folder and cannot be one; give another path")
        return folder

    def scenario(self) -> Scenario:
        """The scenario, as of its date. Raises ValueError with every problem found."""
        from sim.scenario.build import build

        data = self.configuration["scenario"]
        if not isinstance(data, Mapping):
            raise SettingError(f"scenario: {data!r} is no scenario; scenario=NAME uses conf/scenario/NAME.yaml")
        as_of, until = self.configuration.get("as_of"), self.configuration.get("until")
        return build(data, as_of=as_of, until=until, source=self.source)


def run(configuration: Mapping[str, Any], command: str, source: Source | None = None) -> int:
    """Do the study of a configuration; returns the exit code (0, or 1 when a check failed).

    ``source`` knows which file and line gave what in the scenario.

    Raises ValueError (a bad setting or scenario) or RuntimeError (could not finish).
    """
    _check_keys(configuration)
    study = configuration["study"]
    order = Order(configuration, read_settings(configuration["run"]), source, command)
    name = study.get("name") if isinstance(study, Mapping) else study
    if name not in _STUDIES:
        known = ", ".join(_STUDIES)
        raise SettingError(f"study: {name!r} is unknown{nearest(str(name), _STUDIES)}; choose from {known}")
    keys, do = _STUDIES[name]
    for key in study:
        if key not in ("name", *keys):
            raise SettingError(f"study.{key}: study {name} has no such setting{nearest(str(key), keys)}")
    code = do(order)
    sys.stdout.flush()  # a closed pipe is better noticed here than while Python shuts down
    return code


def _check_keys(configuration: Mapping[str, Any]) -> None:
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


# ---------------------------------------------------------------------------------------------------- the studies
def _forecast(order: Order) -> int:
    from sim.studies import forecast, table

    scenario, settings = order.scenario(), order.settings
    chosen = order.study.get("milestones")
    known = [m.name for m in scenario.milestones]
    figures = order.study.get("figures", True)
    if not isinstance(figures, bool):
        raise SettingError(f"study.figures: {figures!r} is neither true nor false")
    for name in _listed(chosen, "study.milestones") if chosen is not None else ():
        if name not in known:
            raise SettingError(f"study.milestones: unknown milestone {name!r}{nearest(str(name), known)}")
    total = settings.replications + settings.inputs * settings.histories
    with watched(total) as progress:
        found = forecast.forecast(
            scenario, settings, order.results, command=order.command, progress=progress, say=remark
        )
    table.show(found.summary, table.console())
    if figures and not found.drawn(chosen):
        found.plot(chosen)
    say_folder(found.folder)
    return 0


def _trace(order: Order) -> int:
    from sim.studies import trace

    lines, folder = trace.write(order.scenario(), order.settings, order.results)
    print("\n".join(lines))
    print()
    say_folder(folder)
    return 0


def _check(order: Order) -> int:
    from sim.scenario.scenario import free_judgements
    from sim.studies.forecast import task_of

    scenario = order.scenario()
    model = task_of(scenario, order.settings).model
    counts = {
        "variables": len(model.variables),
        "uncertain inputs": len(model.inputs),
        "actions": len(model.rows),
        "milestones": len(model.milestones),
        "outcomes": len(model.outcomes),
        "free judgements": free_judgements(scenario),
    }
    listed = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(f"ok: {scenario.name} as of {scenario.as_of}, {scenario.until:g} days: {listed}")
    return 0


def _verify(order: Order) -> int:
    from sim.studies import verify

    study = order.study
    limit = study.get("reference_replications")
    return verify.run(
        [Path(path) for path in _listed(study.get("paths"), "study.paths")],
        whole(study.get("replications", order.settings.replications), "study.replications"),
        _listed(study.get("engines", ENGINES), "study.engines"),
        seed=whole(study.get("seed", order.settings.seed), "study.seed"),
        reference_replications=None if limit is None else whole(limit, "study.reference_replications"),
    )


def _benchmark(order: Order) -> int:
    from sim.model.compiled import compile_model
    from sim.studies import benchmark

    rounds = whole(order.study.get("rounds", 7), "study.rounds")
    if rounds < 1:
        raise SettingError(f"study.rounds: {rounds}; at least 1 is needed")
    try:
        return benchmark.run(compile_model(order.scenario().spec), rounds, print, remark)
    except benchmark.DisagreementError as error:
        raise CheckError(str(error)) from None


def _listed(value: Any, key: str) -> list[str]:
    """A list of texts; one text stands for a list of one."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list | tuple) or not value or not all(isinstance(entry, str) for entry in value):
        raise SettingError(f"{key}: {value!r}; give a list of texts, such as [one,two]")
    return list(value)


Study = Callable[[Order], int]
#: Study -> its own settings, and what does it.
_STUDIES: Final[dict[str, tuple[tuple[str, ...], Study]]] = {
    "forecast": (("figures", "milestones"), _forecast),
    "trace": ((), _trace),
    "check": ((), _check),
    "verify": (("paths", "replications", "reference_replications", "engines", "seed"), _verify),
    "benchmark": (("rounds",), _benchmark),
}


# ------------------------------------------------------------------------------------------------- on the terminal
def remark(text: str) -> None:
    """A remark for the person at the terminal; standard output is kept for results."""
    print(text, file=sys.stderr)


def say_folder(folder: Path) -> None:
    """The run folder, as the last line on standard output."""
    print(folder)


@contextmanager
def watched(histories: int) -> Iterator[Progress]:
    """Progress over so many histories: a bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), "simulated histories", TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=histories)
        yield lambda done: bar.advance(task, done)
