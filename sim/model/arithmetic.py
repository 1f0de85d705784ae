"""Logarithm, exponential and power from IEEE basic operations only, for arrays and for numbers with equal bits.

The logarithm of a C library, of NumPy and of SciPy differ in the last place from processor to processor (vector
units, fused multiply-add). No history may depend on that, so everything a history depends on is computed here
from ``+ - * /``, ``sqrt``, ``floor``, ``frexp`` and ``ldexp``, which IEEE 754 fixes to the last bit. Each
function exists once for NumPy arrays and once for Python floats, in the same order of operations; the tests
compare them bit for bit. The form for floats is also what the compiled engine compiles: it keeps to what means the
same there (no whole number beyond 64 bits).

Method and constants: argument reduction and minimax polynomials of Sun's fdlibm (``e_log.c``, ``e_exp.c``);
error under one unit in the last place.
"""

from __future__ import annotations

import math
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Real = TypeVar("Real", float, Floats)

LN2_HIGH: Final = 6.93147180369123816490e-01
LN2_LOW: Final = 1.90821492927058770002e-10
INVERSE_LN2: Final = 1.44269504088896338700
SQRT_HALF: Final = 0.70710678118654752440
LOG_POLYNOMIAL: Final = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
EXP_POLYNOMIAL: Final = (
    1.66666666666666019037e-01,
    -2.77777777770155933842e-03,
    6.61375632143793436117e-05,
    -1.65339022054652515390e-06,
    4.13813679705723846039e-08,
)
EXP_OVERFLOW: Final = 709.782712893384
EXP_UNDERFLOW: Final = -745.133219101941
#: An exponent that is a whole number up to this size is a product, hence exact where the result is.
WHOLE_POWER: Final = 64


def log_of(mantissa: Real, k: Real) -> Real:
    """Natural logarithm of ``mantissa`` x 2**k for numbers or arrays, the mantissa within sqrt(1/2) … sqrt(2)."""
    l1, l2, l3, l4, l5, l6, l7 = LOG_POLYNOMIAL
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    r = z * (l1 + w * (l3 + w * (l5 + w * l7))) + w * (l2 + w * (l4 + w * l6))
    half = 0.5 * f * f
    return k * LN2_HIGH - ((half - (s * (half + r) + k * LN2_LOW)) - f)


def log(x: Floats) -> Floats:
    """Natural logarithm of an array of any shape; log(0) = -inf, log(negative) = nan."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < SQRT_HALF
    mantissa = np.where(small, mantissa + mantissa, mantissa)
    result = log_of(mantissa, (exponent - small).astype(np.float64))
    regular = (x > 0.0) & (x < np.inf)
    if not regular.all():
        result = np.where(regular, result, np.where(x == 0.0, -np.inf, np.where(x == np.inf, np.inf, np.nan)))
    return result


def log_scalar(x: float) -> float:
    """Natural logarithm of one number: the bits of :func:`log`."""
    if not 0.0 < x < math.inf:
        return -math.inf if x == 0.0 else (math.inf if x == math.inf else math.nan)
    mantissa, exponent = math.frexp(x)
    if mantissa < SQRT_HALF:
        return log_of(mantissa + mantissa, float(exponent - 1))
    return log_of(mantissa, float(exponent))


def exp(x: Floats) -> Floats:
    """Exponential of an array of any shape; overflow gives inf, underflow 0."""
    p1, p2, p3, p4, p5 = EXP_POLYNOMIAL
    inside = (x <= EXP_OVERFLOW) & (x >= EXP_UNDERFLOW)
    y = np.where(inside, x, 0.0)
    k = np.floor(y * INVERSE_LN2 + 0.5)
    high = y - k * LN2_HIGH
    low = k * LN2_LOW
    r = high - low
    t = r * r
    c = r - t * (p1 + t * (p2 + t * (p3 + t * (p4 + t * p5))))
    value = 1.0 - ((low - (r * c) / (2.0 - c)) - high)
    result: Floats = np.ldexp(value, k.astype(np.int32))
    if not inside.all():
        result = np.where(inside, result, np.where(x > 0.0, np.inf, np.where(x < 0.0, 0.0, np.nan)))
    return result


def exp_scalar(x: float) -> float:
    """Exponential of one number: the bits of :func:`exp`."""
    if not EXP_UNDERFLOW <= x <= EXP_OVERFLOW:
        return math.inf if x > 0.0 else (0.0 if x < 0.0 else math.nan)
    p1, p2, p3, p4, p5 = EXP_POLYNOMIAL
    k = math.floor(x * INVERSE_LN2 + 0.5)
    high = x - k * LN2_HIGH
    low = k * LN2_LOW
    r = high - low
    t = r * r
    c = r - t * (p1 + t * (p2 + t * (p3 + t * (p4 + t * p5))))
    return math.ldexp(1.0 - ((low - (r * c) / (2.0 - c)) - high), k)


def power(x: Floats, y: Floats) -> Floats:
    """``x**y``: a product for whole exponents up to 64, else ``exp(y log x)``; nan for a root of a negative."""
    x, y = np.broadcast_arrays(x, y)
    whole = (np.floor(y) == y) & (np.abs(y) <= WHOLE_POWER)
    count = np.where(whole, np.abs(y), 0.0).astype(np.int64)
    product, square = np.ones_like(x), x
    for bit in range(int(count.max(initial=0)).bit_length()):
        product = np.where((count >> bit) & 1, product * square, product)
        square = square * square
    product = np.where(y < 0.0, 1.0 / product, product)
    if whole.all():
        return product
    size = exp(y * log(np.abs(x)))
    odd = (np.floor(y) == y) & (np.floor(y * 0.5) * 2.0 != y)
    negative = np.where(np.floor(y) == y, np.where(odd, -size, size), np.nan)
    general = np.where(x < 0.0, negative, size)
    general = np.where(x == 0.0, np.where(y > 0.0, 0.0, np.inf), general)
    return np.where(whole, product, general)


def power_scalar(x: float, y: float) -> float:
    """``x**y`` of two numbers: the bits of :func:`power`."""
    whole = math.isfinite(y) and y % 1.0 == 0.0
    if whole:
        count = abs(y)
        if count <= WHOLE_POWER:
            product, square, n = 1.0, x, int(count)
            while n:
                if n & 1:
                    product = product * square
                square = square * square
                n >>= 1
            return divide_scalar(1.0, product) if y < 0.0 else product
    if x == 0.0:
        return 0.0 if y > 0.0 else math.inf
    size = exp_scalar(y * log_scalar(abs(x)))
    if x >= 0.0 or math.isnan(x):
        return size
    if not whole:
        return math.nan
    return -size if y % 2.0 != 0.0 else size


def divide_scalar(a: float, b: float) -> float:
    """``a / b`` with IEEE results for a zero divisor, as NumPy gives them."""
    if b != 0.0:
        return a / b
    if a == 0.0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)
