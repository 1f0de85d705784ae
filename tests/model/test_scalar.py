"""What is written for one number at a time gives the bits of what is written for arrays, without any compiler."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.model import arithmetic, draws, scalar
from sim.model.expressions import OPERATIONS, Call, Column, Expression, Number, compile_program, evaluate_scalar
from sim.model.laws import Law

LAWS = (
    Law("fixed", (3.0,)),
    Law("uniform", (0.25, 2.0)),
    Law("exponential", (1.5,), 0.5),
    Law("weibull", (1.7, 2.0)),
    Law("weibull", (0.4, 2.0)),
    Law("gamma", (0.5, 3.0)),
    Law("gamma", (0.5, 7.0)),
    Law("lognormal", (1.5, 0.8)),
    Law("lognormal", (1.5, 2.5)),
    Law("beta", (2.0, 3.0)),
    Law("hyperexponential", (0.1, 0.2, 0.9, 1.8)),
    Law("poisson", (3.0,), 1.0),
    Law("choice", (0.0, 0.25, 2.0, 0.75)),
)
U = np.concatenate(
    [np.random.default_rng(1).random(300), [2.0**-53, 1.0 - 2.0**-53, 0.5, 0.25]],
)


def same(one: float, other: float) -> bool:
    return np.float64(one).tobytes() == np.float64(other).tobytes() or (np.isnan(one) and np.isnan(other))


def test_uniforms() -> None:
    keys = draws.keys_of(7, ["a", "b"])
    for unit, k, purpose in ((0, 0, 0), (12345678901, 3, 1), (2**62, 2**31, 0)):
        wanted = draws.uniform(keys, np.full(2, unit, dtype=np.uint64), k, purpose)
        words = [np.uint64(x) for x in (unit, k, purpose)]
        assert [scalar.uniform(keys[0, i], keys[1, i], *words) for i in range(2)] == wanted.tolist()


def test_logarithms() -> None:
    x = np.concatenate([U, 1.0 / U, [arithmetic.SQRT_HALF, 1.0, 2.0**-1000, 2.0**1000]])
    assert [scalar.log_normal(v) for v in x.tolist()] == arithmetic.log(x).tolist()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"{law.family}{law.parameters}")
def test_quantiles(law: Law) -> None:
    packed, number = scalar.pack(LAWS), LAWS.index(law)
    assert [scalar.quantile(packed, number, u) for u in U.tolist()] == law.quantile(U).tolist()
    if not law.discrete:
        for age in (0.01, 1.0, 30.0):
            wanted = law.exceeding(U, age).tolist()
            assert [scalar.exceeding(packed, number, u, age) for u in U.tolist()] == wanted


def trees() -> st.SearchStrategy[Expression]:
    numbers = st.one_of(
        st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, -0.3, 64.0, 65.0, 1e300, -1e300]),
        st.floats(allow_nan=False, allow_infinity=False),
    )
    leaves = st.one_of(numbers.map(Number), st.integers(0, 2).map(Column))

    def calls(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        return st.sampled_from(sorted(OPERATIONS)).flatmap(
            lambda name: st.tuples(*[inner] * OPERATIONS[name][0]).map(lambda a: Call(name, a))
        )

    return st.recursive(leaves, calls, max_leaves=12)


@settings(deadline=None, max_examples=300, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(trees(), min_size=1, max_size=3), st.tuples(*[st.floats(-100, 100)] * 3))
def test_programs(found: list[Expression], values: tuple[float, ...]) -> None:
    programs = [compile_program(tree) for tree in found]
    code, ends = scalar.encode(programs)
    stack = np.zeros(max(scalar.depth(program) for program in programs))
    for i, program in enumerate(programs):
        with np.errstate(all="ignore"):
            value = scalar.evaluate(code, ends[i], ends[i + 1], np.array(values), stack)
        wanted = evaluate_scalar(program, values)
        assert same(value, wanted), (program, value, wanted)
