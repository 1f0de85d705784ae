"""Laws: the distributions of delays, inputs and amounts, each as a quantile function.

A draw is always one uniform through a quantile function, so that a change of a parameter moves every draw a
little and none of them jumps (common random numbers). Quantile functions without a closed form are compiled to
tables: cubic Hermite interpolation in ``logit u`` on 4,096 intervals, relative error at most 1e-8 (tested). The
nodes come from our own arithmetic (:mod:`sim.model.arithmetic`, series and continued fractions of fixed length),
so a table has the same bits on every processor. Scale may be uncertain; shape may not, since it fixes the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from sim.model import arithmetic
from sim.model.arithmetic import Floats, exp, log

INTERVALS: Final = 4_096
#: logit of the largest uniform, 1 - 2**-53.
LOGIT_END: Final = 36.7368005696771
STEP: Final = 2.0 * LOGIT_END / INTERVALS
_DISCRETE_LIMIT: Final = 4_096

#: family -> names of its parameters, in order. ``hyperexponential`` takes p1, rate1, p2, rate2, …; ``choice`` takes
#: value1, weight1, value2, weight2, …
FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "fixed": ("value",),
    "exponential": ("mean",),
    "uniform": ("low", "high"),
    "lognormal": ("median", "sigma"),
    "gamma": ("shape", "scale"),
    "weibull": ("shape", "scale"),
    "beta": ("a", "b"),
    "hyperexponential": (),
    "poisson": ("mean",),
    "negative_binomial": ("mean", "size"),
    "choice": (),
}
DISCRETE: Final = ("poisson", "negative_binomial", "choice")


class LawError(ValueError):
    """A law whose parameters make no sense; the message names family, value and remedy."""


@dataclass(frozen=True, slots=True)
class Law:
    """A distribution: ``shift`` + a draw of ``family`` with ``parameters`` (order of :data:`FAMILIES`).

    Raises LawError for parameters outside the family's range.
    """

    family: str
    parameters: tuple[float, ...]
    shift: float = 0.0

    def __post_init__(self) -> None:
        _check(self)

    @property
    def discrete(self) -> bool:
        """Whether draws are whole numbers from a list."""
        return self.family in DISCRETE

    def quantile(self, u: Floats) -> Floats:
        """Quantiles of the uniforms ``u`` (any shape)."""
        return self.shift + standard_scale(self) * standard(self).at(u)

    def exceeding(self, u: Floats, age: Floats | float) -> Floats:
        """Quantiles of (draw - age) given that the draw exceeds ``age`` (a positive number or an array like u)."""
        scale = standard_scale(self)
        past = (np.asarray(age, dtype=np.float64) - self.shift) / scale
        return self.shift + scale * standard(self).above(u, past) - age

    def mean_and_median(self) -> tuple[float, float]:
        """Mean (by the midpoint rule on 10,000 quantiles, for display) and median."""
        grid = (np.arange(10_000) + 0.5) / 10_000
        return float(self.quantile(grid).mean()), float(self.quantile(np.array([0.5]))[0])


def _require(good: bool, law: Law, remedy: str) -> None:
    if not good:
        raise LawError(f"{law.family}{law.parameters}: {remedy}")


def _check(law: Law) -> None:
    if law.family not in FAMILIES:
        raise LawError(f"unknown law {law.family!r}; known are {', '.join(FAMILIES)}")
    p = law.parameters
    _require(all(math.isfinite(x) for x in (*p, law.shift)), law, "parameters must be finite numbers")
    wanted = FAMILIES[law.family]
    if wanted:
        _require(len(p) == len(wanted), law, f"needs {', '.join(wanted)}")
    else:
        _require(len(p) >= 2 and len(p) % 2 == 0, law, "needs pairs of numbers")
    if law.family == "uniform":
        _require(p[0] <= p[1], law, "low must not exceed high")
    elif law.family in ("exponential", "poisson"):
        _require(
            p[0] > 0 and (law.family != "poisson" or p[0] <= 500),
            law,
            "the mean must be positive (poisson: at most 500)",
        )
    elif law.family == "lognormal":
        _require(p[0] > 0 and 0 <= p[1] <= 15, law, "median must be positive and sigma in 0 … 15")
    elif law.family in ("gamma", "weibull"):
        _require(0.05 <= p[0] <= 1000 and p[1] > 0, law, "shape must be in 0.05 … 1000 and scale positive")
    elif law.family == "beta":
        _require(all(0.1 <= x <= 1000 for x in p), law, "a and b must be in 0.1 … 1000")
    elif law.family == "negative_binomial":
        _require(0 < p[0] <= 500 and p[1] > 0, law, "mean must be in 0 … 500 and size positive")
    elif law.family in ("choice", "hyperexponential"):
        weights = p[1::2] if law.family == "choice" else p[0::2]
        _require(
            min(weights) >= 0 and abs(sum(weights) - 1.0) <= 1e-9,
            law,
            "the weights must be >= 0 and sum to 1",
        )
        if law.family == "hyperexponential":
            _require(min(p[1::2]) > 0, law, "rates must be positive")


def standard_scale(law: Law) -> float:
    """What a draw of the standard law is multiplied by."""
    if law.family in ("exponential", "lognormal"):
        return law.parameters[0]
    if law.family in ("gamma", "weibull"):
        return law.parameters[1]
    return 1.0


def standard(law: Law) -> Quantile:
    """The quantile function of a law apart from its scale and shift (cached by shape)."""
    p = law.parameters
    if law.family in ("exponential",):
        return _build(law.family, ())
    if law.family in ("gamma", "weibull"):
        return _build(law.family, (p[0],))
    if law.family == "lognormal":
        return _build(law.family, (p[1],))
    return _build(law.family, p)


# -------------------------------------------------------------------------------------------- quantile functions
@dataclass(frozen=True, slots=True)
class Quantile:
    """A compiled quantile function.

    ``kind``: ``linear`` (low, span in ``numbers``), ``exponential``, ``table`` (``numbers`` of shape (4, INTERVALS):
    cubic coefficients per interval; ``nodes`` of shape (INTERVALS + 1,)), ``log_table`` (the same for the logarithm,
    where a small shape makes the quantile itself too steep) or ``discrete`` (``numbers`` = values, ``nodes`` =
    cumulative probabilities).
    """

    kind: str
    numbers: Floats
    nodes: Floats

    def at(self, u: Floats) -> Floats:
        """Quantiles of the uniforms ``u``."""
        if self.kind == "linear":
            straight: Floats = self.numbers[0] + self.numbers[1] * u
            return straight
        if self.kind == "exponential":
            return -log(1.0 - u)
        if self.kind == "discrete":
            result: Floats = self.numbers[np.searchsorted(self.nodes, u, side="right")]
            return result
        return self._interpolate(log(u) - log(1.0 - u))

    def _interpolate(self, logit: Floats) -> Floats:
        position = (logit + LOGIT_END) / STEP
        interval = np.clip(np.floor(position), 0, INTERVALS - 1).astype(np.intp)
        s = position - interval
        c0, c1, c2, c3 = (self.numbers[i].take(interval) for i in range(4))
        result: Floats = ((c3 * s + c2) * s + c1) * s + c0
        return exp(result) if self.kind == "log_table" else result

    def above(self, u: Floats, past: Floats) -> Floats:
        """Quantiles of the law given that it exceeds ``past``; ``past`` itself where nothing lies beyond it."""
        past = np.broadcast_to(past, np.shape(u)).astype(np.float64)
        if self.kind == "exponential":
            return np.maximum(past, 0.0) + self.at(u)
        if self.kind == "linear":
            low = np.maximum(past, self.numbers[0])
            high = self.numbers[0] + self.numbers[1]
            between: Floats = np.maximum(low + (high - low) * u, past)
            return between
        if self.kind == "discrete":
            raise LawError("a discrete law has no age: use a continuous one for a delay that is running already")
        with np.errstate(divide="ignore"):
            logit = self._logit(log(np.maximum(past, 0.0)) if self.kind == "log_table" else past)
        below, beyond = 1.0 / (1.0 + exp(-logit)), 1.0 / (1.0 + exp(logit))
        return np.maximum(self._interpolate(log(below + beyond * u) - log(beyond * (1.0 - u))), past)

    def _logit(self, x: Floats) -> Floats:
        """Inverse of the table by bisection of one interval, in plain arithmetic."""
        interval = np.clip(np.searchsorted(self.nodes, x, side="right") - 1, 0, INTERVALS - 1)
        c0, c1, c2, c3 = (self.numbers[i].take(interval) for i in range(4))
        low, high = np.zeros_like(x), np.ones_like(x)
        for _ in range(53):
            middle = 0.5 * (low + high)
            over = ((c3 * middle + c2) * middle + c1) * middle + c0 > x
            low, high = np.where(over, low, middle), np.where(over, middle, high)
        result: Floats = (interval + low) * STEP - LOGIT_END
        return result


@lru_cache(maxsize=256)
def _build(family: str, shape: tuple[float, ...]) -> Quantile:
    nothing = np.zeros(0)
    if family == "fixed":
        return Quantile("linear", np.array([shape[0], 0.0]), nothing)
    if family == "uniform":
        return Quantile("linear", np.array([shape[0], shape[1] - shape[0]]), nothing)
    if family == "exponential":
        return Quantile("exponential", nothing, nothing)
    if family in DISCRETE:
        values, cumulative = _discrete(family, shape)
        return Quantile("discrete", values, cumulative)
    logit: Floats = np.arange(INTERVALS + 1, dtype=np.float64) * STEP - LOGIT_END
    with np.errstate(all="ignore"):
        x, slope = (
            _CONTINUOUS[family](logit, *shape) if family != "hyperexponential" else _hyperexponential(logit, shape)
        )
    if _steep(family, shape):
        return _hermite("log_table", log(x), slope / x)
    return _hermite("table", x, slope)


def _steep(family: str, shape: tuple[float, ...]) -> bool:
    """Whether the quantile grows too fast per interval for a relative error of 1e-8 (h^4 / 384 shape^4)."""
    return shape[0] > 2.0 if family == "lognormal" else family != "hyperexponential" and min(shape) < 0.45


def _hermite(kind: str, x: Floats, slope: Floats) -> Quantile:
    """Cubic through node values ``x`` with ``slope`` = dx/dlogit."""
    if not (np.isfinite(x).all() and np.isfinite(slope).all() and (np.diff(x) >= 0).all()):
        raise LawError("the quantile function leaves the range of numbers: choose a less extreme shape")
    left, right, rise = slope[:-1] * STEP, slope[1:] * STEP, np.diff(x)
    coefficients = np.stack([x[:-1], left, 3.0 * rise - 2.0 * left - right, left + right - 2.0 * rise])
    return Quantile(kind, coefficients, x)


def _discrete(family: str, shape: tuple[float, ...]) -> tuple[Floats, Floats]:
    if family == "choice":
        values = np.array(shape[0::2])
        weights = list(shape[1::2])
    elif family == "poisson":
        weights, k = [arithmetic.exp_scalar(-shape[0])], 0
        while k < _DISCRETE_LIMIT and not (k > shape[0] and weights[-1] < 1e-18):
            weights.append(weights[-1] * shape[0] / (k + 1))
            k += 1
        values = np.arange(len(weights), dtype=np.float64)
    else:
        mean, size = shape
        weights, k = [arithmetic.exp_scalar(-size * arithmetic.log_scalar(1.0 + mean / size))], 0
        ratio = mean / (size + mean)
        while k < _DISCRETE_LIMIT and not (k > mean and weights[-1] < 1e-18):
            weights.append(weights[-1] * (k + size) / (k + 1) * ratio)
            k += 1
        values = np.arange(len(weights), dtype=np.float64)
    cumulative, total = [], 0.0
    for weight in weights[:-1]:
        total += weight
        cumulative.append(total)
    return values, np.array(cumulative)


# ------------------------------------------------------------------------- quantiles and slopes at logit nodes
def _halves(logit: Floats) -> tuple[Floats, Floats]:
    """u and 1 - u of a logit, each accurate in its own tail."""
    return 1.0 / (1.0 + exp(-logit)), 1.0 / (1.0 + exp(logit))


def _weibull(logit: Floats, shape: float) -> tuple[Floats, Floats]:
    u, _ = _halves(logit)
    # -log(1 - u) = log(1 + e^logit), by Kahan's log1p in the lower tail and reflected in the upper.
    y = exp(-np.abs(logit))
    rounded = 1.0 + y
    log1p = np.where(rounded == 1.0, y, log(rounded) * y / np.where(rounded == 1.0, 1.0, rounded - 1.0))
    hazard = np.where(logit > 0, logit + log1p, log1p)
    x = exp(log(hazard) / shape)
    return x, x / hazard * u / shape


_NORMAL: Final = (
    (
        (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
         4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
        (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
         2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
    ),
    (
        (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
         1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
        (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
         1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
    ),
    (
        (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
         2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
        (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
         7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
    ),
)  # fmt: skip


def _ratio(pair: tuple[tuple[float, ...], tuple[float, ...]], r: Floats) -> Floats:
    top, bottom = np.zeros_like(r), np.zeros_like(r)
    for a, b in zip(reversed(pair[0]), reversed(pair[1]), strict=True):
        top, bottom = top * r + a, bottom * r + b
    return top / bottom


def normal_quantile(logit: Floats) -> Floats:
    """Standard normal quantile at logits, to 1e-15 (Wichura, algorithm AS 241, Applied Statistics 37, 1988)."""
    u, v = _halves(logit)
    q = np.where(logit < 0, u - 0.5, 0.5 - v)
    centre = q * _ratio(_NORMAL[0], 0.180625 - q * q)
    r = np.sqrt(-log(np.minimum(u, v)))
    tail = np.where(r <= 5.0, _ratio(_NORMAL[1], r - 1.6), _ratio(_NORMAL[2], r - 5.0))
    return np.where(np.abs(q) <= 0.425, centre, np.where(logit < 0, -tail, tail))


def _lognormal(logit: Floats, sigma: float) -> tuple[Floats, Floats]:
    u, v = _halves(logit)
    q = normal_quantile(logit)
    x = exp(sigma * q)
    density = exp(-0.5 * q * q) * 0.3989422804014327
    return x, sigma * x * u * v / density


Curve = Callable[[Floats], tuple[Floats, Floats]]


def _solve(logit: Floats, curve: Curve, low: float, high: float) -> Floats:
    """y with ``curve(y)[0] = logit`` for an increasing curve that also gives its slope.

    Bisection and Newton steps on every 16th node, then two Newton steps everywhere: the iterations are counted,
    not tested for convergence, so that every processor does the same ones.
    """
    coarse = logit[::16]
    bottom, top = np.full(coarse.size, low), np.full(coarse.size, high)
    for _ in range(12):
        middle = 0.5 * (bottom + top)
        over = curve(middle)[0] > coarse
        bottom, top = np.where(over, bottom, middle), np.where(over, middle, top)
    y = 0.5 * (bottom + top)
    for _ in range(5):
        value, slope = curve(y)
        y = y - (value - coarse) / slope
    slope = 16.0 * STEP / curve(y)[1]
    s = np.arange(16) / 16.0
    rise = np.diff(y)[:, None]
    left, right = slope[:-1, None], slope[1:, None]
    fine = (((left + right - 2.0 * rise) * s + (3.0 * rise - 2.0 * left - right)) * s + left) * s + y[:-1, None]
    y = np.append(fine.ravel(), y[-1])
    for _ in range(2):
        value, slope = curve(y)
        y = y - (value - logit) / slope
    solved: Floats = y
    return solved


def log_gamma(x: float) -> float:
    """log Γ(x) for x > 0 by Stirling's series after a shift, to 1e-14."""
    shift = 1.0
    while x < 15.0:
        shift *= x
        x += 1.0
    z = 1.0 / (x * x)
    series = (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z * (1 / 1188 - z * 691 / 360360))))) / x
    return (x - 0.5) * arithmetic.log_scalar(x) - x + 0.9189385332046727 + series - arithmetic.log_scalar(shift)


