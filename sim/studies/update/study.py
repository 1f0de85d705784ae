"""How did the forecast move from date to date, and why? All for the same calendar day, with the same histories.

Each move is split among groups of what changed in the scenario, and the passage of time, by Shapley values: the mean,
over all orders in which old may turn into new, of what a group adds when its turn comes. That describes the model's
arithmetic, not causation. Statements are weighed if asked for, each a group of its own.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.model.expressions import nearest
from sim.runs import store
from sim.runs.execute import Progress, silent
from sim.scenario import quantities
from sim.scenario.build import LONGEST, build
from sim.statistics.paired import paired_shares
from sim.statistics.shown import date_words, words
from sim.studies import past
from sim.studies.kept import kept, rules_and_data
from sim.studies.order import Order, listed, say_folder, watched, yes_or_no
from sim.studies.settings import SettingError, Settings, whole
from sim.studies.tornado import study as tornado
from sim.studies.update.mix import Pair, only_bearing, read_by
from sim.studies.update.parts import Mixture, Seen, Table, explained, milestones_of, play, shares, table_of
from sim.studies.update.said import Said, said_in
from sim.studies.update.without import Without, without
from sim.studies.weigh.weighed import in_force, weight_of

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario
    from sim.scenario.source import Source

STUDY: Final = "update"
SETTINGS: Final = (
    "dates", "by", "milestone", "replications", "groups", "most", "orders", "statements", "weight", "figures",
)  # fmt: skip
#: What stands for all statements in force.
ALL: Final = "all"
REPLICATIONS: Final = 10_000
MOST, ORDERS = 7, 20
SECTIONS: Final = ("state", "inputs", "amounts", "actions")

Data = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """Which dates are compared, for which day and event, and how a move is split.

    ``groups`` are names with the paths that belong to each; ``most`` is the number of parts that a move is split into
    at most, unless more are named; ``orders`` is how many random orders are tried beyond ten parts. ``statements`` are
    given weight, too (None: all in force), with a ``weight`` (None: by rule).
    """

    dates: tuple[datetime.date, ...]
    by: datetime.date
    milestone: str | None
    replications: int = REPLICATIONS
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    most: int = MOST
    orders: int = ORDERS
    statements: tuple[str, ...] | None = ()
    weight: float | None = None


def answer(order: Order) -> int:
    """Compare the forecasts of an order's scenario, show what moved them and keep it."""
    from sim.studies import table
    from sim.studies.update.table import show

    scenario = order.scenario()
    asked = question(scenario, order.study)
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    # At most: a move with few changes has fewer mixtures.
    most = len(asked.dates) + len(scenario.reports) + (len(asked.dates) - 1) * (2**asked.most + 2 * asked.most)
    with watched(most * asked.replications) as progress:
        data, folder = update(
            scenario,
            asked,
            order.settings,
            order.results,
            source=order.source,
            command=order.command,
            progress=progress,
        )
    show(data, table.console())
    if figures and not (folder / "figures" / "update.png").is_file():
        plot(data, folder)
    say_folder(folder)
    return 0


def question(scenario: Scenario, study: Mapping[str, Any]) -> Question:
    """What a study's settings ask. Raises SettingError for a value that cannot be."""
    dates = _dates(scenario, study.get("dates"))
    milestone, day = None, int(scenario.until)
    if scenario.milestones:
        headline = tornado.question(scenario, {"milestone": study.get("milestone")})
        milestone, day = headline.milestone, headline.day
    if study.get("by") is None:
        by = dates[-1] + datetime.timedelta(days=day)
    else:
        try:
            days = quantities.until(study["by"], dates[-1])
        except quantities.QuantityError as error:
            raise SettingError(f"study.by: {study['by']!r}: {error}") from None
        if days != int(days) or not 1 <= days <= LONGEST:
            raise SettingError(f"study.by: {study['by']!r}; a day after {dates[-1]} is wanted")
        by = dates[-1] + datetime.timedelta(days=int(days))
    return Question(
        dates,
        by,
        milestone,
        _within(study, "replications", REPLICATIONS, 100, 10**6),
        _groups(scenario, study.get("groups")),
        _within(study, "most", MOST, 2, 10),
        _within(study, "orders", ORDERS, 4, 1_000) // 2 * 2,
        _statements(scenario, study.get("statements")),
        weight_of(study.get("weight")),
    )


