"""How could it happen? Per outcome a few typical histories, told as timelines, and the ways that lead to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.beliefs.record import of_run
from sim.model.compiled import RULES_VERSION
from sim.model.expressions import nearest as nearest_name
from sim.runs import store
from sim.runs.plan import Task, surviving_inputs
from sim.runs.rows import read
from sim.statistics.intervals import wilson, zero_event_bound
from sim.statistics.medoids import distances, medoids, nearest
from sim.statistics.shown import plural, words
from sim.studies import trace
from sim.studies.counted import shown
from sim.studies.forecast import Result, forecast, identity_of, load, task_of
from sim.studies.kept import kept
from sim.studies.order import Order, listed, remark, say_folder, watched, yes_or_no
from sim.studies.past import work
from sim.studies.settings import RESTART, SettingError, Settings, read_settings, whole
from sim.studies.size import READ, READ_FOR_PAGE, read_words
from sim.studies.typical.page import page
from sim.studies.typical.paths import Paths, paths_of

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

STUDY: Final = "typical"
SETTINGS: Final = ("outcomes", "each", "paths", "figures")
#: Typical histories told for each outcome at most, and ways into it.
EACH: Final = 3
PATHS: Final = 5
#: The first histories of an outcome, among which the typical ones are looked for.
SAMPLE: Final = 800
#: Fewer histories of an outcome than so many for each typical one leave it with fewer of them.
FEWEST: Final = 20
#: Where a milestone that is never reached lies, in lengths of the run; and the weight of a count beside a milestone.
NEVER: Final = 1.5
COUNT: Final = 0.5

Data = dict[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """Which outcomes are told (none named: all), with how many histories and ways each at most."""

    outcomes: tuple[str, ...] = ()
    each: int = EACH
    paths: int = PATHS


def asked_of(scenario: Scenario, study: Mapping[str, Any]) -> Asked:
    """What the study's settings ask. Raises SettingError for a value that cannot be."""
    known, names = [ending.name for ending in scenario.outcomes], study.get("outcomes")
    chosen = tuple(listed(names, "study.outcomes")) if names is not None else ()
    for name in chosen:
        if name not in known:
            raise SettingError(f"study.outcomes: unknown outcome {name!r}{nearest_name(name, known)}")
    each, ways = whole(study.get("each", EACH), "study.each"), whole(study.get("paths", PATHS), "study.paths")
    for key, value in (("each", each), ("paths", ways)):
        if not 1 <= value <= 20:
            raise SettingError(f"study.{key}: {value} is outside 1 … 20")
    return Asked(chosen, each, ways)


def answer(order: Order) -> int:
    """Tell the typical histories of an order's scenario, and keep them."""
    scenario = order.scenario()
    asked = asked_of(scenario, order.study)
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    data, folder = typical(scenario, asked, order.settings, order.results, command=order.command)
    print("\n".join(page(data)))
    print()
    if figures and not (folder / "figures" / "paths.png").is_file():
        plot(data, folder)
    say_folder(folder)
    return 0


def typical(
    scenario: Scenario, asked: Asked, settings: Settings, results: Path, *, command: str = ""
) -> tuple[Data, Path]:
    """The typical histories as plain data, and the folder they lie in; the forecast is run, or read where it is there.

    Raises CheckError when ``settings.again`` finds others than those on disk.
    """
    task = task_of(scenario, settings)
    identity = store.configuration_hash(
        {
            "rules": RULES_VERSION,
            "forecast": identity_of(scenario, task).configuration,
            "asked": [list(asked.outcomes), asked.each, asked.paths],
        }
    )

    def compute(n: int) -> Data:
        sized = replace(settings, replications=n)
        with watched(work(scenario, sized)) as progress:
            run = forecast(scenario, sized, results, command=command, progress=progress, say=remark)
        return computed(run, scenario, asked, task)

    folder = store.run_folder(results, scenario.name, STUDY, identity)
    data = kept(
        folder,
        {"configuration": identity, "command": command},
        settings.replications,
        compute,
        None,
        again=settings.again,
        also=lambda made: {"typical.txt": ("\n".join(page(made)) + "\n").encode()},
        figures=("paths", "history"),
    )
    return data, folder


def typical_of(
    run: Result | Path,
    scenario: Scenario,
    *,
    each: int = EACH,
    paths: int = PATHS,
    task: Task | None = None,
    most: int = READ_FOR_PAGE,
) -> Data:
    """Typical histories and ways among the first ``most`` of a stored forecast (or its folder), as plain data.

    Nothing is simulated but the few histories that are told. ``task`` is that of the run, if it is at hand.

    Raises SettingError for a question that cannot be.
    """
    return computed(run, scenario, asked_of(scenario, {"each": each, "paths": paths}), task, most=most)


