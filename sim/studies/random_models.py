"""The study behind ``study=random_models``: models drawn at random, solved exactly and simulated by every engine.

Each model is small, bounded and a Markov chain (rates, dates, immediate actions; fixed inputs). The exact engine
answers everything that is asked of it. A second solution, from the declaration by plain Python and SciPy, keeps the
exact engine from being its own judge. Simulated numbers get p-values that hold far out (binomial, or a gamma law for
skew means); one false alarm among all of them has a chance of one in a million. Beside them: z's of
independent models as a whole (sum of squares, distance from the normal law, a drift of the number of events, one in a
million each), histories equal
to the last bit between engines, and no two histories that share their luck. A model that fails is made smaller until
nothing more can be dropped, and told with the command that brings it back.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sim.engines import lockstep, reference
from sim.engines.interface import Plan, Rows, SimulationError
from sim.model.compiled import Model, compile_model
from sim.model.proofs import ModelError
from sim.model.spec import Spec
from sim.runs.execute import Progress, silent
from sim.studies.oracles.tally import FAMILY, threshold, z_of
from sim.studies.order import Order, listed, watched
from sim.studies.randomly import chain, questions
from sim.studies.randomly.dice import Dice
from sim.studies.randomly.duplicates import shared
from sim.studies.randomly.judging import judged, normal_of, together
from sim.studies.randomly.meaning import Meaningless
from sim.studies.randomly.models import draw
from sim.studies.randomly.questions import Answer, Question
from sim.studies.randomly.shrinking import shrunk
from sim.studies.randomly.words import told
from sim.studies.settings import SettingError, whole

SETTINGS: Final = ("models", "first", "replications", "reference_replications", "engines", "independent", "seed")
SEED: Final = 20_251_119
Simulate = Callable[[Model, Plan], Rows]
ENGINES: Final = ("lockstep", "reference", "compiled")
#: Numbers asked of a model on average, rounded up: fixes the limit before the first model is drawn.
_NUMBERS: Final = 40
#: The two exact solutions may differ by so much, absolutely and relatively.
ABSOLUTE: Final = 1e-9
RELATIVE: Final = 1e-8
#: Drawings before a model is given up; most are good at once.
_DRAWINGS: Final = 200
#: Fewest states of a model that is worth a look.
_STATES: Final = 6
#: Failing models that are made smaller; more of them have the same cause, most likely.
_SHRUNK: Final = 3
#: Histories compared bit by bit between two engines.
_IDENTICAL: Final = 500
#: Chances that are asked for the z's of a whole: not too near to 0 or 1.
_LIVELY: Final = (0.02, 0.98)


@dataclass(frozen=True)
class Sizes:
    """What is simulated: histories a model by engine, seed, and every how many models the second solution is made."""

    histories: dict[str, int]
    seed: int = SEED
    independent: int = 1


@dataclass(frozen=True)
class Bench:
    """The engines under test, what they simulate, and the p-value below which a number fails."""

    sizes: Sizes
    engines: dict[str, Simulate]
    limit: float

    @classmethod
    def of(cls, models: int, sizes: Sizes) -> Bench:
        """For so many models: the limit is fixed before the first one is drawn."""
        engines = simulators(list(sizes.histories))
        if not engines:
            raise SettingError("study.engines: none of them is installed; add lockstep")
        return cls(sizes, engines, threshold(models * _NUMBERS * len(engines)))


@dataclass(frozen=True)
class Fault:
    """Something wrong with a model; ``engine`` is the one whose numbers are wrong."""

    engine: str
    what: str


@dataclass
class Examined:
    """What came out for one model.

    ``z`` holds for each engine the z of one question chosen beforehand, ``drift`` that of the number of all events.
    """

    states: int = 0
    events: int = 0
    numbers: int = 0
    unjudged: int = 0
    solved: int = 0
    difference: float = 0.0
    compared: int = 0
    identical: int = 0
    worst: dict[str, float] = field(default_factory=dict)
    z: dict[str, float] = field(default_factory=dict)
    drift: dict[str, float] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def answer(order: Order) -> int:
    """Draw, solve and simulate the models that the study's settings ask for."""
    study, settings = order.study, order.settings
    engines = listed(study.get("engines", list(ENGINES)), "study.engines")
    for engine in engines:
        if engine not in ENGINES:
            raise SettingError(f"study.engines: {engine!r} is unknown; choose among {', '.join(ENGINES)}")
    count = _at_least(study.get("replications", 4_000), "study.replications", 100)
    fewer = _at_least(study.get("reference_replications", 100), "study.reference_replications", 2)
    models = _at_least(study.get("models", 100), "study.models", 1)
    sizes = Sizes(
        {e: min(count, fewer) if e == "reference" else count for e in dict.fromkeys(engines)},
        whole(study.get("seed", settings.seed), "study.seed"),
        _at_least(study.get("independent", 1), "study.independent", 0),
    )
    with watched(models * sum(sizes.histories.values())) as progress:
        return run(models, sizes, _at_least(study.get("first", 0), "study.first", 0), progress=progress)


