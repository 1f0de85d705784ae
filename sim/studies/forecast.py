"""The forecast: how likely each outcome is, how soon what happens, and how far the inputs move the answer."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.model.compiled import RULES_VERSION, compile_model
from sim.model.expressions import nearest
from sim.runs import store
from sim.runs.counts import long_form
from sim.runs.execute import Progress, run_parts, silent
from sim.runs.executors import name_of
from sim.runs.plan import Part, Task, engine_for
from sim.runs.store import FORMAT, Identity
from sim.studies import past as memory
from sim.studies import precision, shared
from sim.studies import size as size_of_run
from sim.studies.counted import watched_numbers
from sim.studies.kept import rules_and_data
from sim.studies.order import Order, listed, remark, say_folder, watched, yes_or_no
from sim.studies.settings import SPLITTING, CheckError, SettingError, Settings
from sim.studies.summary import curves, days_shown, summarise

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario
    from sim.studies.notebook import Pictures, Told
    from sim.studies.weigh.weighed import Weighed

STUDY: Final = "forecast"
SETTINGS: Final = ("figures", "milestones", "report", "precise")
#: What is said of histories that need not be simulated.
THERE: Final = "were there already"
Say = Callable[[str], None]


def quiet(_: str) -> None:
    """Where remarks go when nobody reads them."""


@dataclass(frozen=True, eq=False)
class Result:
    """A finished forecast: its summary (plain data) and the folder with everything else."""

    summary: dict[str, Any]
    folder: Path

    @property
    def outcomes(self) -> dict[str, dict[str, float]]:
        """Outcome at the end -> probability, low, high (95 %, sampling), range_low, range_high (over the inputs)."""
        found: dict[str, dict[str, float]] = self.summary["outcomes"]
        return found

    @property
    def flags(self) -> dict[str, dict[str, float]]:
        """Flag at the end -> the same five shares."""
        found: dict[str, dict[str, float]] = self.summary["flags"]
        return found

    @property
    def milestones(self) -> dict[str, Any]:
        """Milestone -> ``by`` day the same five shares, and ``quantiles`` of its first time in days."""
        found: dict[str, Any] = self.summary["milestones"]
        return found

    def weigh(
        self,
        *statements: str,
        weight: float | Mapping[str, float] | None = None,
        method: str = "pool",
        readings: Sequence[int] = (30, 90, 180),
    ) -> Weighed:
        """The forecast with weight given to statements of its scenario (none named: to all in force).

        Parameters
        ----------
        weight
            0 … 1, or statement -> weight; None: by rule, from how far the inputs leave the model in doubt.
        method
            ``pool``, ``meet``, ``linear`` or ``evidence``; ``sim.beliefs.weighing.METHODS`` says what each assumes.
        readings
            Days that a statement without a deadline may have meant; one law is bent for each, and they are averaged.

        Raises
        ------
        ValueError
            For a statement, weight or method that cannot be.
        """
        from sim.studies.weigh.weighed import weigh_run

        return weigh_run(self.folder, statements, weight, method, readings)

    def rows(self) -> Any:
        """All replications as a pyarrow Table (``.to_pandas()`` where pandas is installed)."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        paths = sorted((self.folder / "parts").glob("part-*.parquet"))
        return pa.concat_tables([pq.read_table(path).replace_schema_metadata() for path in paths])

    def curves(self) -> dict[str, Any]:
        """Cumulative incidence of the milestones by day with its range: arrays by column name."""
        import pyarrow.parquet as pq

        table = pq.read_table(self.folder / "curves.parquet")
        return {name: table.column(name).to_numpy() for name in table.column_names}

    def occupancy(self) -> dict[str, Any]:
        """What was followed day by day: arrays ``watched``, ``day``, ``value`` and ``histories`` (never 0).

        ``watched`` is ``rung`` (``value``: its number on the ladder) or ``state.`` and the name of a count (``value``:
        steps above its lowest value, see ``counts`` in the summary).
        """
        import pyarrow.parquet as pq

        table = pq.read_table(self.folder / "occupancy.parquet")
        return {name: table.column(name).to_numpy() for name in table.column_names}

    def pictures(self) -> list[str]:
        """Names of the figures that the run has: without ladder, counts or milestones there is none of them."""
        kept = (self.folder / "occupancy.parquet").is_file()
        has = {
            "outcomes": True,
            "incidence": bool(self.summary["milestones"]),
            "occupancy": kept and bool(self.summary.get("rungs")),
            "counts": kept and bool(self.summary.get("counts")),
        }
        return [name for name, there in has.items() if there]

    def drawn(self, milestones: Sequence[str] | None = None) -> bool:
        """Whether the figures lie in the folder; chosen milestones are always drawn afresh."""
        files = [f"{name}.{kind}" for name in self.pictures() for kind in ("svg", "png")]
        return not milestones and all((self.folder / "figures" / name).is_file() for name in files)

    def plot(self, milestones: Sequence[str] | None = None) -> Pictures:
        """Draw the figures of the run into its folder; ``milestones`` chooses those whose incidence is drawn.

        The files come back; a notebook shows them.

        Raises ValueError for an unknown milestone.
        """
        from sim.figures.sheets import counts, incidence, occupancy, outcomes
        from sim.figures.style import save
        from sim.studies.notebook import Pictures

        names, summary = self.pictures(), self.summary
        figures = {"outcomes": outcomes.draw(summary)}
        if "incidence" in names:
            figures["incidence"] = incidence.draw(summary, self.curves(), milestones)
        followed = self.occupancy() if {"occupancy", "counts"} & set(names) else {}
        if "occupancy" in names:
            figures["occupancy"] = occupancy.draw(summary, followed)
        if "counts" in names:
            figures["counts"] = counts.draw(summary, followed)
        folder = self.folder / "figures"
        return Pictures(path for name, figure in figures.items() for path in save(figure, folder, name))

    def history(self, number: int) -> Told:
        """One of the simulated histories, replayed and told; :func:`sim.figures.timeline` draws it.

        Raises ValueError for a number that the run does not have.
        """
        from sim.studies import trace
        from sim.studies.notebook import Told
        from sim.studies.weigh.weighed import opened

        held = self.summary["replications"]
        if not 0 <= number < held:
            raise ValueError(f"history {number}: this run has those from 0 to {held - 1:,}")
        scenario, settings, task = opened(self.folder)
        history = trace.replay(scenario, task, number)
        lines = trace.tell(scenario, history, number, settings.seed)
        return Told(trace.picture(scenario, history, number, settings.seed), tuple(lines))

    def _repr_html_(self) -> str:
        from sim.studies.notebook import forecast_html

        return forecast_html(self.summary)


