"""A finished forecast with weight given to statements: the same histories, each counted for more or less."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from sim.beliefs.record import Record, nested_record, of_run
from sim.beliefs.weighing import ENOUGH, FAR, METHODS, Bent, Claim, Method, Weighing
from sim.model.expressions import nearest
from sim.runs.execute import Executor, Progress, silent
from sim.runs.plan import Task
from sim.statistics.intervals import wilson
from sim.statistics.shown import date_words
from sim.studies.settings import RESTART, SettingError, Settings, whole

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario, Statement

#: What an open statement may have meant, in days from when it was said.
READINGS: Final = (30, 90, 180)

Data = dict[str, Any]


class NothingLeftError(SettingError):
    """No statement has a reading that lies ahead: there is nothing to give weight to."""


@dataclass(frozen=True, eq=False)
class Weighed:
    """A forecast with weight given to statements; ``data`` is plain.

    ``nats`` says how far the model is bent (above 1 the statement replaces it) and ``effective`` how many histories
    the result is worth.
    """

    data: Data

    @property
    def outcomes(self) -> dict[str, dict[str, float]]:
        """Outcome at the end -> probability, low, high (95 %, sampling), range_low, range_high (over the inputs)."""
        by: dict[str, dict[str, dict[str, float]]] = self.data["outcomes_by"]
        return by[next(reversed(by))]

    @property
    def milestones(self) -> dict[str, Any]:
        """Milestone -> ``by`` day the same five shares."""
        found: dict[str, Any] = self.data["milestones"]
        return found

    @property
    def flags(self) -> dict[str, dict[str, float]]:
        """Flag at the end -> the same five shares."""
        found: dict[str, dict[str, float]] = self.data["flags"]
        return found

    @property
    def weights(self) -> dict[str, float]:
        """Statement -> the weight it got."""
        found: dict[str, float] = self.data["weights"]
        return found

    @property
    def nats(self) -> float:
        """How far the model is bent: relative entropy."""
        return float(self.data["nats"])

    @property
    def effective(self) -> float:
        """How many histories the result is worth."""
        return float(self.data["effective"])


# ------------------------------------------------------------------------------------------------------ what is asked
def method_of(value: object) -> Method:
    """The name of a method. Raises SettingError."""
    if value not in METHODS:
        known = ", ".join(METHODS)
        raise SettingError(f"study.method: {value!r} is unknown{nearest(str(value), METHODS)}; choose from {known}")
    return cast("Method", value)


def weight_of(value: object, key: str = "study.weight") -> float | None:
    """A weight 0 … 1; None: by rule. Raises SettingError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise SettingError(f"{key}: {value!r} is no weight; a number within 0 … 1 is wanted, or null for the rule")
    return float(value)


def readings_of(value: object) -> tuple[int, ...]:
    """Days that an open statement may have meant. Raises SettingError."""
    days = value if isinstance(value, list | tuple) else [value]
    found = sorted({whole(day, "study.readings") for day in days})
    if not found or found[0] < 1:
        raise SettingError(f"study.readings: {value!r}; numbers of days are wanted, such as [30,90,180]")
    return tuple(found)


def in_force(scenario: Scenario, names: Sequence[str] | None = None) -> list[Statement]:
    """The statements that can be given weight, or those of some names.

    Raises SettingError where there is none, or for a name that has none.
    """
    there = {statement.name: statement for statement in scenario.statements if statement.about is None}
    all_names = [str(name) for name in scenario.data.get("statements") or ()]
    for name in names or ():
        if name in there:
            continue
        if any(statement.name == name for statement in scenario.statements):
            raise SettingError(f"study.statements: {name} is a recollection: for comparison only, never given weight")
        why = f"was not known on {date_words(scenario.as_of.isoformat())}" if name in all_names else "there is none"
        raise SettingError(f"study.statements: {name!r}: {why}{nearest(name, there)}; in force: {', '.join(there)}")
    if not there:
        later = f"; of later dates: {', '.join(all_names)}" if all_names else ""
        raise SettingError(
            f"{scenario.name} has no statement in force on {date_words(scenario.as_of.isoformat())}{later}. Stated "
            "probabilities stand in the scenario under `statements`; as_of=DATE asks at another date"
        )
    return [there[name] for name in dict.fromkeys(names)] if names else list(there.values())


