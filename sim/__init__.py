"""Escalation simulator: what reports of a crisis imply under openly stated assumptions.

>>> import sim
>>> result = sim.demo()  # doctest: +SKIP
>>> result.outcomes["war"]["probability"]  # doctest: +SKIP

What is public: the names in ``__all__``, and what their docstrings say. Nothing else is imported with this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sim import figures as figures
    from sim.scenario.scenario import Scenario as Scenario
    from sim.studies.compare.study import Comparison as Comparison
    from sim.studies.forecast import Result as Result
    from sim.studies.splitting.study import Rare as Rare
    from sim.studies.stored import Stored as Stored
    from sim.studies.weigh.weighed import Weighed as Weighed

__all__ = [
    "Comparison",
    "Rare",
    "Result",
    "Scenario",
    "Stored",
    "Weighed",
    "__version__",
    "compare",
    "demo",
    "figures",
    "load",
    "rare",
    "run",
    "stored",
]
#: Public names and where they are at home.
_HOMES = {
    "Comparison": "sim.studies.compare.study",
    "Rare": "sim.studies.splitting.study",
    "Result": "sim.studies.forecast",
    "Scenario": "sim.scenario.scenario",
    "Stored": "sim.studies.stored",
    "Weighed": "sim.studies.weigh.weighed",
}


def run(
    scenario: str | Path | Mapping[str, Any] | Scenario | None = None,
    *,
    as_of: str | None = None,
    until: str | float | None = None,
    changes: Mapping[str, Any] | None = None,
    replications: int = 20_000,
    inputs: int = 250,
    histories: int = 80,
    seed: int = 1,
    past: str = "survived",
    results: str | Path = "results",
    precision: float | None = None,
    precise: Sequence[str] = (),
    most: int = 1_000_000,
    engine: str = "lockstep",
) -> Result:
    """Forecast of a scenario; a complete run found in ``results`` is returned as it is.

    Parameters
    ----------
    scenario
        Name of a shipped scenario, path of a YAML file, its data, or a built scenario; by default the one that the
        command line has too.
    as_of, until
        Date of the forecast (``"2025-11-17"``); its end, as a date or in days. The scenario's own by default.
    changes
        Path in the scenario -> value, such as ``{"inputs.talks_x.uniform": [0.1, 0.3]}``.
    inputs, histories
        Draws of the inputs for the range over the inputs, each with so many histories.
    past
        ``survived``: with the inputs under which the crisis could come to where it stands; ``restart``: whatever is
        drawn.
    precision
        As many histories as it takes to know every chance shown so closely either way (``0.005``), in place of
        ``replications``, and at most ``most``; ``result.summary["precision"]["reached"]`` says whether that was enough.
    precise
        The chances that the precision is about, as ``"first_strike by 90"`` or ``"first_strike"``; none named: all.
    engine
        ``lockstep``, ``compiled``, ``reference`` or ``auto``; all give the same histories.

    Raises
    ------
    ValueError
        With every problem found in the scenario or the settings.
    """
    from sim.studies import library

    amounts = {"replications": replications, "precision": precision, "most": most}
    amounts |= {"inputs": inputs, "histories": histories}
    settings = {**amounts, "seed": seed, "past": past, "engine": engine}
    return library.run(scenario, as_of, until, changes or {}, settings=settings, results=results, precise=precise)


def compare(
    variants: Mapping[str, Any],
    scenario: str | Path | Mapping[str, Any] | Scenario | None = None,
    *,
    as_of: str | None = None,
    until: str | float | None = None,
    changes: Mapping[str, Any] | None = None,
    replications: int = 20_000,
    inputs: int = 250,
    histories: int = 80,
    seed: int = 1,
    past: str = "survived",
    results: str | Path = "results",
) -> Comparison:
    """What if? Variants of a scenario against it as it is, over the same histories with the same luck.

    Parameters
    ----------
    variants
        Name -> changes, such as ``{"carrier_leaves": {"state.carrier.start": "no"}}``; a value of None takes away what
        stands at a path. With a sentence: ``{"carrier_leaves": {"says": "…", "changes": {…}}}``.
    changes
        What holds on both sides, as in :func:`run`.
    inputs, histories
        Draws of the inputs for the range over the inputs, each with so many histories.

    Raises
    ------
    ValueError
        With every problem found in the scenario, a variant or the settings.
    """
    from sim.studies import library

    settings = {"replications": replications, "seed": seed, "past": past, "inputs": inputs, "histories": histories}
    return library.compare(variants, scenario, as_of, until, changes or {}, settings=settings, results=results)


def rare(
    scenario: str | Path | Mapping[str, Any] | Scenario | None = None,
    *,
    as_of: str | None = None,
    until: str | float | None = None,
    changes: Mapping[str, Any] | None = None,
    level: str | None = None,
    levels: Sequence[int | str] | None = None,
    effort: int = 5_000,
    repeats: int = 20,
    seed: int = 1,
    past: str = "survived",
    results: str | Path = "results",
) -> Rare:
    """Chances far below 1 %, by histories that branch at every level they get to; see :func:`run` for what is the same.

    Parameters
    ----------
    level
        The number of the state that rises on the way; by default the rung of the scenario's ladder.
    levels
        Its values at which histories branch, as numbers or words, such as ``["crisis", "war"]``; by default every one.
    effort, repeats
        So many simulated histories for each level, so many times over: the interval comes from how far these differ.

    Raises
    ------
    ValueError
        With every problem found in the scenario or the settings.
    """
    from sim.studies import library

    settings = {"seed": seed, "past": past, "effort": effort, "repeats": repeats, "level": level}
    settings["levels"] = None if levels is None else list(levels)
    return library.rare(scenario, as_of, until, changes or {}, settings=settings, results=results)


def load(folder: str | Path) -> Result:
    """A complete forecast from its folder. Raises RuntimeError where there is none."""
    from sim.studies import library

    return library.load(folder)


def stored(run: str | Path, results: str | Path = "results") -> Stored:
    """A run of any study: its folder, its ``summary`` (plain data) and its ``manifest``; :mod:`sim.figures` draws it.

    ``run`` is a path, a name under ``results`` such as ``"two_rivals/tornado-1234"``, or how such a name begins.

    Raises ValueError where none or more than one could be meant.
    """
    from sim.studies import library

    return library.stored_run(run, results)


def demo(replications: int = 3_000, *, results: str | Path = "results") -> Result:
    """A first look in a second: a made-up border crisis, simulated, its table printed and the result returned.

    >>> import sim
    >>> result = sim.demo()  # doctest: +SKIP
    >>> sim.figures.outcomes(result)  # doctest: +SKIP
    """
    from sim.studies import library

    return library.demo(replications, results)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("escalation-simulator")
        except PackageNotFoundError:
            return "0 (not installed)"
    if name in _HOMES or name == "figures":
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name) if name in _HOMES else import_module("sim.figures")
    raise AttributeError(f"module 'sim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
