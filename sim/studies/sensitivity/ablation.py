"""The mechanisms of a scenario, and the scenario without each of them.

The list is read off the file: every action, branch, line of ``times``, term of ``plus``, trend, fading and tension
(nothing pushes it any more); and what works in several places at once (an input or tension that several lines of
``times`` or ``plus`` read: a common shock), taken out everywhere. Whether a scenario still makes sense without one is
for its own checks to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sim.model.spec import Spec
from sim.scenario.problems import ScenarioError
from sim.statistics.shown import words
from sim.studies.compare.variants import variants_of
from sim.studies.settings import SettingError

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario
    from sim.scenario.source import Source

NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Mechanism:
    """Something that can be switched off: its kind, what it is in words, and the paths that it takes, in this order.

    At each of them ``value`` is put in place of what stands there; None takes it away.
    """

    kind: str
    says: str
    paths: tuple[str, ...]
    value: str | None = None


@dataclass(frozen=True, eq=False)
class Without:
    """A scenario without a mechanism: its model, or why there is none."""

    mechanism: Mechanism
    spec: Spec | None
    why: str = ""


def mechanisms(scenario: Scenario) -> list[Mechanism]:
    """What can be switched off in a scenario, in the order of the file; the common shocks last."""
    actions: Mapping[str, Any] = scenario.data["actions"]
    there = {action.name for action in scenario.spec.actions}
    found: list[Mechanism] = []
    for name, action in actions.items():
        if name in there:
            found += _of_action(str(name), action)
    for name, variable in scenario.data["state"].items():
        if isinstance(variable, Mapping) and "fades" in variable and name in scenario.variables:
            found.append(Mechanism("fading", f"{words(name)} fades", (f"state.{name}.fades",)))
    present = {str(name): action for name, action in actions.items() if name in there}
    return [*found, *_tensions(scenario, present), *_common(scenario, present)]


def without(scenario: Scenario, each: Sequence[Mechanism], source: Source | None = None) -> Iterator[Without]:
    """The scenario without each mechanism; where its own checks refuse that, the reason."""
    for mechanism in each:
        given = {"taken_away": {"says": mechanism.says, "changes": dict.fromkeys(mechanism.paths, mechanism.value)}}
        try:
            [variant] = variants_of(scenario, given, source)
        except ScenarioError as error:
            yield Without(mechanism, None, "; ".join(f"{p.key}: {p.why}" for p in error.problems))
        except SettingError as error:
            yield Without(mechanism, None, str(error))
        else:
            yield Without(mechanism, variant.scenario.spec)


def _of_action(name: str, action: Mapping[str, Any]) -> Iterator[Mechanism]:
    """An action and the parts of it that can be switched off."""
    at, says = f"actions.{name}", str(action.get("says", words(name)))
    yield Mechanism("action", f"{name}: {says}", (at,))
    for path, what, _ in _readers(name, action):
        yield Mechanism("term" if ".plus." in path else "factor", what, (path,))
    if "trend" in action:
        yield Mechanism("trend", f"{name}: its trend", (f"{at}.trend",))
    branches = action.get("either", ())
    for i, branch in enumerate(branches if len(branches) > 1 else ()):
        yield Mechanism("branch", f"{name}: {branch.get('says', f'branch {i}')}", (f"{at}.either.{i}",))


def _parts(name: str, action: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """An action and its branches: path, name in words, and what the file says."""
    yield f"actions.{name}", name, action
    for i, branch in enumerate(action.get("either", ())):
        yield f"actions.{name}.either.{i}", f"{name}, {branch.get('says', f'branch {i}')}", branch


def _readers(name: str, action: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Lines of ``times`` and ``plus`` of an action and its branches: path, in words, and all that is read there."""
    for place, who, part in _parts(name, action):
        times = part.get("times", {})
        for key, value in times.items() if isinstance(times, Mapping) else ():
            yield f"{place}.times.{key}", f"{who}: × {_told(value)} {_when(str(key))}", f"{key} {value}"
        plus = part.get("plus", ())
        for i, term in enumerate(plus if isinstance(plus, list | tuple) else (plus,)):
            yield f"{place}.plus.{i}", f"{who}: + {_told(term)}", str(term)


def _told(value: Any) -> str:
    """A factor or term in words: ``{each: x}`` as `x for each`."""
    if isinstance(value, Mapping):
        return ", ".join(f"{words(str(inner))} {key}" for key, inner in value.items())
    return words(str(value))


def _when(key: str) -> str:
    return key if key == "always" else f"where {words(key)}"


def _tensions(scenario: Scenario, actions: Mapping[str, Any]) -> Iterator[Mechanism]:
    """Tensions, with the lines that push them."""
    for tension in scenario.tensions:
        paths = tuple(
            f"{place}.{key}.{tension}"
            for name, action in actions.items()
            for place, _, part in _parts(name, action)
            for key in ("then", "always")
            if tension in (part.get(key) or {})
        )
        if paths:
            yield Mechanism("tension", f"{words(tension)}: nothing pushes it any more", paths, "+0")


def _common(scenario: Scenario, actions: Mapping[str, Any]) -> Iterator[Mechanism]:
    """Inputs and tensions that are read in several lines of ``times`` and ``plus``: all these lines together."""
    shared = [*(info.name for info in scenario.inputs), *scenario.tensions]
    lines = [line for name, action in actions.items() for line in _readers(name, action)]
    for name in shared:
        paths = [path for path, _, text in lines if name in NAME.findall(text)]
        if len(paths) > 1:
            # From the end of a list on, so that the numbers before it stay.
            paths.sort(key=_from_the_end, reverse=True)
            yield Mechanism("shared", f"{words(name)}, wherever it works ({len(paths)} places)", tuple(paths))


def _from_the_end(path: str) -> tuple[str, int]:
    place, _, number = path.rpartition(".plus.")
    return (place, int(number)) if place else (path, 0)
