"""What a move between two forecasts is made of: every mixture of old and new is simulated, with the same histories."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import SimulationError
from sim.model.compiled import compile_model
from sim.model.spec import Spec
from sim.runs.columns import outcome
from sim.runs.execute import Progress, silent, spread, workers
from sim.runs.plan import Engine, Part, Task, made_ready, parts, simulate_part
from sim.runs.store import RunError
from sim.statistics import shapley
from sim.statistics.paired import paired_shares
from sim.studies.settings import Settings
from sim.studies.update_mix import TIME, Item, Pair, items, mixed, read_by

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario
    from sim.studies.update import Question

#: What the pooled groups of each section are called.
POOLED: Final = {
    "state": "other_start_values",
    "inputs": "other_inputs",
    "amounts": "other_amounts",
    "actions": "other_actions",
}
EVERYTHING: Final = "other_changes"

Truths = NDArray[np.bool_]
Data = dict[str, Any]
#: Of every history the number of its outcome, and whether the milestone was reached: both (n,).
Seen = tuple[NDArray[np.int8], Truths]


@dataclass(frozen=True)
class Table:
    """What is asked of so many histories: the outcomes on the day and a milestone by then."""

    outcomes: tuple[str, ...]
    milestone: str | None
    replications: int

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
    """A model, the days for which it is simulated, and what it is in words."""

    spec: Spec
    days: int
    what: str


def table_of(scenario: Scenario, asked: Question) -> Table:
    """What is asked of the histories of a scenario."""
    return Table(tuple(outcome.name for outcome in scenario.spec.outcomes), asked.milestone, asked.replications)


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
    engine = made_ready(_task(first, settings.seed, settings.engine), total).engine
    player = _Player(table, settings.seed, engine)
    work = [(mixture, part) for mixture in mixtures for part in split]
    found: dict[int, Seen] = {}
    for index, seen in spread(player, work, workers(settings.executor, total)):
        found[index] = seen
        progress(seen[0].size)
    k = len(split)
    pieces = [[found[i * k + j] for j in range(k)] for i in range(len(mixtures))]
    return [(np.concatenate([a for a, _ in one]), np.concatenate([b for _, b in one])) for one in pieces]


def _task(mixture: Mixture, seed: int, engine: Engine) -> Task:
    return Task(compile_model(mixture.spec, strict=False), seed, mixture.days, (mixture.days,), engine=engine)


@dataclass(frozen=True)
class _Player:
    """Plays one part of one mixture; a class, so that it can be sent to another process."""

    table: Table
    seed: int
    engine: Engine

    def __call__(self, work: tuple[Mixture, Part]) -> Seen:
        mixture, part = work
        try:
            task = _task(mixture, self.seed, self.engine)
            rows = simulate_part(task, part)
        except (SimulationError, ValueError) as error:
            raise RunError(
                f"{mixture.what} has no meaning: {error}; put what goes together into one group, such as "
                "'study.groups={force: [state.troops_k, state.carrier]}'"
            ) from error
        reached = np.zeros(part.count, dtype=np.bool_)
        if self.table.milestone is not None:
            reached = rows.milestones[task.model.milestones.index(self.table.milestone)] <= mixture.days
        return outcome(task.model, rows.state, rows.milestones, mixture.days), reached


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


def explained(pair: Pair, ends: tuple[Seen, Seen], asked: Question, seed: int, run: Run) -> Data:
    """A move as plain data: what changed, by how much each outcome moved, and the part of each group in it.

    ``ends`` are the two forecasts; ``seed`` chooses the random orders, where not all are tried.
    """
    table = table_of(pair.new, asked)
    mixer = Mixer(pair, asked.by, ends, table, run)
    bearing = read_by((pair.old.spec, pair.new.spec), asked.milestone)
    changed = items(pair)
    idle = frozenset(item.path for item in changed if item.path not in bearing)
    groups = _grouped([item for item in changed if item.path not in idle], mixer, idle, asked)
    sets = [frozenset({TIME} if not group.items else {item.path for item in group.items}) for group in groups]

    def paths(mask: int) -> frozenset[str]:
        # What nothing asked reads is new from the second group on: it makes no difference.
        return frozenset().union(*(s for i, s in enumerate(sets) if mask >> i & 1), idle if mask else ())

    k = len(groups)
    full = 2**k - 1
    alone = [0, full, *(1 << i for i in range(k)), *(full ^ 1 << i for i in range(k))]
    joining = shapley.orders(k, asked.orders // 2, seed) if k > shapley.EXACT else []
    masks = sorted({*alone, *shapley.coalitions_of(joining)}) if joining else list(range(2**k))
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
        "from": pair.old.as_of.isoformat(),
        "to": pair.new.as_of.isoformat(),
        "groups": [{"name": g.name, "items": [_plain(item) for item in g.items]} for g in groups],
        "idle": [_plain(item) for item in changed if item.path in idle],
        "exact": not joining,
        "mixtures": len(mixer.known),
        "changes": moved,
        "parts": rows,
    }


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