def answer(order: Order) -> int:
    """Forecast the scenario of an order, show the table and draw the figures."""
    from sim.studies import table
    from sim.studies.report import study as report
    from sim.studies.splitting import study as splitting

    scenario, settings = order.scenario(), order.settings
    if settings.method == SPLITTING:
        return splitting.answer(order, scenario)
    chosen = order.study.get("milestones")
    known = [m.name for m in scenario.milestones]
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    page = report.wanted(order, figures=figures)
    for name in listed(chosen, "study.milestones") if chosen is not None else ():
        if name not in known:
            raise SettingError(f"study.milestones: unknown milestone {name!r}{nearest(str(name), known)}")
    precise = named(order)
    with watched(memory.work(scenario, settings)) as progress:
        found = forecast(
            scenario, settings, order.results, command=order.command, progress=progress, say=remark, precise=precise
        )
    table.show(found.summary, table.console())
    if figures and not found.drawn(chosen):
        found.plot(chosen)
    if page and not report.written(found):
        report.write(found, scenario, settings)
    why = precision.missed(found.summary)
    if why:
        remark(f"escalation: {why}")
    say_folder(found.folder)
    return 3 if why else 0


def named(order: Order) -> list[str]:
    """The chances that study.precise names. Raises SettingError where no precision is asked for, or it is no list."""
    precise = order.study.get("precise")
    if precise is None:
        return []
    if order.settings.precision is None:
        raise SettingError("study.precise: names the chances that run.precision looks at; give that too, such as 0.005")
    return listed(precise, "study.precise")


