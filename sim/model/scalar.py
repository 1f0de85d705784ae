"""Draws, quantiles and programs for one number at a time, over plain arrays: what the compiled engine compiles.

Everything here is also ordinary Python, gives the bits of its counterpart for arrays (:mod:`sim.model.draws`,
:mod:`sim.model.laws`, :mod:`sim.model.expressions`), and is tested against it without a compiler. Numbers of 64 bits
without sign stay such: their constants are NumPy scalars.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.model import arithmetic, draws
from sim.model.arithmetic import Floats
from sim.model.expressions import OPERATIONS, Program
from sim.model.laws import INTERVALS, LOGIT_END, STEP, Law, Quantile, standard, standard_scale

Integers = NDArray[np.int64]

# ---------------------------------------------------------------------------------------------------------- draws
_LOW: Final = np.uint64(0xFFFFFFFF)
_32: Final = np.uint64(32)
_12: Final = np.uint64(12)
_ONE: Final = np.uint64(0x3FF0000000000000)
_M0, _M1 = draws.MULTIPLIERS[:, 0]
_W: Final = tuple(np.uint64(turn) * draws.WEYL[:, 0] & _LOW for turn in range(10))
(_A1, _B1), (_A2, _B2), (_A3, _B3), (_A4, _B4), (_A5, _B5), (_A6, _B6), (_A7, _B7), (_A8, _B8), (_A9, _B9) = _W[1:]
_FRACTION: Final = np.int64(0x000FFFFFFFFFFFFF)
_HALF: Final = np.int64(0x3FE0000000000000)
_52: Final = np.int64(52)
_1022: Final = np.int32(1022)
Word = Any  # np.uint64, which mypy takes for a float-like when mixed


def _round(c0: Word, c1: Word, c2: Word, c3: Word, k0: Word, k1: Word) -> tuple[Word, Word, Word, Word]:  # noqa: PLR0917 - a round takes six words
    p0, p1 = c0 * _M0, c2 * _M1
    return (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW


def pattern(k0: Word, k1: Word, unit: Word, k: Word, purpose: Word) -> Word:
    """Bit pattern of 1 + (the first 52 of 64 random bits) / 2**52, for words of 64 bits; see draws.uniform.

    The rounds are written out so that a loop over draws is compiled to vector instructions.
    """
    k0, k1 = k0 & _LOW, k1 & _LOW
    c0, c1, c2, c3 = _round(unit & _LOW, unit >> _32, k & _LOW, purpose & _LOW, k0, k1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, (k0 + _A1) & _LOW, (k1 + _B1) & _LOW)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, (k0 + _A2) & _LOW, (k1 + _B2) & _LOW)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, (k0 + _A3) & _LOW, (k1 + _B3) & _LOW)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, (k0 + _A4) & _LOW, (k1 + _B4) & _LOW)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, (k0 + _A5) & _LOW, (k1 + _B5) & _LOW)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, (k0 + _A6) & _LOW, (k1 + _B6) & _LOW)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, (k0 + _A7) & _LOW, (k1 + _B7) & _LOW)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, (k0 + _A8) & _LOW, (k1 + _B8) & _LOW)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, (k0 + _A9) & _LOW, (k1 + _B9) & _LOW)
    return ((c0 | (c1 << _32)) >> _12) | _ONE


def uniform_of(pattern: float) -> float:
    """The uniform of a pattern read as a number in 1 … 2; every step is exact."""
    return (pattern - 1.0) + 2.0**-53


def uniform(k0: Word, k1: Word, unit: Word, k: Word, purpose: Word) -> float:
    """One uniform: the bits of draws.uniform for key words, unit, k and purpose of 64 bits without sign."""
    return uniform_of(np.uint64(pattern(k0, k1, unit, k, purpose)).view(np.float64))


def mantissa_bits(bits: Any) -> Any:
    """Bit pattern of the mantissa, in 1/2 … 1, of a positive normal number given by its own."""
    return (bits & _FRACTION) | _HALF


def exponent_of(bits: Any) -> float:
    """Power of two that belongs to :func:`mantissa_bits`."""
    return float(np.int32(bits >> _52) - _1022)


def log_of_half(mantissa: float, k: float) -> float:
    """Logarithm of ``mantissa`` x 2**k, the mantissa in 1/2 … 1: the bits of arithmetic.log."""
    small = mantissa < arithmetic.SQRT_HALF
    return arithmetic.log_of(mantissa + mantissa if small else mantissa, k - 1.0 if small else k)


def log_normal(x: float) -> float:
    """Natural logarithm of a positive normal number: the bits of arithmetic.log, without calling a C library."""
    bits = np.float64(x).view(np.int64)
    return log_of_half(np.int64(mantissa_bits(bits)).view(np.float64), exponent_of(bits))


# ----------------------------------------------------------------------------------------------------------- laws
LINEAR: Final = 0
EXPONENTIAL: Final = 1
TABLE: Final = 2
LOG_TABLE: Final = 3
STEPS: Final = 4
_KINDS: Final = {
    "linear": LINEAR,
    "exponential": EXPONENTIAL,
    "table": TABLE,
    "log_table": LOG_TABLE,
    "discrete": STEPS,
}


class Laws(NamedTuple):
    """Laws as arrays: kind, shift and scale of each, and where its ``numbers`` and ``nodes`` begin (``size`` nodes).

    The four coefficients of an interval of a table stand side by side.
    """

    kind: Integers
    shift: Floats
    scale: Floats
    first: Integers
    node: Integers
    size: Integers
    numbers: Floats
    nodes: Floats


def pack(laws: Sequence[Law]) -> Laws:
    """Arrays of some laws; laws of one shape share their table."""
    places: dict[int, tuple[int, int]] = {}
    numbers: list[Floats] = [np.zeros(1)]
    nodes: list[Floats] = [np.zeros(1)]
    made: list[Quantile] = [standard(law) for law in laws]
    for quantile in made:
        if id(quantile) not in places:
            places[id(quantile)] = (sum(a.size for a in numbers), sum(a.size for a in nodes))
            numbers.append(np.ascontiguousarray(quantile.numbers.T).ravel())
            nodes.append(quantile.nodes)
    return Laws(
        kind=np.array([_KINDS[q.kind] for q in made], dtype=np.int64),
        shift=np.array([law.shift for law in laws], dtype=np.float64),
        scale=np.array([standard_scale(law) for law in laws], dtype=np.float64),
        first=np.array([places[id(q)][0] for q in made], dtype=np.int64),
        node=np.array([places[id(q)][1] for q in made], dtype=np.int64),
        size=np.array([q.nodes.size for q in made], dtype=np.int64),
        numbers=np.concatenate(numbers),
        nodes=np.concatenate(nodes),
    )


def quantile(laws: Laws, law: int, u: float) -> float:
    """Quantile of a uniform: the bits of Law.quantile."""
    kind, first = laws.kind[law], laws.first[law]
    if kind == LINEAR:
        x = laws.numbers[first] + laws.numbers[first + 1] * u
    elif kind == EXPONENTIAL:
        x = -log_normal(1.0 - u)
    elif kind == STEPS:
        x = laws.numbers[first + _below(laws, law, u)]
    else:
        x = _interpolate(laws, law, log_normal(u) - log_normal(1.0 - u))
    result: float = laws.shift[law] + laws.scale[law] * x
    return result


def exceeding(laws: Laws, law: int, u: float, age: float) -> float:
    """Quantile of (draw - age) given that the draw exceeds ``age``: the bits of Law.exceeding."""
    kind, first = laws.kind[law], laws.first[law]
    past = (age - laws.shift[law]) / laws.scale[law]
    if kind == EXPONENTIAL:
        x = max(past, 0.0) + -log_normal(1.0 - u)
    elif kind == LINEAR:
        low = max(past, laws.numbers[first])
        high = laws.numbers[first] + laws.numbers[first + 1]
        x = max(low + (high - low) * u, past)
    else:
        logit = _logit(laws, law, arithmetic.log_scalar(max(past, 0.0)) if kind == LOG_TABLE else past)
        below = 1.0 / (1.0 + arithmetic.exp_scalar(-logit))
        beyond = 1.0 / (1.0 + arithmetic.exp_scalar(logit))
        at = arithmetic.log_scalar(below + beyond * u) - arithmetic.log_scalar(beyond * (1.0 - u))
        x = max(_interpolate(laws, law, at), past)
    result: float = laws.shift[law] + laws.scale[law] * x - age
    return result


def _below(laws: Laws, law: int, x: float) -> int:
    """Number of nodes of a law up to and including ``x``."""
    low, high = 0, laws.size[law]
    while low < high:
        middle = (low + high) // 2
        if laws.nodes[laws.node[law] + middle] <= x:
            low = middle + 1
        else:
            high = middle
    return low


def _cubic(laws: Laws, law: int, interval: int, s: float) -> float:
    i = laws.first[law] + 4 * interval
    x: float = ((laws.numbers[i + 3] * s + laws.numbers[i + 2]) * s + laws.numbers[i + 1]) * s + laws.numbers[i]
    return x


def _interpolate(laws: Laws, law: int, logit: float) -> float:
    position = (logit + LOGIT_END) / STEP
    interval = int(min(max(math.floor(position), 0), INTERVALS - 1))
    x = _cubic(laws, law, interval, position - interval)
    return arithmetic.exp_scalar(x) if laws.kind[law] == LOG_TABLE else x


def _logit(laws: Laws, law: int, x: float) -> float:
    interval = min(max(_below(laws, law, x) - 1, 0), INTERVALS - 1)
    low, high = 0.0, 1.0
    for _ in range(53):
        middle = 0.5 * (low + high)
        if _cubic(laws, law, interval, middle) > x:
            high = middle
        else:
            low = middle
    return (interval + low) * STEP - LOGIT_END


# ------------------------------------------------------------------------------------------------------- programs
(NUMBER, COLUMN, ADD, SUB, MUL, DIV, FLOORDIV, MOD, POW, NEG, LT, LE, GT, GE, EQ, NE, AND, OR, NOT, EXP, LOG, SQRT, ABS,
 FLOOR, CEIL, MIN, MAX, WHERE) = range(28)  # fmt: skip
_CODES: Final = {"number": NUMBER, "column": COLUMN} | {name: ADD + i for i, name in enumerate(OPERATIONS)}
_minimum = OPERATIONS["min"][2]
_maximum = OPERATIONS["max"][2]


_STEP: Final = np.uint64(1)


class Code(NamedTuple):
    """Programs as arrays: operation, column and number of each step."""

    operation: Integers
    column: draws.Words
    number: Floats


def encode(programs: Sequence[Program]) -> tuple[Code, Integers]:
    """Arrays of some programs, one after another, and where each begins (one entry more than programs)."""
    steps = [step for program in programs for step in program.code]
    ends = np.cumsum([0, *(len(program.code) for program in programs)]).astype(np.int64)
    operation = np.array([_CODES[name] for name, _ in steps], dtype=np.int64)
    column = np.array([int(x) if name == "column" else 0 for name, x in steps], dtype=np.uint64)
    number = np.array([x if name == "number" else 0.0 for name, x in steps], dtype=np.float64)
    return Code(operation, column, number), ends


def depth(program: Program) -> int:
    """Largest number of values on the stack of a program."""
    now = most = 0
    for name, _ in program.code:
        now += 1 if name in ("number", "column") else 1 - OPERATIONS[name][0]
        most = max(most, now)
    return most


def evaluate(code: Code, start: int, end: int, values: Floats, stack: Floats) -> float:  # noqa: PLR0915 - a switch
    """Value of the program in steps ``start`` … ``end`` - 1: the bits of expressions.evaluate_scalar.

    The last value is kept apart from the ``stack`` of those below it.
    """
    top, a = np.uint64(0), 0.0  # without sign: see compiled_layout
    for step in range(start, end):
        operation = code.operation[step]
        if operation <= COLUMN:
            stack[top] = a
            top += _STEP
            a = values[code.column[step]] if operation == COLUMN else code.number[step]
        elif operation == MUL:
            a = stack[top - _STEP] * a
            top -= _STEP
        elif operation == EQ:
            a = 1.0 if stack[top - _STEP] == a else 0.0
            top -= _STEP
        elif operation == WHERE:
            a = stack[top - _STEP] if stack[top - _STEP - _STEP] != 0 else a
            top -= _STEP + _STEP
        elif operation == ADD:
            a = stack[top - _STEP] + a
            top -= _STEP
        elif operation == SUB:
            a = stack[top - _STEP] - a
            top -= _STEP
        elif operation == DIV:
            a = arithmetic.divide_scalar(stack[top - _STEP], a)
            top -= _STEP
        elif operation == LT:
            a = 1.0 if stack[top - _STEP] < a else 0.0
            top -= _STEP
        elif operation == LE:
            a = 1.0 if stack[top - _STEP] <= a else 0.0
            top -= _STEP
        elif operation == GT:
            a = 1.0 if stack[top - _STEP] > a else 0.0
            top -= _STEP
        elif operation == GE:
            a = 1.0 if stack[top - _STEP] >= a else 0.0
            top -= _STEP
        elif operation == NE:
            a = 1.0 if stack[top - _STEP] != a else 0.0
            top -= _STEP
        elif operation == AND:
            a = 1.0 if stack[top - _STEP] != 0 and a != 0 else 0.0
            top -= _STEP
        elif operation == OR:
            a = 1.0 if stack[top - _STEP] != 0 or a != 0 else 0.0
            top -= _STEP
        elif operation == MIN:
            a = _minimum(stack[top - _STEP], a)
            top -= _STEP
        elif operation == MAX:
            a = _maximum(stack[top - _STEP], a)
            top -= _STEP
        elif operation == POW:
            a = arithmetic.power_scalar(stack[top - _STEP], a)
            top -= _STEP
        elif operation == MOD:
            a = stack[top - _STEP] - a * np.floor(arithmetic.divide_scalar(stack[top - _STEP], a))
            top -= _STEP
        elif operation == FLOORDIV:
            a = np.floor(arithmetic.divide_scalar(stack[top - _STEP], a))
            top -= _STEP
        elif operation == NEG:
            a = -a
        elif operation == NOT:
            a = 1.0 if a == 0 else 0.0
        elif operation == EXP:
            a = arithmetic.exp_scalar(a)
        elif operation == LOG:
            a = arithmetic.log_scalar(a)
        elif operation == SQRT:
            a = math.sqrt(a) if a >= 0 else math.nan
        elif operation == ABS:
            a = abs(a)
        elif operation == FLOOR:
            a = np.floor(a)
        elif operation == CEIL:
            a = np.ceil(a)
    return a
