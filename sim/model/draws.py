"""Random numbers as a pure function of (seed, name, unit, k, purpose).

Generator: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11). The
key comes from seed and name through BLAKE2b, the counter holds the unit (64 bits), k and the purpose. There is
no state to pass on: any draw of any replication can be had alone, in any order, on any worker.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

#: Purposes: the work of a clock (or the value of an input or amount), the branch taken when it fires, and whether a
#: candidate of a thinned rate is accepted.
REQUIREMENT: Final = 0
BRANCH: Final = 1
ACCEPTANCE: Final = 2

#: What the two products of a round and the running key take, shape (2, 1).
MULTIPLIERS: Final = np.array([[0xD2511F53], [0xCD9E8D57]], dtype=np.uint64)
WEYL: Final = np.array([[0x9E3779B9], [0xBB67AE85]], dtype=np.uint64)
_LOW: Final = np.uint64(0xFFFFFFFF)
_32: Final = np.uint64(32)
_12: Final = np.uint64(12)
_ROUNDS: Final = 10


def philox(even: Words, odd: Words, key: Words) -> tuple[Words, Words]:
    """Ten rounds of Philox4x32.

    ``even`` holds counter words 0 and 2, ``odd`` words 1 and 3, ``key`` the two key words; each has shape (2, n)
    with 32-bit values. Returns output words (0, 2) and (1, 3). Inputs are left alone.
    """
    key = key.copy()
    product, spare, high = np.empty_like(key), np.empty_like(key), np.empty_like(key)
    even = even.copy()
    for turn in range(_ROUNDS):
        if turn:
            # Only the low 32 bits of the running key matter: everything is masked after the exclusive or.
            key += WEYL
        np.multiply(even, MULTIPLIERS, out=product)
        np.right_shift(product, _32, out=high)
        np.bitwise_xor(high[::-1], odd, out=even)
        even ^= key
        even &= _LOW
        odd = product[::-1]
        product, spare = spare, product
    return even, odd & _LOW


def key_of(seed: int, name: str) -> tuple[int, int]:
    """Two 32-bit key words of a seed and a name.

    Raises ValueError for a seed outside 0 … 2**63 - 1.
    """
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed {seed} is outside 0 … 2**63 - 1: choose another whole number")
    digest = hashlib.blake2b(f"escalation/1|{seed}|{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


def keys_of(seed: int, names: list[str]) -> Words:
    """Key words of several names, shape (2, len(names)).

    Raises ValueError when two names share a key (a repeated name, or a chance of 2**-64 a pair).
    """
    pairs = [key_of(seed, name) for name in names]
    if len(set(pairs)) < len(pairs):
        raise ValueError(f"two of the names {sorted(names)} share a random stream: names must differ")
    return np.array(pairs, dtype=np.uint64).reshape(-1, 2).T.copy()


def uniform(key: Words, unit: Words, k: Words | int, purpose: int) -> NDArray[np.float64]:
    """Uniforms in (0, 1), multiples of 2**-53 and never 0 or 1.

    ``key`` has shape (2, n) or (2, 1), ``unit`` shape (n,), ``k`` shape (n,) or a number below 2**32.
    """
    even = np.empty((2, unit.size), dtype=np.uint64)
    odd = np.empty((2, unit.size), dtype=np.uint64)
    np.bitwise_and(unit, _LOW, out=even[0])
    even[1] = k
    np.right_shift(unit, _32, out=odd[0])
    odd[1] = purpose
    even, odd = philox(even, odd, np.broadcast_to(key, even.shape))
    bits = even[0] | (odd[0] << _32)
    bits >>= _12
    result: NDArray[np.float64] = bits.astype(np.float64)
    result += 0.5
    result *= 2.0**-52
    return result
