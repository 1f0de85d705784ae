"""Medoids: one is the point with the least sum of distances, more are as good as exchanges can make them."""

import itertools

import numpy as np
import pytest

from sim.statistics.medoids import distances, medoids, nearest


def cost(points: np.ndarray, chosen: tuple[int, ...]) -> float:
    return float(min_distance(points, chosen).sum())


def min_distance(points: np.ndarray, chosen: tuple[int, ...]) -> np.ndarray:
    return np.asarray(np.abs(points[:, None] - points[list(chosen)][None]).sum(axis=2).min(axis=1))


def clouds(seed: int, n: int = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0, 0.0], [5.0, 1.0, 0.0], [0.0, 6.0, 3.0]])
    return np.concatenate([rng.normal(centre, 0.5, (n // 3, 3)) for centre in centres])


@pytest.mark.parametrize("seed", range(5))
def test_one_medoid_has_the_least_sum_of_distances_and_no_exchange_betters_several(seed: int) -> None:
    points = np.random.default_rng(seed).uniform(size=(40, 4))
    best = min(range(len(points)), key=lambda i: cost(points, (i,)))
    assert medoids(points, 1).tolist() == [best]
    found = tuple(medoids(points, 3).tolist())
    for place, other in itertools.product(range(3), range(len(points))):
        swapped = (*found[:place], other, *found[place + 1 :])
        assert cost(points, swapped) >= cost(points, found) - 1e-9


def test_separate_clouds_each_get_their_own() -> None:
    points = clouds(1, 30)
    found = medoids(points, 3)
    assert sorted((found // 10).tolist()) == [0, 1, 2]
    every = min(itertools.combinations(range(30), 3), key=lambda chosen: cost(points, chosen))
    assert sorted(found.tolist()) == sorted(every)


def test_the_order_of_the_points_does_not_matter() -> None:
    points = clouds(2)
    shuffled = np.random.default_rng(3).permutation(len(points))
    found, again = medoids(points, 3), shuffled[medoids(points[shuffled], 3)]
    assert sorted(found.tolist()) == sorted(again.tolist())
    assert medoids(points, 1)[0] == shuffled[medoids(points[shuffled], 1)[0]]


def test_equal_points_have_one_medoid_and_a_sample_of_one_has_itself() -> None:
    assert medoids(np.ones((5, 2)), 3).tolist() == [0]
    assert medoids([[1.0]], 3).tolist() == [0]
    assert medoids(np.zeros((4, 0)), 2).tolist() == [0]
    with pytest.raises(ValueError, match="medoids of 0 points"):
        medoids(np.zeros((0, 2)), 1)
    with pytest.raises(ValueError, match="finite numbers"):
        medoids([[np.inf]], 1)


def test_the_nearest_is_by_sums_of_absolute_differences() -> None:
    points, centres = np.array([[0.0, 0.0], [3.0, 3.0], [2.0, 2.0]]), np.array([[0.0, 0.0], [4.0, 4.0]])
    assert distances(points, centres).tolist() == [[0, 8], [6, 2], [4, 4]]
    assert nearest(points, centres).tolist() == [0, 1, 0]
