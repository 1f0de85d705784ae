"""What a move between two forecasts is made of: every mixture of old and new is simulated, with the same histories."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Rows, SimulationError
from sim.model.compiled import compile_model
from sim.model.spec import Spec
from sim.runs.columns import outcome
from sim.runs.execute import Progress, silent, spread, workers
from sim.runs.past import Past
from sim.runs.plan import Engine, Part, Task, made_ready, parts, simulate_part
from sim.runs.store import RunError
from sim.statistics import shapley
from sim.statistics.paired import paired_shares
from sim.statistics.shown import words
from sim.studies.settings import Settings
from sim.studies.update.mix import TIME, Item, Pair, items, mixed, read_by
from sim.studies.update.said import Mark, Said, Values, difference, players_of, shared

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario
    from sim.studies.update.study import Question

#: What the pooled groups of each section are called.
POOLED: Final = {
    "state": "other_start_values",
    "inputs": "other_inputs",
    "amounts": "other_amounts",
    "actions": "other_actions",
}
EVERYTHING: Final = "other_changes"
#: Pieces of work for each process, at least.
BATCHES: Final = 3

Truths = NDArray[np.bool_]
Data = dict[str, Any]
#: Of every history the number of its outcome, and whether the milestone was reached: both (n,); and each proposition
#: of a statement: (marks, n).
Seen = tuple[NDArray[np.int8], Truths, Truths]


@dataclass(frozen=True)
class Table:
    """What is asked of so many histories: outcomes on the day, a milestone by then, and what statements speak of."""

    outcomes: tuple[str, ...]
    milestone: str | None
    replications: int
    marks: tuple[Mark, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """Names asked about: the milestone first, under ``by.``, then the outcomes."""
        return (*([f"by.{self.milestone}"] if self.milestone else []), *self.outcomes)

    def of(self, seen: Seen, what: str) -> Truths:
        """Whether something happened in each history, (n,)."""
        happened: Truths = seen[1] if what.startswith("by.") else seen[0] == self.outcomes.index(what)
        return happened


@dataclass(frozen=True)
class Group:
    """Items that turn from old to new together; without an item it is the passage of time."""

    name: str
    items: tuple[Item, ...]


@dataclass(frozen=True, eq=False)
class Mixture:
    """A model, the days for which it is simulated, what it is in words, and the past that it remembers."""

    spec: Spec
    days: int
    what: str
    past: Past | None = None


def table_of(scenario: Scenario, asked: Question, said: Iterable[Said] = ()) -> Table:
    """What is asked of the histories of a scenario."""
    names = tuple(outcome.name for outcome in scenario.spec.outcomes)
    marks = tuple(dict.fromkeys(mark for one in said for mark in one.marks))
    return Table(names, asked.milestone, asked.replications, marks)


def shares(table: Table, seen: Seen) -> dict[str, float]:
    """Share of the histories in which each thing asked about happened."""
    return {what: float(table.of(seen, what).mean()) for what in table.asked}


def play(mixtures: Sequence[Mixture], table: Table, settings: Settings, progress: Progress = silent) -> list[Seen]:
    """What the same histories come to under each mixture.

    Raises RunError, which names the mixture, where one has no meaning.
    """
    if not mixtures:
        return []
    split = parts(table.replications, settings.chunk)
    total = table.replications * len(mixtures)
    first = mixtures[0]
    engine = made_ready(_task(first, table, settings.seed, settings.engine), total).engine
    processes = workers(settings.executor, total)
    work = [(batch, part) for batch in batches([m.past for m in mixtures], processes) for part in split]
    player = _Player(table, settings.seed, engine)
    found: dict[tuple[int, int], Seen] = {}
    for index, made in spread(player, [([mixtures[i] for i in batch], part) for batch, part in work], processes):
        batch, part = work[index]
        found |= {(i, part.number): seen for i, seen in zip(batch, made, strict=True)}
        progress(part.count * len(batch))
    pieces = [[found[i, part.number] for part in split] for i in range(len(mixtures))]
    return [
        (
            np.concatenate([a for a, _, _ in one]),
            np.concatenate([b for _, b, _ in one]),
            np.concatenate([c for _, _, c in one], axis=1),
        )
        for one in pieces
    ]


def batches(pasts: Sequence[Past | None], processes: int) -> list[list[int]]:
    """Places of the mixtures that one process plays in a row: those with one past, which it then simulates once.

    Some batches for each process, so that all are busy until the end: the largest come first.
    """
    if processes <= 1:
        return [[i] for i in range(len(pasts))]
    same: dict[str, list[int]] = {}
    for i, past in enumerate(pasts):
        same.setdefault("" if past is None else past.digest, []).append(i)
    most = -(-len(pasts) // (BATCHES * processes))
    cut = [places[i : i + most] for places in same.values() for i in range(0, len(places), most)]
    return sorted(cut, key=len, reverse=True)


def _task(mixture: Mixture, table: Table, seed: int, engine: Engine) -> Task:
    """Simulated until the last day that is asked about; a longer run has the same history up to any day."""
    days = tuple(sorted({mixture.days, *(d for m in table.marks if (d := mixture.days + m.offset) > 0)}))
    model = compile_model(mixture.spec, strict=False)
    return Task(model, seed, days[-1], days, engine=engine, past=mixture.past)


@dataclass(frozen=True)
class _Player:
    """Plays one part of some mixtures; a class, so that it can be sent to another process."""

    table: Table
    seed: int
    engine: Engine

    def __call__(self, work: tuple[Sequence[Mixture], Part]) -> list[Seen]:
        mixtures, part = work
        return [self.seen(mixture, part) for mixture in mixtures]

    def seen(self, mixture: Mixture, part: Part) -> Seen:
        """What one mixture comes to."""
        try:
            task = _task(mixture, self.table, self.seed, self.engine)
            rows = simulate_part(task, part)
        except (SimulationError, ValueError) as error:
            raise RunError(
                f"{mixture.what} has no meaning: {error}; put what goes together into one group, such as "
                "'study.groups={force: [state.troops_k, state.carrier]}'"
            ) from error
        reached = np.zeros(part.count, dtype=np.bool_)
        if self.table.milestone is not None:
            reached = rows.milestones[task.model.milestones.index(self.table.milestone)] <= mixture.days
        ended = {day: _outcome(task, rows, day) for day in {mixture.days, *_outcome_days(self.table, mixture)}}
        marked = np.zeros((len(self.table.marks), part.count), dtype=np.bool_)
        for i, mark in enumerate(self.table.marks):
            day = mixture.days + mark.offset
            if day > 0 and mark.milestone is not None:
                marked[i] = rows.milestones[task.model.milestones.index(mark.milestone)] <= day
            elif day > 0:
                named = np.array([name in mark.outcomes for name in self.table.outcomes])
                marked[i] = named[ended[day]]
        return ended[mixture.days], reached, marked


def _outcome_days(table: Table, mixture: Mixture) -> set[int]:
    return {day for mark in table.marks if mark.outcomes and (day := mixture.days + mark.offset) > 0}


def _outcome(task: Task, rows: Rows, day: int) -> NDArray[np.int8]:
    state = rows.state if day == task.until else rows.observed[task.days.index(day)]
    return outcome(task.model, state, rows.milestones, day)


#: Plays mixtures: :func:`play` with its settings.
Run = Callable[[Sequence[Mixture]], list[Seen]]


class Mixer:
    """Simulates mixtures of two dates, each once. ``ends`` are what is known already: all old and all new."""

    def __init__(self, pair: Pair, by: datetime.date, ends: tuple[Seen, Seen], table: Table, run: Run) -> None:
        self.pair, self.table, self.run = pair, table, run
        self.days = ((by - pair.old.as_of).days, (by - pair.new.as_of).days)
        self.everything = frozenset({TIME, *(item.path for item in items(pair))})
        self.known: dict[frozenset[str], Seen] = {frozenset(): ends[0], self.everything: ends[1]}

    def all_of(self, wanted: Sequence[frozenset[str]]) -> list[Seen]:
        """What the histories come to with the paths of each set new, in order."""
        missing = [new for new in dict.fromkeys(wanted) if new not in self.known]
        mixtures = []
        for new in missing:
            spec = mixed(self.pair, new, later=TIME in new)
            fresh = ", ".join(sorted(new)) or "nothing"
            what = f"the mixture of {self.pair.old.as_of} and {self.pair.new.as_of} with {fresh} new"
            mixtures.append(Mixture(spec, self.days[TIME in new], what))
        self.known |= dict(zip(missing, self.run(mixtures), strict=True))
        return [self.known[new] for new in wanted]


def explained(
    pair: Pair,
    ends: tuple[Seen, Seen],
    asked: Question,
    table: Table,
    run: Run,
    *,
    seed: int,
    said: Sequence[Said] = (),
) -> Data:
    """A move as plain data: what changed, by how much each outcome moved, and the part of each group in it.

    ``ends`` are the two forecasts; ``seed`` chooses the random orders, where not all are tried. ``said`` are the
    statements that are weighed; those that came with the later date are players, too.
    """
    mixer = Mixer(pair, asked.by, ends, table, run)
    bearing = read_by((pair.old.spec, pair.new.spec), asked.milestone, milestones_of(said))
    changed = items(pair)
    idle = frozenset(item.path for item in changed if item.path not in bearing)
    groups = _grouped([item for item in changed if item.path not in idle], mixer, idle, asked)
    sets = [frozenset({TIME} if not group.items else {item.path for item in group.items}) for group in groups]

    def paths(mask: int) -> frozenset[str]:
        # What nothing asked reads is new from the second group on: it makes no difference.
        return frozenset().union(*(s for i, s in enumerate(sets) if mask >> i & 1), idle if mask else ())

    if said:
        return {
            **_with_said(groups, paths, mixer, said, orders=asked.orders, seed=seed),
            **_changed(mixer, groups, changed, idle, said),
        }
    k = len(groups)
    full = 2**k - 1
    joining, masks = _tried(k, asked.orders, seed)
    seen = dict(zip(masks, mixer.all_of([paths(mask) for mask in masks]), strict=True))
    rows: list[Data] = []
    moved: dict[str, Data] = {}
    for what in table.asked:
        happened = {mask: table.of(found, what) for mask, found in seen.items()}
        if joining:
            found = shapley.sampled(happened, joining)
        else:
            found = shapley.exact(np.array([happened[mask] for mask in range(2**k)]))
        difference, error = paired_shares(happened[0], happened[full])
        moved[what] = {
            "was": float(happened[0].mean()),
            "now": float(happened[full].mean()),
            "difference": difference,
            "error": error,
        }
        for i, group in enumerate(groups):
            first = paired_shares(happened[0], happened[1 << i])
            last = paired_shares(happened[full ^ 1 << i], happened[full])
            rows.append(
                {
                    "what": what,
                    "group": group.name,
                    "value": found.values[i],
                    "error": found.errors[i],
                    "first_in": first[0],
                    "first_error": first[1],
                    "last_in": last[0],
                    "last_error": last[1],
                }
            )
    return {
        **_changed(mixer, groups, changed, idle, ()),
        "exact": not joining,
        "changes": moved,
        "parts": rows,
    }


def _tried(players: int, orders: int, seed: int) -> tuple[list[tuple[int, ...]], list[int]]:
    """Orders in which players join (none: all of them, from every coalition), and the masks to be simulated.

    Among these is each player alone, and all but that one.
    """
    full = 2**players - 1
    if players <= shapley.EXACT:
        return [], list(range(full + 1))
    joining = shapley.orders(players, orders // 2, seed)
    alone = {0, full, *(1 << i for i in range(players)), *(full ^ 1 << i for i in range(players))}
    return joining, sorted(alone | shapley.coalitions_of(joining))


def milestones_of(said: Iterable[Said]) -> set[str]:
    """Milestones that statements speak of."""
    return {one.statement.milestone for one in said if one.statement.milestone is not None}


def _changed(
    mixer: Mixer, groups: Sequence[Group], changed: Sequence[Item], idle: frozenset[str], said: Sequence[Said]
) -> Data:
    """What changed in a move, as plain data."""
    plain = [{"name": g.name, "items": [_plain(item) for item in g.items]} for g in groups]
    players = players_of(said, shapley.EXACT - len(groups))
    plain += [{"name": name, "items": [_plain(_item(one)) for one in joined]} for name, joined in players]
    return {
        "from": mixer.pair.old.as_of.isoformat(),
        "to": mixer.pair.new.as_of.isoformat(),
        "groups": plain,
        "idle": [_plain(item) for item in changed if item.path in idle],
        "mixtures": len(mixer.known),
        "said": [
            {"name": one.statement.name, "words": one.statement.words, "weight": one.weight, "fresh": one.fresh}
            for one in said
        ],
    }


def _item(one: Said) -> Item:
    statement = one.statement
    about = words(statement.milestone or " or ".join(statement.outcomes))
    now = f"{statement.words} for {about}, weight {one.weight:.2f}"
    return Item(f"statements.{statement.name}", "not said yet", now, f"{statement.speaker}: {now}")


def _with_said(
    groups: Sequence[Group],
    paths: Callable[[int], frozenset[str]],
    mixer: Mixer,
    said: Sequence[Said],
    *,
    orders: int,
    seed: int,
) -> Data:
    """Changes and parts where statements are players, behind the groups."""
    table, k = mixer.table, len(groups)
    players = players_of(said, shapley.EXACT - k)
    count = k + len(players)
    full = 2**count - 1
    joining, masks = _tried(count, orders, seed)
    mixed_of = sorted({mask & 2**k - 1 for mask in masks})
    seen = mixer.all_of([paths(mask) for mask in mixed_of])
    values: dict[int, Values] = {}
    for mask, found in zip(mixed_of, seen, strict=True):
        happened = np.array([table.of(found, what) for what in table.asked])
        values[mask] = Values(happened, dict(zip(table.marks, found[2], strict=True)), said)
    lasting = [one for one in said if not one.fresh]
    chances = {}
    for mask in masks:
        joined = [one for i, (_, own) in enumerate(players) if mask >> k + i & 1 for one in own]
        chances[mask] = values[mask & 2**k - 1].of([*lasting, *joined])
    parts = shared(chances, count, joining)
    names = [*(group.name for group in groups), *(name for name, _ in players)]
    rows, moved = list[Data](), dict[str, Data]()
    for e, what in enumerate(table.asked):
        change, error = difference(chances, 0, full, e)
        was, now = (float(chances[mask][0, e]) for mask in (0, full))
        moved[what] = {"was": was, "now": now, "difference": change, "error": error}
        for i, name in enumerate(names):
            first, last = difference(chances, 0, 1 << i, e), difference(chances, full ^ 1 << i, full, e)
            row = {"what": what, "group": name, "value": parts[i][e][0], "error": parts[i][e][1]}
            row |= {"first_in": first[0], "first_error": first[1], "last_in": last[0], "last_error": last[1]}
            rows.append(row)
    return {"exact": not joining, "changes": moved, "parts": rows}


def _plain(item: Item) -> dict[str, str]:
    return {"path": item.path, "was": item.was, "now": item.now, "says": item.says}


def _grouped(changed: Sequence[Item], mixer: Mixer, idle: frozenset[str], asked: Question) -> list[Group]:
    """The groups of a move: those named, then each item alone, then the passage of time.

    If there are too many, the items that move the answer least are taken together, section by section.
    """
    owner = {path: name for name, paths in asked.groups for path in paths}
    named = [Group(name, tuple(i for i in changed if owner.get(i.path) == name)) for name, _ in asked.groups]
    named = [group for group in named if group.items]
    free = [item for item in changed if item.path not in owner]
    room = asked.most - 1 - len(named)
    if len(free) <= max(room, 0) or asked.groups:
        singles, pools = free, list[Group]()
    else:
        worth = _worth(free, mixer, idle)
        order = sorted(free, key=lambda item: -worth[item.path])
        singles, rest = order, list[Item]()
        while singles and len(singles) + len({item.section for item in rest}) > room:
            singles, rest = singles[:-1], [singles[-1], *rest]
        sections = {item.section: POOLED[item.section] for item in rest}
        if len(sections) > room:
            sections = dict.fromkeys(sections, EVERYTHING)
        pools = [
            Group(name, tuple(i for i in changed if i in rest and sections[i.section] == name))
            for name in dict.fromkeys(sections.values())
        ]
        singles = [item for item in changed if item in singles]
    alone = [Group(item.path.split(".", 1)[1], (item,)) for item in singles]
    pools = [Group(p.items[0].path.split(".", 1)[1], p.items) if len(p.items) == 1 else p for p in pools]
    return [*named, *alone, *pools, Group(TIME, ())]


def _worth(free: Sequence[Item], mixer: Mixer, idle: frozenset[str]) -> dict[str, float]:
    """How far each item moves what is asked, summed: as the first to turn new, and as the last."""
    whole = mixer.everything
    wanted = [frozenset({item.path, *idle}) for item in free] + [whole - {item.path} for item in free]
    seen = mixer.all_of([frozenset(), whole, *wanted])
    all_shares = [list(shares(mixer.table, one).values()) for one in seen]
    old, new, rest = all_shares[0], all_shares[1], all_shares[2:]
    first, last = rest[: len(free)], rest[len(free) :]

    def apart(one: Sequence[float], other: Sequence[float]) -> float:
        return sum(abs(a - b) for a, b in zip(one, other, strict=True))

    return {item.path: apart(old, first[i]) + apart(last[i], new) for i, item in enumerate(free)}
