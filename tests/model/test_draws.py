"""Draws: the published generator, open unit interval, and independence of names, units, counts and purposes."""

import numpy as np
import pytest

from sim.model import draws

# Random123 1.14.0, kat_vectors: philox4x32, 10 rounds (counter, key, output).
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_philox_gives_the_published_vectors(
    counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    words = np.array(counter, dtype=np.uint64).reshape(2, 2)
    even, odd = draws.philox(words[:, [0]], words[:, [1]], np.array(key, dtype=np.uint64).reshape(2, 1))
    assert (int(even[0, 0]), int(odd[0, 0]), int(even[1, 0]), int(odd[1, 0])) == expected


def test_vectors_do_not_depend_on_their_neighbours() -> None:
    counter, key, expected = KNOWN_ANSWERS[2]
    words = np.zeros((2, 2, 5), dtype=np.uint64)
    words[:, :, 3] = np.array(counter).reshape(2, 2)
    keys = np.zeros((2, 5), dtype=np.uint64)
    keys[:, 3] = key
    even, odd = draws.philox(words[:, 0], words[:, 1], keys)
    assert (int(even[0, 3]), int(odd[0, 3])) == expected[:2]
    assert int(even[0, 0]) == KNOWN_ANSWERS[0][2][0]


# A change of these bits changes every history: it needs a new rules version.
PINNED = [0.34029299625545273, 0.9266291142387236, 0.49360335142066203]


def uniforms(n: int = 200_000, seed: int = 1, name: str = "a", k: int = 0, purpose: int = 0) -> np.ndarray:
    unit = np.arange(n, dtype=np.uint64)
    return draws.uniform(draws.keys_of(seed, [name]), unit, k, purpose)


def test_uniforms_pin_the_key_and_counter_scheme() -> None:
    assert uniforms(3).tolist() == PINNED


def test_uniforms_lie_strictly_between_0_and_1() -> None:
    # The smallest and largest word: ((bits >> 12) + 1/2) 2^-52 is neither 0 nor 1, nor is 1 minus it.
    for bits in (0, 2**64 - 1):
        edge = ((bits >> 12) + 0.5) * 2.0**-52
        assert 0.0 < edge < 1.0
        assert 0.0 < 1.0 - edge < 1.0
    u = uniforms()
    assert u.min() > 0.0
    assert u.max() < 1.0


def test_uniforms_are_uniform_and_a_biased_generator_is_caught() -> None:
    # Kolmogorov-Smirnov against U(0, 1); sqrt(n) D > 2.75 has probability 5e-7 under the truth.
    def statistic(u: np.ndarray) -> float:
        ordered = np.sort(u)
        n = ordered.size
        return float(np.sqrt(n) * np.maximum(ordered - np.arange(n) / n, np.arange(1, n + 1) / n - ordered).max())

    assert statistic(uniforms()) < 2.75
    assert statistic(np.minimum(uniforms(), 0.99)) > 2.75


@pytest.mark.parametrize("other", [uniforms(seed=2), uniforms(name="b"), uniforms(k=1), uniforms(purpose=1)])
def test_neighbouring_streams_are_uncorrelated(other: np.ndarray) -> None:
    # |correlation| sqrt(n) > 5.2 has probability 2e-7; a shared stream has correlation 1.
    correlation = np.corrcoef(uniforms(), other)[0, 1]
    assert abs(correlation) * np.sqrt(200_000) < 5.2
    assert abs(np.corrcoef(uniforms(), uniforms())[0, 1]) * np.sqrt(200_000) > 5.2


def test_units_beyond_32_bits_have_their_own_draws() -> None:
    unit = np.array([7, 7 + 2**32], dtype=np.uint64)
    u = draws.uniform(draws.keys_of(1, ["a"]), unit, 0, 0)
    assert u[0] != u[1]


def test_a_repeated_name_and_a_bad_seed_are_refused() -> None:
    with pytest.raises(ValueError, match="names must differ"):
        draws.keys_of(1, ["a", "b", "a"])
    with pytest.raises(ValueError, match="-1"):
        draws.key_of(-1, "a")
