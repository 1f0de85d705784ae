"""Values of functions and draws, one at a time, as the compiled engine's kernel asks for them."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.engines import compiled_arrays as at
from sim.engines.compiled_arrays import CONSTANT, EXPONENTIAL, LANES, MEMO, STATE, TABLE, Functions, Layout
from sim.engines.compiled_memory import Scratch
from sim.engines.interface import Floats, Integers
from sim.model import arithmetic, draws, scalar
from sim.model.compiled import LEAST_WORK

_REQUIREMENT: Final = np.uint64(draws.REQUIREMENT)
_ONE: Final[Any] = np.uint64(1)
_LANES: Final[Any] = np.uint64(LANES)


def span(spans: Any, owner: Any, which: Any) -> range:
    """Entries of a list of an actor or a branch."""
    entry = owner * at.SPANS + which
    return range(spans[entry], spans[entry + _ONE])


def value_of(f: Functions, function: Any, w: Scratch) -> float:
    """Value of a function in the present state."""
    which = np.uint64(function)
    kind = f.kind[which]
    if kind == CONSTANT:
        return f.value[which]  # type: ignore[no-any-return]
    if kind == STATE:
        value: float = w.values[f.column[which]]
    elif kind == TABLE:
        entry = f.offset[which]
        for i in range(f.first[which], f.last[which]):
            entry += f.stride[i] * min(max(w.state[f.read[i]], f.low[i]), f.high[i])
        return f.tables[np.uint64(entry)]  # type: ignore[no-any-return]
    else:
        entry = -1
        if kind == MEMO:
            entry = f.offset[which]
            for i in range(f.first[which], f.last[which]):
                entry += f.stride[i] * min(max(w.state[f.read[i]], f.low[i]), f.high[i])
            if w.stamp[entry] == w.epoch[0]:
                return w.memo[entry]  # type: ignore[no-any-return]
        value = scalar.evaluate(f.code, f.start[which], f.end[which], w.values, w.stack)
        if f.speed[which]:
            value = value + 0.0 if value >= 0 else math.nan
        if entry >= 0:
            w.memo[entry] = value
            w.stamp[entry] = w.epoch[0]
        return value
    if f.speed[which]:
        value = value + 0.0 if value >= 0 else math.nan
    return value


def program_of(f: Functions, which: Any, w: Scratch) -> float:
    """Value of a function that is in no table."""
    if f.kind[which] == CONSTANT:
        return f.value[which]  # type: ignore[no-any-return]
    if f.kind[which] == EXPONENTIAL:
        return arithmetic.exp_scalar(f.value[which] * w.values[f.column[which]])
    return scalar.evaluate(f.code, f.start[which], f.end[which], w.values, w.stack)


def finish_draws(  # noqa: PLR0917 - the kernel passes arrays, not what holds them
    count: Any,
    pattern: NDArray[np.uint64],
    x: Floats,
    bits: Integers,
    half: Floats,
    power: Floats,
) -> None:
    """Turn patterns of random bits into the requirements of rates: -log(1 - u) into ``power``, u into ``half``."""
    for j in range(count):
        x[j] = 1.0 - scalar.uniform_of(x[j])
    for j in range(count):
        whole = np.int64(pattern[j])
        power[j] = scalar.exponent_of(whole)
        bits[j] = scalar.mantissa_bits(whole)
    for j in range(count):
        need = -scalar.log_of_half(half[j], power[j])
        power[j] = need if need > LEAST_WORK else LEAST_WORK
        half[j] = 1.0 - x[j]  # exact: 1 - u is


def block_of_patterns(  # noqa: PLR0917
    key0: Any, key1: Any, unit: Any, first: Any, purpose: Any, count: int, pattern: NDArray[np.uint64]
) -> None:
    """Patterns of the draws ``first``, ``first`` + 1, … of one name and purpose."""
    for j in range(count):
        pattern[j] = scalar.pattern(key0, key1, unit, first + np.uint64(j), purpose)


def requirement(m: Layout, place: Any, unit: Any, w: Scratch) -> float:
    """Requirement number ``count`` (1 or more) of a clock; those of rates are drawn several at a time."""
    k = np.uint64(w.counts[place]) - _ONE
    block = k // _LANES
    if w.block[place] != block:
        w.block[place] = block
        key0, key1 = m.clocks.key0[place], m.clocks.key1[place]
        # The number of lanes is not written as a constant: loops of known length are unrolled, not vectorised.
        block_of_patterns(key0, key1, unit, block * _LANES + _ONE, _REQUIREMENT, m.lanes, w.pattern)
        finish_draws(m.lanes, w.pattern, w.x, w.bits, w.half, w.power)
        if m.clocks.law[place] < 0:
            for j in range(LANES):
                w.ahead[place * _LANES + np.uint64(j)] = w.power[j]
        else:
            for j in range(LANES):
                w.ahead[place * _LANES + np.uint64(j)] = w.half[j]
    drawn = w.ahead[place * _LANES + k - block * _LANES]
    if m.clocks.law[place] < 0:
        return drawn  # type: ignore[no-any-return]
    need = w.scale[place] * scalar.quantile(m.laws, m.clocks.law[place], drawn)
    return need if need > LEAST_WORK else LEAST_WORK


def uniform_ahead(  # noqa: PLR0917
    m: Layout, key0: Any, key1: Any, unit: Any, k: Any, purpose: Any, i: Any, blocks: Any, ahead: Any, w: Scratch
) -> float:
    """Uniform number ``k`` of a name; drawn several at a time, kept in entries ``i`` of ``blocks`` and ``ahead``."""
    block = k // _LANES
    if blocks[i] != block:
        blocks[i] = block
        block_of_patterns(key0, key1, unit, block * _LANES, purpose, m.lanes, w.pattern)
        for j in range(LANES):
            ahead[i * _LANES + np.uint64(j)] = scalar.uniform_of(w.x[j])
    return ahead[i * _LANES + k - block * _LANES]  # type: ignore[no-any-return]
