"""Peers of the benchmark that simulate networks of reactions: the C++ solver of GillesPy2, and rebop in Rust.

They get the network of mass action, which is their home ground, and workload A itself, whose hazards they take as
expressions: a guard such as ``ready below 3`` becomes (3 - y)/(3 - y + 1e-30), which is 1 or 0. Events are counted
with a species that every reaction makes.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from sim.studies.benchmark import network
from sim.studies.benchmark.user_style import COEFFICIENTS

COUNTER: Final = "n"
NETWORK, WORKLOAD, RETURNING = "network", "workload A", "workload A, returning"


@dataclass(frozen=True)
class Reaction:
    """A reaction of a peer: its rate constant of mass action (a number) or its whole rate (an expression)."""

    name: str
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    rate: float | str


def network_of(name: str) -> tuple[dict[str, int], list[Reaction]]:
    """Starting counts and reactions.

    In ``RETURNING`` a war is followed by a return to the rung below, so that one run may be of any length.
    """
    if name == NETWORK:
        mass_action = [Reaction(r.name, r.reactants, r.products, r.rate) for r in network.reactions()]
        return dict(network.START), mass_action
    start = {"r": 2, "q": 0} | {f"{kind}{a}": 1 for a in range(3) for kind in "vy"}
    found = [reaction for a in range(3) for reaction in _actor(a)]
    if name == RETURNING:
        found.append(Reaction("back", ("r",), (), f"0.5 * (1 - {_BELOW})"))
    return start, found


def _positive(count: str) -> str:
    return f"(({count}) / (({count}) + 1e-30))"


_BELOW: Final = _positive("8 - r")


def _actor(a: int) -> Iterable[Reaction]:
    v, y = f"v{a}", f"y{a}"
    others = " + ".join(f"y{b}" for b in range(3) if b != a)
    # Counts are whole numbers in C++: 8 would divide them without remainder.
    x = ("r / 8.0", "q", f"{v} / 3.0", f"{y} / 3.0", f"({others}) / 6.0", f"(r / 8.0) * ({v} / 3.0)")
    moves = (
        ("up", "", "r", ""), ("leave", "q", "", _positive("q")), ("calm", "r", "", _positive("r")),
        ("arm", "", y, _positive(f"3 - {y}")), ("disarm", y, "", _positive(y)),
        ("harden", "", v, _positive(f"3 - {v}")), ("soften", v, "", _positive(v)),
        ("talk", "", "q", _positive("1 - q")),
    )  # fmt: skip
    for (name, before, after, guard), row in zip(moves, COEFFICIENTS[8 * a : 8 * a + 8], strict=True):
        terms = "".join(f" {'-' if b < 0 else '+'} {abs(b)} * {part}" for b, part in zip(row[1:], x, strict=True) if b)
        rate = f"exp(0 - {-row[0]}{terms}) * {_BELOW}" + (f" * {guard}" if guard else "")
        yield Reaction(f"{name}{a}", tuple(before.split()), tuple(after.split()), rate)


# ------------------------------------------------------------------------------------------------------- GillesPy2
def gillespy2_run(name: str, first: int, replications: int, until: float) -> tuple[int, list[int]]:
    """Events of some histories, and ``r`` at the end of each.

    Raises ModuleNotFoundError where GillesPy2 is not installed, RuntimeError where its solver cannot be built.
    """
    found = _gillespy2_solver(name, until).run(number_of_trajectories=replications, seed=first + 1)
    return sum(int(one[COUNTER][-1]) for one in found), [int(one["r"][-1]) for one in found]


@lru_cache(maxsize=4)
def _gillespy2_solver(name: str, until: float) -> Any:
    import numpy as np

    gillespy2: Any = importlib.import_module("gillespy2")
    solvers: Any = importlib.import_module("gillespy2.solvers")
    model = gillespy2.Model(name="peer")
    start, reactions = network_of(name)
    species = [gillespy2.Species(name=s, initial_value=k, mode="discrete") for s, k in {**start, COUNTER: 0}.items()]
    model.add_species(species)
    for one in reactions:
        products = (*one.products, COUNTER)
        amounts = {
            "reactants": {s: one.reactants.count(s) for s in one.reactants},
            "products": {s: products.count(s) for s in products},
        }
        if isinstance(one.rate, str):
            model.add_reaction(gillespy2.Reaction(name=one.name, propensity_function=one.rate, **amounts))
        else:
            constant = gillespy2.Parameter(name=f"k_{one.name}", expression=one.rate)
            model.add_parameter(constant)
            model.add_reaction(gillespy2.Reaction(name=one.name, rate=constant, **amounts))
    model.timespan(gillespy2.TimeSpan(np.array([0.0, until])))
    # It calls SCons, which lies beside this Python and perhaps not on the path.
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{path}"
    try:
        solver = solvers.SSACSolver(model=model)
        solver.run(number_of_trajectories=1, seed=1)  # compiles
    except Exception as error:
        said = str(error).strip().splitlines()
        raise RuntimeError(f"its C++ solver cannot be built here: {said[-1][:200] if said else error!r}") from error
    finally:
        os.environ["PATH"] = path
    return solver


# ----------------------------------------------------------------------------------------------------------- rebop
def rebop_run(name: str, first: int, replications: int, until: float) -> tuple[int, list[int]]:
    """Events of some histories, and ``r`` at the end of each, by one call for each history.

    Raises ModuleNotFoundError where rebop is not installed.
    """
    events, ends = 0, []
    start, _ = network_of(name)
    for seed in range(first, first + replications):
        found = _rebop(name).run({**start, COUNTER: 0}, until, 1, rng=seed)
        events += int(found[COUNTER][-1])
        ends.append(int(found["r"][-1]))
    return events, ends


@lru_cache(maxsize=4)
def _rebop(name: str) -> Any:
    model = importlib.import_module("rebop").Gillespie()
    for one in network_of(name)[1]:
        model.add_reaction(one.rate, list(one.reactants), [*one.products, COUNTER])
    return model