def task_of(scenario: Scenario, settings: Settings) -> Task:
    """The compiled scenario as a task.

    Raises ValueError where it has no meaning (no outcomes, a length that is not whole days).
    """
    # Building the scenario has refused what can leave its bounds, by the values that can be reached.
    model = compile_model(scenario.spec, strict=False)
    until = scenario.until
    if until != int(until) or until < 1:
        raise ValueError(f"until: {until:g} days; a forecast runs for one or more whole days")
    return Task(
        model=model,
        seed=settings.seed,
        until=int(until),
        days=days_shown(scenario.horizons, int(until)),
        watched=watched_numbers(scenario, model),
        engine=settings.engine,
        past=memory.past_of(scenario, scenario.spec, settings.past),
    )


def identity_of(scenario: Scenario, task: Task) -> Identity:
    """Hashes of the configuration (what decides the numbers, not how many there are) and of the compiled model."""
    configuration = {
        **rules_and_data(scenario),
        "as_of": scenario.as_of,
        "until": task.until,
        "seed": task.seed,
    }
    if task.past is not None:  # a plain restart is named as if there were no memory at all
        configuration["past"] = task.past.digest
    return Identity(store.configuration_hash(configuration), task.model.digest)


def forecast(
    scenario: Scenario,
    settings: Settings,
    results: Path,
    *,
    command: str = "",
    progress: Progress = silent,
    say: Say = quiet,
    precise: Sequence[str] = (),
) -> Result:
    """Forecast of a scenario, in its folder under ``results``; a complete run is shown and not computed again.

    ``progress`` hears how many histories are done, ``say`` hears remarks about what was found on disk.

    With a ``settings.precision`` that was not reached the summary says so (``precision``, ``reached``); ``precise``
    names the chances that it is about, as ``NAME by DAY`` or ``NAME``.

    Raises CheckError when ``settings.again`` finds another content than the run on disk, RunError when the run could
    not finish or another process is at work on it.
    """
    if settings.method == SPLITTING:  # sim.studies.splitting.study makes that
        raise SettingError(
            "run.method: splitting gives chances by branching histories, not a forecast's folder of rows; in Python "
            "sim.rare(…) has them, on the command line run.method=splitting"
        )
    task = task_of(scenario, settings)
    identity = identity_of(scenario, task)
    folder = store.run_folder(results, scenario.name, STUDY, identity.configuration)
    room = size_of_run.check(task, settings, results, shared.held(folder))
    manifest = _same_run(folder, identity)
    if manifest is not None and manifest.get("complete"):
        if settings.again:
            say(_compared(task, folder, identity, manifest, settings))
        found = _shown(folder, manifest, settings, say, precise)
        if found is not None:
            return found
    with store.alone(folder):
        before, manifest = manifest, _same_run(folder, identity)
        if manifest is not None and manifest.get("complete") and manifest != before:  # another process has just done it
            found = _shown(folder, manifest, settings, say, precise)
            if found is not None:
                return found
        task = _prepared(task, settings, room, say)
        parts, others, said = shared.begun(task, identity, manifest, folder, settings)
        goals = _goals(settings, manifest, store.parts_said(folder, parts))
        record = _record(scenario, task, identity, settings) | said
        record |= {"replications": goals[0], "chunk": settings.chunk, "command": command}
        store.write_json(folder / "manifest.json", record)
        store.write_whole(folder / "config.yaml", _yaml(_composed(scenario, task, settings)))
        store.remove_leftovers(folder)
        kept: int | None = None
        close: dict[str, Any] = {}
        for goal in goals:
            heard = progress if kept is None else _but_first(progress)  # of those of the last look it has heard
            done = run_parts(
                task, folder, parts, goal, size=settings.chunk, executor=settings.executor, progress=heard, say=say
            )
            kept = done.kept if kept is None else kept
            if settings.precision is not None:
                seen = precision.counted(task, done.tally)
                close = {"precision": precision.judged(seen, goal, settings, precise)}
                if close["precision"]["reached"]:
                    break
        if kept:
            say(f"{kept:,} of {goal:,} simulated histories {THERE}{others}")
        nested = shared.nested(task, settings, folder, progress)
        said_past = {"past": memory.compared(scenario, task, folder, progress), "content_hash": done.content}
        digests = {"digests": {"model": identity.model, "configuration": identity.configuration}}
        summary = summarise(scenario, task, done.tally, nested) | close | said_past | digests
        store.write_whole(folder / "curves.parquet", _table(curves(task, done.tally, nested)))
        if task.watched:
            store.write_whole(folder / "occupancy.parquet", _table(long_form(task.watched, done.tally.counts)))
        store.write_json(folder / "summary.json", summary)
        record |= {
            "finished": _now(),
            "replications": done.tally.replications,
            "content_hash": done.content,
            "parts": done.records,
            "complete": True,
        }
        shutil.rmtree(folder / "figures", ignore_errors=True)  # they showed other numbers
        store.write_json(folder / "manifest.json", record)
        return Result(summary, folder)


