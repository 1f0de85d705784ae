"""The Markov chain behind a model, and how its probabilities move with time.

Probabilities are advanced by uniformisation (Jensen's method): with q at least every exit rate,
exp(A t) v = sum over k of Poisson(k; q t) (I + A/q)^k v. All terms are >= 0, so nothing cancels, small probabilities
keep their relative accuracy, and the truncation error is a Poisson tail. Krylov and Padé methods lose both. A stiff
chain (q t large) with few states is advanced by squaring the dense matrix of one short step instead, which again
adds and multiplies numbers >= 0 only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.model.compiled import Model
from sim.model.expressions import Program, evaluate
from sim.model.laws import Law

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Truths = NDArray[np.bool_]

#: Poisson weights smaller than this part of the largest are left out.
_TAIL: Final = 1e-30
#: Events per block of uniformisation steps; long enough for the tails of the blocks not to matter.
_BLOCK: Final = 4_000.0
#: Largest dense matrix that is squared.
_DENSE: Final = 1_500


class NotMarkov(ValueError):  # noqa: N818 - the name says what is the matter
    """A model that is no Markov chain with fixed numbers; the message names the part and the reason."""


@dataclass(frozen=True, eq=False)
class Jump:
    """The calendar actions of one time: ``chance`` moves from ``source`` to ``target``, a map on the states.

    ``fired`` (states, rows) is the expected number of firings of each action, those it sets off at once included.
    """

    time: float
    source: Integers
    target: Integers
    chance: Floats
    fired: Floats


@dataclass(frozen=True, eq=False)
class Chain:
    """A Markov chain with S states.

    ``states`` is (S, columns): values of the model's columns ``columns`` (all variables, and the milestones kept).
    ``initial`` (S,) are the chances just after time 0, ``first`` (rows,) the expected firings at time 0. Arcs: ``rate``
    per day from ``source`` to ``target`` by the action of ``row``; target S stands for all states left out.
    ``followed`` (S, rows): expected firings per day of immediate actions. ``ended`` marks terminal states. ``jumps``
    are the calendar actions in order of time. ``complete``: no state is left out.
    """

    model: Model
    columns: tuple[int, ...]
    states: Integers
    initial: Floats
    first: Floats
    source: Integers
    target: Integers
    rate: Floats
    row: Integers
    followed: Floats
    ended: Truths
    jumps: tuple[Jump, ...]
    complete: bool
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of states."""
        return int(self.states.shape[0])

    def value(self, program: Program) -> Floats:
        """Value of a program in every state, shape (S,). Raises KeyError for a milestone that is not kept."""
        read = reader(self.model, self.columns, self.states)
        result: Floats = np.broadcast_to(evaluate(program, read), (self.size,)).astype(np.float64)
        return result

    def firing(self) -> Floats:
        """Expected firings per day of every action in every state, shape (S, rows)."""
        result = self.followed.copy()
        np.add.at(result, (self.source, self.row), self.rate)
        return result


def fixed(law: Law, what: str) -> float:
    """The one value of a law. Raises NotMarkov when there are several."""
    low, high = (float(x) for x in law.quantile(np.array([2.0**-53, 1.0 - 2.0**-53])))
    if low != high:
        raise NotMarkov(f"{what} is drawn ({law.family}); exact answers need one value")
    return low


def reader(
    model: Model, columns: Sequence[int], states: Integers, amounts: dict[int, float] | None = None
) -> Callable[[int], Any]:
    """Reader of columns for the programs, over an array of states (n, columns)."""
    place = {c: i for i, c in enumerate(columns)}

    def column(c: int) -> Any:
        if c in place:
            return states[:, place[c]].astype(np.float64)
        if amounts is not None and c in amounts:
            return np.float64(amounts[c])
        if c >= model.first_input:
            number = c - model.first_input
            return np.float64(fixed(model.input_laws[number], f"the input {model.inputs[number]}"))
        name = model.milestones[c - len(model.variables)]
        raise KeyError(f"the milestone {name!r} is not kept: name it in `track` when the chain is built")

    return column


# ----------------------------------------------------------------------------------------------------- matrices
def generator(chain: Chain) -> Any:
    """Rates between states, sparse (S + 1, S + 1), rows sum to 0; the last state stands for those left out."""
    from scipy import sparse

    if "generator" not in chain.kept:
        size = chain.size + 1
        moving = chain.source != chain.target
        arcs = (chain.rate[moving], (chain.source[moving], chain.target[moving]))
        rates = sparse.coo_matrix(arcs, shape=(size, size)).tocsr()
        chain.kept["generator"] = rates - sparse.diags(np.asarray(rates.sum(axis=1)).ravel())
    return chain.kept["generator"]


def jump_matrix(chain: Chain, jump: Jump) -> Any:
    """Map of a calendar time as a sparse matrix (S + 1, S + 1) whose rows sum to 1; what is not mapped is left out."""
    from scipy import sparse

    last = chain.size
    mapped = np.zeros(last + 1, dtype=np.bool_)
    mapped[jump.source] = True
    rest = np.flatnonzero(~mapped)
    arcs = np.concatenate([jump.source, rest]), np.concatenate([jump.target, np.full(rest.size, last)])
    chances = np.concatenate([jump.chance, np.ones(rest.size)])
    return sparse.coo_matrix((chances, arcs), shape=(last + 1, last + 1)).tocsr()


def summed(places: Integers, weights: Floats, size: int) -> Floats:
    """Sums of weights by place, shape (size,)."""
    return np.bincount(places, weights=weights, minlength=size).astype(np.float64)