def _gamma(logit: Floats, shape: float) -> tuple[Floats, Floats]:
    front = log_gamma(shape)
    # Both expansions need more terms the sharper the law; the number depends on the shape alone.
    terms = 60 + math.ceil(9.0 * math.sqrt(shape))

    def curve(y: Floats) -> tuple[Floats, Floats]:
        x = exp(y)
        density = exp(shape * y - x - front)  # x f(x)
        small = x < shape + 1.0
        xs = np.where(small, x, 0.5)
        term = np.full_like(x, 1.0 / shape)
        series = term.copy()
        for n in range(1, terms):
            term = term * xs / (shape + n)
            series = series + term
        # Lentz's continued fraction for the upper part (Abramowitz & Stegun 6.5.31).
        xl = np.where(small, shape + 2.0, x)
        b = xl + 1.0 - shape
        c = np.full_like(x, 1e300)
        d = 1.0 / b
        fraction = d.copy()
        for n in range(1, terms):
            a = -n * (n - shape)
            b = b + 2.0
            d = 1.0 / (a * d + b)
            c = b + a / c
            fraction = fraction * (d * c)
        lower = np.where(small, density * series, 1.0 - density * fraction)
        upper = np.where(small, 1.0 - density * series, density * fraction)
        return log(lower) - log(upper), density / (lower * upper)

    top = arithmetic.log_scalar(shape + 60.0 + 12.0 * math.sqrt(shape))
    y = _solve(logit, curve, -(LOGIT_END + 10.0) / shape - 5.0, top)
    return exp(y), exp(y) / curve(y)[1]


