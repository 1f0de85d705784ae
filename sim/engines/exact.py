"""Exact engine: the Markov chain of a model with rates only and fixed inputs, enumerated and solved.

:func:`build` makes the chain; plain functions answer questions about it: laws, means and variances at a time,
integrals over time, expected event counts, chances to reach something (by a time or ever), times and integrals until
then, values there, and long-run means. A history ends in a terminal state and stays there; what is integrated stops.

A question about a state is not answered by states that are left at the instant they are entered (where an immediate
action holds): ask about a milestone instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from sim.engines.exact_chain import (
    Chain,
    Floats,
    Integers,
    Jump,
    NotMarkov,
    Truths,
    backward,
    forward,
    generator,
    summed,
)
from sim.engines.exact_states import LEVELS, LIMIT, Events, Search, TooLarge, dates
from sim.model.compiled import Model
from sim.model.expressions import Program

__all__ = [
    "Chain", "Jump", "Moments", "NotMarkov", "TooLarge", "build", "event_counts", "event_moments", "final",
    "integral", "moments", "reach", "reach_within", "steady", "steady_rates", "transient", "until",
]  # fmt: skip

#: With a horizon, chains up to this size are enumerated whole before likely states are looked for.
_SMALL: Final = 20_000
_SMALL_LEVELS: Final = 600
#: A state is followed while the bound on its probability within the horizon exceeds this; coarser ones are tried
#: when the states become too many.
WORTH: Final = (1e-16, 1e-13, 1e-11, 1e-9)
#: Largest class of states whose stationary law is found by elimination without subtractions.
_GTH: Final = 700
#: A larger one is iterated until what further sweeps would change, by the rate of the last ones, is no more than
#: this; within so many sweeps.
_SETTLED: Final = 1e-12
_SWEEPS: Final = 20_000


@dataclass(frozen=True)
class Moments:
    """Mean, variance and fourth central moment; ``lost`` is the probability left out (0 for a complete chain)."""

    mean: float
    variance: float
    fourth: float = float("nan")
    lost: float = 0.0


def build(
    model: Model, *, horizon: float | None = None, limit: int = LIMIT, track: Sequence[str] = (), cut: bool = False
) -> Chain:
    """Enumerate the chain of a model.

    With a ``horizon`` (days) an endless chain is cut off where a history gets with negligible probability before it
    (finite state projection: Munsky and Khammash, J. Chem. Phys. 124, 044104, 2006). ``cut`` keeps the first ``limit``
    states in the order of a breadth-first search instead of raising. What leaves the states kept is reported as
    ``lost`` by every answer and bounds the error of every probability. ``track`` names milestones to be kept although
    nothing in the model reads them.

    Raises NotMarkov naming what is no rate, TooLarge beyond ``limit`` states, and SimulationError where a speed, weight
    or effect has no meaning in a state that can be reached.
    """
    events = Events(model, track)
    whole = horizon is None or cut
    search = Search(events, limit if whole else min(limit, _SMALL))
    start = search.begin()
    try:
        search.sweep(cut=cut, levels=LEVELS if whole else _SMALL_LEVELS)
        for time in dates(events, np.inf if horizon is None else horizon):
            search.jump(time, np.arange(search.states.size))
            search.sweep(cut=cut, levels=LEVELS if whole else _SMALL_LEVELS)
    except TooLarge:
        if horizon is None or cut:
            raise
    else:
        return search.chain(*start)
    for worth in WORTH[:-1]:
        try:
            return _likely(Search(events, limit), horizon, worth)
        except TooLarge:
            continue
    return _likely(Search(events, limit), horizon, WORTH[-1])


def _likely(search: Search, horizon: float, worth: float) -> Chain:
    """The part of a chain that matters within a horizon, phase by phase between calendar times."""
    numbers, chance = start = search.begin()
    now = 0.0
    for time in dates(search.events, horizon):
        search.follow(numbers, chance, time - now, worth)
        places = np.flatnonzero(search.expanded.all)
        law = transient(search.chain(*start), [time])[0]
        jump = search.jump(time, places)
        before = np.zeros(search.states.size)
        before[places] = law
        after = summed(jump.target, before[jump.source] * jump.chance, search.states.size)
        numbers, chance, now = np.flatnonzero(after), after[after > 0], time
    search.follow(numbers, chance, horizon - now, worth)
    return search.chain(*start)


# ------------------------------------------------------------------------------------------------- at some times
def transient(chain: Chain, times: Sequence[float]) -> Floats:
    """Laws at ascending times, shape (times, S); a row sums to 1 minus what is lost."""
    return np.array([law[:-1] for _, law, _ in forward(chain, times)], dtype=np.float64)


def moments(chain: Chain, programs: Sequence[Program], times: Sequence[float]) -> list[list[Moments]]:
    """Moments of each program at each of the ascending times."""
    values = [chain.value(program) for program in programs]
    return [[_moments(law[:-1], value, float(law[-1])) for value in values] for _, law, _ in forward(chain, times)]


def _moments(law: Floats, value: Floats, lost: float) -> Moments:
    mass = float(law.sum())
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(law @ value) / mass
        square = (value - mean) ** 2
        return Moments(mean, float(law @ square) / mass, float(law @ (square * square)) / mass, lost)


def reach_within(chain: Chain, target: Program, within: float, avoid: Program | None = None) -> Moments:
    """Chance (as mean) that ``target`` holds at some time up to ``within``, and ``avoid`` at none before."""
    stopped, goal = _stopped(chain, target, avoid)
    [(_, law, _)] = forward(stopped, [within])
    return _chance(float(law[:-1] @ goal), float(law[-1]))


def _chance(mean: float, lost: float) -> Moments:
    variance = mean * (1.0 - mean)
    return Moments(mean, variance, variance * (1.0 - 3.0 * variance), lost)


# --------------------------------------------------------------------------------------------------- gathered
def integral(chain: Chain, program: Program, to: float) -> Moments:
    """Mean and variance of the integral of a program over [0, ``to``]."""
    from scipy import sparse

    value = np.append(np.where(chain.ended, 0.0, chain.value(program)), 0.0)
    mean, square = backward(chain, to, twice=sparse.diags(value), linear=value, square=np.zeros(value.size))
    return _gathered(chain, mean, square, _lost(chain, to))


def event_counts(chain: Chain, to: float) -> Floats:
    """Expected number of firings of each action (row of the model) over [0, ``to``]."""
    total: Floats = chain.first.copy()
    watched = np.ascontiguousarray(chain.firing().T)
    for _, _, gathered in forward(chain, [to], watched):
        total += gathered
    for jump in chain.jumps:
        if jump.time <= to:
            earlier = replace(chain, jumps=tuple(j for j in chain.jumps if j.time < jump.time), kept={})
            total += transient(earlier, [jump.time])[0] @ jump.fired
    return total


def event_moments(chain: Chain, weights: Floats, to: float) -> Moments:
    """Mean and variance of the number of firings over [0, ``to``], weighted by ``weights`` (rows,).

    The variance is nan where a calendar or immediate action counts: its firings are no arcs of the chain.
    """
    from scipy import sparse

    counted = np.flatnonzero(weights)
    if any(chain.model.rows[i].kind in ("calendar", "immediate") for i in counted):
        mean = float(event_counts(chain, to) @ weights)
        return Moments(mean, float("nan"), lost=_lost(chain, to))
    size = chain.size + 1
    weight = weights[chain.row] * chain.rate
    mixed = sparse.coo_matrix((weight, (chain.source, chain.target)), shape=(size, size)).tocsr()
    linear = np.asarray(mixed.sum(axis=1)).ravel()
    square = summed(chain.source, weight * weights[chain.row], size)
    first, second = backward(chain, to, twice=mixed, linear=linear, square=square)
    return _gathered(chain, first, second, _lost(chain, to))


def _gathered(chain: Chain, first: Floats, second: Floats, lost: float) -> Moments:
    mean = float(chain.initial @ first[:-1])
    return Moments(mean, max(0.0, float(chain.initial @ second[:-1]) - mean * mean), lost=lost)


def _lost(chain: Chain, time: float) -> float:
    if chain.complete:
        return 0.0
    return float(next(iter(forward(chain, [time])))[1][-1])


# ----------------------------------------------------------------------------------------- without a time limit
def _stopped(chain: Chain, target: Program, avoid: Program | None = None) -> tuple[Chain, Truths]:
    """The chain with ``target`` and ``avoid`` made absorbing, and the states that count as reached."""
    goal = chain.value(target) != 0
    ended = chain.ended | goal
    if avoid is not None:
        ended |= chain.value(avoid) != 0
    going = ~ended[chain.source]
    stay = np.flatnonzero(ended)
    jumps = []
    for jump in chain.jumps:
        moving = ~ended[jump.source]
        source = np.concatenate([jump.source[moving], stay])
        end = np.concatenate([jump.target[moving], stay])
        chance = np.concatenate([jump.chance[moving], np.ones(stay.size)])
        jumps.append(Jump(jump.time, source, end, chance, np.where(ended[:, None], 0.0, jump.fired)))
    stopped = replace(
        chain,
        source=chain.source[going],
        target=chain.target[going],
        rate=chain.rate[going],
        row=chain.row[going],
        followed=np.where(ended[:, None], 0.0, chain.followed),
        ended=ended,
        jumps=tuple(jumps),
        kept={},
    )
    return stopped, goal


def _last(chain: Chain) -> tuple[float, Floats]:
    """The last calendar time (0 without any) and the law (S + 1,) just after it."""
    time = chain.jumps[-1].time if chain.jumps else 0.0
    return time, next(iter(forward(chain, [time])))[1]


def _closure(start: Truths, origin: Integers, end: Integers) -> Truths:
    """All states that can be reached from ``start`` (S + 1,) along arcs from ``origin`` to ``end``."""
    from scipy import sparse

    arcs = sparse.coo_matrix((np.ones(origin.size), (end, origin)), shape=(start.size, start.size)).tocsr()
    found = frontier = start
    while frontier.any():
        frontier = (arcs @ frontier.astype(np.float64) > 0) & ~found
        found = found | frontier
    return found


def _visited(chain: Chain, start: Truths) -> Truths:
    return _closure(start, chain.source, chain.target)


def _reaching(chain: Chain, goal: Truths) -> Truths:
    return _closure(goal, chain.target, chain.source)


def _solve(chain: Chain, inside: Truths, right: Floats) -> Floats:
    """x (S + 1, k), 0 outside, with generator x = -right on the states ``inside``.

    The matrix is an M-matrix: elimination without pivoting subtracts only on the diagonal, so small chances keep
    their relative accuracy.
    """
    from scipy.sparse.linalg import splu

    result = np.zeros_like(right)
    places = np.flatnonzero(inside)
    if places.size:
        matrix = -generator(chain)[places][:, places]
        factors = splu(
            matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
        found = factors.solve(right[places])
        result[places] = found + factors.solve(right[places] - matrix @ found)
    return result


def reach(chain: Chain, target: Program, avoid: Program | None = None) -> Moments:
    """Chance (as mean) that ``target`` ever holds and ``avoid`` never before; ``lost``: what a cut chain may add."""
    stopped, goal = _stopped(chain, target, avoid)
    _, law = _last(stopped)
    chances = []
    for end in (np.append(goal, False), np.append(np.zeros(chain.size, dtype=np.bool_), True)):
        inside = _reaching(stopped, end) & ~end & ~np.append(stopped.ended, True)
        into = (generator(stopped) @ end.astype(np.float64))[:, None]
        chances.append(float(law @ (_solve(stopped, inside, into)[:, 0] + end)))
        if chain.complete:
            break
    return _chance(chances[0], 0.0 if chain.complete else chances[1])


def _certain(chain: Chain, target: Program) -> tuple[Chain, Truths, Truths, float, Floats]:
    """What the questions up to a sure time share: stopped chain, goal, states on the way, last date and law."""
    stopped, goal = _stopped(chain, target)
    time, law = _last(stopped)
    missing = ~_reaching(stopped, np.append(goal, False))
    visited = _visited(stopped, law > 0)
    if not chain.complete or (visited & missing).any():
        chance = reach(chain, target)
        raise ValueError(
            f"the target is reached with probability {chance.mean:.6g}, not 1: its time has no finite mean"
            if chain.complete
            else "the chain is cut off: only probabilities can be bounded; bound the variables"
        )
    way = visited & ~np.append(stopped.ended, True)
    return stopped, goal, way, time, law


def until(chain: Chain, target: Program, program: Program | None = None) -> Moments:
    """Mean and variance of the integral of a program (of 1: the time) until ``target`` first holds.

    Raises ValueError when the target may never be reached.
    """
    from scipy import sparse

    stopped, _, way, time, _ = _certain(chain, target)
    value = np.ones(chain.size) if program is None else chain.value(program)
    value = np.append(np.where(stopped.ended, 0.0, value), 0.0)
    first = _solve(stopped, way, value[:, None])[:, 0]
    second = _solve(stopped, way, (2.0 * value * first)[:, None])[:, 0]
    if time > 0:
        twice, nothing = sparse.diags(value), np.zeros(value.size)
        first, second = backward(stopped, time, twice=twice, linear=value, square=nothing, end=(first, second))
    return _gathered(stopped, first, second, 0.0)


def final(chain: Chain, target: Program, program: Program) -> Moments:
    """Moments of a program in the state where ``target`` first holds. Raises ValueError when it may never hold."""
    stopped, goal, way, _, law = _certain(chain, target)
    value = chain.value(program)
    mean = _hit(stopped, goal, way, law, value)
    square = (value - mean) ** 2
    return Moments(mean, _hit(stopped, goal, way, law, square), _hit(stopped, goal, way, law, square * square))


def _hit(chain: Chain, goal: Truths, way: Truths, law: Floats, value: Floats) -> float:
    end = np.append(np.where(goal, value, 0.0), 0.0)
    return float(law @ (end + _solve(chain, way, (generator(chain) @ end)[:, None])[:, 0]))


# --------------------------------------------------------------------------------------------------- in the long run
def steady(chain: Chain) -> Floats:
    """Long-run share of time in each state (S,), from the chain's own start.

    Classes of states that are never left get the chance of ending there times their stationary law.
    Raises ValueError for a chain that is cut off.
    """
    from scipy.sparse.csgraph import connected_components

    if not chain.complete:
        raise ValueError("the chain is cut off: its long run is unknown; bound the variables")
    rates = generator(chain)[:-1][:, :-1]
    count, label = connected_components(rates, directed=True, connection="strong")
    leaving = np.zeros(count, dtype=np.bool_)
    leaving[label[chain.source[label[chain.source] != label[chain.target]]]] = True
    _, law = _last(chain)
    seen = _visited(chain, law > 0)[:-1]
    result = np.zeros(chain.size)
    closed = [c for c in np.unique(label[seen]) if not leaving[c]]
    for c in closed:
        places = np.flatnonzero(label == c)
        share = 1.0
        if len(closed) > 1:
            end = np.append(label == c, False)
            inside = _reaching(chain, end) & ~np.append(np.isin(label, closed), True)
            into = (generator(chain) @ end.astype(np.float64))[:, None]
            share = float(law @ (_solve(chain, inside, into)[:, 0] + end))
        result[places] = share * _stationary(rates[places][:, places])
    return result


def _stationary(rates: Any) -> Floats:
    """Stationary law of an irreducible generator.

    Small ones by the elimination of Grassmann, Taksar and Heyman (Operations Research 33, 1985), which subtracts
    nothing; large ones by Gauss and Seidel's iteration, which keeps to the memory that the arcs need.
    Raises ValueError when the iteration does not settle.
    """
    size = rates.shape[0]
    if size > _GTH:
        return _iterated(rates)
    matrix: Floats = rates.toarray()
    for n in range(size - 1, 0, -1):
        matrix[:n, n] /= matrix[n, :n].sum()
        matrix[:n, :n] += np.outer(matrix[:n, n], matrix[n, :n])
    law = np.ones(size)
    for n in range(1, size):
        law[n] = law[:n] @ matrix[:n, n]
    result: Floats = law / law.sum()
    return result


def _iterated(rates: Any) -> Floats:
    """Stationary law by sweeps: each solves the triangle of arcs to later states, given the rest."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    balance = sparse.csc_matrix(-rates.T)
    lower, upper = sparse.tril(balance, format="csc"), sparse.triu(balance, k=1, format="csr")
    triangle = splu(lower, permc_spec="NATURAL", diag_pivot_thresh=0.0)
    law = np.full(rates.shape[0], 1.0 / rates.shape[0])
    before = np.inf
    for _ in range(_SWEEPS):
        after: Floats = triangle.solve(-(upper @ law))
        after /= after.sum()
        change = float(np.abs(after - law).sum())
        law = after
        speed = change / before if change < before < np.inf else 1.0 - 1e-9
        if change * speed / (1.0 - speed) < _SETTLED:
            return law
        before = change
    raise ValueError(f"the long run of {law.size:,} states is not found in {_SWEEPS:,} sweeps (change {change:.0e})")


def steady_rates(chain: Chain) -> Floats:
    """Long-run firings per day of each action (row of the model)."""
    rates: Floats = steady(chain) @ chain.firing()
    return rates
