"""The laws of a scenario file: inputs, amounts and delays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sim.model.expressions import Expression
from sim.model.laws import Law
from sim.scenario import quantities, schema
from sim.scenario.notation import KINDS, Notation
from sim.scenario.problems import KeyPath
from sim.scenario.quantities import Kind, Quantity, QuantityError

_CONTINUOUS: Final = ("value", "uniform", "beta", "lognormal", "gamma", "weibull")
FAMILIES: Final = (*_CONTINUOUS, "poisson", "negative_binomial", "choice")
#: Keys of a law whose numbers have its unit, or hold such keys.
_MEASURED: Final = ("value", "uniform", "lognormal", "gamma", "weibull", "median", "p90", "mean", "scale")


@dataclass(frozen=True)
class Found:
    """A law with the unit of its values; ``scale`` is there for a delay whose length hangs on inputs."""

    law: Law
    kind: Kind = "number"
    scale: Expression | None = None
    family: str = ""


def quantity_law(notation: Notation, path: KeyPath, entry: schema.Input) -> Found | None:
    """Law of an input or amount; None after a fault."""
    family = _family(notation, path, entry)
    if family is None:
        return None
    shift = entry.plus if isinstance(entry, schema.Amount) else 0.0
    found = notation.attempt((*path, family), lambda: _law(family, getattr(entry, family), shift))
    if found is None:
        return None
    # What is laid over a law may have more dates than the law has.
    unit = _unit(notation.faults.original(path)) or _unit(notation.faults.original(path[:2]))
    if found.kind == "number" and family != "beta":
        # Bare numbers laid over a law from outside are in the law's own unit, per day or days.
        found = replace(found, kind=unit or found.kind)
    elif unit is not None and unit != found.kind:
        notation.faults.add((*path, family), f"the scenario has {KINDS[unit]} here; write one")
        return None
    if found.kind != "number" and found.law.family in ("fixed", "uniform") and found.law.parameters[0] < 0:
        notation.faults.add((*path, family), "a rate or a length of time cannot be negative")
    return replace(found, family=family)


def _unit(raw: object) -> Kind | None:
    """Unit of a law as the file has it, by its first quantity."""
    if isinstance(raw, list):
        return _unit(raw[-1]) if raw else None
    if isinstance(raw, Mapping):
        keys = ("value", "median", "mean", "scale", "lognormal", "gamma", "weibull", "uniform")
        return next((_unit(raw[key]) for key in keys if key in raw), None)
    try:
        return quantities.parse(raw).kind
    except QuantityError:
        return None


def with_unit(raw: Any, kind: Kind) -> Any:
    """An input or amount as a file gives it, with the unit behind each bare number that took it from elsewhere."""
    if isinstance(raw, list | tuple):
        return [with_unit(one, kind) for one in raw]
    if isinstance(raw, Mapping):
        return {key: with_unit(value, kind) if key in _MEASURED else value for key, value in raw.items()}
    try:
        bare = quantities.parse(raw).kind == "number"
    except QuantityError:
        return raw
    return f"{raw}{quantities.BEHIND[kind]}" if bare else raw


def delay_law(notation: Notation, path: KeyPath, given: schema.Delay) -> Found | None:
    """Law of a delay in days; its median, mean or scale may be an expression of inputs. None after a fault."""
    if given.plain is not None:
        scale = _scale(notation, path, given.plain)
        if scale is not None:
            return Found(Law("fixed", (1.0,)), "days", scale)
        notation.literals.append((path, "fixed"))
        return notation.attempt(path, lambda: Found(Law("fixed", (quantities.duration(given.plain),)), "days"))
    family = _family(notation, path, given)
    if family is None:
        return None
    path, entry = (*path, family), getattr(given, family)
    notation.literals.append((path, "law"))
    names = {"lognormal": "median", "gamma": "mean", "weibull": "scale"}
    if family in names:
        size = getattr(entry, names[family])
        scale = _scale(notation, (*path, names[family]), size)
        if scale is not None:
            if family == "lognormal" and entry.sigma is None:
                notation.faults.add(path, "a median that is an expression goes with `sigma`, not with `p90`")
                return None
            unit = entry.model_copy(update={names[family]: 1.0})
            found = notation.attempt(path, lambda: _law(family, unit))
            return Found(found.law, "days", scale) if found else None

    def make() -> Found:
        found = _law(family, entry)
        if found.kind != "days":
            raise QuantityError("a delay needs its unit: write for example `5 d` or `3 weeks`")
        return found

    return notation.attempt(path, make)


def _scale(notation: Notation, path: KeyPath, value: object) -> Expression | None:
    """The expression that gives the length of a delay, unless it is a plain quantity."""
    if not isinstance(value, str) or quantities.looks_like_one(value, notation.names.meanings):
        return None
    return notation.number(path, value, "only inputs", kind="days")


def _family(notation: Notation, path: KeyPath, entry: schema.Laws) -> str | None:
    known = [name for name in FAMILIES if name in type(entry).model_fields]
    given = [name for name in known if getattr(entry, name) is not None]
    if len(given) > 1:  # an experiment or the command line may lay one law over another
        ranks = [notation.faults.rank((*path, name)) for name in given]
        given = [name for name, rank in zip(given, ranks, strict=True) if rank == max(ranks)]
    if len(given) != 1:
        what = f"{' and '.join(given)} are given" if given else "none is given"
        notation.faults.add(path, f"one law is wanted ({', '.join(known)}), and {what}")
        return None
    return given[0]


def _same_kind(*values: object) -> tuple[Kind, list[float]]:
    found: list[Quantity] = [quantities.parse(value) for value in values]
    kinds = {quantity.kind for quantity in found}
    if len(kinds) > 1:
        raise QuantityError(f"the numbers differ in unit ({', '.join(sorted(kinds))}); write all with the same one")
    return found[0].kind, [quantity.value for quantity in found]


def _law(family: str, entry: object, shift: float = 0.0) -> Found:
    """Law of a family from what the file gives. Raises QuantityError or LawError."""
    if family == "value":
        kind, numbers = _same_kind(entry)
        return Found(Law("fixed", (numbers[0] + shift,)), kind)
    if family == "uniform":
        assert isinstance(entry, tuple)
        kind, numbers = _same_kind(*entry)
        return Found(Law("uniform", tuple(numbers), shift), kind)
    if family == "beta":
        assert isinstance(entry, tuple)
        return Found(Law("beta", entry, shift))
    if isinstance(entry, schema.Lognormal):
        if (entry.p90 is None) == (entry.sigma is None):
            raise QuantityError("a lognormal law is given by its median and either `p90` or `sigma`")
        if entry.sigma is not None:
            kind, numbers = _same_kind(entry.median)
            return Found(Law("lognormal", (numbers[0], entry.sigma), shift), kind)
        kind, numbers = _same_kind(entry.median, entry.p90)
        return Found(Law("lognormal", (numbers[0], quantities.lognormal_sigma(*numbers)), shift), kind)
    if isinstance(entry, schema.Gamma):
        kind, numbers = _same_kind(entry.mean)
        if not entry.shape > 0:
            raise QuantityError("the shape of a gamma law must be positive")
        return Found(Law("gamma", (entry.shape, numbers[0] / entry.shape), shift), kind)
    if isinstance(entry, schema.Weibull):
        kind, numbers = _same_kind(entry.scale)
        return Found(Law("weibull", (entry.shape, numbers[0]), shift), kind)
    if isinstance(entry, schema.Poisson):
        return Found(Law("poisson", (entry.mean,), shift))
    if isinstance(entry, schema.NegativeBinomial):
        return Found(Law("negative_binomial", (entry.mean, entry.size), shift))
    assert isinstance(entry, Mapping)
    return Found(choice(entry, shift))


def choice(chances: Mapping[int, float], shift: float = 0.0) -> Law:
    """Law of whole numbers with their probabilities. Raises QuantityError or LawError."""
    total = sum(chances.values())
    if any(not 0 <= p <= 1 for p in chances.values()) or abs(total - 1.0) > 1e-9:
        raise QuantityError(f"the probabilities must lie between 0 and 1 and sum to 1; they sum to {total:.10g}")
    return Law("choice", tuple(float(x) for pair in sorted(chances.items()) for x in pair), shift)
