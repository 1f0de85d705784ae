"""Answers of the exact engine to the questions of a case."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sim.engines import exact
from sim.engines.exact import Chain, Moments
from sim.engines.exact_chain import generator
from sim.engines.interface import SimulationError
from sim.model.compiled import Model, compile_model
from sim.model.expressions import Name
from sim.studies.oracles.importing import Imported
from sim.studies.oracles.questions import Expected, Question
from sim.studies.oracles.runs import goal_spec
from sim.studies.oracles.tally import Judged

#: A solution must agree with the value to this relative error …
RELATIVE = 1e-8
#: … and to this absolute one where the value is 0.
NOTHING = 1e-9
#: A chain that is cut off may lose so much probability; what is lost counts a thousandfold as relative error.
LOSS = 1e-9
#: A chance to reach something ever is asked by a time after which so little of it is left.
LEFT = 1e-9


@dataclass(frozen=True)
class Solved:
    """Moments of each part of a question, or the reason why there are none; ``unfit``: the model is no chain."""

    parts: tuple[Moments, ...] = ()
    reason: str = ""
    unfit: bool = False


@dataclass
class Solver:
    """Solves the questions of one case; chains are made when first needed and kept."""

    imported: Imported
    horizon: float
    known: dict[str, Solved] = field(default_factory=dict)
    chains: dict[float, Chain] = field(default_factory=dict)

    def solve(self, question: Question) -> Solved:
        """Answer a question (once)."""
        key = question.query.id
        if key not in self.known:
            try:
                self.known[key] = Solved(tuple(self.answer(question)))
            except exact.NotMarkov as error:
                self.known[key] = Solved(reason=str(error), unfit=True)
            except (exact.TooLarge, SimulationError, ValueError) as error:
                self.known[key] = Solved(reason=str(error))
        return self.known[key]

    def chain(self, horizon: float) -> Chain:
        """The chain of the case itself, to a horizon (inf: all of it)."""
        if horizon not in self.chains:
            model = compile_model(self.imported.spec(), strict=False)
            limited = horizon if math.isfinite(horizon) else None
            self.chains[horizon] = exact.build(model, horizon=limited)
        return self.chains[horizon]

    def answer(self, question: Question) -> Sequence[Moments]:
        """Moments per part. Raises what the exact engine raises."""
        forms: dict[str, Callable[[Question], Sequence[Moments]]] = {
            "at": self.states,
            "integral": self.gathered,
            "count": self.gathered,
            "steady": self.steady,
            "steady rate": self.steady,
        }
        return forms.get(question.form, self.goal)(question)

    def states(self, question: Question) -> list[Moments]:
        """Values of expressions at fixed times."""
        chain = self.chain(self.horizon)
        times = sorted({part.time for part in question.parts})
        trees = list(dict.fromkeys(part.tree for part in question.parts))
        found = exact.moments(chain, [chain.model.program(tree) for tree in trees], times)
        return [found[times.index(part.time)][trees.index(part.tree)] for part in question.parts]

    def gathered(self, question: Question) -> list[Moments]:
        """Integrals and event counts up to a time."""
        chain, [part] = self.chain(self.horizon), question.parts
        if question.weights is None:
            return [exact.integral(chain, chain.model.program(part.tree), part.time)]
        return [exact.event_moments(chain, _by_row(chain.model, question), part.time)]

    def steady(self, question: Question) -> list[Moments]:
        """Long-run means and event rates."""
        chain, [part] = self.chain(math.inf), question.parts
        if question.weights is None:
            mean = float(exact.steady(chain) @ chain.value(chain.model.program(part.tree)))
        else:
            mean = float(exact.steady_rates(chain) @ _by_row(chain.model, question))
        return [Moments(mean, math.nan)]

    def goal(self, question: Question) -> list[Moments]:
        """Questions that end at a target, each on a chain that ends there."""
        spec, reached = goal_spec(self.imported, question)
        model = compile_model(spec, strict=False)
        goal, [part] = model.program(Name(reached)), question.parts
        if question.form == "within":
            chain = exact.build(model, horizon=part.time)
            return [exact.reach_within(chain, goal, part.time)]
        chain = exact.build(model)
        if question.form == "reach":
            return [exact.reach(chain, goal)]
        if question.form == "final":
            return [exact.final(chain, goal, model.program(part.tree))]
        return [exact.until(chain, goal, model.program(part.tree))]

    def timed(self, question: Question) -> Question | None:
        """A chance to reach something ever as one to reach it by a time, when hardly anything is left to come.

        What is left joins the error of the expected value. None where the model is no chain that can be solved, or
        the time holds too many events.
        """
        solved = self.solve(question)
        if solved.reason or solved.parts[0].lost:
            return None
        spec, reached = goal_spec(self.imported, question)
        model = compile_model(spec, strict=False)
        chain = exact.build(model)
        pace = float(np.abs(generator(chain).diagonal()).max())
        for doubling in range(6, 17):
            time = 2.0**doubling / pace if pace else 0.0
            rest = solved.parts[0].mean - exact.reach_within(chain, model.program(Name(reached)), time).mean
            if rest <= LEFT:
                [part] = question.parts
                [expected] = part.expected
                known = replace(expected, error=expected.error + max(rest, 0.0))
                return replace(question, form="within", parts=(replace(part, time=time, expected=(known,)),))
        return None

    def warm_up(self, length: float) -> float:
        """A time at which the law is the long-run law to 1e-3, ``length`` or a multiple of it by powers of 2.

        What is measured starts at twice that time, when the distance has shrunk to about its square.
        """
        chain = self.chain(math.inf)
        law = exact.steady(chain)
        for _ in range(12):
            if np.abs(exact.transient(chain, [length])[0] - law).sum() < 1e-3:
                break
            length *= 2.0
        return length


def _by_row(model: Model, question: Question) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    weights = question.weights or {}
    return np.array([weights.get(row.name, 0.0) for row in model.rows])


def compare(expected: Expected, found: Moments) -> Judged:
    """A solution beside its expected value; ``z`` is the difference in units of what is allowed."""
    estimate = {"var": found.variance, "sd": math.sqrt(found.variance) if found.variance >= 0 else math.nan}.get(
        expected.statistic, found.mean
    )
    if found.lost > LOSS:
        return Judged(expected, estimate, 0, reason=f"the chain is cut off and loses probability {found.lost:.1e}")
    size = abs(expected.value)
    allowed = (RELATIVE + 1e3 * found.lost) * size + expected.error if size else max(NOTHING, expected.error)
    z = (estimate - expected.value) / allowed
    good = bool(abs(z) <= 1.0)
    return Judged(expected, estimate, 0, z, float(good), sure=True)
