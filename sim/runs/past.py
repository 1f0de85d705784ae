"""Memory of the crisis: which inputs a unit keeps, given what had and had not happened before the run begins.

Inputs and hidden starts are accepted by rejection. The past of an input number, from the start of the crisis to the
first day of the run, is simulated once; the number survives if that past comes to the outcome with which the run
begins. The candidates of number i are i + j x 2^40 (j = 0, 1, 2, …), and the first to survive stands in for i. So the
answer is a function of (seed, i) alone, whatever is simulated beside it, and the numbers that survive at once stay as
they are. What is drawn in this way follows the inputs' law given what the past came to (Tavare, Balding, Griffiths and
Donnelly, "Inferring coalescence times from DNA sequence data", Genetics 145 (1997) 505-518, for the method).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import RAN_AWAY, Integers, Plan, Rows, SimulationError
from sim.engines.units import draw_starts, keys_for
from sim.model.compiled import Model
from sim.runs.columns import outcome, truth

#: Distance between the candidates of one input number; no run has as many replications.
STEP: Final = 2**40
#: The past of a candidate has a history of its own, so that its luck says nothing of the luck to come.
APART: Final = 2**61
#: Candidates tried for one input number.
TRIES: Final = 1_000
#: Pasts simulated together.
TOGETHER: Final = 20_000
#: Candidates are tried by so many at a time where few numbers are left.
BLOCK: Final = 2_000

#: Pieces of simulated pasts remembered, of at most 20,000 bytes each.
MOST_KEPT: Final = 256

Play = Callable[[Model, Plan], Rows]
_KEPT: dict[tuple[str, int, bytes], NDArray[np.int8]] = {}


@dataclass(frozen=True, eq=False)
class Past:
    """The model of the time before a run begins, and how many days that is.

    Its outcomes are those of the run, in the same order, and inputs and hidden starts that both have follow one law.
    """

    model: Model
    days: int

    def __post_init__(self) -> None:
        if self.days < 1:
            raise ValueError(f"a past of {self.days} days; without a day before the run there is nothing to remember")

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides which input numbers survive, but for the seed and the run's own model."""
        return hashlib.sha256(f"{self.model.digest} {self.days} {STEP} {APART} {TRIES}".encode()).hexdigest()


def surviving(past: Past, model: Model, seed: int, numbers: Integers, play: Play) -> Integers:
    """For each input number (n,) of a run of ``model`` the first of its candidates that survives.

    ``play`` simulates a plan; any engine gives the same.

    Raises SimulationError where a number has no survivor among its first 1,000 candidates.
    """
    unique, places = np.unique(numbers, return_inverse=True)
    found = unique.copy()
    left = np.arange(unique.size)
    tried, tries, survived = 0, 0, 0
    while left.size:
        if tried == TRIES:
            names = [name for name, _ in model.outcomes]
            wanted = names[int(outcomes_at_start(model, seed, unique[left[:1]])[0])]
            raise SimulationError(
                f"{model.name}: the model all but rules out its past. {survived:,} of {tries:,} simulated pasts "
                f"of {past.days} days come to {wanted!r}, which is how things stand when the forecast begins, and none "
                f"of {TRIES:,} does for input number {int(unique[left[0]]):,}. Look at what is likely in those days, "
                "and at the start values; run.past=restart forecasts without memory of them"
            )
        # The first of each number alone: most survive at once.
        block = 1 if tried == 0 else min(max(BLOCK // left.size, 1), TRIES - tried)
        offsets = STEP * np.arange(tried, tried + block, dtype=np.int64)
        candidates = unique[left][:, None] + offsets
        lives = survives(past, model, seed, candidates.ravel(), play).reshape(candidates.shape)
        tries, survived, tried = tries + lives.size, survived + int(lives.sum()), tried + block
        settled = lives.any(axis=1)
        found[left[settled]] = candidates[settled, lives[settled].argmax(axis=1)]
        left = left[~settled]
    return found[places.reshape(numbers.shape)]


def survives(past: Past, model: Model, seed: int, candidates: Integers, play: Play) -> NDArray[np.bool_]:
    """Whether the past of each candidate (n,) comes to the outcome with which its run begins."""
    lives = np.zeros(candidates.size, dtype=np.bool_)
    for first in range(0, candidates.size, TOGETHER):
        these = slice(first, first + TOGETHER)
        units = candidates[these]
        lives[these] = _came_to(past, seed, units, play) == outcomes_at_start(model, seed, units)
    return lives


def _came_to(past: Past, seed: int, units: Integers, play: Play) -> NDArray[np.int8]:
    """Number of the outcome at the end of each past (n,), -1 where it ran away; kept for models that share a past."""
    key = (past.digest, seed, hashlib.sha256(units.tobytes()).digest())
    if key not in _KEPT:
        rows = play(past.model, Plan(seed, float(past.days), units, units + APART))
        found = outcome(past.model, rows.state, rows.milestones, past.days)
        found[rows.status == RAN_AWAY] = -1
        while len(_KEPT) >= MOST_KEPT:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[key] = found
    return _KEPT[key]


def outcomes_at_start(model: Model, seed: int, numbers: Integers) -> NDArray[np.int8]:
    """Number of the outcome that the starting state of each input number (n,) comes to, before anything happens."""
    state = draw_starts(model, keys_for(model, seed), numbers)
    reached = np.full((len(model.milestones), numbers.size), np.inf)
    for i, program in enumerate(model.milestone_programs):
        reached[i, truth(model, program, state, reached, 0.0)] = 0.0
    return outcome(model, state, reached, 0.0)
