"""Whether a file has the shape of a scenario: every fault of shape at once, with the nearest valid key."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ValidationError

from sim.scenario.problems import KeyPath, nearest
from sim.scenario.schema import File
from sim.scenario.source import Faults, look_up

_WORDS: Final = {
    "missing": "this key is missing",
    "dict_type": "keys with values are wanted here (`key: value`)",
    "model_type": "keys with values are wanted here (`key: value`)",
    "model_attributes_type": "keys with values are wanted here (`key: value`)",
    "tuple_type": "a list is wanted here (`[a, b]`)",
}


def validate(faults: Faults) -> File | None:
    """The file as typed data, or None after reporting everything that has not the right shape."""
    try:
        file = File.model_validate(faults.data)
    except ValidationError as error:
        unknown: set[KeyPath] = set()
        for found in error.errors(include_url=False, include_input=False, include_context=False):
            path: KeyPath = tuple(part for part in found["loc"] if part != "[key]")
            if found["type"] in ("extra_forbidden", "invalid_key"):
                known = keys_at(path[:-1])
                why = "unknown key" if nearest(path[-1], known) else f"unknown key; known here: {', '.join(known)}"
                if isinstance(path[-1], int) or str(path[-1]).isdigit():
                    why += " (a decimal point is `.`, and texts with a comma go in quotes)"
                faults.add(path, why, path[-1], known=known)
                unknown.add(faults.real(path))
            elif path and look_up(faults.data, faults.real(path)) is None:
                continue  # reported as having no value
            elif "[key]" in found["loc"]:
                faults.add(path, found["msg"], path[-1])
            else:
                faults.add(path, _WORDS.get(found["type"], found["msg"]))
        _refuse_nulls(faults, faults.data, (), unknown)
        return None
    _refuse_nulls(faults, faults.data, (), set())
    return file


def _refuse_nulls(faults: Faults, value: Any, path: KeyPath, unknown: set[KeyPath]) -> None:
    if path in unknown:
        return
    if value is None:
        faults.add(path, "no value; write one, or leave out the key")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_nulls(faults, item, (*path, key), unknown)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _refuse_nulls(faults, item, (*path, i), unknown)


def keys_at(path: KeyPath) -> list[str]:
    """Keys that belong at a path by the form of a scenario; none where names are free.

    A list of one kind of entries, which may be written as one entry, counts as the entry.
    """
    kind: Any = File
    for part in path:
        kind = _element(kind) if not isinstance(part, int) else kind
        kind = _step(kind, part)
    kind = _element(kind)
    fields = getattr(kind, "model_fields", {})
    return [field.alias or name for name, field in fields.items() if field.alias != "="]


def _step(kind: Any, part: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
        return _bare(fields.get(str(part)))
    arguments = typing.get_args(kind)
    return _bare(arguments[-1] if typing.get_origin(kind) is dict else arguments[0]) if arguments else None


def _element(kind: Any) -> Any:
    arguments = typing.get_args(kind)
    is_list = typing.get_origin(kind) is tuple and len(arguments) == 2 and arguments[1] is Ellipsis
    return _bare(arguments[0]) if is_list else kind


def _bare(kind: Any) -> Any:
    """A type without Annotated and without `| None`."""
    while typing.get_origin(kind) in (Annotated, typing.Union, types.UnionType):
        kind = next(a for a in typing.get_args(kind) if a is not type(None))
    return kind
