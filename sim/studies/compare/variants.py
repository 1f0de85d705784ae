"""Variants of a scenario: named changes by path, each read as strictly as the scenario itself.

A change sets the value at a path (see :mod:`sim.scenario.changes`); without a value it takes away what stands there.
New names are made where a scenario leaves names free: a whole action (or actor, variable, input, amount), a line of
``times``, ``then`` or ``always``. What a scenario asks (dates, milestones, outcomes) stays the same in all variants.
"""

from __future__ import annotations

import copy
import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sim.model.expressions import nearest
from sim.model.spec import Calendar
from sim.scenario import changes
from sim.scenario.build import build
from sim.scenario.problems import COMMAND_LINE, NOTHING, Problem, ScenarioError
from sim.scenario.problems import nearest as nearest_of
from sim.scenario.source import Layer, Source
from sim.statistics.shown import words
from sim.studies.settings import SettingError

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

#: Sections that a variant may change; the others say what is asked, or what was reported.
MAY: Final = ("state", "inputs", "amounts", "actions", "actors", "ends")
#: Sections in which a whole thing may be new, and in how many parts of a path its name lies.
NEW: Final = {"state": 1, "inputs": 1, "amounts": 1, "actors": 1, "actions": 2}
#: Mappings of an action in which every line is a name of its own.
LINES: Final = ("times", "then", "always")
KEYS: Final = ("says", "changes")
MOST: Final = 30
NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, eq=False)
class Variant:
    """A scenario with something changed: its name, a sentence, the changes (path -> value, None: away) and the result.

    ``same``: the changes come to the same model.
    """

    name: str
    says: str
    changes: Mapping[str, Any]
    scenario: Scenario
    same: bool


def variants_of(scenario: Scenario, given: Any, source: Source | None = None) -> list[Variant]:
    """The variants that ``study.variants`` names, in its order.

    ``source`` tells where the scenario's values come from, and where the variants stand.

    Raises SettingError for what is no variant, ScenarioError with the variant, the path and what is wrong there.
    """
    if not isinstance(given, Mapping) or not given:
        raise SettingError(
            "study.variants: none given; name at least one, such as "
            "'study.variants={slower: {says: reviews come half as often, changes: {actions.A.B.times.always: 0.5}}}'"
        )
    if len(given) > MOST:
        raise SettingError(f"study.variants: {len(given)} of them; at most {MOST} are compared at once")
    base = source or Source()
    first = base.layers or (Layer("scenario", scenario.data, {}),)
    # Whatever the command line changed belongs to both sides.
    known = replace(base, layers=(*first, Layer(COMMAND_LINE, scenario.data, {})))
    return [_variant(scenario, str(name), one, known) for name, one in given.items()]


def _variant(scenario: Scenario, name: str, given: Any, source: Source) -> Variant:
    key = f"study.variants.{name}"
    if not NAME.fullmatch(name):
        raise SettingError(f"{key}: {name!r} is no name; small letters, digits and _ are wanted, as in carrier_leaves")
    if not isinstance(given, Mapping) or not isinstance(given.get("changes"), Mapping):
        raise SettingError(f"{key}: {given!r}; `changes: {{PATH: VALUE}}` is wanted, and `says:` with a sentence")
    for other in given:
        if other not in KEYS:
            raise SettingError(f"{key}.{other}: a variant has no such key{nearest(str(other), KEYS)}")
    says = given.get("says", words(name))
    if not isinstance(says, str) or not says.strip():
        raise SettingError(f"{key}.says: {says!r}; a sentence is wanted")
    made = {str(path): _plain(value) for path, value in given["changes"].items()}
    place = source.setting(f"{key}.changes") or source.setting(key)
    by = f"variant {name}" if place in ("", COMMAND_LINE) else f"{place}: variant {name}"
    data = changed(scenario.data, made, by)
    built = build(data, source=replace(source, by=by), unchanged=scenario.unchanged)
    _check_dates(built, made, scenario, key)
    return Variant(name, says, made, built, built.spec == scenario.spec)


def changed(data: Mapping[Any, Any], made: Mapping[str, Any], by: str) -> dict[Any, Any]:
    """A copy of a scenario's data with the changes made, one after another. Raises ScenarioError with all at fault."""
    found = copy.deepcopy(dict(data))
    problems: list[Problem] = []
    for path, value in made.items():
        section = path.partition(".")[0]
        if section not in MAY:
            why = f"a variant changes {', '.join(MAY[:-1])} or {MAY[-1]}; what is asked is the same on both sides"
            near = nearest_of(section, MAY)
            problems.append(Problem(by, None, path, NOTHING if value is None else value, why, near))
            continue
        try:
            if value is None:
                changes.remove(found, path, by=by)
            else:
                changes.change(found, path, value, add=_may_add(found, path, value), by=by)
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(problems)
    return found


def _may_add(data: Mapping[Any, Any], path: str, value: Any) -> bool:
    """Whether a path may make a new name: that of a whole thing, or a line of what is there."""
    section, *parts = path.split(".")
    if isinstance(value, Mapping) and len(parts) == NEW.get(section):
        return True
    line = next((i for i, part in enumerate(parts) if part in LINES and i >= NEW["actions"]), None)
    return section == "actions" and line is not None and _there(data, ".".join((section, *parts[:line])))


def _there(data: Mapping[Any, Any], path: str) -> bool:
    try:
        changes.remove(copy.deepcopy(dict(data)), path)
    except ScenarioError:
        return False
    return True


def _plain(value: Any) -> Any:
    """A value as a file would give it: mappings, lists, numbers and text."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


def _check_dates(built: Scenario, made: Mapping[str, Any], scenario: Scenario, key: str) -> None:
    """Refuse a change of an action that cannot happen between the date of the forecast and its end.

    Raises SettingError.
    """
    there = {action.name: action for action in built.spec.actions}
    for name, path in _touched(built.data["actions"], made):
        place = f"{key}.changes.{path}"
        if name not in there:
            raise SettingError(
                f"{place}: {name} cannot happen as of {scenario.as_of}: its date (`on`) has passed, or it exists only "
                "`from` a later date"
            )
        clock = there[name].clock
        if isinstance(clock, Calendar) and clock.time >= built.until:
            raise SettingError(f"{place}: {name} comes after the end of the forecast, {scenario.date(built.until)}")


def _touched(actions: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of actions that changes give something to, each with its path."""
    for path, value in made.items():
        for name in actions:
            if value is not None and f"{path}.".startswith(f"actions.{name}."):
                yield name, path