def _at_least(value: object, key: str, least: int) -> int:
    number = whole(value, key)
    if number < least:
        raise SettingError(f"{key}: {number}; at least {least} is needed")
    return number


def simulators(engines: Sequence[str]) -> dict[str, Simulate]:
    """Those of the engines that are here."""
    from sim.engines import compiled

    known: dict[str, Simulate] = {"lockstep": lockstep.simulate, "reference": reference.simulate}
    if compiled.installed():
        known["compiled"] = compiled.simulate
    return {engine: known[engine] for engine in engines if engine in known}


def run(
    models: int,
    sizes: Sizes,
    first: int = 0,
    out: Callable[[str], None] = print,
    progress: Progress = silent,
    *,
    shrinking: bool = True,
) -> int:
    """Examine the models ``first … first + models - 1``; returns the exit code (1 if anything failed, else 0).

    Without ``shrinking`` a model that fails is only named.
    """
    bench = Bench.of(models, sizes)
    for engine in sizes.histories:
        if engine not in bench.engines:
            out(f"{engine}: left out, Numba is not installed")
    out(
        f"models {first} … {first + models - 1}, seed {sizes.seed}; a number fails below p = {bench.limit:.1e}, so "
        f"that {FAMILY:g} is the chance of a false alarm in all"
    )
    score = _Score(out)
    failed: list[tuple[int, Spec, Examined]] = []
    for number in range(first, first + models):
        spec = drawn(sizes.seed, number)
        found = examined(spec, number, bench)
        score.add(found)
        if found.faults:
            failed.append((number, spec, found))
        progress(sum(sizes.histories.values()))
    score.report(list(bench.engines), sizes)
    for place, (number, spec, found) in enumerate(failed):
        out(f"\nmodel {number} FAILED")
        for fault in found.faults[:5]:
            out(f"  {fault.engine}: {fault.what}")
        out(f"  again: {again(number, sizes)}")
        if shrinking and place < _SHRUNK:
            small = smallest(spec, number, bench, found)
            smaller = examined(small, number, bench)
            out("  the smallest model that still fails:")
            for line in told(small):
                out(f"    {line}")
            for fault in smaller.faults[:3]:
                out(f"  {fault.engine}: {fault.what}")
    out(f"\n{models - len(failed)} models passed, {len(failed)} failed; {score.failed} checks over all failed")
    return 1 if failed or score.failed else 0


def again(number: int, sizes: Sizes) -> str:
    """The command that examines one model again."""
    fewer = sizes.histories.get("reference")
    settings = {
        "seed": sizes.seed,
        "first": number,
        "models": 1,
        "replications": max(sizes.histories.values()),
        **({"reference_replications": fewer} if fewer else {}),
    }
    return " ".join(["escalation study=random_models", *(f"study.{key}={value}" for key, value in settings.items())])


def drawn(seed: int, number: int) -> Spec:
    """Model with this number: bounded, at rest after every instant, and with something to happen."""
    dice = Dice(seed, f"random model {number}")
    for _ in range(_DRAWINGS):
        spec = draw(dice, f"random {number}")
        try:
            if len(chain.listed(spec).numbers) >= _STATES:
                return spec
        except Meaningless:
            continue
    raise RuntimeError(f"no model in {_DRAWINGS} drawings: the strategy is broken")


def smallest(spec: Spec, number: int, bench: Bench, first: Examined) -> Spec:
    """The smallest model found that is wrong in an engine that was wrong ``first``."""
    guilty = {fault.engine for fault in first.faults}

    def fails(smaller: Spec) -> bool:
        try:
            found = examined(smaller, number, bench)
        except (ModelError, Meaningless):
            return False
        return any(fault.engine in guilty for fault in found.faults)

    return shrunk(spec, fails)


# --------------------------------------------------------------------------------------------------- one model
def examined(spec: Spec, number: int, bench: Bench) -> Examined:
    """Everything that is checked of one model."""
    found, sizes = Examined(), bench.sizes
    model = compile_model(spec, strict=False)
    asked = questions.questions(spec)
    states = chain.listed(spec)
    found.states = len(states.numbers)
    try:
        answers = questions.exact_answers(model, asked)
    except (ValueError, SimulationError) as error:
        found.faults.append(Fault("exact", f"no answer: {error}"))
        return found
    if sizes.independent and number % sizes.independent == 0:
        _second_opinion(found, asked, answers, chain.answers(states, asked))
    # A seed of its own: models have actions of the same names, which would share their luck.
    digest = hashlib.blake2b(f"{sizes.seed}|{number}".encode(), digest_size=8).digest()
    seed = int.from_bytes(digest, "little") >> 1
    chosen = _chosen(asked, answers, seed)
    for engine, simulate in bench.engines.items():
        size = sizes.histories[engine]
        try:
            rows = simulate(model, questions.planned(model, seed, size))
            _identical(found, model, seed, engine, bench)
        except SimulationError as error:
            found.faults.append(Fault(engine, str(error)))
            continue
        found.events += int(rows.events.sum())
        assert rows.log is not None
        doubles, compared = shared(model, rows.log)
        found.compared += compared
        if doubles:
            found.faults.append(Fault(engine, f"{doubles} of {compared} histories have a double"))
        for question, expected in zip(asked, answers, strict=True):
            values = questions.samples(model, rows, question)
            one = judged(values, expected, chance=question.chance)
            if math.isnan(one.p):
                found.unjudged += 1
                continue
            found.numbers += 1
            found.worst[engine] = max(found.worst.get(engine, 0.0), abs(one.z))
            if one.p < bench.limit:
                what = f"{question}: exact {expected.mean:.8g}, {size:,} histories {one.estimate:.8g}, z {one.z:+.2f}"
                found.faults.append(Fault(engine, what))
            if question.text == questions.ALL and math.isfinite(one.z):
                found.drift[engine] = one.z
            if question == chosen:
                spread = Dice(seed, f"spread {engine}").uniform()
                found.z[engine] = normal_of(round(values.sum()), size, expected.mean, spread)
    return found


