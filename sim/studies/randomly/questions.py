"""What is asked of a random model, and the answers of the exact engine and of simulated histories."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.engines import exact
from sim.engines.interface import Plan, Rows, plan
from sim.model.compiled import Model
from sim.model.expressions import evaluate, parse
from sim.model.spec import Spec
from sim.studies.randomly.models import HORIZON

Floats = NDArray[np.float64]
Kind = Literal["state", "milestone", "mean", "count", "integral"]
TIMES: Final = (HORIZON / 2, HORIZON)
#: States of one random model at most.
LIMIT: Final = 3_000


#: Instead of one action: all that have a rate. Their number has more power against rates that are a little off.
ALL: Final = "all rates"


@dataclass(frozen=True)
class Question:
    """The chance of a condition or a milestone, the mean of a number, or the expected firings of an action (or ALL).

    ``text`` is the condition, the milestone, the number or the action; ``time`` in days. An integral is one over time.
    """

    kind: Kind
    text: str
    time: float

    @property
    def chance(self) -> bool:
        """Whether the answer is a probability."""
        return self.kind in ("state", "milestone")

    def __str__(self) -> str:
        """The question in words."""
        return {
            "state": f"chance of {self.text} at day {self.time:g}",
            "milestone": f"chance of milestone {self.text} by day {self.time:g}",
            "mean": f"mean of {self.text} at day {self.time:g}",
            "count": f"expected number of {self.text} by day {self.time:g}",
            "integral": f"mean of {self.text} integrated to day {self.time:g}",
        }[self.kind]


@dataclass(frozen=True)
class Answer:
    """Mean and variance of what a question asks for; an unknown variance is nan."""

    mean: float
    variance: float


def questions(spec: Spec) -> list[Question]:
    """Everything asked of a model."""
    asked: list[Question] = []
    names = [v.name for v in spec.variables]
    for variable in spec.variables:
        values = range(variable.lower, (variable.upper or 0) + 1)
        asked += [Question("state", f"{variable.name} == {value}", TIMES[1]) for value in values]
        asked += [Question("mean", variable.name, time) for time in TIMES]
        asked.append(Question("integral", variable.name, HORIZON))
    asked += [Question("state", f"{a} > {b}", t) for a, b in pairwise(names) for t in TIMES]
    asked += [Question("milestone", m.name, time) for m in spec.milestones for time in TIMES]
    asked += [Question("count", name, HORIZON) for name in (*(action.name for action in spec.actions), ALL)]
    return asked


def exact_answers(model: Model, asked: list[Question]) -> list[Answer]:
    """Answers of the exact engine."""
    chain = exact.build(model, limit=LIMIT, track=model.milestones)
    answers = []
    for question in asked:
        if question.kind == "count":
            weights = np.zeros(len(model.rows))
            weights[_rows(model, question)] = 1.0
            found = exact.event_moments(chain, weights, question.time)
        else:
            program = model.program(parse(question.text))
            if question.kind == "integral":
                found = exact.integral(chain, program, question.time)
            else:
                [[found]] = exact.moments(chain, [program], [question.time])
        answers.append(Answer(found.mean, found.variance))
    return answers


def _rows(model: Model, question: Question) -> list[int]:
    """Rows of the model whose firings are counted."""
    rows = enumerate(model.rows)
    return [i for i, row in rows if row.name == question.text or (question.text == ALL and row.kind == "rate")]


def planned(model: Model, seed: int, size: int) -> Plan:
    """A run that has what all questions need."""
    followed = tuple(model.program(parse(name)) for name in model.variables)
    return plan(seed, HORIZON, size, observe=TIMES, integrals=followed, log=True)


def samples(model: Model, rows: Rows, question: Question) -> Floats:
    """The number asked for in every simulated history, shape (n,)."""
    n = rows.end.size
    if question.kind == "milestone":
        when = rows.milestones[model.milestones.index(question.text)]
        return np.asarray(when <= question.time, dtype=np.float64)
    if question.kind == "integral":
        total: Floats = rows.integrals[model.variables.index(question.text), -1]
        return total
    if question.kind == "count":
        assert rows.log is not None
        chosen = np.isin(rows.log.row, _rows(model, question))
        return np.asarray(np.bincount(rows.log.position[chosen], minlength=n), dtype=np.float64)
    state = rows.observed[TIMES.index(question.time)]
    value = evaluate(model.program(parse(question.text)), lambda column: state[column].astype(np.float64))
    return np.broadcast_to(value, (n,))
