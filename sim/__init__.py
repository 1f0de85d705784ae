"""Escalation simulator: what reports of a crisis imply under openly stated assumptions.

>>> import sim
>>> result = sim.run("two_rivals", replications=2_000)  # doctest: +SKIP
>>> result.outcomes["war"]["probability"]  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sim.scenario.scenario import Scenario as Scenario
    from sim.studies.compare.study import Comparison
    from sim.studies.forecast import Result

__all__ = ["Scenario", "__version__", "compare", "load", "run"]


def run(
    scenario: str | Path | Mapping[str, Any] | Scenario | None = None,
    *,
    as_of: str | None = None,
    until: str | float | None = None,
    changes: Mapping[str, Any] | None = None,
    replications: int = 20_000,
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


def load(folder: str | Path) -> Result:
    """A complete run from its folder. Raises RuntimeError where there is none."""
    from sim.studies import library

    return library.load(folder)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("escalation-simulator")
        except PackageNotFoundError:
            return "0 (not installed)"
    if name == "Scenario":
        from sim.scenario.scenario import Scenario

        return Scenario
    raise AttributeError(f"module 'sim' has no attribute {name!r}")