def _prepared(task: Task, settings: Settings, room: str, say: Say) -> Task:
    """The task with its engine chosen; says which, and what room the run takes on disk, where that is worth saying."""
    if settings.engine == "auto":
        engine, why = engine_for(settings.engine, settings.up_to + settings.inputs * settings.histories)
        task = replace(task, engine=engine)
        say(f"engine=auto: {engine} ({why})")
    if room:
        say(room)
    return task


def begin(
    scenario: Scenario, task: Task, settings: Settings, results: Path, *, command: str, locks: ExitStack
) -> tuple[Path, Identity] | None:
    """Begin a forecast whose parts come from elsewhere: its folder, kept from others by ``locks``, and its parts' name.

    None where it is complete already, or an older folder of its own.

    Raises RunError where another process is at work on it.
    """
    identity = identity_of(scenario, task)
    folder = store.run_folder(results, scenario.name, STUDY, identity.configuration)
    manifest = _same_run(folder, identity)
    parts = shared.of_parts(task, identity, manifest)
    held = manifest["replications"] if manifest is not None and manifest.get("complete") else 0
    if held >= settings.replications or parts == identity:
        return None
    size_of_run.check(task, settings, results, shared.held(folder))
    locks.enter_context(store.alone(folder))
    shared.adopt(folder, parts, settings)
    store.remove_leftovers(folder)
    if manifest is None:
        record = _record(scenario, task, identity, settings) | {shared.KEY: parts.configuration}
        record |= {"replications": settings.replications, "chunk": settings.chunk, "command": command}
        store.write_json(folder / "manifest.json", record)
    return folder.absolute(), parts


def load(folder: Path) -> Result:
    """A complete run from its folder.

    Raises RunError where there is none.
    """
    manifest, summary = store.read_manifest(folder), store.read_json(folder / "summary.json")
    if manifest is None or summary is None or not manifest.get("complete"):
        raise store.RunError(f"{folder}: no complete run lies here; give the folder printed last by the forecast")
    if manifest.get("format") not in (FORMAT, FORMAT - 1):
        raise store.RunError(f"{folder}: format {manifest.get('format')!r}; this program reads {FORMAT}")
    return Result(summary, folder)


# --------------------------------------------------------------------------------------------- what is on disk
def _same_run(folder: Path, identity: Identity) -> dict[str, Any] | None:
    """The manifest of this very run, complete or not."""
    manifest = store.read_manifest(folder)
    if manifest is None or manifest.get("format") != FORMAT or not isinstance(manifest.get("chunk"), int):
        return None
    same = (manifest.get("configuration"), manifest.get("model")) == (identity.configuration, identity.model)
    return manifest if same else None


