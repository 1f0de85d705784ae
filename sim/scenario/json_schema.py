"""JSON Schema of scenario files, for editors: which keys there are and of what kind. Meaning is checked on load."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from sim.scenario.schema import File

_NAME: Final = "^[a-z][a-z0-9_]*$"
_SCALARS: Final = [{"type": kind} for kind in ("string", "integer", "number", "boolean")]
_KINDS: Final[dict[str, dict[str, Any]]] = {
    "value": {
        "description": "a number, a quantity with its unit, a name, an expression or a condition",
        "type": ["string", "number", "boolean"],
    },
    "number": {
        "description": "a number; thousands may be set off by commas",
        "anyOf": [
            {"type": "number"},
            {"type": "string", "pattern": r"^[-+]?[0-9][0-9,]*(\.[0-9]*)?([eE][-+]?[0-9]+)?$"},
        ],
    },
    "yes_or_no": {"enum": [True, False, "yes", "no"]},
}
#: Mappings whose keys are names that the author chooses.
_NAMED: Final = ("reports", "actors", "state", "inputs", "amounts", "milestones", "flags", "statements")


def json_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12) as plain data."""
    made: dict[str, Any] = _simpler(File.model_json_schema(by_alias=True))
    made["$defs"] |= _KINDS
    for section in _NAMED:
        made["properties"][section]["propertyNames"] = {"pattern": _NAME}
    made["properties"]["actions"]["propertyNames"] = {"pattern": r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"}
    # A single finding may stand without brackets.
    listed = made["$defs"]["Basis"]["properties"]["report"]
    made["$defs"]["Basis"]["properties"]["report"] = {"anyOf": [listed["items"], listed]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "Scenario, format 1"}


def text() -> str:
    """The schema as the text of a file."""
    return json.dumps(json_schema(), indent=1, sort_keys=True) + "\n"


def _simpler(node: Any) -> Any:
    """A node without what pydantic adds for its own ends, and with our kinds of single values by name."""
    if isinstance(node, list):
        return [_simpler(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    named = _named(node)
    if named is not None:
        return named
    if "properties" in node:  # the names of keys are no keywords
        rest = {key: value for key, value in node.items() if key != "properties"}
        return {**_simpler(rest), "properties": {name: _simpler(value) for name, value in node["properties"].items()}}
    made = {key: _simpler(value) for key, value in node.items() if key not in ("title", "default")}
    choices = [choice for choice in made.get("anyOf", []) if choice != {"type": "null"}]
    if "anyOf" in made:
        made.pop("anyOf")
        folded = _folded(choices)
        made |= folded[0] if len(folded) == 1 else {"anyOf": folded}
    return made


def _named(node: Mapping[str, Any]) -> dict[str, Any] | None:
    if node.get("type") in ("number", "integer"):
        return {"$ref": "#/$defs/number"}
    if node.get("type") == "boolean":
        return {"$ref": "#/$defs/yes_or_no"}
    return None


def _folded(choices: list[Any]) -> list[Any]:
    """Choices in which the four kinds of scalar stand for any single value."""
    scalars = [_simpler(kind) for kind in _SCALARS]
    if not all(kind in choices for kind in scalars):
        return choices
    return [{"$ref": "#/$defs/value"}, *(choice for choice in choices if choice not in scalars)]
