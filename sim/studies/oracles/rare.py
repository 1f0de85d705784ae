"""Chances of oracle cases that plain histories hardly ever see: estimated by splitting.

A query is one of these where a number of the state has to rise to a value, ``k == 10`` or ``k >= 10``, and where the
histories of a run would get there fewer than :data:`FEW` times on average: no verdict on those says anything. Every
value on the way is a level.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from sim.engines import lockstep
from sim.engines.interface import RAN_AWAY, plan
from sim.model.compiled import compile_model
from sim.model.expressions import Call, Expression, Name, Number
from sim.model.spec import Condition
from sim.runs import splitting
from sim.runs.plan import Task
from sim.statistics.splitting import estimate
from sim.studies.oracles.importing import Imported
from sim.studies.oracles.questions import Question
from sim.studies.oracles.runs import TRIAL, TRIAL_EVENTS, goal_spec
from sim.studies.oracles.tally import Judged, z_of

#: Expected so many times or more among the histories of a run, plain simulation judges a chance.
FEW: Final = 10.0
#: Independent repeats, and histories of each for every level.
REPEATS: Final = 100
EFFORT: Final = 400
#: More levels than anybody waits for.
MOST_LEVELS: Final = 100
#: Days after which a chance to get somewhere ever is read.
EVER: Final = 10**9


def wanted(imported: Imported, question: Question, histories: int) -> bool:
    """Whether a question is one for splitting, where plain runs have so many histories."""
    if question.form not in ("reach", "within") or not levels(imported, question):
        return False
    if question.form == "within" and not (question.time >= 1.0 and question.time == int(question.time)):
        return False  # a run lasts whole days
    value = question.query.value
    return value > 0.0 and (question.query.exact_only or value * histories * question.query.scale < FEW)


def levels(imported: Imported, question: Question) -> range:
    """The values from above the start up to that of the target; none where there is no such number."""
    found = _climbed(question.target)
    if found is None or found[0].name not in {variable.name for variable in imported.variables}:
        return range(0)
    start, top = imported.start(found[0]), found[1]
    ascending = range(math.floor(start) + 1, top + 1)
    return ascending if len(ascending) <= MOST_LEVELS else range(0)


def _climbed(target: Expression) -> tuple[Name, int] | None:
    """The number that has to get to a value, and the value."""
    if not isinstance(target, Call) or len(target.arguments) != 2:
        return None
    one, other = target.arguments
    if not isinstance(one, Name) or not isinstance(other, Number) or other.value != math.floor(other.value):
        return None
    above = {"eq": 0, "ge": 0, "gt": 1}.get(target.operation)
    return None if above is None else (one, int(other.value) + above)


def judged(imported: Imported, question: Question, seed: int) -> Judged:
    """The chance by splitting beside its exact value, by Student's law for the logarithm.

    Raises SimulationError as the engine does.
    """
    [part] = question.parts
    [expected] = part.expected
    spec, reached = goal_spec(imported, question)
    outcomes = (Condition("reached", Name(reached)), Condition("not", Number(1.0)))
    model = compile_model(replace(spec, outcomes=outcomes), strict=False)
    climbed, steps = _climbed(question.target), levels(imported, question)
    assert climbed is not None
    until = EVER if question.form == "reach" else int(question.time)
    if question.form == "reach":
        rows = lockstep.simulate(model, plan(seed, float(until), TRIAL, max_events=TRIAL_EVENTS))
        endless = int((rows.status == RAN_AWAY).sum())
        if endless:
            return Judged(expected, math.nan, 0, reason=f"{endless} of {TRIAL} trial histories have no end in sight")
    ladder = splitting.Ladder(model.program(climbed[0]), tuple(steps))
    found = splitting.run(Task(model, seed, until, (until,)), ladder, EFFORT, REPEATS, executor="serial")
    chances, histories = found.outcomes[:, 0], int(found.played.sum())
    top = estimate(chances)
    if top.error == 0.0:
        got = int((found.entered > 0).any(axis=0).sum())
        why = f"no history got beyond level {got} of {len(steps)}, or the repeats do not differ"
        return Judged(expected, top.chance, histories, reason=why)
    from scipy.special import stdtr

    away = abs(math.log(top.chance / expected.value)) - expected.error / expected.value
    p = 2.0 * float(stdtr(REPEATS - 1, -max(away, 0.0) * top.chance / top.error))
    z = math.copysign(z_of(min(p, 1.0)), float(np.sign(top.chance - expected.value)))
    return Judged(expected, top.chance, histories, z, p)
