"""Laws: quantile tables against SciPy, conditional draws, refusals, and bits that are the same everywhere."""

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

from sim.model.laws import Law, LawError, digest_of, support_of

RNG = np.random.default_rng(7)
U = np.concatenate([RNG.random(20_000), 10.0 ** -RNG.uniform(0, 15, 4_000), 1.0 - 10.0 ** -RNG.uniform(0, 15, 4_000)])
U = U[(U > 2.0**-52) & (U < 1.0 - 2.0**-52)]

# A change of these bits changes every history: it needs a new rules version.
PINNED = "81b114e134bd8588"

Reference = Callable[[np.ndarray], np.ndarray]


def gamma(shape: float) -> tuple[Law, Reference]:
    return Law("gamma", (shape, 2.0)), lambda u: 2.0 * special.gammaincinv(shape, u)


def beta(a: float, b: float) -> tuple[Law, Reference]:
    return Law("beta", (a, b)), lambda u: special.betaincinv(a, b, u)


def lognormal(sigma: float) -> tuple[Law, Reference]:
    return Law("lognormal", (3.0, sigma)), lambda u: 3.0 * np.exp(sigma * special.ndtri(u))


def weibull(shape: float) -> tuple[Law, Reference]:
    return Law("weibull", (shape, 4.0)), lambda u: 4.0 * (-np.log1p(-u)) ** (1 / shape)


REFERENCES = [gamma(a) for a in (0.05, 0.4, 0.5, 0.74, 1.0, 3.0, 18.5, 400.0)]
REFERENCES += [beta(a, b) for a, b in ((2.2, 7.8), (1.5, 19.5), (0.5, 0.5), (0.2, 3.0), (200.0, 300.0))]
REFERENCES += [lognormal(sigma) for sigma in (0.3, 0.8, 1.5, 5.0)]
REFERENCES += [weibull(shape) for shape in (0.1, 0.7, 2.0, 20.0)]


@pytest.mark.parametrize(("law", "reference"), REFERENCES, ids=lambda x: str(x) if isinstance(x, Law) else "")
def test_quantile_tables_are_right_to_1e_8(law: Law, reference: Reference) -> None:
    expected = reference(U)
    assert np.max(np.abs(law.quantile(U) - expected) / np.abs(expected)) <= 1e-8


def test_a_table_that_is_too_coarse_would_be_seen() -> None:
    law, reference = Law("gamma", (3.0, 2.0)), Law("gamma", (3.0000001, 2.0))
    assert np.max(np.abs(law.quantile(U) / reference.quantile(U) - 1)) > 1e-8


def test_hyperexponential_inverts_its_distribution_function() -> None:
    x = Law("hyperexponential", (0.1, 0.2, 0.9, 1.8)).quantile(U)
    below = -(0.1 * np.expm1(-0.2 * x) + 0.9 * np.expm1(-1.8 * x))
    above = 0.1 * np.exp(-0.2 * x) + 0.9 * np.exp(-1.8 * x)
    assert np.max(np.abs(np.where(U < 0.5, below / U, above / (1 - U)) - 1)) <= 2e-8


@pytest.mark.parametrize(
    ("law", "exact"),
    [
        (Law("poisson", (4.7,)), stats.poisson(4.7)),
        (Law("negative_binomial", (2.95, 3.0)), stats.nbinom(3, 3 / 5.95)),
        (Law("poisson", (400.0,)), stats.poisson(400.0)),
    ],
)
def test_discrete_laws_step_at_their_distribution_function(law: Law, exact) -> None:  # type: ignore[no-untyped-def]
    u = RNG.random(20_000)
    assert np.array_equal(law.quantile(u), exact.ppf(u))


def test_choice_and_shift() -> None:
    assert Law("choice", (3.0, 0.25, 8.0, 0.75)).quantile(np.array([0.2, 0.3])).tolist() == [3.0, 8.0]
    assert Law("choice", (3.0, 1.0), shift=1.0).quantile(np.array([0.2])).tolist() == [4.0]
    assert support_of(Law("choice", (3.0, 0.25, 8.0, 0.75))) == (3.0, 8.0)


@pytest.mark.parametrize(
    ("law", "exact"),
    [
        (Law("gamma", (2.0, 5.0)), stats.gamma(2.0, scale=5.0)),
        (Law("lognormal", (4.0, 0.9)), stats.lognorm(0.9, scale=4.0)),
        (Law("weibull", (0.7, 6.0)), stats.weibull_min(0.7, scale=6.0)),
        (Law("uniform", (1.0, 9.0)), stats.uniform(1.0, 8.0)),
        (Law("exponential", (3.0,)), stats.expon(scale=3.0)),
        (Law("gamma", (0.2, 5.0)), stats.gamma(0.2, scale=5.0)),
    ],
)
@pytest.mark.parametrize("age", [0.5, 4.0, 8.5])
def test_a_running_clock_is_drawn_given_its_age(law: Law, exact, age: float) -> None:  # type: ignore[no-untyped-def]
    u = np.linspace(0.001, 0.999, 999)
    expected = exact.isf((1.0 - u) * exact.sf(age)) - age
    assert np.allclose(law.exceeding(u, age), expected, rtol=1e-6, atol=1e-7)
    # Forgetting the age is a different law, but for the one without memory.
    assert np.allclose(law.quantile(u), expected, rtol=1e-6) == (law.family == "exponential")


def test_nothing_is_left_of_a_bounded_law_past_its_end() -> None:
    assert Law("uniform", (1.0, 2.0)).exceeding(np.array([0.5]), 5.0).tolist() == [0.0]
    assert Law("fixed", (3.0,)).exceeding(np.array([0.5]), 1.0).tolist() == [2.0]


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("gamma", (0.0, 1.0)),
        ("gamma", (1.0,)),
        ("lognormal", (-1.0, 0.5)),
        ("uniform", (2.0, 1.0)),
        ("choice", (1.0, 0.5, 2.0, 0.6)),
        ("choice", (1.0, -0.5, 2.0, 1.5)),
        ("weibull", (float("nan"), 1.0)),
        ("beta", (0.0, 1.0)),
        ("hyperexponential", (0.5, 1.0, 0.5, 0.0)),
        ("normal", (0.0, 1.0)),
        ("poisson", (-1.0,)),
    ],
)
def test_parameters_without_a_meaning_are_refused(family: str, parameters: tuple[float, ...]) -> None:
    with pytest.raises(LawError, match=family):
        Law(family, parameters)


def test_tables_have_the_same_bits_on_every_machine() -> None:
    laws = [law for law, _ in REFERENCES] + [Law("hyperexponential", (0.1, 0.2, 0.9, 1.8)), Law("poisson", (4.7,))]
    digest = hashlib.sha256(b"".join(digest_of(law) for law in laws)).hexdigest()
    assert digest[:16] == PINNED
