"""Changes of a scenario by path: the one meaning of an override, a cell of a sweep and an entry of ``changes``.

A path is the keys that lead to a value, joined by dots: ``inputs.talks_x.uniform``, ``actions.usa.decides.rate``,
``actions.usa.decides.either.1.weight``. What it may address:

- a key that is there, or that belongs there by the form of a scenario (``inputs.x.lognormal`` where a uniform law
  stands); a new name (an input, an action, a line of ``times``) only where it is asked to be added;
- an item of a list by its position from 0; without a position, every entry of a list of dated values;
- a key with blanks or signs in it also with ``_`` for each run of them: ``times.talks_is_open``.

A value put in place of another takes the others of its kind away: a law the law that stood there, ``value`` a
``drawn``, ``p90`` a ``sigma``, ``mean`` a ``half_life``. An input, amount or start may be given whole:
``inputs.talks_x=0.5``, whatever entries by date there were.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sim.scenario.problems import COMMAND_LINE, NOTHING, KeyPath, Problem, ScenarioError, dotted, nearest
from sim.scenario.shape import keys_at

_LAWS: Final = ("value", "uniform", "beta", "lognormal", "gamma", "weibull", "poisson", "negative_binomial", "choice")
#: Of these keys one stands at a time.
_EITHER: Final = (_LAWS, ("value", "drawn"), ("p90", "sigma"), ("half_life", "mean"))


class PathError(Exception):
    """A path that leads nowhere: why, and the names that could be meant."""

    def __init__(self, why: str, part: object = None, known: tuple[str, ...] = ()) -> None:
        self.why, self.nearest = why, nearest(part, known) if known else None
        super().__init__(why)


def change(
    data: dict[Any, Any], path: str, value: Any, *, add: bool = False, by: str = COMMAND_LINE, prefix: str = ""
) -> None:
    """Set the value at a path, in place; with ``add`` a new name may be made.

    Raises ScenarioError, which names ``by`` and the path after ``prefix``.
    """
    try:
        _refuse(value)
        _set(data, (), path.split("."), value, add)
    except PathError as error:
        raise ScenarioError([Problem(by, None, f"{prefix}{path}", value, error.why, error.nearest)]) from None


def remove(data: dict[Any, Any], path: str, *, by: str = COMMAND_LINE, prefix: str = "") -> None:
    """Take away what stands at a path, in place. Raises ScenarioError as :func:`change` does."""
    try:
        _remove(data, (), path.split("."))
    except PathError as error:
        raise ScenarioError([Problem(by, None, f"{prefix}{path}", NOTHING, error.why, error.nearest)]) from None


# ---------------------------------------------------------------------------------------------------------- setting
def _set(here: Any, at: KeyPath, parts: list[str], value: Any, add: bool) -> Any:
    """What stands at ``at`` with the value set below it."""
    if not parts:
        _same_form(here, at, value)
        return value
    if isinstance(here, list) and _dated(at) and not _is_position(parts[0]):
        return [_set(entry, (*at, i), parts, value, add) for i, entry in enumerate(here)]
    if isinstance(here, list):
        position = _position(here, parts[0])
        here[position] = _set(here[position], (*at, position), parts[1:], value, add)
        return here
    if here is NOTHING:
        here = {}
    elif not isinstance(here, Mapping):
        if not (_dated(at) or _dated(at[:-1]) or (at[0] == "actions" and at[-1] == "after")):
            raise PathError(f"{here!r} stands at {dotted(at)}, which has no parts")
        here = {}
    key, used = _key(here, parts)
    if key is None:
        key, used = _new(here, at, parts, add)
    assert isinstance(here, dict)
    changed = _set(here.get(key, NOTHING), (*at, key), parts[used:], value, add)
    for group in _EITHER:
        if key in group and set(group) & set(keys_at(at)) > {key}:
            for other in set(group) - {key}:
                here.pop(other, None)
    here[key] = changed
    return here


def _new(here: Mapping[Any, Any], at: KeyPath, parts: list[str], add: bool) -> tuple[str | int, int]:
    """The key that a path may make here, and how many of its parts it takes."""
    legal = tuple(keys_at(at))
    if parts[0] in legal:
        return parts[0], 1
    if add and not legal:
        used = 2 if at == ("actions",) and len(parts) > 1 else 1
        name = ".".join(parts[:used])
        return (int(name) if name.isdigit() else name), used
    known = tuple(dict.fromkeys([*map(str, here), *legal]))
    # A name with a dot inside is compared whole.
    longest = max((str(key).count(".") for key in known), default=0) + 1
    part = ".".join(parts[:longest])
    where = dotted(at) or "the scenario"
    why = f"{where} has no {part!r}"
    if not nearest(part, known):
        some = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
        why += f"; there are {some}" if known else ""
    raise PathError(why, part, known)


def _same_form(here: Any, at: KeyPath, value: Any) -> None:
    """Refuse a value whose meaning would silently be another one than that of what stood there."""
    if len(at) == 2 and at[0] in ("state", "actions") and not isinstance(value, Mapping):
        part = "start" if at[0] == "state" else "rate"
        raise PathError(f"this has parts of its own; write which one, such as {dotted(at)}.{part}")
    adds = (isinstance(here, str) and here.strip()[:1] in ("+", "-")) or (_is_number(here) and here < 0)
    if at and at[0] == "actions" and set(at) & {"then", "always"} and adds and _is_number(value) and value >= 0:
        raise PathError(f"{here!r} adds and {value!r} would set; write '+{value}' in quotes, or {{set: {value}}}")


def _refuse(value: Any) -> None:
    if value is None or value in ("", "???"):
        raise PathError("no value; write one (`~` before the key takes the key away)")
    if isinstance(value, str) and "${" in value:
        raise PathError("`${` is not understood here; write the value itself")
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        _refuse(part)


# --------------------------------------------------------------------------------------------------------- removing
def _remove(here: Any, at: KeyPath, parts: list[str]) -> None:
    if isinstance(here, list) and _dated(at) and not _is_position(parts[0]):
        for i, entry in enumerate(here):
            _remove(entry, (*at, i), parts)
        return
    if isinstance(here, list):
        key: Any = _position(here, parts[0])
        used = 1
    else:
        key, used = _key(here, parts)
        if key is None:
            known = tuple(map(str, here)) if isinstance(here, Mapping) else ()
            name = ".".join(parts)
            raise PathError(f"{dotted(at) or 'the scenario'} has no {name!r}", name, known)
    if used == len(parts):
        del here[key]
    else:
        _remove(here[key], (*at, key), parts[used:])


# ------------------------------------------------------------------------------------------------------------ paths
def _key(here: Any, parts: list[str]) -> tuple[Any, int]:
    """The key that the next parts of a path mean, and how many of them; (None, 0) where there is none."""
    if not isinstance(here, Mapping):
        return None, 0
    known = {str(key): key for key in here}
    for used in range(len(parts), 0, -1):
        name = ".".join(parts[:used])
        if name in known:
            return known[name], used
        alike = [key for text, key in known.items() if _plain(text) == name]
        if len(alike) == 1:
            return alike[0], used
        if alike:
            raise PathError(f"{name!r} could be any of {', '.join(map(repr, alike))}")
    return None, 0


def _plain(key: str) -> str:
    """A key as it can be written in a path: `talks is open` as talks_is_open."""
    return re.sub(r"[^A-Za-z0-9]+", "_", key)


def _dated(at: KeyPath) -> bool:
    """Whether entries by date may stand at a path."""
    return (len(at) == 2 and at[0] in ("inputs", "amounts")) or (len(at) == 3 and at[0] == "state" and at[2] == "start")


def _is_position(part: str) -> bool:
    return part.isascii() and part.isdigit()


def _position(here: list[Any], part: str) -> int:
    if not here:
        raise PathError("the list is empty")
    if not _is_position(part) or len(part) > 6 or int(part) >= len(here):
        raise PathError(f"a list; its items are called 0 … {len(here) - 1}, and {part!r} is none of them")
    return int(part)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
