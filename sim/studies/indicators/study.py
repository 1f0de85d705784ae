"""What should one watch for? What each observable event, seen by a day, says of what comes after that day.

All shares are among the histories *at risk*: those in which the target has not happened by the end of the window, so
nothing that is seen only after the target counts. An event is seen ``delay`` days after it happens, as the scenario
says. The rows of a stored forecast are all that is read; only numbers that grow (counts) are played again, up to the
end of the window. What comes out are indications within the model, not causes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.beliefs.record import Record, of_run
from sim.model.compiled import RULES_VERSION
from sim.model.expressions import nearest
from sim.runs import store
from sim.runs.execute import Progress
from sim.runs.plan import Part, Task, parts, simulate_part
from sim.runs.rows import read
from sim.statistics.intervals import wilson
from sim.statistics.shown import date_words, plural, words
from sim.studies.counted import shown
from sim.studies.forecast import Result, forecast, identity_of, load, task_of
from sim.studies.indicators.rows import Sign, pairs_of, ranked
from sim.studies.kept import kept
from sim.studies.order import Order, remark, say_folder, watched, yes_or_no
from sim.studies.past import work
from sim.studies.settings import SettingError, Settings, whole
from sim.studies.size import READ, READ_FOR_PAGE, read_words
from sim.studies.tornado.study import question as headline

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

STUDY: Final = "indicators"
SETTINGS: Final = ("milestone", "outcome", "day", "window", "counts", "figures")
#: Histories that are played again for the counts.
COUNTS: Final = 20_000
#: A count is a sign where at most so large a share of the histories have as many or more, or as few or fewer.
TAIL: Final = 0.25
#: Signs that are put forward as worth watching.
WATCHED: Final = 3

Data = dict[str, Any]
Truth = NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """The target, a milestone by a day or an outcome at the end, and the day by which signs of it are seen."""

    milestone: str | None
    outcome: str | None
    day: int
    window: int
    counts: int = COUNTS


def asked_of(scenario: Scenario, study: Mapping[str, Any]) -> Asked:
    """What the study's settings ask. Raises SettingError for a value that cannot be."""
    outcome, until = study.get("outcome"), int(scenario.until)
    if outcome is not None:
        known = [ending.name for ending in scenario.outcomes]
        if outcome not in known:
            raise SettingError(f"study.outcome: unknown outcome {outcome!r}{nearest(str(outcome), known)}")
        for key in ("milestone", "day"):
            if study.get(key) is not None:
                raise SettingError(
                    f"study.{key}: {study[key]!r} does not go with study.outcome, which is read at the end of the run "
                    f"(day {until}); give a milestone with a day, or an outcome alone"
                )
        milestone, day = None, until
    else:
        target = headline(scenario, {key: study.get(key) for key in ("milestone", "day")})
        milestone, day = target.milestone, target.day
    if day < 2:
        raise SettingError(f"study.day: {day}; nothing can be seen before the first day, so give a day from 2 on")
    earlier = [horizon for horizon in sorted(scenario.horizons) if 1 <= horizon < day]
    window = study.get("window")
    window = whole(window, "study.window") if window is not None else int(earlier[0]) if earlier else max(day // 3, 1)
    if not 1 <= window < day:
        raise SettingError(f"study.window: {window} is outside 1 … {day - 1}: signs are seen before the target's day")
    if outcome is not None and window not in earlier:
        known_days = ", ".join(f"{horizon:g}" for horizon in earlier)
        raise SettingError(
            f"study.window: outcomes are read at the scenario's horizons only; {window} is none of "
            f"{known_days or 'them (it has none before the end)'}. Ask for one of them, or for a milestone"
        )
    counts = whole(study.get("counts", COUNTS), "study.counts")
    if not 0 <= counts <= 10**7:
        raise SettingError(f"study.counts: {counts} is outside 0 … 10,000,000; 0 leaves the counts out")
    return Asked(milestone, outcome, day, window, counts)


def answer(order: Order) -> int:
    """Rank the indicators of an order's scenario, show them and keep them."""
    from sim.studies import table
    from sim.studies.indicators.table import show

    scenario = order.scenario()
    asked = asked_of(scenario, order.study)
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    data, folder = indicators(scenario, asked, order.settings, order.results, command=order.command)
    show(data, table.console())
    drawable = any(not row["why"] for row in data["rows"])
    if figures and drawable and not (folder / "figures" / "indicators.png").is_file():
        plot(data, folder)
    say_folder(folder)
    return 0


def indicators(
    scenario: Scenario, asked: Asked, settings: Settings, results: Path, *, command: str = ""
) -> tuple[Data, Path]:
    """The numbers as plain data, and the folder they lie in; the forecast is run, or read where it is there already.

    Raises CheckError when ``settings.again`` finds other numbers than those on disk.
    """
    task = task_of(scenario, settings)
    identity = store.configuration_hash(
        {
            "rules": RULES_VERSION,
            "forecast": identity_of(scenario, task).configuration,
            "asked": [asked.milestone, asked.outcome, asked.day, asked.window, asked.counts],
        }
    )

    def compute(n: int) -> Data:
        sized = replace(settings, replications=n)
        with watched(work(scenario, sized) + min(n, asked.counts, READ)) as progress:
            common: Any = {"command": command, "progress": progress}
            run = forecast(scenario, sized, results, say=remark, **common)
            held = min(run.summary["replications"], asked.counts, READ)
            numbers = counts_at(scenario, task, asked.window, held, progress) if held else {}
        return computed(run, scenario, asked, numbers)

    folder = store.run_folder(results, scenario.name, STUDY, identity)
    made = {"configuration": identity, "command": command}
    return kept(folder, made, settings.replications, compute, _table, again=settings.again), folder


def indicators_of(
    run: Result | Path,
    scenario: Scenario,
    *,
    milestone: str | None = None,
    outcome: str | None = None,
    day: int | None = None,
    window: int | None = None,
    most: int = READ_FOR_PAGE,
) -> Data:
    """Indicators in a stored forecast (or its folder), from its first ``most`` rows alone: nothing is simulated.

    The target is a ``milestone`` by a ``day`` (by default the first one with base rates, by the last horizon but one)
    or an ``outcome`` at the end; signs are seen by the end of day ``window`` (by default the first horizon).

    Raises SettingError for a question that cannot be.
    """
    study = {"milestone": milestone, "outcome": outcome, "day": day, "window": window, "counts": 0}
    return computed(run, scenario, asked_of(scenario, study), most=most)


def computed(
    run: Result | Path,
    scenario: Scenario,
    asked: Asked,
    counts: Mapping[str, NDArray[np.int64]] | None = None,
    *,
    most: int = READ,
) -> Data:
    """The numbers as plain data, from the first ``most`` histories of a run: its ``read`` says how many these are.

    ``counts`` are values of variables at the end of the window, (first histories,).
    """
    found = load(run) if isinstance(run, Path) else run
    summary = found.summary
    if (summary["scenario"], summary["as_of"]) != (scenario.name, scenario.as_of.isoformat()):
        raise SettingError(
            f"{found.folder}: a run of {summary['scenario']} as of {summary['as_of']}, not of {scenario.name} as of "
            f"{scenario.as_of}; give the scenario that the run was made from"
        )
    days = sorted(int(key) for key in summary["days"])
    names = [m.name for m in scenario.milestones]
    record = of_run(found.folder, names, [o.name for o in scenario.outcomes], days, most=most, exact=True)
    risk, happens = target(record, asked)
    times = record.times[asked.milestone] if asked.milestone is not None else None
    signs = _events(scenario, record, asked) + _counts(scenario, risk, counts or {})
    going_on = read(found.folder, ["end"], most)["end"] > asked.window
    table = ranked(signs, risk, happens, None if times is None else (times, asked.day), going_on)
    open_ = {row["name"] for row in table if not row["over"]}
    together = [sign for sign in signs if sign.seen.size == risk.size and sign.name in open_]
    pairs, tested = pairs_of(together, risk, happens)
    n, k = int(risk.sum()), int((risk & happens).sum())
    low, high = wilson(k, n)
    name = str(asked.milestone or asked.outcome)
    says = next(one.says for one in (scenario.milestones if asked.milestone else scenario.outcomes) if one.name == name)
    date, window = scenario.date(asked.day).isoformat(), scenario.date(asked.window).isoformat()
    headline_ = f"{words(name)} ({says}) {'by' if asked.milestone else 'as the outcome on'} {date_words(date)}"
    return {
        "format": store.FORMAT,
        "study": STUDY,
        "scenario": scenario.name,
        "title": scenario.title,
        "as_of": scenario.as_of.isoformat(),
        "seed": summary["seed"],
        "replications": summary["replications"],
        "read": record.size,
        "target": {
            "kind": "milestone" if asked.outcome is None else "outcome",
            "name": name,
            "says": says,
            "day": asked.day,
            "date": date,
        },
        "headline": f"{headline_}, {asked.day} days on",
        "window": asked.window,
        "window_date": window,
        "at_risk": n,
        "happened": k,
        "probability": k / n if n else None,
        "low": float(low),
        "high": float(high),
        "rows": table,
        "pairs": pairs,
        "pairs_tested": tested,
        "watch": [row["name"] for row in table if row["public"] and row["clear"] and not row["over"]][:WATCHED],
        "notes": _notes(asked, window, n, (record.size, summary["replications"])),
    }


def target(record: Record, asked: Asked) -> tuple[Truth, Truth]:
    """Which histories are at risk at the end of the window, and in which the target comes about after it: (n,) both.

    Of a milestone: not reached by then; reached after it, by the day. Of an outcome: it does not hold at the end of
    the window; it holds at the end of the run. Of the last outcome, which holds as long as no other does: it still
    holds at the end of the window.
    """
    if asked.milestone is not None:
        times = record.times[asked.milestone]
        return times > asked.window, (times > asked.window) & (times <= asked.day)
    place = record.names.index(str(asked.outcome))
    then, end = record.outcomes[asked.window] == place, record.outcomes[asked.day] == place
    return (then if place == len(record.names) - 1 else ~then), end


def counts_at(
    scenario: Scenario, task: Task, window: int, replications: int, progress: Progress
) -> dict[str, NDArray[np.int64]]:
    """Values (replications,) of the counts at the end of a day, in the first histories of a run, played to that day."""
    names = [variable.name for variable in shown(scenario)]
    if not names:
        return {}
    short = replace(task, until=window, days=(window,), watched=())
    places = [task.model.variables.index(name) for name in names]
    found = []
    for part in parts(replications, 20_000):
        found.append(simulate_part(short, Part(0, part.first, part.count)).state[places])
        progress(part.count)
    return dict(zip(names, np.concatenate(found, axis=1), strict=True))


def plot(data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw the indicators into their folder."""
    from sim.figures.sheets import indicators as figure
    from sim.figures.style import save

    return save(figure.draw(data), folder / "figures", STUDY)


def _events(scenario: Scenario, record: Record, asked: Asked) -> list[Sign]:
    """Each milestone but the target, as it can be seen by the window."""
    found = []
    for m in scenario.milestones:
        if m.name == asked.milestone:
            continue
        seen_at = record.times[m.name] + m.delay
        actor = scenario.actors.get(m.seen_by)
        who = actor.label if actor is not None else m.seen_by
        found.append(
            Sign(m.name, "milestone", m.says, m.seen_by == "public", who, m.delay, seen_at <= asked.window, seen_at)
        )
    return found


def _counts(scenario: Scenario, risk: Truth, counts: Mapping[str, NDArray[np.int64]]) -> list[Sign]:
    """Large and small numbers by the window. Where the line is drawn hangs on the numbers alone, not on the target."""
    found = []
    for name, values in counts.items():
        told = scenario.variables[name]
        here = np.sort(values[risk[: values.size]])
        if not here.size or here[0] == here[-1]:
            continue
        unit = f" {told.unit}" if told.unit else ""
        edges = [("at_least", int(here[-1]), "or more"), ("at_most", int(here[0]), "or fewer")]
        place = int(np.ceil((1.0 - TAIL) * here.size)) - 1
        above, below = here[here > here[place]], here[here < here[here.size - 1 - place]]
        if above.size:
            edges[0] = ("at_least", int(above[0]), "or more")
        if below.size:
            edges[1] = ("at_most", int(below[-1]), "or fewer")
        for kind, edge, said in edges:
            seen = values >= edge if kind == "at_least" else values <= edge
            if seen[risk[: values.size]].mean() > TAIL:
                continue
            says = f"{words(name)} {edge:,}{unit} {said} ({told.meaning})"
            found.append(Sign(f"{name}_{kind}_{edge}", "count", says, True, "public", 0.0, seen, None))
    return found


def _notes(asked: Asked, window: str, n: int, of: tuple[int, int]) -> list[str]:
    """What has to be said with the numbers; ``of``: how many histories were looked at, and how many the run has."""
    by = date_words(window)
    if asked.outcome is None:
        among = f"in which the target had not happened by the end of {by}"
    else:
        among = f"that had not come to that outcome by the end of {by} (of the last outcome: to no other)"
    count = f"{n:,} of {read_words(*of)}" if of[0] < of[1] else plural(n, "simulated history")
    return [
        "These are indications within the model, not causes: to bring a sign about, or to stop it, need not change the "
        "chance.",
        f"All shares are among the {count} {among}; what is seen later, or after the target, is no sign of it. An "
        "event counts as seen so many days after it happens as the scenario says.",
        "A factor multiplies the odds of the target. Intervals: 95 % sampling error; what the assumptions leave open "
        "comes on top.",
    ]


def _table(data: Data) -> bytes:
    import pyarrow as pa

    rows = [{key: value for key, value in row.items() if key != "lead"} | _flat(row["lead"]) for row in data["rows"]]
    keys = list(rows[0]) if rows else []
    return store.parquet_bytes(pa.table({key: [row[key] for row in rows] for key in keys}))


def _flat(lead: Mapping[str, Any] | None) -> Data:
    keys = ("median", "low", "high", "histories", "share")
    return {f"lead_{key}": lead[key] if lead is not None else None for key in keys}