def _statements(scenario: Scenario, given: Any) -> tuple[str, ...] | None:
    """Names of the statements that are given weight: none, some, or all (None)."""
    if given is None:
        return ()
    if given == ALL:
        return None
    names = listed(given, "study.statements")
    in_force(scenario, names)
    return tuple(names)


def update(
    scenario: Scenario,
    asked: Question,
    settings: Settings,
    results: Path,
    *,
    source: Source | None = None,
    command: str = "",
    progress: Progress = silent,
) -> tuple[Data, Path]:
    """Compare the forecasts of the dates asked about, see :func:`computed`; kept in a folder of its own.

    Returns plain data and the folder; a complete run of as many histories is shown and not computed again.

    Raises CheckError when ``settings.again`` finds other numbers than those on disk.
    """
    identity = _identity(scenario, asked, settings)
    folder = store.run_folder(results, scenario.name, STUDY, identity)
    data = kept(
        folder,
        {"configuration": identity, "command": command},
        asked.replications,
        lambda n: computed(scenario, replace(asked, replications=n), settings, source=source, progress=progress),
        _table,
        again=settings.again,
    )
    return data, folder


def folder_of(scenario: Scenario, asked: Question, settings: Settings, results: Path) -> Path:
    """The folder in which the answer to a question lies, if it was asked."""
    return store.run_folder(results, scenario.name, STUDY, _identity(scenario, asked, settings))


def _identity(scenario: Scenario, asked: Question, settings: Settings) -> str:
    return store.configuration_hash(
        {
            **rules_and_data(scenario),
            "seed": settings.seed,
            "question": [asked.dates, asked.by, asked.milestone, asked.groups, asked.most, asked.orders],
            **({"said": [asked.statements, asked.weight]} if asked.statements != () else {}),
            **past.named(scenario, settings.past),
        }
    )


def computed(
    scenario: Scenario,
    asked: Question,
    settings: Settings,
    *,
    source: Source | None = None,
    progress: Progress = silent,
) -> Data:
    """The forecasts of all dates, what each move between two of them is made of, and the last without each report."""
    dated = [build(scenario.data, as_of=date, source=source) for date in asked.dates]
    last = dated[-1]
    says = {m.name: m.says for m in last.milestones}
    plain = [Mixture(one.spec, (asked.by - one.as_of).days, f"the forecast of {one.as_of}") for one in dated]
    left, failed = _left_out(last, source)
    pairs = [Pair(*two) for two in itertools.pairwise(dated)]
    said: list[tuple[Said, ...]] = [()] * len(pairs)
    if asked.statements != ():
        said = [said_in(p, asked.by, asked.statements, asked.weight, settings) for p in pairs]
    every = [one for some in said for one in some]
    table = table_of(last, asked, every)
    specs = [*(one.spec for one in dated), *(one.spec for one in left)]
    bearing = read_by(specs, asked.milestone, milestones_of(every))

    def run(mixtures: Sequence[Mixture]) -> list[Seen]:
        # Each remembers the past of the date it starts from, with its own laws.
        starts = {(asked.by - one.as_of).days: one for one in dated}
        lean = [
            replace(
                mixture,
                spec=only_bearing(mixture.spec, bearing),
                past=past.past_of(starts[mixture.days], mixture.spec, settings.past),
            )
            for mixture in mixtures
        ]
        return play(lean, table, settings, progress)

    left_out = [Mixture(one.spec, plain[-1].days, f"the forecast without {one.report}") for one in left]
    seen = run([*plain, *left_out])
    forecasts = seen[: len(plain)]
    moves = [
        explained(pair, ends, asked, table, run, seed=settings.seed, said=some)
        for pair, ends, some in zip(pairs, itertools.pairwise(forecasts), said, strict=True)
    ]
    headline = "" if asked.milestone is None else f"{words(asked.milestone)} ({says[asked.milestone]})"
    return {
        "format": store.FORMAT,
        "study": STUDY,
        "scenario": last.name,
        "title": last.title,
        "as_of": last.as_of.isoformat(),
        "by": asked.by.isoformat(),
        "milestone": asked.milestone,
        "headline": f"{headline} by {date_words(asked.by.isoformat())}" if headline else "",
        "outcomes": [{"name": outcome.name, "says": outcome.says} for outcome in last.outcomes],
        "replications": asked.replications,
        "seed": settings.seed,
        **({"past": settings.past} if past.named(last, settings.past) else {}),
        "forecasts": [
            {"as_of": one.as_of.isoformat(), "days": mixture.days, "shares": shares(table, found)}
            for one, mixture, found in zip(dated, plain, forecasts, strict=True)
        ],
        "moves": moves,
        "without": [
            *(
                _without_row(one, found, forecasts[-1], table)
                for one, found in zip(left, seen[len(plain) :], strict=True)
            ),
            *({"report": name, "failed": why} for name, why in failed),
        ],
    }


