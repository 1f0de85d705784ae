"""How often the intervals that the tool prints hold the truth: twelve models with answers in closed form.

Things happen at a rate that is an uncertain input, in one of three ways: again and again, until something else
happens, or in two stages. Given the input, every chance asked for is a line of algebra; over the inputs it is a mean on
a fine grid of quantiles.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.engines import lockstep
from sim.engines.interface import Plan
from sim.figures.sheets.counts import fan
from sim.model.compiled import Model, compile_model
from sim.model.expressions import Name, Number, parse
from sim.model.laws import Law
from sim.model.spec import Action, Branch, Condition, Effect, Quantity, Rate, Spec, Variable
from sim.statistics import weighted
from sim.statistics.clusters import range_over_inputs
from sim.statistics.intervals import quantile_by_day, wilson
from sim.statistics.paired import paired_shares
from sim.statistics.rival import PastCases, jeffreys_curve
from sim.statistics.sequence import anytime

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
Ends = tuple[Floats, Floats]

#: Days that a history lasts, and the size of a run, and of a nested one.
DAYS = 20
N, INPUTS, HISTORIES, PAST = 500, 250, 80, 14
#: Looks of a run at its first histories.
LOOKS = (63, 125, 250, N)
#: How much faster things happen in the other run of a pair, and what a statement says of an early event.
FASTER, STATED = 1.5, 0.5
STOP = 0.05
#: So much less than it says an interval may hold: what so few events leave uneven.
SLACK = 0.02
GRID = (np.arange(20_000) + 0.5) / 20_000
LAWS = (
    Law("uniform", (0.005, 0.03)),
    Law("lognormal", (0.02, 0.6)),
    Law("gamma", (2.0, 0.03)),
    Law("beta", (2.0, 3.0), 0.02),
)
WAYS = ("again", "until", "stages")


@dataclass(frozen=True)
class Case:
    """A way in which things happen, and the law of their rate per day."""

    way: str
    law: Law

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.way}, {self.law.family}"

    def model(self, speed: float = 1.0) -> Model:
        """The model: ``early`` is the first event, ``late`` what is asked about by the end."""
        happens = Action(
            "one.acts", "one", Rate(Name("pace"), factors=(Number(speed),)),
            (Branch((Effect("events", "add", Number(1.0)),)),),
            parse({"again": "events >= 0", "until": "stopped == 0", "stages": "events < 3"}[self.way]),
        )  # fmt: skip
        stops = Action(
            "two.stops", "two", Rate(Number(STOP)), (Branch((Effect("stopped", "set", Number(1.0)),)),),
            parse("stopped == 0" if self.way == "until" else "stopped == 7"),
        )  # fmt: skip
        late = f"events >= {self.events}"
        spec = Spec(
            "covering",
            (Variable("events"), Variable("stopped", 0, 9)),
            (happens, stops),
            (Quantity("pace", self.law),),
            milestones=(Condition("early", parse("events >= 1")), Condition("late", parse(late))),
            outcomes=(Condition("other", parse("events >= 0")),),
        )
        return compile_model(spec, strict=False)

    @property
    def events(self) -> int:
        """So many events are late."""
        return {"again": 2, "until": 1, "stages": 3}[self.way]

    def late(self, pace: Floats, days: float = DAYS) -> Floats:
        """Chance of the late event by a day, given the rate."""
        if self.way == "until":
            return np.asarray(pace / (pace + STOP) * -np.expm1(-(pace + STOP) * days))
        mean = pace * days
        fewer = sum((mean**k / math.factorial(k) for k in range(self.events)), start=np.zeros_like(mean))
        return np.asarray(1.0 - np.exp(-mean) * fewer)

    def early(self, pace: Floats) -> Floats:
        """Chance of the early event by half of the time."""
        return self.late(pace, DAYS / 2) if self.way == "until" else np.asarray(-np.expm1(-pace * DAYS / 2))

    def both(self, pace: Floats) -> Floats:
        """Chance of the early event by half of the time and the late one by the end."""
        if self.way == "until":
            return self.early(pace)
        # All that is late, but for what is late without an event in the first half.
        return np.asarray(self.late(pace) - np.exp(-pace * DAYS / 2) * self.late(pace, DAYS / 2))

    @property
    def paces(self) -> Floats:
        """The rate on a fine grid of its quantiles."""
        return self.law.quantile(GRID)


CASES = tuple(Case(way, law) for way in WAYS for law in LAWS)


@dataclass(frozen=True)
class Intervals:
    """The intervals under test: each can be put in another's place to see that the campaign finds it out."""

    share: Callable[[Floats, Floats], Ends] = wilson
    sequence: Callable[[Floats, Floats], Ends] = anytime
    paired: Callable[[Truths, Truths], tuple[float, float]] = paired_shares
    inputs: Callable[[Floats, int, Floats], Ends] = range_over_inputs
    first: Callable[[Floats, int, float], tuple[float, float, float]] = quantile_by_day
    weighted: Callable[[Floats, Truths | Floats], tuple[float, float, float]] = weighted.share
    past: Callable[[PastCases, Sequence[float], tuple[float, float]], Ends] = jeffreys_curve
    count: Callable[..., Floats] = fan
    band: float = 0.98


