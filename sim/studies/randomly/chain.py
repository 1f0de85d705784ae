"""A second exact answer: the chain of a declared model, enumerated from its meaning and solved by SciPy.

Nothing here is shared with the exact engine: states come from :mod:`sim.studies.randomly.meaning`, one by one, and
probabilities move by the action of a matrix exponential (Al-Mohy and Higham, SIAM J. Sci. Comput. 33, 2011), with
event counts and integrals as further unknowns of the same linear equations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.model.expressions import parse
from sim.model.spec import Rate, Spec
from sim.studies.randomly.meaning import Meaning, Meaningless, State, reading
from sim.studies.randomly.questions import ALL, LIMIT, Question

Floats = NDArray[np.float64]
#: Chance, state, and the actions fired at that instant.
Moves = Sequence[tuple[float, State, tuple[int, ...]]]


@dataclass(eq=False)
class Listed:
    """All states of a model with their numbers, what leaves each at which rate, and what a date makes of each."""

    meaning: Meaning
    inputs: dict[str, float]
    initial: list[tuple[float, State, tuple[int, ...]]] = field(default_factory=list)
    numbers: dict[State, int] = field(default_factory=dict)
    arcs: list[tuple[State, State, float, tuple[int, ...]]] = field(default_factory=list)
    jumps: dict[float, dict[State, Moves]] = field(default_factory=dict)


def listed(spec: Spec) -> Listed:
    """Enumerate a model with rates, dates and immediate actions.

    Raises Meaningless for a model with other parts, that never comes to rest at an instant, or with too many states.
    """
    meaning = Meaning(spec)
    found = Listed(meaning, meaning.fixed_inputs())
    for chance, start in meaning.starts():
        first = meaning.started(start, found.inputs)
        found.initial += [(chance * p, s, fired) for p, s, fired in meaning.dated(0.0, first, found.inputs)]
    found.jumps = {date: {} for date in sorted({meaning.date(i) for i in meaning.calendar} - {0.0})}
    queue = [state for _, state, _ in found.initial]
    while queue:
        state = queue.pop()
        if state in found.numbers:
            continue
        found.numbers[state] = len(found.numbers)
        if len(found.numbers) > LIMIT:
            raise Meaningless(f"more than {LIMIT} states")
        for new, rate, fired in _leaving(found, state):
            found.arcs.append((state, new, rate, fired))
            queue.append(new)
        for date, jump in found.jumps.items():
            jump[state] = list(meaning.dated(date, state, found.inputs))
            queue += [new for _, new, _ in jump[state]]
    return found


def _leaving(found: Listed, state: State) -> Iterator[tuple[State, float, tuple[int, ...]]]:
    """State, rate and actions fired of everything that may happen next."""
    meaning, inputs = found.meaning, found.inputs
    if meaning.ended(state, inputs):
        return
    values = meaning.values(state, inputs)
    for number, does in enumerate(meaning.actions):
        clock = does.action.clock
        rate = does.speed(values) if isinstance(clock, Rate) else 0.0
        if not isinstance(clock, Rate) and number not in (*meaning.calendar, *meaning.immediate):
            raise Meaningless(f"{does.action.name} is no rate")
        if not rate >= 0:
            raise Meaningless(f"{does.action.name} has the rate {rate:g}")
        for chance, new in meaning.outcomes(number, state, inputs) if rate else ():
            for rest, last, fired in meaning.settled(new, inputs):
                yield last, rate * chance * rest, (number, *fired)


def answers(found: Listed, asked: Sequence[Question]) -> list[float]:
    """Answer to every question."""
    from scipy import sparse
    from scipy.sparse.linalg import expm_multiply

    meaning, numbers = found.meaning, found.numbers
    states, actions, followed = len(numbers), len(meaning.actions), len(meaning.spec.variables)
    size = states + actions + followed
    entries: list[tuple[int, int, float]] = []
    for source, target, rate, fired in found.arcs:
        origin = numbers[source]
        entries += [(numbers[target], origin, rate), (origin, origin, -rate)]
        entries += [(states + action, origin, rate) for action in fired]
    for state, number in numbers.items():
        if not meaning.ended(state, found.inputs):
            entries += [(states + actions + i, number, float(state[i])) for i in range(followed)]
    row, column, weight = np.array(entries, dtype=np.float64).reshape(-1, 3).T
    places = (row.astype(np.int64), column.astype(np.int64))
    matrix = sparse.coo_matrix((weight, places), shape=(size, size)).tocsr()
    trace = float(matrix.diagonal().sum())
    law = np.zeros(size)
    for chance, state, fired in found.initial:
        law[numbers[state]] += chance
        for action in fired:
            law[states + action] += chance
    kept: dict[float, Floats] = {}
    now = 0.0
    for time in sorted({*found.jumps, *(q.time for q in asked)}):
        if matrix.nnz:
            law = expm_multiply(matrix * (time - now), law, traceA=trace * (time - now))
        law = _jumped(found, time, law)
        now, kept[time] = time, law
    return [_answer(found, question, kept[question.time]) for question in asked]


def _jumped(found: Listed, time: float, law: Floats) -> Floats:
    """What the calendar actions of a time make of probabilities and counts."""
    if time not in found.jumps:
        return law
    states, after = len(found.numbers), law.copy()
    after[:states] = 0.0
    for state, moves in found.jumps[time].items():
        mass = law[found.numbers[state]]
        for chance, new, fired in moves:
            after[found.numbers[new]] += mass * chance
            for action in fired:
                after[states + action] += mass * chance
    return after


def _answer(found: Listed, question: Question, law: Floats) -> float:
    spec, states = found.meaning.spec, len(found.numbers)
    if question.kind == "count":
        counted = [
            states + i
            for i, action in enumerate(spec.actions)
            if action.name == question.text or (question.text == ALL and isinstance(action.clock, Rate))
        ]
        return float(law[counted].sum())
    if question.kind == "integral":
        return float(law[states + len(spec.actions) + found.meaning.place[question.text]])
    value = reading(parse(question.text))
    return sum(
        float(law[number]) * value(found.meaning.values(state, found.inputs)) for state, number in found.numbers.items()
    )