def plot(data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw a waterfall for each move into the folder; the last one is called ``update``."""
    from sim.figures.sheets import update as figure
    from sim.figures.style import save

    paths: list[Path] = []
    for move in data["moves"]:
        last = move is data["moves"][-1]
        name = "update" if last else f"update_{move['to']}"
        paths += save(figure.draw(data, move), folder / "figures", name)
    return paths


def _left_out(last: Scenario, source: Source | None) -> tuple[list[Without], list[tuple[str, str]]]:
    """The last forecast without each report known by then, and the reports that cannot be left out, with the reason."""
    found, failed = [], []
    for name, report in last.reports.items():
        if report.date <= last.as_of:
            try:
                found.append(without(last, name, source))
            except ValueError as error:
                failed.append((name, str(error)))
    return found, failed


def _without_row(one: Without, seen: Seen, whole_forecast: Seen, table: Table) -> Data:
    changes = {}
    for what in table.asked:
        difference, error = paired_shares(table.of(whole_forecast, what), table.of(seen, what))
        changes[what] = {"difference": difference, "error": error if one.fallen else 0.0}
    return {
        "report": one.report,
        "fallen": list(one.fallen),
        "kept": list(one.kept),
        "shares": shares(table, seen),
        "changes": changes,
    }


# ------------------------------------------------------------------------------------------------------- settings
def _dates(scenario: Scenario, given: Any) -> tuple[datetime.date, ...]:
    if given is None:
        reported = {report.date for report in scenario.reports.values() if report.date <= scenario.as_of}
        dates = sorted({*reported, scenario.as_of})
    else:
        try:
            dates = [datetime.date.fromisoformat(str(one)) for one in (given if isinstance(given, list) else [given])]
        except ValueError as error:
            raise SettingError(f"study.dates: {given!r}: {error}; write [2025-09-27, 2025-11-17]") from None
    if len(dates) < 2 or dates != sorted(set(dates)):
        told = ", ".join(map(str, dates))
        raise SettingError(f"study.dates: {told}; two dates or more are wanted, earliest first: [DATE, DATE]")
    return tuple(dates)


def _groups(scenario: Scenario, given: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Named groups of paths: each path there, and in one group only."""
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise SettingError(f"study.groups: {given!r}; write {{force: [state.troops_k, state.carrier]}}")
    known = [f"{section}.{name}" for section in SECTIONS for name in scenario.data.get(section, ())]
    owner: dict[str, str] = {}
    found = []
    for name, paths in given.items():
        listed = [str(path) for path in (paths if isinstance(paths, list | tuple) else [paths])]
        for path in listed:
            if path not in known:
                raise SettingError(f"study.groups.{name}: no {path!r} in the scenario{nearest(path, known)}")
            if path in owner:
                raise SettingError(f"study.groups.{name}: {path} is in group {owner[path]}, too; leave it out of one")
            owner[path] = str(name)
        found.append((str(name), tuple(listed)))
    return tuple(found)


def _within(study: Mapping[str, Any], key: str, default: int, low: int, high: int) -> int:
    given = study.get(key)
    value = default if given is None else whole(given, f"study.{key}")
    if not low <= value <= high:
        raise SettingError(f"study.{key}: {value} is outside {low:,} … {high:,}")
    return value


def _table(data: Data) -> bytes:
    """One row for each move, group and outcome or milestone."""
    import pyarrow as pa

    keys = ("what", "group", "value", "error", "first_in", "first_error", "last_in", "last_error")
    moves = data["moves"]
    rows = [(move["from"], move["to"], *(part[key] for key in keys)) for move in moves for part in move["parts"]]
    names = ("from", "to", *keys)
    return store.parquet_bytes(pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)}))
