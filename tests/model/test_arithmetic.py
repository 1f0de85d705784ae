"""Our logarithm, exponential and power: accurate, and the same bits for arrays and for numbers."""

import math

import numpy as np
import pytest

from sim.model import arithmetic

RNG = np.random.default_rng(20251117)
WIDE = np.concatenate([np.exp(RNG.normal(size=20_000) * 60), RNG.random(20_000), 1.0 + RNG.normal(size=2_000) * 1e-9])
EXPONENTS = np.concatenate([RNG.normal(size=20_000) * 100, RNG.uniform(-1e-6, 1e-6, 2_000), [0.0, 709.7, -745.0]])
SPECIAL = np.array([0.0, -0.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, 1.7e308])


def same_bits(a: np.ndarray, b: list[float]) -> bool:
    return np.array_equal(
        a.view(np.uint64)[~np.isnan(a)], np.array(b).view(np.uint64)[~np.isnan(a)]
    ) and np.array_equal(np.isnan(a), np.isnan(b))


def test_log_and_exp_are_within_one_unit_in_the_last_place() -> None:
    log, exp = arithmetic.log(WIDE), arithmetic.exp(EXPONENTS)
    assert (np.abs(log - [math.log(x) for x in WIDE]) <= np.spacing(np.abs(log))).all()
    assert (np.abs(exp - [math.exp(x) for x in EXPONENTS]) <= np.spacing(exp)).all()


@pytest.mark.parametrize("values", [WIDE, EXPONENTS, SPECIAL])
def test_array_and_scalar_dialects_give_the_same_bits(values: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        assert same_bits(arithmetic.log(values), [arithmetic.log_scalar(x) for x in values.tolist()])
        assert same_bits(arithmetic.exp(values), [arithmetic.exp_scalar(x) for x in values.tolist()])


def test_power_dialects_agree_on_bases_and_exponents_of_every_kind() -> None:
    bases = np.array([0.0, 0.3, 1.0, 2.0, 7.5, 1e200, -2.0, -0.5, np.inf])
    exponents = np.array([0.0, 1.0, 2.0, -1.0, -3.0, 0.5, -0.5, 2.5, 63.0, 64.0, 65.0, 1000.0, -70.0])
    x, y = (a.ravel() for a in np.meshgrid(bases, exponents))
    with np.errstate(all="ignore"):
        vector = arithmetic.power(x, y)
    scalar = [arithmetic.power_scalar(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    assert same_bits(vector, scalar)
    # A mix of exponents in one array takes the same path as each alone.
    finite = np.isfinite(vector) & (x > 0) & (np.abs(vector) > 1e-300) & np.isfinite(x)
    assert np.allclose(vector[finite], x[finite] ** y[finite], rtol=1e-12)


def test_whole_powers_are_exact_products() -> None:
    assert arithmetic.power_scalar(3.0, 20.0) == 3**20
    assert arithmetic.power(np.array([2.0]), np.array([53.0]))[0] == 2**53


def test_division_by_zero_follows_ieee() -> None:
    assert arithmetic.divide_scalar(1.0, 0.0) == math.inf
    assert arithmetic.divide_scalar(1.0, -0.0) == -math.inf
    assert math.isnan(arithmetic.divide_scalar(0.0, 0.0))
