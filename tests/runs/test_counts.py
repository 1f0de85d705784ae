"""Counts of parts add up, survive the disk, stay small there, and read as a long table."""

import json

import numpy as np
import pytest

from sim.engines.interface import Watched
from sim.model.expressions import Column, compile_program
from sim.runs.counts import Counts, long_form, none, packed, unpacked

WIDE = Watched(compile_program(Column(0)), 4_096, "deaths")
SMALL = Watched(compile_program(Column(1)), 3, "rung")


def some(seed: int) -> Counts:
    """Counts of a number that wanders, and of a rung."""
    generator = np.random.default_rng(seed)
    paths = np.cumsum(generator.poisson(0.3, (1_000, 181)), axis=1)
    wide = np.stack([np.bincount(paths[:, day], minlength=4_096) for day in range(181)])
    rungs = np.stack([np.bincount(np.minimum(paths[:, day], 2), minlength=3) for day in range(181)])
    return Counts((wide, rungs), np.array([3, 0, 5]))


def test_counts_survive_the_disk_and_stay_small() -> None:
    counts = some(1)
    text = json.dumps(packed(counts))
    assert len(text) < 60_000 < counts.occupancy[0].nbytes / 90
    for mine, kept in zip(counts.arrays(), unpacked(json.loads(text)).arrays(), strict=True):
        assert mine.dtype == kept.dtype
        assert np.array_equal(mine, kept)


def test_damaged_counts_are_refused() -> None:
    data = packed(some(1))
    data[0]["data"] = data[0]["data"][:-40]
    with pytest.raises(ValueError, match="counts that cannot be read"):
        unpacked(data)


def test_counts_of_parts_add_up() -> None:
    total = none((WIDE, SMALL), 180, 3)
    for seed in (1, 2):
        total.add(some(seed))
    assert total.fired.tolist() == [6, 0, 10]
    assert np.array_equal(total.occupancy[0], some(1).occupancy[0] + some(2).occupancy[0])


def test_the_long_form_has_every_history_once_a_day_and_no_empty_row() -> None:
    table = long_form((WIDE, SMALL), some(1))
    assert set(table) == {"watched", "day", "value", "histories"}
    assert (table["histories"] > 0).all()
    for name in ("deaths", "rung"):
        mine = table["watched"] == name
        for day in (0, 90, 180):
            assert table["histories"][mine & (table["day"] == day)].sum() == 1_000
    one = (table["watched"] == "rung") & (table["day"] == 180) & (table["value"] == 2)
    assert table["histories"][one] == some(1).occupancy[1][180, 2]
    assert long_form((), none((), 180, 3))["day"].size == 0