def computed(
    run: Result | Path, scenario: Scenario, asked: Asked, task: Task | None = None, *, most: int = READ
) -> Data:
    """The typical histories and ways as plain data, from the first ``most`` histories: ``read`` says how many."""
    found = load(run) if isinstance(run, Path) else run
    summary = found.summary
    if (summary["scenario"], summary["as_of"]) != (scenario.name, scenario.as_of.isoformat()):
        raise SettingError(
            f"{found.folder}: a run of {summary['scenario']} as of {summary['as_of']}, not of {scenario.name} as of "
            f"{scenario.as_of}; give the scenario that the run was made from"
        )
    if task is None:
        manifest = store.read_manifest(found.folder) or {}
        before = manifest.get("past", RESTART)  # a run that says nothing of its past had none
        task = task_of(scenario, read_settings({"seed": summary["seed"], "past": before}))
    until, names = summary["until_days"], [ending.name for ending in scenario.outcomes]
    milestones = [m.name for m in scenario.milestones]
    days = sorted(int(day) for day in summary["days"])
    record = of_run(found.folder, milestones, names, days, most=most, exact=True)
    counts = [f"state.{variable.name}" for variable in shown(scenario)]
    ends = read(found.folder, ["replication", *counts], most)
    number, ended = ends.pop("replication"), record.outcomes[until]
    order = np.argsort(number, kind="stable")
    number, ended = number[order], ended[order]
    times = np.array([record.times[name][order] for name in milestones]).reshape(len(milestones), number.size)
    numbers = np.array([ends[name][order] for name in counts], dtype=np.float64).reshape(len(counts), number.size)
    ways = paths_of(milestones, times, ended)
    wanted = [ending for ending in scenario.outcomes if not asked.outcomes or ending.name in asked.outcomes]
    parts, chosen = [], []
    for ending in wanted:
        here = np.flatnonzero(ended == names.index(ending.name))
        places, centres = representatives(times[:, here], numbers[:, here], until, asked.each)
        parts.append((ending, here, centres))
        chosen.append(here[places])
    told = iter(_told(scenario, task, number[np.concatenate(chosen)] if chosen else number[:0]))
    return {
        "format": store.FORMAT,
        "study": STUDY,
        "scenario": scenario.name,
        "title": scenario.title,
        "as_of": scenario.as_of.isoformat(),
        "until_days": until,
        "seed": summary["seed"],
        "replications": summary["replications"],
        "read": number.size,
        "distance": _distance(len(counts), until),
        "sample": SAMPLE,
        "background": list(ways.background),
        "outcomes": [
            _outcome(ending, here, number.size)
            | {"typical": [next(told) | entry for entry in centres]}
            | _ways(ways, here, asked.paths, whole=ending is scenario.outcomes[-1])
            for ending, here, centres in parts
        ],
        "notes": [
            "Each history told is one of many, invented: it follows from the stated assumptions, and is no more likely "
            "than others of its outcome. It stands for those that lie nearer to it than to the others told; those are "
            f"sought among the first {SAMPLE} histories of each outcome.",
            "Ways: the order in which milestones are first reached, up to the last one that all histories of the "
            "outcome share (of the last outcome, which holds otherwise, all of them); what comes at one instant stands "
            f"together.{_left_out(ways)}",
            *_first(number.size, summary["replications"]),
        ],
    }


