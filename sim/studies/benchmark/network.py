"""The network of the benchmark: 24 reactions of mass action, for peers that can express nothing else.

It is the nearest relative of workload A that has neither guards nor hazards that are no polynomials: three groups of
eight reactions, a count ``r`` (tension) and a count ``q`` (talks) shared by all, resolve ``v`` and readiness ``y`` of
each group; about as many events in 180 days. In our engines every reaction is an action, each group an actor; counts
are bounded at 31, which none comes near.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sim.model.compiled import Model, compile_model
from sim.model.expressions import Expression, parse
from sim.model.spec import Action, Branch, Effect, Rate, Spec, Variable

#: Counts are bounded here in our engines.
MOST: Final = 31
#: What the species of the network begin with.
START: Final = {"r": 2, "q": 1} | {f"{kind}{a}": 1 for a in range(3) for kind in "vy"}
#: Name, reactants, product (+) or what is lost (-), rate constant per day; ``*`` stands for the number of the group.
PATTERN: Final = (
    ("harden", "", "+v*", 0.038), ("soften", "v*", "-v*", 0.031),
    ("escalate", "v*", "+r", 0.023), ("calm", "r", "-r", 0.0115),
    ("arm", "r", "+y*", 0.023), ("disarm", "y*", "-y*", 0.038),
    ("talk", "y*", "+q", 0.023), ("leave", "r q", "-q", 0.0155),
)  # fmt: skip


@dataclass(frozen=True)
class Reaction:
    """A reaction: reactants that meet, and the one species whose count changes by ``change``."""

    group: int
    name: str
    reactants: tuple[str, ...]
    species: str
    change: int
    rate: float

    @property
    def products(self) -> tuple[str, ...]:
        """What is there after reactants have met."""
        left = list(self.reactants)
        if self.change < 0:
            left.remove(self.species)
        else:
            left.append(self.species)
        return tuple(left)


def reactions() -> list[Reaction]:
    """The 24 reactions; the groups differ by 10 % in their rates."""
    return [
        Reaction(
            a,
            f"{name}{a}",
            tuple(reactants.replace("*", str(a)).split()),
            change[1:].replace("*", str(a)),
            1 if change[0] == "+" else -1,
            round(rate * (0.9 + 0.1 * a), 6),
        )
        for a in range(3)
        for name, reactants, change, rate in PATTERN
    ]


def spec() -> Spec:
    """The network as a model of ours."""
    actions = []
    for found in reactions():
        guard: Expression = parse(f"{found.species} {'below ' + str(MOST) if found.change > 0 else 'above 0'}")
        speed = parse(" * ".join([repr(found.rate), *found.reactants]))
        effect = Effect(found.species, "add", parse(str(found.change)))
        branch = Branch(effects=(effect,))
        actions.append(Action(f"group{found.group}.{found.name}", f"group{found.group}", Rate(speed), (branch,), guard))
    return Spec(
        name="network",
        variables=tuple(Variable(name, 0, MOST, start) for name, start in START.items()),
        actions=tuple(actions),
    )


@lru_cache(maxsize=1)
def model() -> Model:
    """The network, compiled."""
    return compile_model(spec())