@dataclass(frozen=True)
class Found:
    """How often an interval held the truth (or how much of a law), what it promises, and the error of the former."""

    covered: float
    level: float
    error: float

    def wrong(self) -> bool:
        """Whether it held too little: by more than SLACK and 5 standard errors (once in 3 million without SLACK)."""
        return self.level - self.covered > SLACK + 5.0 * self.error


def hits(held: Truths, level: float = 0.95) -> Found:
    """From repeats that held the truth or not."""
    return Found(float(held.mean()), level, math.sqrt(level * (1.0 - level) / held.size))


def played(
    case: Case, inputs: NDArray[np.int64], speed: float = 1.0, seed: int = 5
) -> tuple[Floats, NDArray[np.int64]]:
    """First times (2, n) of the early and the late event, and the number of events at the end (n,)."""
    model = case.model(speed)
    times, counts = [], []
    for first in range(0, inputs.size, 250_000):
        numbers = np.arange(first, min(first + 250_000, inputs.size), dtype=np.int64)
        rows = lockstep.simulate(model, Plan(seed, float(DAYS), inputs[numbers], numbers))
        times.append(rows.milestones)
        counts.append(rows.state[0])
    return np.concatenate(times, axis=1), np.concatenate(counts)


def measured(case: Case, repeats: int, use: Intervals) -> dict[str, Found]:
    """What every interval covers in so many repeats of a run."""
    times, counts = played(case, np.arange(repeats * N, dtype=np.int64))
    early = (times[0] <= DAYS / 2).reshape(repeats, N)
    late = (times[1] <= DAYS).reshape(repeats, N)
    paces, truth = case.paces, float(case.late(case.paces).mean())
    found: dict[str, Found] = {}

    low, high = use.share(late.sum(axis=1).astype(float), np.full(repeats, float(N)))
    found["share (Wilson)"] = hits(np.asarray((low <= truth) & (truth <= high)))

    looks = np.array(LOOKS)
    low, high = use.sequence(np.cumsum(late, axis=1)[:, looks - 1].astype(float), looks.astype(float))
    found["share at every look (sequence)"] = hits(np.asarray(((low <= truth) & (truth <= high)).all(axis=1)))

    half = use.band / math.sqrt(N)
    found["band of the ladder (at most ±)"] = hits(np.abs(late.mean(axis=1) - truth) <= half)

    faster, _ = played(case, np.arange(repeats * N, dtype=np.int64), FASTER)
    other = (faster[1] <= DAYS).reshape(repeats, N)
    moved = float(case.late(FASTER * paces).mean()) - truth
    pairs = np.array([use.paired(one, two) for one, two in zip(late, other, strict=True)])
    found["difference (paired)"] = hits(np.abs(pairs[:, 0] - moved) <= pairs[:, 1])

    # A share that is reached within the tenth day, and not at its end.
    share = float((case.late(paces, DAYS / 2 - 1) + case.late(paces, DAYS / 2)).mean()) / 2
    ceil = np.ceil(times[1]).reshape(repeats, N)
    by_day = [np.bincount(row[row <= DAYS].astype(int), minlength=DAYS + 1).astype(float) for row in ceil]
    ends = np.array([use.first(row, N, share)[1:] for row in by_day])
    found["quantile of a first time (ranks)"] = hits((ends[:, 0] <= DAYS / 2) & (ends[:, 1] >= DAYS / 2))

    found |= _weighed(case, early, late, use)
    found |= _followed(case, counts.reshape(repeats, N), use)
    found |= _nested(case, repeats, use)
    return found | _past(truth, repeats, use)


def _past(truth: float, repeats: int, use: Intervals) -> dict[str, Found]:
    """The interval of so few past cases: 80 % on average over shares, and known exactly for each."""
    cases = [PastCases(PAST, (30.0,), (k / PAST,)) for k in range(PAST + 1)]
    held = []
    for interval in (use.past, jeffreys_curve):
        ends = [interval(case, [30.0], (0.1, 0.9)) for case in cases]
        held.append(np.array([bool(low[0] <= truth <= high[0]) for low, high in ends]))
    chance = np.array([math.comb(PAST, k) * truth**k * (1 - truth) ** (PAST - k) for k in range(PAST + 1)])
    tried = np.random.default_rng(3).binomial(PAST, truth, repeats)
    return {"past cases (Jeffreys, 80 %)": hits(held[0][tried], float(chance[held[1]].sum()))}


