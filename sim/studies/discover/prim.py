"""The patient rule induction method (PRIM) of the EMA workbench, whichever of its versions is installed.

J. H. Friedman and N. I. Fisher, "Bump hunting in high-dimensional data", Statistics and Computing 9 (1999) 123-143.
What is taken from the library is the path alone: the limits after each step. All that is said of a region is counted
by ourselves, on other histories.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.statistics.boxes import Box, Limit
from sim.studies.settings import SettingError

Floats = NDArray[np.float64]

#: Least share of the histories in a region; levels rarer than that get no limit.
LEAST: Final = 0.05
#: Combinations of levels of hidden starts that are looked into, those with the most histories first.
COMBINATIONS: Final = 16


def paths(columns: Sequence[Floats], hidden: Sequence[bool], happened: NDArray[np.bool_]) -> list[Box]:
    """Every region on the ways from all histories (n,) to the densest ones.

    ``hidden`` says which columns are levels of a hidden start. The library stops for good where a level would leave too
    few histories, so it peels numbers only, once among all histories and once in each combination of levels.

    Raises SettingError where the library is missing.
    """
    peel = library()
    numbers = [i for i, level in enumerate(hidden) if not level and np.unique(columns[i]).size > 1]
    found: list[Box] = []
    for fixed, inside in _combinations(columns, hidden):
        found.append(fixed)
        least = min(LEAST / inside.mean(), 1.0)
        # Where all histories are alike there is nothing to peel by, and the library refuses them.
        if numbers and least < 1.0 and happened[inside].any() and not happened[inside].all():
            data = np.stack([columns[i][inside] for i in numbers], axis=1)
            found += [(*fixed, *box) for box in peel(data, numbers, happened[inside], least)]
    return list(dict.fromkeys(found))


def _combinations(columns: Sequence[Floats], hidden: Sequence[bool]) -> list[tuple[Box, NDArray[np.bool_]]]:
    """Limits on hidden starts that leave enough histories, and which histories those are; no limit comes first."""
    choices: list[list[tuple[Limit | None, NDArray[np.bool_]]]] = []
    n = columns[0].size if columns else 0
    for i in (i for i, level in enumerate(hidden) if level):
        levels = np.unique(columns[i]).astype(int).tolist()
        every: list[tuple[Limit | None, NDArray[np.bool_]]] = [(None, np.ones(n, dtype=np.bool_))]
        for size in range(1, len(levels)):
            for some in itertools.combinations(levels, size):
                limit = Limit(i, levels=some)
                held = limit.holds(columns[i])
                if LEAST <= held.mean() <= 1.0 - LEAST:
                    every.append((limit, held))
        choices.append(every)
    found = []
    for chosen in itertools.product(*choices):
        inside = np.logical_and.reduce([held for _, held in chosen]) if chosen else np.ones(n, dtype=np.bool_)
        if inside.mean() >= LEAST:
            found.append((tuple(limit for limit, _ in chosen if limit is not None), inside))
    return sorted(found, key=lambda one: -int(one[1].sum()))[:COMBINATIONS]


def library() -> Any:
    """The peeling of the library as a function of data (n, numbers), their columns, events, and the least share.

    Raises SettingError where it is missing.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells of optional parts of its own that are missing
            # By name, so that no type checker has to know libraries that are extras.
            frame_of: Any = importlib.import_module("pandas").DataFrame
            prim: Any = importlib.import_module("ema_workbench.analysis.prim").Prim
    except ImportError as error:
        raise SettingError(
            f"study=discover needs the EMA workbench ({error}): install the extra `discovery` "
            "(pip install 'escalation-simulator[discovery]')"
        ) from None
    # Before version 3 the least density of a region had to be given, and a region below it was thrown away.
    options = {"threshold": 0.0} if "threshold" in inspect.signature(prim).parameters else {}

    def peel(data: Floats, numbers: Sequence[int], happened: NDArray[np.bool_], least: float) -> list[Box]:
        frame = frame_of({str(i): data[:, place] for place, i in enumerate(numbers)})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            steps = prim(frame, happened.astype(int), mass_min=least, **options).find_box().box_lims
        ends = data.min(axis=0), data.max(axis=0)
        return [_box(step, numbers, ends) for step in steps]

    return peel


def _box(step: Any, numbers: Sequence[int], ends: tuple[Floats, Floats]) -> Box:
    """Limits of one step; an end that cuts nothing off is none."""
    found = []
    for place, i in enumerate(numbers):
        low, high = (float(end) for end in step[str(i)].to_numpy())
        low = low if low > ends[0][place] else -np.inf
        high = high if high < ends[1][place] else np.inf
        if np.isfinite(low) or np.isfinite(high):
            found.append(Limit(i, low, high))
    return tuple(found)
