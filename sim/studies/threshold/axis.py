"""The number that is moved: which values it may take, and a model with each of them.

An input is moved without compiling anew: the model is compiled once for the whole range and then given one value after
another. Any other number of a scenario is changed in its data, which is read and compiled for every value.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.model.compiled import Model, compile_model
from sim.model.expressions import nearest
from sim.model.laws import Law, LawError
from sim.model.proofs import ModelError
from sim.model.spec import Quantity
from sim.runs.past import Past
from sim.scenario import quantities
from sim.scenario.problems import ScenarioError
from sim.statistics.shown import words
from sim.studies import past
from sim.studies.compare.variants import variants_of
from sim.studies.settings import SettingError, whole

if TYPE_CHECKING:
    from sim.scenario.scenario import QuantityInfo, Scenario
    from sim.scenario.source import Source

#: Between these points of its law an input is moved unless told otherwise.
ENDS: Final = (0.01, 0.99)
#: An input without a spread is moved to so many times more and less.
TIMES: Final = 4.0
#: Values beyond this ratio are spaced evenly in their logarithm.
RATIO: Final = 8.0
VALUES: Final = 13
#: A crossing is sought to this share of the range.
FINE: Final = 1 / 500


@dataclass(frozen=True, eq=False)
class Axis:
    """A number of a scenario, moved from ``low`` to ``high``; ``count`` values are looked at first.

    ``kind`` is its unit, ``whole`` says that it counts, ``now`` what it is in the scenario, in words; ``law`` is that
    of an input that is drawn.
    """

    scenario: Scenario
    path: str
    kind: str
    low: float
    high: float
    count: int
    whole: bool
    now: str
    law: Law | None = None
    source: Source | None = field(default=None, repr=False)

    @property
    def input(self) -> str | None:
        """Its name, where it is an input."""
        section, _, name = self.path.partition(".")
        return name if section == "inputs" and "." not in name else None

    @property
    def geometric(self) -> bool:
        """Whether values are spaced by ratio."""
        return self.low > 0 and self.high / self.low > RATIO

    def grid(self) -> list[float]:
        """Values to look at first, ascending."""
        if self.geometric:
            found = np.geomspace(self.low, self.high, self.count)
        else:
            found = np.linspace(self.low, self.high, self.count)
        found[0], found[-1] = self.low, self.high
        return sorted({float(round(v)) if self.whole else float(v) for v in found.tolist()})

    def between(self, a: float, b: float) -> float | None:
        """The middle of two values, None where they are as close as need be."""
        if self.whole:
            return float((int(a) + int(b)) // 2) if b - a > 1 else None
        if self.geometric:
            close = math.log(b / a) <= FINE * math.log(self.high / self.low)
            return None if close else math.sqrt(a * b)
        return None if b - a <= FINE * (self.high - self.low) else (a + b) / 2

    def said(self, value: float) -> str:
        """A value in words: to three digits, with its unit."""
        unit = {"per day": " per d", "days": " d"}.get(self.kind, "")
        return f"{float(f'{value:.3g}'):,g}{unit}"

    @property
    def label(self) -> str:
        """What it is called."""
        return words(self.input or self.path)


Models = Callable[[float], tuple[Model, Past | None]]


def models_of(axis: Axis, memory: str) -> Models:
    """The model with each value, and the past that it remembers.

    Raises ScenarioError or SettingError for a value that the scenario refuses.
    """
    scenario, name = axis.scenario, axis.input
    if name is None:
        return lambda value: _built(axis, value, memory)
    # A constant becomes an input; no draw of anything else is moved by that, as each has its own name.
    spec = scenario.spec
    drawn = Quantity(name, Law("uniform", (axis.low, axis.high)))
    inputs = tuple(drawn if q.name == name else q for q in spec.inputs)
    if name in dict(spec.constants):
        inputs = (*spec.inputs, drawn)
    loose = replace(spec, inputs=inputs, constants=tuple(pair for pair in spec.constants if pair[0] != name))
    try:
        model, before = compile_model(loose, strict=False), past.past_of(scenario, loose, memory)
    except (ModelError, LawError) as error:
        raise SettingError(
            f"study.path={axis.path} from {axis.said(axis.low)} to {axis.said(axis.high)}: {error}; other study.low "
            "and study.high may do"
        ) from error

    def at(value: float) -> tuple[Model, Past | None]:
        held = None if before is None else Past(pinned(before.model, {name, past.apart(name)}, value), before.days)
        return pinned(model, {name}, value), held

    return at


def pinned(model: Model, names: set[str], value: float) -> Model:
    """A compiled model with some inputs held at a value within the law that it was compiled for."""
    law = Law("fixed", (value,))
    held = tuple(law if name in names else drawn for name, drawn in zip(model.inputs, model.input_laws, strict=True))
    digest = hashlib.sha256(f"{model.digest} {sorted(names)} {value!r}".encode()).hexdigest()
    return replace(model, input_laws=held, digest=digest)


def _built(axis: Axis, value: float, memory: str) -> tuple[Model, Past | None]:
    built = _changed(axis.scenario, axis.path, _text(axis.kind, value, whole=axis.whole), axis.source)
    return compile_model(built.spec, strict=False), past.past_of(axis.scenario, built.spec, memory)


def _changed(scenario: Scenario, path: str, value: object, source: Source | None) -> Scenario:
    """The scenario with another value at a path. Raises ScenarioError or SettingError where that cannot be."""
    try:
        [variant] = variants_of(scenario, {"moved": {"changes": {path: value}}}, source)
    except SettingError as error:
        raise SettingError(str(error).replace("study.variants.moved.changes.", "study.path=")) from error
    except ScenarioError as error:
        told = [replace(p, file=p.file.replace("variant moved", "study.path")) for p in error.problems]
        raise ScenarioError(told) from error
    return variant.scenario


def _text(kind: str, value: float, *, whole: bool) -> object:
    """A value as a scenario has it."""
    if whole:
        return int(value)
    return {"per day": f"{value:.17g} per d", "days": f"{value:.17g} d"}.get(kind, value)


def axis_of(scenario: Scenario, study: Mapping[str, Any], source: Source | None = None) -> Axis:
    """The number that ``study.path`` names, with the range that ``study.low`` and ``study.high`` give it.

    An input has a range by itself: most of its law, or a few times its value. Raises SettingError or ScenarioError.
    """
    path = study.get("path")
    if not isinstance(path, str) or not path.strip():
        raise SettingError(
            "study.path: none given; write the path of a number of the scenario, such as inputs.NAME or "
            f"state.NAME.start ({scenario.name} has the inputs {', '.join(i.name for i in scenario.inputs[:6])} …)"
        )
    path = path.removeprefix("scenario.")
    count = whole(study.get("values", VALUES), "study.values")
    if not 3 <= count <= 200:
        raise SettingError(f"study.values: {count} is outside 3 … 200, the values that are looked at first")
    section, _, name = path.partition(".")
    info = next((info for info in scenario.inputs if section == "inputs" and info.name == name), None)
    if section == "inputs" and "." not in name and info is None:
        raise SettingError(f"study.path: there is no input {name!r}{nearest(name, [i.name for i in scenario.inputs])}")
    given = {end: _number(study[end], f"study.{end}") for end in ("low", "high") if study.get(end) is not None}
    if info is not None:
        kind, counts, now, law = info.kind, False, info.spread, None if info.constant else info.law
        ends = dict(zip(("low", "high"), _usual(info), strict=True))
    else:
        if len(given) < 2:
            raise SettingError(f"study.low and study.high: {path} has no range of its own; give both, with their unit")
        parts = path.split(".")
        counts = section == "state" and parts[-1] == "start"
        kind = given["low"].kind
        now, law, ends = "", None, {}
        variable = scenario.variables.get(parts[1]) if section == "state" and len(parts) > 1 else None
        if variable is not None and variable.levels:
            known = ", ".join(variable.levels)
            raise SettingError(f"study.path: {path} has levels ({known}) and no numbers; study=compare takes those")
    for end, found in given.items():
        # A plain number counts in the unit of the input.
        if found.kind not in ("number", kind):
            raise SettingError(f"study.{end}: {study[end]!r} is not in the unit of {path}, {kind}")
        ends[end] = found.value
    low, high = ends["low"], ends["high"]
    if not low < high:
        raise SettingError(f"study.low, study.high: {low:g} to {high:g}; the first must be the smaller")
    if info is not None and low < 0 and (kind != "number" or _never_negative(info)):
        raise SettingError(
            f"study.low: {low:g}; {name} is never negative in the scenario ({now}), and what it works on may not bear "
            "it; give 0 or more"
        )
    if counts and (low != int(low) or high != int(high)):
        raise SettingError(f"study.low, study.high: {low:g} to {high:g}; {path} counts, so whole numbers are wanted")
    axis = Axis(scenario, path, kind, low, high, count, counts, now, law, source)
    if info is None:  # fail before anything is simulated
        for value in (low, high):
            _changed(scenario, path, _text(kind, value, whole=counts), source)
    return axis


def _usual(info: QuantityInfo) -> tuple[float, float]:
    """The range of an input: most of its law, or a few times less and more than its value."""
    if not info.constant:
        low, high = info.law.quantile(np.array(ENDS)).tolist()
        return float(low), float(high)
    value = info.law.parameters[0]
    return (value / TIMES, value * TIMES) if value > 0 else (value * TIMES, value / TIMES) if value < 0 else (0.0, 1.0)


def _never_negative(info: QuantityInfo) -> bool:
    """Whether an input is drawn, and never below 0; a fixed number may be moved there, if the simulation bears it."""
    return not info.constant and float(info.law.quantile(np.array([1e-9]))[0]) >= 0


def _number(value: Any, key: str) -> quantities.Quantity:
    try:
        return quantities.parse(value)
    except quantities.QuantityError as error:
        raise SettingError(f"{key}: {value!r}: {error}") from None