def _weighed(case: Case, early: Truths, late: Truths, use: Intervals) -> dict[str, Found]:
    """A statement that the early event has a chance of STATED; and the law given that it has happened."""
    first, both, last = (float(part(case.paces).mean()) for part in (case.early, case.both, case.late))
    bent = STATED * both / first + (1 - STATED) * (last - both) / (1 - first)
    held, given = [], []
    for one, two in zip(early, late, strict=True):
        seen = one.mean()
        if not 0.0 < seen < 1.0:
            held.append(True)  # nothing can be weighed, and nothing is printed
            given.append(True)
            continue
        weights = np.where(one, STATED / seen, (1 - STATED) / (1 - seen))
        _, low, high = use.weighted(two, weights)
        held.append(low <= bent <= high)
        _, low, high = use.weighted(two, one)
        given.append(low <= both / first <= high)
    return {"weighted share": hits(np.array(held)), "share given a report": hits(np.array(given))}


def _followed(case: Case, counts: NDArray[np.int64], use: Intervals) -> dict[str, Found]:
    """The bands of a count: how much of its law lies within them."""
    if case.way != "again":
        return {}
    top = int(counts.max()) + 1
    means = case.paces * DAYS
    terms = [np.exp(-means)]
    for k in range(1, top + 1):
        terms.append(terms[-1] * means / k)
    law = np.array([float(term.mean()) for term in terms])
    mass = []
    for row in counts:
        table = np.bincount(row, minlength=top + 1)
        values = np.arange(top + 1)
        watched = {
            "watched": np.full(top + 1, "state.c"),
            "day": np.zeros(top + 1),
            "value": values,
            "histories": table,
        }
        low, _, _, _, high = use.count(
            {"until_days": 0, "replications": N}, {"name": "c", "lower": 0, "step": 1}, watched
        )
        mass.append(float(law[int(low[0]) : int(high[0]) + 1].sum()))
    return {
        "band of a count (90 % of histories)": Found(
            float(np.mean(mass)), 0.9, float(np.std(mass)) / math.sqrt(len(mass))
        )
    }


def _nested(case: Case, repeats: int, use: Intervals) -> dict[str, Found]:
    """Ranges over the inputs by half of the time and by the end: how much of the law of the inputs lies within.

    As large as by default, so the histories of a set of inputs are drawn as what they are, a binomial number.
    """
    generator = np.random.default_rng(6)
    drawn = case.law.quantile(generator.uniform(size=(INPUTS, repeats)))
    found = {}
    for label, days in (("range over the inputs", DAYS), ("band of an incidence", DAYS / 2)):
        counts = generator.binomial(HISTORIES, case.late(drawn, days)).astype(float)
        chances = np.sort(case.late(case.paces, days))
        low, high = use.inputs(counts, HISTORIES, np.full(repeats, float(chances.mean())))
        for kind, ends in (("", (low, high)), (", as shown", as_shown(low, high))):
            inside = np.searchsorted(chances, ends[1], "right") - np.searchsorted(chances, ends[0], "left")
            error = float(inside.std(ddof=1)) / chances.size / math.sqrt(repeats)
            found[label + kind] = Found(float(inside.mean()) / chances.size, 0.8, error)
    return found


def as_shown(low: Floats, high: Floats) -> Ends:
    """What a range says as it is printed: to 5 points, to 1 below 10, "under 1", "over 95"."""
    steps = [np.where(end < 0.1, 0.01, 0.05) for end in (low, high)]
    least = np.where(low < 0.01, 0.0, np.round(low / steps[0]) * steps[0] - steps[0] / 2)
    most = np.where(high < 0.01, 0.01, np.round(high / steps[1]) * steps[1] + steps[1] / 2)
    return np.minimum(least, 0.975), np.where(high >= 0.975, 1.0, most)


def table(found: Mapping[str, Mapping[str, Found]]) -> str:
    """Coverage in %, one row per interval, one column per model."""
    rows = dict.fromkeys(row for by in found.values() for row in by)
    lines = [f"{'':38}" + "".join(f"{i:>7}" for i in range(1, len(found) + 1))]
    for row in rows:
        cells = [f"{100 * by[row].covered:7.1f}" if row in by else f"{'–':>7}" for by in found.values()]
        lines.append(f"{row:38}" + "".join(cells))
    return "\n".join([*lines, *(f"{i:>3} {name}" for i, name in enumerate(found, 1))])