def claims_of(
    scenario: Scenario, statements: Sequence[Statement], task: Task, readings: Sequence[int] = READINGS
) -> tuple[tuple[Claim, ...], list[str]]:
    """The statements as claims about the run's histories, and remarks on what was left out.

    Deadlines count from the day it was said.

    Raises SettingError for a deadline past the end of the run, NothingLeftError where no claim is left.
    """
    claims, remarks = [], []
    for statement in statements:
        elapsed = (scenario.as_of - statement.said_on).days
        days, left = days_of(statement, elapsed, task.until, readings)
        remarks += left
        if not days:
            continue
        if statement.outcomes:
            for day in days:
                if day not in task.days:
                    kept = ", ".join(map(str, task.days))
                    raise SettingError(
                        f"statement {statement.name}: outcomes are read at {kept} days and not at {day}; add {day} to "
                        "the scenario's `horizons`"
                    )
        claims.append(
            Claim(statement.name, statement.origin, statement.stated, days, statement.milestone, statement.outcomes)
        )
    if not claims:
        raise NothingLeftError("; ".join(remarks) + ": nothing is left to be given weight")
    return tuple(claims), remarks


def days_of(
    statement: Statement, elapsed: int, until: int, readings: Sequence[int]
) -> tuple[tuple[int, ...], list[str]]:
    """Days of the run by which a statement may mean its event, and remarks on those left out.

    Raises SettingError for a deadline, or every reading, past the end of the run.
    """
    name = statement.name
    if statement.within is not None:
        day = math.ceil(statement.within) - elapsed
        if day > until:
            raise SettingError(
                f"statement {name}: its deadline lies {day} days on, past the end of the run ({until} days); "
                f"until={day} makes the run long enough, or choose others by study.statements"
            )
        return ((day,), []) if day > 0 else ((), [f"statement {name}: its deadline has passed"])
    days = [day - elapsed for day in readings]
    fits = tuple(day for day in days if 0 < day <= until)
    if not fits and min(days) > until:
        raise SettingError(
            f"statement {name}: no reading ends within the run ({until} days); until={min(days)} makes it long "
            f"enough, or give others by study.readings, such as study.readings=[{until}]"
        )
    if not fits:
        return (), [f"statement {name}: every reading has passed"]
    past = ", ".join(str(day) for day in days if day > until)
    why = f"statement {name}: not read as {past} days, which lies past the end of the run; until=… makes it longer"
    return fits, [why] if past else []


def prepared(
    task: Task,
    folder: Path,
    claims: tuple[Claim, ...],
    *,
    inputs: int,
    histories: int,
    executor: Executor = "auto",
    progress: Progress = silent,
    most: int | None = None,
) -> Weighing:
    """The claims with the histories of a finished forecast (the first ``most``), and those of its nested run."""
    names = [name for name, _ in task.model.outcomes]
    flags = [name for name, _ in task.model.flags]
    record = of_run(folder, task.model.milestones, names, task.days, flags, most=most)
    nested: Record | None = nested_record(task, inputs, histories, executor=executor, progress=progress, folder=folder)
    return Weighing(claims, record, nested, inputs, task.days)


# ------------------------------------------------------------------------------------------------------ what is found
def law_data(weighing: Weighing, given: Sequence[float], method: Method) -> Data:
    """A bent law as plain data. Raises ValueError where the method has none."""
    bent = weighing.bend(given, method)
    low, high = wilson(bent.chance * bent.worth, bent.worth)
    by: dict[str, Data] = {str(day): {} for day in weighing.days}
    milestones: dict[str, Data] = {name: {"by": {}} for name in weighing.record.times}
    flags: dict[str, Data] = {}
    columns = zip(*(c.tolist() for c in (bent.chance, low, high, bent.low, bent.high)), strict=True)
    keys = ("probability", "low", "high", "range_low", "range_high")
    for event, five in zip(weighing.events, columns, strict=True):
        numbers = dict(zip(keys, five, strict=True))
        if event.milestone is not None:
            milestones[event.milestone]["by"][str(event.day)] = numbers
        elif event.flag is not None:
            flags[event.flag] = numbers
        else:
            by[str(event.day)][event.outcomes[0]] = numbers
    return {
        "method": method,
        "weights": {claim.name: weight for claim, weight in zip(weighing.claims, given, strict=True)},
        **bend_data(weighing, bent, method),
        "outcomes_by": by,
        "milestones": milestones,
        "flags": flags,
    }