def representatives(times: Floats, numbers: Floats, until: int, each: int) -> tuple[NDArray[np.int64], list[Data]]:
    """Places of the typical ones among the histories of one outcome, and of how many each is the nearest.

    ``times`` (milestones, n) are first times, ``numbers`` (counts, n) values at the end.
    """
    n = times.shape[1]
    if not n:
        return np.zeros(0, dtype=np.int64), []
    points = coordinates(times, numbers, until)
    found = medoids(points[:SAMPLE], min(each, max(n // FEWEST, 1)))
    own = nearest(points, points[found])
    sizes = np.bincount(own, minlength=found.size)
    order = np.lexsort((found, -sizes))
    far = distances(points, points[found]).min(axis=1)
    entries = [
        {
            "nearest": int(sizes[i]),
            "represents": int(sizes[i]) / n,
            "distance": float(np.median(far[own == i])),
        }
        for i in order
    ]
    return found[order], entries


def coordinates(times: Floats, numbers: Floats, until: int) -> Floats:
    """Points (n, d) whose sums of absolute differences are the distance between histories.

    A milestone counts by its first time in lengths of the run, one never reached as at ``NEVER``; a count by its value
    at the end in widths of the middle 80 % of these histories, with the weight ``COUNT``, kept within one width of it.
    """
    reached = np.where(times <= until, times / until, NEVER)
    low, high = np.quantile(numbers, [0.1, 0.9], axis=1) if numbers.size else (np.zeros(0), np.zeros(0))
    wide = np.where(high > low, high - low, 1.0)
    scaled = np.clip((numbers - low[:, None]) / wide[:, None], -1.0, 2.0)
    found: Floats = np.concatenate([reached, COUNT * scaled]).T
    return np.ascontiguousarray(found)


def plot(data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw the ways into each outcome, and the most typical history of each, into the folder."""
    from sim.figures.sheets import paths as figure
    from sim.figures.sheets import timeline
    from sim.figures.style import save

    found = []
    for ending in data["outcomes"]:
        for one in ending["typical"][:1]:
            name = f"history-{ending['name']}-{one['replication']}"
            found += save(timeline.draw(one["picture"]), folder / "figures", name)
    return [*save(figure.draw(data), folder / "figures", "paths"), *found]


def _told(scenario: Scenario, task: Task, numbers: NDArray[np.int64]) -> list[Data]:
    """The histories with these numbers, replayed and told."""
    if not numbers.size:
        return []
    used = surviving_inputs(task, numbers)
    return [_one(scenario, task, int(number), used[i : i + 1]) for i, number in enumerate(numbers)]


def _one(scenario: Scenario, task: Task, number: int, used: NDArray[np.int64]) -> Data:
    history = trace.replay(scenario, task, number, used)
    text = trace.tell(scenario, history, number, task.seed)
    blocks = _blocks(text[3:])  # below the heading
    drawn = [line.strip() for line in blocks.pop(0)[1:]] if blocks and blocks[0][0].startswith("Drawn") else []
    ending = blocks.pop()
    drawing = trace.picture(scenario, history, number, task.seed)
    says = {m.name: m.says for m in scenario.milestones}
    firsts = sorted(
        (float(time), place, name)
        for place, (name, time) in enumerate(zip(task.model.milestones, history.rows.milestones[:, 0], strict=True))
        if np.isfinite(time)
    )
    return {
        "replication": number,
        "label": "one of many, invented",
        "milestones": [
            {"name": name, "says": says[name], "day": time, "date": scenario.date(time).isoformat()}
            for time, _, name in firsts
        ],
        "timeline": [line for block in blocks for line in block],
        "drawn": drawn,
        "ending": ending,
        # Pairs as lists, as they come back from a file.
        "picture": drawing | {"steps": [list(step) for step in drawing["steps"]]},
    }


def _blocks(lines: Sequence[str]) -> list[list[str]]:
    """Lines between empty lines."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line:
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [block for block in found if block]


def _outcome(ending: Any, here: NDArray[np.int64], n: int) -> Data:
    low, high = wilson(here.size, n)
    return {
        "name": ending.name,
        "says": ending.says,
        "histories": int(here.size),
        "share": here.size / n,
        "low": float(low),
        "high": float(high) if here.size else zero_event_bound(n),
        "why": "" if here.size else f"never seen in {plural(n, 'simulated history')}",
    }


def _ways(ways: Paths, here: NDArray[np.int64], most: int, *, whole: bool) -> Data:
    found, other = ways.top(here, most, whole=whole)
    return {"paths": found, "other": other}


def _first(read: int, of: int) -> list[str]:
    """That not all histories were looked at, where that is so."""
    return [f"All this is of {read_words(read, of)}."] if read < of else []


def _left_out(ways: Paths) -> str:
    names = ", ".join(words(name) for name in ways.background)
    return f" Left out, as most histories of every outcome reach it: {names}." if names else ""


def _distance(counts: int, until: int) -> str:
    """What near means, in a sentence."""
    more = (
        f"; beside it, with half the weight, how far the {plural(counts, 'count')} at the end lie apart, in widths of "
        "the middle 80 % of the outcome's histories"
        if counts
        else ""
    )
    return (
        f"Two histories of an outcome are the nearer, the closer the first times of their milestones: the sum of the "
        f"differences in lengths of the run ({until} days), a milestone never reached counted as at {NEVER:g} "
        f"lengths{more}."
    )
