"""Parts of a model under other names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from sim.model.expressions import Name
from sim.model.spec import Effect, Quantity, Tension, Variable

Part = TypeVar("Part")

#: Where the name of a variable, input, amount or tension stands, besides in expressions.
_NAMED: Final[dict[type, str]] = {
    **dict.fromkeys((Variable, Quantity, Tension), "name"),
    Effect: "variable",
}


def renamed(part: Part, names: Mapping[str, str]) -> Part:
    """A model, or a part of one, in which variables, inputs, amounts and tensions have other names: old -> new.

    Names of actions, actors, levels, constants and conditions stay.
    """
    found: Any = part
    if isinstance(part, Name):
        found = Name(names.get(part.name, part.name))
    elif isinstance(part, tuple):
        found = tuple(renamed(one, names) for one in part)
    elif dataclasses.is_dataclass(part) and not isinstance(part, type):
        values = {field.name: renamed(getattr(part, field.name), names) for field in dataclasses.fields(part)}
        key = _NAMED.get(type(part))
        if key is not None:
            values[key] = names.get(values[key], values[key])
        found = dataclasses.replace(part, **values)
    return found  # type: ignore[no-any-return]
