"""Sobol' indices against models whose indices are known exactly, and against SALib's own example.

Every check of an estimate allows 4.5 of its own standard errors: one false alarm in 150,000 for each, with fixed seeds.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.statistics.indices import Indices, sobol_indices

pytest.importorskip("SALib")

Floats = NDArray[np.float64]
SIGMAS = 4.5


def design(model: Callable[[Floats], Floats], k: int, n: int, seed: int, chance: float = 0.0) -> Floats:
    """Outputs (k + 2, n, 4) of a model of k standard normal inputs, with normal chance: the same in every column."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, n, k))
    luck = chance * rng.standard_normal((n, 4))
    columns = [a, *(np.where(np.arange(k) == j, b, a) for j in range(k)), b]
    return np.array([model(x)[:, None] + luck * (1 + 0.1 * x[:, :1]) for x in columns])


def check(found: Indices, first: list[float], total: list[float]) -> None:
    for values, errors, wanted in ((found.first, found.first_error, first), (found.total, found.total_error, total)):
        assert (np.abs(values - wanted) <= SIGMAS * errors / 1.96 + 1e-12).all(), (values, errors, wanted)


def linear(x: Floats) -> Floats:
    return np.asarray(10.0 + x @ np.array([3.0, 2.0, 1.0, 0.0]))


LINEAR = [9 / 14, 4 / 14, 1 / 14, 0.0]


@pytest.mark.parametrize("chance", [0.0, 6.0])
def test_a_sum_has_the_shares_of_its_terms_whatever_chance_adds(chance: float) -> None:
    found = sobol_indices(design(linear, 4, 4_000, seed=1, chance=chance), seed=1)
    check(found, LINEAR, LINEAR)
    assert found.mean == pytest.approx(10.0, abs=0.2)
    assert found.variance == pytest.approx(14.0, abs=SIGMAS * 0.48)  # its standard error with the greater chance
    single = 14.0 / (14.0 + 1.01 * chance**2)
    assert abs(found.explained - single) <= SIGMAS * found.explained_error / 1.96 + 1e-12


def test_forgetting_that_chance_adds_would_be_noticed() -> None:
    """The same outputs with one history for both halves: its chance passes for the work of the inputs."""
    outputs = design(linear, 4, 4_000, seed=1, chance=6.0)
    wrong = sobol_indices(np.repeat(outputs[:, :, :1], 4, axis=2), seed=1)
    with pytest.raises(AssertionError):
        check(wrong, LINEAR, LINEAR)


def test_a_product_has_its_interaction_in_the_total_alone() -> None:
    # (1 + x)(1 + y): variance 3, of which 1 by each alone and 1 by both.
    found = sobol_indices(design(lambda x: (1 + x[:, 0]) * (1 + x[:, 1]), 2, 10_000, seed=2, chance=2.0), seed=1)
    check(found, [1 / 3, 1 / 3], [2 / 3, 2 / 3])


def test_salib_s_own_example_comes_out_as_salib_has_it() -> None:
    """Ishigami's function: the layout of the columns and the use of the estimators, exactly."""
    from SALib.analyze import sobol
    from SALib.sample import sobol as sample
    from SALib.test_functions import Ishigami

    problem = {"num_vars": 3, "names": ["x", "y", "z"], "bounds": [[-np.pi, np.pi]] * 3}
    points = sample.sample(problem, 4_096, calc_second_order=False, seed=3)
    results = Ishigami.evaluate(points)
    theirs = sobol.analyze(problem, results, calc_second_order=False, seed=3)
    ours = sobol_indices(np.repeat(results.reshape(-1, 5).T[:, :, None], 2, axis=2), seed=3)
    # They centre by the mean of all columns, we by that of A and B.
    assert ours.first == pytest.approx(theirs["S1"], abs=2e-3)
    assert ours.total == pytest.approx(theirs["ST"], abs=2e-3)
    assert ours.first_error == pytest.approx(theirs["S1_conf"], rel=0.5)
    assert ours.total_error == pytest.approx(theirs["ST_conf"], rel=0.5)
    assert ours.first == pytest.approx([0.3139, 0.4424, 0.0], abs=0.02)
    assert ours.total == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.02)


def test_where_nothing_depends_on_the_inputs_there_is_no_index() -> None:
    """Chance alone passes for something where it is 4 standard errors off, at most 1 in 1,000 times; of 40, 2 never."""
    told = 0
    for seed in range(40):
        found = sobol_indices(design(lambda x: 0.0 * x[:, 0], 2, 200, seed=seed, chance=1.0), seed=1)
        told += bool(np.isfinite(found.first).any())
    assert told <= 1


def test_a_constant_has_no_index_and_warns_of_nothing() -> None:
    found = sobol_indices(np.full((4, 50, 2), 3.0), seed=1)
    assert np.isnan([*found.first, *found.total]).all()
    assert (found.mean, found.variance, found.explained) == (3.0, 0.0, 0.0)


def test_the_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """60 designs, 4 indices each: 95 % of 240 within; fewer than 89 % has a chance of 2e-4 if they were apart."""
    inside = []
    for seed in range(60):
        found = sobol_indices(design(linear, 4, 300, seed=100 + seed, chance=3.0), seed=seed)
        inside.append(np.abs(found.first - LINEAR) <= found.first_error)
    assert np.mean(inside) >= 0.89


def test_the_seed_decides_the_resamples_and_nothing_else() -> None:
    outputs = design(linear, 4, 300, seed=4, chance=1.0)
    one, same, other, zero, again = (sobol_indices(outputs, seed) for seed in (1, 1, 2, 0, 0))
    assert one.first_error.tolist() == same.first_error.tolist()
    assert zero.total_error.tolist() == again.total_error.tolist()
    for different in (other, zero):
        assert different.first.tolist() == one.first.tolist()
        assert different.first_error.tolist() != one.first_error.tolist()
        assert different.total_error.tolist() != one.total_error.tolist()
        assert different.explained_error != one.explained_error


@pytest.mark.parametrize("shape", [(2, 10, 2), (3, 1, 2), (3, 10, 1), (3, 10)])
def test_outputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2 histories are needed at least"):
        sobol_indices(np.zeros(shape), seed=1)