def _shown(
    folder: Path, manifest: dict[str, Any], settings: Settings, say: Say, precise: Sequence[str]
) -> Result | None:
    """The complete run on disk if it answers the question and is undamaged."""
    damaged = [
        part["file"] for part in manifest["parts"] if store.sha256_of(folder / "parts" / part["file"]) != part["sha256"]
    ]
    summary = store.read_json(folder / "summary.json")
    if damaged or summary is None or not (folder / "curves.parquet").is_file():
        say(f"{', '.join(damaged) or 'a result file'} was damaged or missing: done again")
        return None
    held, asked = manifest["replications"], settings.replications
    if settings.precision is not None:
        close = precision.judged(precision.counted_of(summary), held, settings, precise)
        summary["precision"], asked = close, held if close["reached"] else settings.most
    if held < asked or manifest["nested"] != [settings.inputs, settings.histories]:
        return None
    more = f"; all {held:,} simulated histories count" if held > asked else ""
    say(f"this run was complete: shown, not computed again{more}")
    return Result(summary, folder)


def _goals(settings: Settings, manifest: Mapping[str, Any] | None, parts: Sequence[Part]) -> list[int]:
    """Numbers of histories to have one after another: one, or one for each look where a precision is asked for."""
    if settings.precision is not None:
        return list(precision.looks(settings, max((part.first + part.count for part in parts), default=0)))
    # A smaller run than the complete one on disk would throw the rest away.
    whole = manifest["replications"] if manifest is not None and manifest.get("complete") else 0
    return [max(settings.replications, whole)]


def _but_first(progress: Progress) -> Progress:
    """Progress that does not hear the first number: what was there already."""
    first = iter([0])
    return lambda done: progress(next(first, done))


def _compared(task: Task, folder: Path, identity: Identity, manifest: dict[str, Any], settings: Settings) -> str:
    """Compute a complete run again beside itself; says so if the contents are equal, else raises CheckError."""
    other = folder.with_name(f"{folder.name}.again")
    shutil.rmtree(other, ignore_errors=True)
    replications = manifest["replications"]
    size, executor = settings.chunk, settings.executor
    done = run_parts(task, other, identity, replications, size=size, executor=executor)
    if done.content != manifest["content_hash"]:
        raise CheckError(
            f"{folder}: computed again, the {replications:,} simulated histories differ: content hash "
            f"{done.content}, on disk {manifest['content_hash']}; the new parts are kept in {other}"
        )
    shutil.rmtree(other, ignore_errors=True)
    return f"computed again: all {replications:,} simulated histories are the same (content hash {done.content[:16]}…)"


def _record(scenario: Scenario, task: Task, identity: Identity, settings: Settings) -> dict[str, Any]:
    """What the manifest of a run says from its beginning on."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    versions = {"python": platform.python_version()}
    for package in ("escalation-simulator", "numpy", "pyarrow", "simpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # run from a checkout that was not installed
            versions[package] = "not installed"
    return {
        "format": FORMAT,
        "study": STUDY,
        "scenario": scenario.name,
        "as_of": scenario.as_of.isoformat(),
        "until_days": task.until,
        "seed": task.seed,
        "rules_version": RULES_VERSION,
        "configuration": identity.configuration,
        "model": identity.model,
        "nested": [settings.inputs, settings.histories],
        "past": settings.past,
        "engine": task.engine,
        "executor": name_of(settings.executor),
        "versions": versions,
        "started": _now(),
        "complete": False,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _composed(scenario: Scenario, task: Task, settings: Settings) -> dict[str, Any]:
    # Starts that were changed as they stood before: the remembered past is played with those.
    unchanged = {"unchanged": dict(scenario.unchanged)} if scenario.unchanged else {}
    keys = ("replications", "precision", "seed", "chunk", "inputs", "histories", "past", "engine")
    run = {key: getattr(settings, key) for key in keys}
    made = {"as_of": scenario.as_of.isoformat(), "until": task.until, "run": run}
    return {"scenario": scenario.data, **unchanged, **made}


def _yaml(data: Mapping[str, Any]) -> bytes:
    import yaml

    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110).encode()


def _table(columns: Mapping[str, Any]) -> bytes:
    import pyarrow as pa

    return store.parquet_bytes(pa.table({name: pa.array(values) for name, values in columns.items()}))
