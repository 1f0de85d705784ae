"""The rates, delays and chances of a scenario as formulas in plain text, as its file has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sim.scenario.scenario import Scenario
from sim.statistics.shown import words

FADES: Final = "ln 2 / half-life"
_COUNTS: Final = re.compile(r"(each above|each up to|per doubling from) (\S+)")


def formulas(scenario: Scenario, name: str) -> list[str]:
    """The formulas of an action: when it may happen, how fast, what follows with which chance.

    Raises KeyError for an action that the scenario has not on this date.
    """
    if name.startswith("fading."):
        count = name.removeprefix("fading.")
        half = plain(scenario.data["state"][count]["fades"]["half_life"])
        return [f"speed = {FADES} × {count}, half-life = {half}", f"then {count} − 1"]
    scenario.actions[name]
    given = scenario.data["actions"][name]
    lines = [f"while {plain(given['while'])}"] if "while" in given else []
    lines.append(_clock(given))
    if "memory" in given:
        lines.append(f"memory: {given['memory']}")
    if "since" in given:
        lines.append(f"running since {given['since']}")
    either = given.get("either") or ()
    weights = [_weight(branch) for branch in either]
    for number, (branch, weight) in enumerate(zip(either, weights, strict=True), 1):
        says = f" ({branch['says']})" if branch.get("says") else ""
        one = f"w_{number} = {weight}{says}"
        lines.append(f"{one}{_then(branch)}")
    if either:
        lines.append(f"chance of branch i = w_i / (w_1 + … + w_{len(either)})")
    after = _then({**given, "then": {**(given.get("always") or {}), **(given.get("then") or {})}})
    return [*lines, *([f"in any case{after}" if either else after.removeprefix("; ")] if after else [])]


def _clock(given: Mapping[str, Any]) -> str:
    if "on" in given:
        return f"on {given['on']}, if it is possible then"
    if "when" in given:
        return f"at once when {plain(given['when'])}"
    times = [_factor(what, factor) for what, factor in (given.get("times") or {}).items()]
    if "after" in given:
        pace = f"; at the speed {' × '.join(times)}" if times else ""
        return f"delay ~ {plain(given['after'])}{pace}"
    base = plain(given["rate"])
    if given.get("plus"):
        base = f"({' + '.join([base, *map(plain, given['plus'])])})"
    trend, counted = given.get("trend"), ""
    if trend:
        since = str(trend.get("since", "start"))
        origin = {"start": "the start", "enabling": "it became possible or last happened"}.get(since, since)
        times.append(f"(t / {trend['at']})^({trend['shape']} − 1)")
        counted = f", t counted since {origin}"
    return f"rate = {' × '.join([base, *times])}{counted}"


def _weight(branch: Mapping[str, Any]) -> str:
    times = [_factor(what, factor) for what, factor in (branch.get("times") or {}).items()]
    alone = plain(branch.get("weight", 1))
    weight = " × ".join([_bracketed(alone), *times]) if times else alone
    return f"{weight} if {plain(branch['if'])}, else 0" if "if" in branch else weight


def _factor(what: str, factor: Any) -> str:
    """A factor: ``[x if this holds]``, which is 1 otherwise, or a power."""
    if not isinstance(factor, Mapping):
        return _bracketed(plain(factor)) if what == "always" else f"[{plain(factor)} if {what}]"
    ((form, size),) = factor.items()
    counted = _COUNTS.fullmatch(str(form))
    power = {
        "each": f"({what})",
        "each above": f"max({what} − {counted[2] if counted else 0}, 0)",
        "each up to": f"min({what}, {counted[2] if counted else 0})",
        "per doubling from": f"log2(max({what}, 1) / {counted[2] if counted else 1})",
    }[counted[1] if counted else str(form)]
    return f"{_bracketed(plain(size))}^{power}"


def _then(given: Mapping[str, Any]) -> str:
    """What follows, after a semicolon; empty for nothing."""
    effects = [f"{name} {_effect(effect)}" for name, effect in (given.get("then") or {}).items()]
    effects += [f"{name} starts anew" for name in given.get("restart") or ()]
    return f"; then {', '.join(effects)}" if effects else ""


def _effect(effect: Any) -> str:
    if isinstance(effect, Mapping):
        signs = {"set": ":=", "add": "+=", "at_least": ":= at least", "at_most": ":= at most"}
        capped = ", capped" if effect.get("capped") else ""
        said = "; ".join(f"{signs[key]} {plain(value)}" for key, value in effect.items() if key in signs)
        return f"{said}{capped}" if said else f":= {plain(effect.get('=', ''))}{capped}"
    text = plain(effect)
    if text.startswith("-") or text.startswith("+"):
        return f"{'−' if text[0] == '-' else '+'} {text[1:].strip()}"
    return f":= {text}"


def _bracketed(text: str) -> str:
    return f"({text})" if re.search(r"[-+*/ ]", text) and not re.fullmatch(r"[\d.]+( per [\w ]+)?", text) else text


def plain(value: Any) -> str:
    """Data as people write it, without quotes and braces."""
    if isinstance(value, Mapping):
        return ", ".join(f"{words(str(key))} {plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " to ".join(plain(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