def bend_data(weighing: Weighing, bent: Bent, method: Method) -> Data:
    """How far a law bends the model, and whether that leaves enough histories.

    ``needed``: histories with which there would be enough, or ``needed_inputs`` sets of inputs for a method that
    re-weights those; null where there are.
    """
    n = weighing.record.size
    short, by_inputs = bent.effective < ENOUGH, method == "evidence"
    more = ENOUGH / max(bent.effective, 1.0)
    return {
        "nats": bent.nats,
        "effective": bent.effective,
        "replaces": bent.nats > FAR,
        "needed": math.ceil(n * more / 1000) * 1000 if short and not by_inputs else None,
        "needed_inputs": math.ceil(weighing.sets * more / 10) * 10 if short and by_inputs else None,
    }


def weigh_run(
    folder: Path,
    names: Sequence[str],
    weight: float | Mapping[str, float] | None,
    method: str,
    readings: Sequence[int],
) -> Weighed:
    """A finished forecast with weight given to some statements (none named: all in force), see Result.weigh.

    Raises ValueError for a statement, weight or method that cannot be.
    """
    from sim.studies.weigh.then import carried

    scenario, settings, task = opened(folder)
    chosen = in_force(scenario, names)
    claims, _ = claims_of(scenario, chosen, task, readings_of(list(readings)))
    claims, _ = carried(scenario, chosen, claims, settings, folder.parent.parent)
    weighing = prepared(task, folder, claims, inputs=settings.inputs, histories=settings.histories)
    return Weighed(law_data(weighing, weights_of(weighing, weight), method_of(method)))


def opened(folder: Path) -> tuple[Scenario, Settings, Task]:
    """Scenario, settings and task of a finished forecast, from its folder.

    Raises RunError where there is no complete run, or one of another version.
    """
    import yaml

    from sim.runs import store
    from sim.scenario.build import build
    from sim.scenario.source import Layer, Source
    from sim.studies.forecast import load, task_of
    from sim.studies.settings import read_settings

    load(folder)  # complete, or an error that says so
    kept = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    # Whatever was changed for this run was accepted when it was made, and needs no basis now.
    source = Source((Layer("the configuration of the run", {}, {}),), by="the run")
    scenario = build(
        kept["scenario"], as_of=kept["as_of"], until=kept["until"], source=source, unchanged=kept.get("unchanged")
    )
    settings = read_settings({"past": RESTART, **kept["run"]})  # a run that says nothing of its past had none
    task = task_of(scenario, settings)
    manifest = store.read_manifest(folder) or {}
    if manifest.get("model") != task.model.digest:
        raise store.RunError(f"{folder}: the run was made by another version of the program; run the forecast again")
    return scenario, settings, task


def weights_of(weighing: Weighing, weight: float | Mapping[str, float] | None) -> list[float]:
    """Weights of the claims: one for all, by name (the rule for those not named), or by rule; origins are capped."""
    claims, rule = weighing.claims, weighing.ruled()
    if weight is None:
        return weighing.capped(rule)
    if isinstance(weight, Mapping):
        known = [claim.name for claim in claims]
        for name in weight:
            if name not in known:
                raise SettingError(f"weight: no statement {name!r} here{nearest(name, known)}")
        given = [weight_of(weight.get(claim.name), f"weight of {claim.name}") for claim in claims]
    else:
        given = [weight_of(weight, "weight")] * len(claims)
    return weighing.capped([r if w is None else w for w, r in zip(given, rule, strict=True)])