def poisson_weights(mean: float) -> Floats:
    """Probabilities of 0, 1, … of a Poisson law, computed outward from the largest; they sum to 1."""
    mode = int(mean)
    reach = int(12.0 * math.sqrt(mean + 4.0)) + 60
    low, high = max(0, mode - reach), mode + reach
    up = np.cumprod(mean / np.arange(mode + 1, high + 1))
    down = np.cumprod(np.arange(mode, low, -1) / mean) if mode > low else np.zeros(0)
    weights = np.concatenate([np.zeros(low), down[::-1], [1.0], up])
    weights[weights < _TAIL] = 0.0
    weights = weights[: int(np.flatnonzero(weights)[-1]) + 1]
    result: Floats = weights / weights.sum()
    return result


class Flow:
    """exp(A t) for a matrix A whose entries off the diagonal are >= 0; short steps sparse, stiff ones dense."""

    def __init__(self, matrix: Any) -> None:
        from scipy import sparse

        self.matrix = matrix.tocsr()
        self.size = int(matrix.shape[0])
        self.pace = float(max(-self.matrix.diagonal().min(), 0.0)) if self.size else 0.0
        if self.pace == 0.0 and self.matrix.nnz:
            self.pace = 1.0
        self.step = sparse.identity(self.size, format="csr") + self.matrix / (self.pace or 1.0)
        self.weights: dict[float, Floats] = {}
        self.dense: dict[float, Floats] = {}

    def __call__(self, vector: Floats, time: float) -> Floats:
        """exp(A time) vector."""
        events = self.pace * time
        if events == 0.0:
            return vector
        if time in self.dense or self.stiff(events):
            if time not in self.dense:
                self.dense = {time: self.squared(events)}
            result: Floats = self.dense[time] @ vector
            return result
        blocks = max(1, math.ceil(events / _BLOCK))
        if events / blocks not in self.weights:
            self.weights = {events / blocks: poisson_weights(events / blocks)}
        weights = self.weights[events / blocks]
        for _ in range(blocks):
            power, vector = vector, vector * weights[0]
            for weight in weights[1:]:
                power = self.step @ power
                if weight:
                    vector = vector + weight * power
        return vector

    def stiff(self, events: float) -> bool:
        """Whether squaring is the faster way; seconds by rough figures for both."""
        sparse_time = 1.2 * events * (1.5e-5 + 2e-9 * float(self.step.nnz))
        dense_time = 1e-10 * self.size**3 * (30.0 + math.log2(1.0 + events))
        return self.size <= _DENSE and sparse_time > 0.5 and dense_time < sparse_time

    def squared(self, events: float) -> Floats:
        """exp(A t) as a dense matrix, by squaring that of t / 2^n."""
        doublings = max(0, math.ceil(math.log2(events)))
        weights = poisson_weights(events / 2.0**doublings)
        step: Floats = self.step.toarray()
        result = np.diag(np.full(self.size, weights[-1]))
        for weight in weights[-2::-1]:
            result = result @ step
            result.flat[:: self.size + 1] += weight
        for _ in range(doublings):
            result = result @ result
        return result


def forward(
    chain: Chain, times: Sequence[float], watched: Floats | None = None
) -> Iterator[tuple[float, Floats, Floats]]:
    """For each of the ascending times: (time, law (S + 1,), integrals up to it of the rows of ``watched``).

    ``watched`` is (r, S): what each state adds per day. The law's last entry is the probability of having left the
    states; a calendar action on a time is seen at that time.
    """
    from scipy import sparse

    rewards = np.zeros((0, chain.size)) if watched is None else watched
    size, extra = chain.size + 1, rewards.shape[0]
    matrix = generator(chain).T
    if extra:
        padded = sparse.csr_matrix(np.hstack([rewards, np.zeros((extra, 1))]))
        matrix = sparse.bmat([[matrix, None], [padded, sparse.csr_matrix((extra, extra))]])
    flow = Flow(matrix)
    left_out = 0.0 if chain.complete else max(0.0, 1.0 - float(chain.initial.sum()))
    law = np.concatenate([chain.initial, [left_out], np.zeros(extra)])
    now, dates = 0.0, list(chain.jumps)
    for time in times:
        while dates and dates[0].time <= time:
            jump = dates.pop(0)
            law = flow(law, jump.time - now)
            law[:size] = jump_matrix(chain, jump).T @ law[:size]
            now = jump.time
        law = flow(law, time - now)
        now = time
        yield time, law[:size].copy(), law[size:].copy()


def backward(
    chain: Chain, until: float, *, twice: Any, linear: Floats, square: Floats, end: tuple[Floats, Floats] | None = None
) -> tuple[Floats, Floats]:
    """Mean and mean square, for every state (S + 1,) at the start, of what a history gathers up to ``until``.

    ``linear`` and ``square`` (S + 1,) are the mean and the mean square gathered per day; ``twice`` (S + 1, S + 1) is
    the rate at which something is gathered times its amount, by the state that follows (the mixed term of the
    square). ``end`` holds both moments of what is still to be gathered at ``until`` (nothing, if not given).
    """
    from scipy import sparse

    size = chain.size + 1
    rates = generator(chain)
    constant = sparse.csr_matrix(np.concatenate([square, linear])[:, None])
    moments = sparse.bmat([[rates, 2.0 * twice], [None, rates]])
    flow = Flow(sparse.bmat([[moments, constant], [None, sparse.csr_matrix((1, 1))]]))
    mean, mean_square = end or (np.zeros(size), np.zeros(size))
    vector = np.concatenate([mean_square, mean, [1.0]])
    now = until
    for jump in reversed([j for j in chain.jumps if j.time <= until]):
        vector = flow(vector, now - jump.time)
        moved = jump_matrix(chain, jump)
        vector = np.concatenate([moved @ vector[:size], moved @ vector[size : 2 * size], [1.0]])
        now = jump.time
    vector = flow(vector, now)
    return vector[size : 2 * size], vector[:size]