def _beta(logit: Floats, a: float, b: float) -> tuple[Floats, Floats]:
    front = log_gamma(a + b) - log_gamma(a) - log_gamma(b)
    terms = 16 + math.ceil(5.0 * math.sqrt(max(a, b)))

    def fraction(x: Floats, p: float, q: float) -> Floats:
        # Continued fraction of the incomplete beta function (Abramowitz & Stegun 26.5.8), modified Lentz.
        c = np.ones_like(x)
        d = 1.0 / (1.0 - (p + q) * x / (p + 1.0))
        h = d.copy()
        for m in range(1, terms):
            even = m * (q - m) * x / ((p - 1.0 + 2 * m) * (p + 2 * m))
            d = 1.0 / (1.0 + even * d)
            c = 1.0 + even / c
            h = h * (d * c)
            odd = -(p + m) * (p + q + m) * x / ((p + 2 * m) * (p + 1.0 + 2 * m))
            d = 1.0 / (1.0 + odd * d)
            c = 1.0 + odd / c
            h = h * (d * c)
        return h

    def curve(y: Floats) -> tuple[Floats, Floats]:
        x, rest = _halves(y)
        density = exp(front + a * log(x) + b * log(rest))  # x (1 - x) f(x)
        left = x < (a + 1.0) / (a + b + 2.0)
        low = density * fraction(np.where(left, x, 0.0), a, b) / a
        high = density * fraction(np.where(left, 0.0, rest), b, a) / b
        lower, upper = np.where(left, low, 1.0 - high), np.where(left, 1.0 - low, high)
        return log(lower) - log(upper), density / (lower * upper)

    # In the far tails the curve is a·y or b·y plus a constant, which bounds the search.
    y = _solve(logit, curve, -(LOGIT_END + 12.0) / a - 8.0, (LOGIT_END + 12.0) / b + 8.0)
    x, rest = _halves(y)
    return x, x * rest / curve(y)[1]


