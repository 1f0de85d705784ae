"""A model of two clocks in closed form, as histories: nothing is simulated."""

import numpy as np
from numpy.typing import NDArray

from sim.beliefs.record import Record
from sim.beliefs.weighing import Claim, Weighing
from sim.statistics.stated import Stated, number

DAYS = (30, 90, 180)
NAMES = ("strike", "deal", "quarrel")
SETS, EACH = 200, 100


def record(strike: NDArray[np.float64], deal: NDArray[np.float64]) -> Record:
    """A strike and a deal compete; what comes first decides, and the other does not happen."""
    times = {"strike": np.where(strike < deal, strike, np.inf), "deal": np.where(deal <= strike, deal, np.inf)}
    outcomes = {
        day: np.where(times["strike"] <= day, 0, np.where(times["deal"] <= day, 1, 2)).astype(np.int8) for day in DAYS
    }
    return Record(times, outcomes, NAMES)


def drawn(n: int, seed: int, spread: float = 0.0, each: int = 1) -> tuple[Record, NDArray[np.float64]]:
    """Histories whose hazard of a strike is lognormal over ``n // each`` sets of inputs, and these hazards."""
    rng = np.random.default_rng(seed)
    hazard = 0.002 * np.exp(spread * rng.normal(size=n // each))
    strike = rng.exponential(size=n) / np.repeat(hazard, each)
    return record(strike, rng.exponential(400.0, size=n)), hazard


def claim(
    name: str = "expert", stated: Stated | None = None, days: tuple[int, ...] = (90,), *, event: str = "strike",
    origin: str = "", outcomes: tuple[str, ...] = (),
) -> Claim:  # fmt: skip
    return Claim(name, origin or name, stated or number(0.8), days, None if outcomes else event, outcomes)


def weighing(*claims: Claim, n: int = 40_000, spread: float = 1.2, nested: bool = True) -> Weighing:
    plain, _ = drawn(n, 1, spread)
    inside, _ = drawn(SETS * EACH, 2, spread, EACH)
    return Weighing(claims, plain, inside if nested else None, SETS if nested else 1, DAYS)