def _chosen(asked: Sequence[Question], answers: Sequence[Answer], seed: int) -> Question | None:
    """The question whose z stands for the model, chosen before anything is simulated; None without a lively one."""
    low, high = _LIVELY
    lively = [q for q, a in zip(asked, answers, strict=True) if q.chance and low < a.mean < high]
    return Dice(seed, "chosen question").pick(lively) if lively else None


def _second_opinion(
    found: Examined, asked: Sequence[Question], answers: Sequence[Answer], second: Sequence[float]
) -> None:
    """Compare the exact engine with the second solution."""
    for question, one, other in zip(asked, answers, second, strict=True):
        difference = abs(one.mean - other)
        found.solved += 1
        found.difference = max(found.difference, difference)
        if not difference <= ABSOLUTE + RELATIVE * abs(other):
            what = f"{question}: exact engine {one.mean:.12g}, second solution {other:.12g}"
            found.faults.append(Fault("exact", what))


def _identical(found: Examined, model: Model, seed: int, engine: str, bench: Bench) -> None:
    """The histories of this engine are those of the first one, bit for bit."""
    first = next(iter(bench.engines))
    if engine == first:
        return
    size = min(bench.sizes.histories[engine], bench.sizes.histories[first], _IDENTICAL)
    run = questions.planned(model, seed, size)
    found.identical += size
    if bench.engines[engine](model, run).fingerprint() != bench.engines[first](model, run).fingerprint():
        found.faults.append(Fault(engine, f"its first {size:,} histories are not those of {first}"))


# -------------------------------------------------------------------------------------------------- all models
@dataclass
class _Score:
    """The sum over all models."""

    out: Callable[[str], None]
    all: list[Examined] = field(default_factory=list)
    failed: int = 0

    def add(self, found: Examined) -> None:
        self.all.append(found)

    def total(self, name: str) -> int:
        return sum(getattr(found, name) for found in self.all)

    def report(self, engines: Sequence[str], sizes: Sizes) -> None:
        """What was done and how far apart things were."""
        states = sorted(found.states for found in self.all)
        self.out(f"states of a model: median {states[len(states) // 2]}, at most {states[-1]}")
        if self.total("solved"):
            worst = max(found.difference for found in self.all)
            self.out(f"second solution: {self.total('solved'):,} numbers, largest difference {worst:.1e}")
        self.out(
            f"simulated: {self.total('events'):,} events, {self.total('numbers'):,} numbers judged, "
            f"{self.total('unjudged'):,} seen too rarely to be judged"
        )
        self.out(
            f"{self.total('identical'):,} histories compared bit by bit between engines, "
            f"{self.total('compared'):,} searched for doubles"
        )
        for engine in engines:
            z = max((found.worst.get(engine, 0.0) for found in self.all), default=0.0)
            self.out(f"{engine}: {sizes.histories[engine]:,} histories a model, largest |z| {z:.2f}")
            self.whole(engine)
            self.drift(engine)

    def drift(self, engine: str) -> None:
        """Events too many or too few, a little in every model: the sum of the z's has the power of all together."""
        z = [found.drift[engine] for found in self.all if engine in found.drift]
        if z:
            together_z = sum(z) / math.sqrt(len(z))
            good = abs(together_z) <= z_of(FAMILY)
            self.failed += not good
            self.out(
                f"{engine}: number of events, {len(z)} models together: z = {together_z:+.2f}, at most "
                f"{z_of(FAMILY):.2f}{'' if good else ' FAILED'}"
            )

    def whole(self, engine: str) -> None:
        """The z's of independent models as a whole."""
        z = [found.z[engine] for found in self.all if engine in found.z]
        if not z:
            return
        found = together(z)
        self.failed += not found.good
        self.out(
            f"{engine}: sum of z² over {found.count} models {found.squares:.1f}, band {found.low:.1f} … "
            f"{found.high:.1f}; Kolmogorov-Smirnov distance {found.distance:.4f}, p = {found.p:.3g}"
            f"{'' if found.good else ' FAILED'}"
        )