def _hyperexponential(logit: Floats, pairs: tuple[float, ...]) -> tuple[Floats, Floats]:
    weights, rates = pairs[0::2], pairs[1::2]

    def curve(y: Floats) -> tuple[Floats, Floats]:
        x = exp(y)
        lower, upper, density = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
        for weight, rate in zip(weights, rates, strict=True):
            e = exp(-rate * x)
            # 1 - e^-v without cancellation (Kahan): (1 - e) v / -log e
            v = rate * x
            small = np.where(
                e == 1.0,
                v,
                (1.0 - e) * v / np.where((e == 1.0) | (e == 0.0), 1.0, -log(np.where(e > 0.0, e, 1.0))),
            )
            lower = lower + weight * np.where(e > 0.5, small, 1.0 - e)
            upper = upper + weight * e
            density = density + weight * v * e
        return log(lower) - log(upper), density / (lower * upper)

    bottom, top = (
        -LOGIT_END - arithmetic.log_scalar(max(rates)) - 5.0,
        arithmetic.log_scalar((LOGIT_END + 30.0) / min(rates)),
    )
    y = _solve(logit, curve, bottom, top)
    return exp(y), exp(y) / curve(y)[1]


_CONTINUOUS: Final[dict[str, Callable[..., tuple[Floats, Floats]]]] = {
    "weibull": _weibull,
    "lognormal": _lognormal,
    "gamma": _gamma,
    "beta": _beta,
}


def digest_of(law: Law) -> bytes:
    """Bytes that identify the compiled quantile function, for a model's digest."""
    compiled = standard(law)
    head = f"{law.family}|{law.parameters}|{law.shift}|{compiled.kind}".encode()
    return head + compiled.numbers.tobytes() + compiled.nodes.tobytes()


def support_of(law: Law) -> tuple[float, float]:
    """Smallest and largest value a draw can take (the largest is inf for an open law)."""
    u = np.array([2.0**-53, 1.0 - 2.0**-53])
    low, high = law.quantile(u)
    if law.family in ("fixed", "uniform", "beta", "choice"):
        return float(min(low, high)), float(max(low, high))
    return float(law.shift), math.inf
