"""Rows of a table of indicators: what each sign says of the target, and which two say more together than one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.statistics.information import Information, holm, information, ratio_interval
from sim.statistics.intervals import wilson, zero_event_bound
from sim.statistics.shown import plural

#: Pairs that are told at most.
PAIRS: Final = 5
#: Ends of the range of lead times.
ENDS: Final = (0.1, 0.5, 0.9)

Data = dict[str, Any]
Truth = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sign:
    """Something that may be seen: who sees it how many days late, whether by the window, and when.

    ``seen`` (n or fewer,) is of the first histories; ``seen_at`` (n,) in days, inf: never; None: it has no one time.
    """

    name: str
    kind: str
    says: str
    public: bool
    seen_by: str
    delay: float
    seen: Truth
    seen_at: Floats | None


def ranked(
    signs: Sequence[Sign],
    risk: Truth,
    happens: Truth,
    timed: tuple[Floats, int] | None = None,
    going_on: Truth | None = None,
) -> list[Data]:
    """A row for each sign: most bits first; then those with which the history is over, and those without a factor.

    ``risk`` (n,) are the histories that count, ``happens`` (n,) those in which the target comes about; ``timed`` when
    it does, and the day by which it counts; ``going_on`` (n,) which histories have not ended by the window.
    """
    rows = [_row(sign, risk, happens, timed) for sign in signs]
    for sign, row in zip(signs, rows, strict=True):
        seen = sign.seen & risk[: sign.seen.size]
        row["over"] = bool(row["seen"] and going_on is not None and not going_on[: seen.size][seen].any())
    for row, clear in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["clear"] = clear
    return sorted(rows, key=lambda row: (bool(row["why"]), row["over"], -row["bits"], -row["seen"], row["name"]))


def table_of(seen: Truth, happens: Truth) -> NDArray[np.int64]:
    """Numbers of histories (2, 2): seen or not x happens or not, seen and happens first."""
    return np.bincount(3 - 2 * seen.astype(np.int64) - happens, minlength=4).reshape(2, 2)


def _row(sign: Sign, risk: Truth, happens: Truth, timed: tuple[Floats, int] | None) -> Data:
    here = risk[: sign.seen.size]
    counts = table_of(sign.seen[here], happens[: sign.seen.size][here])
    (a, b), (c, d) = counts.tolist()
    n = a + b + c + d
    bits = information(counts) if n else Information(0.0, 0.0, 0.0, 1.0)
    why = _why(a + b, c + d, a + c, b + d)
    row: Data = {
        "name": sign.name,
        "kind": sign.kind,
        "says": sign.says,
        "public": sign.public,
        "seen_by": sign.seen_by,
        "delay": float(sign.delay),
        "at_risk": n,
        "seen": a + b,
        "seen_share": (a + b) / n if n else None,
        "seen_high": zero_event_bound(n) if a + b == 0 else None,
        **_chance("chance_seen", a, a + b),
        **_chance("chance_unseen", c, c + d),
        **_factor("factor", (a, a + c), (b, b + d), why),
        **_factor("factor_unseen", (c, a + c), (d, b + d), why),
        "bits": 0.0 if why else bits.bits,
        "bits_low": 0.0 if why else bits.low,
        "bits_high": 0.0 if why else bits.high,
        "p": 1.0 if why else bits.p,
        "clear": False,
        "lead": _lead(sign, timed),
        "why": why,
    }
    return row


def _why(seen: int, unseen: int, happened: int, not_happened: int) -> str:
    """Why there is no factor, or nothing."""
    histories = plural(seen + unseen, "simulated history")
    if not seen:
        return f"never seen in {histories}"
    if not unseen:
        return f"seen in each of {histories}"
    if not happened:
        return f"the target does not happen in any of {histories}"
    return "" if not_happened else f"the target happens in each of {histories}"


def _chance(key: str, happened: int, n: int) -> Data:
    low, high = wilson(happened, n)
    values = (happened / n, float(low), float(high)) if n else (None, None, None)
    return dict(zip((key, f"{key}_low", f"{key}_high"), values, strict=True))


def _factor(key: str, first: tuple[int, int], second: tuple[int, int], why: str) -> Data:
    """Ratio of two shares; None where there is none, or no end to it."""
    keys = (key, f"{key}_low", f"{key}_high")
    if why:
        return dict.fromkeys(keys)
    low, high = (float(end) for end in ratio_interval(*first, *second))
    ratio = (first[0] / first[1]) / (second[0] / second[1]) if second[0] else math.inf
    return {k: value if math.isfinite(value) else None for k, value in zip(keys, (ratio, low, high), strict=True)}


def _lead(sign: Sign, timed: tuple[Floats, int] | None) -> Data | None:
    """Days from when it can be seen to the target, in the histories in which it is seen first."""
    if sign.seen_at is None or timed is None:
        return None
    times, day = timed
    reached = times <= day
    before = reached & (sign.seen_at < times)
    if not before.any():
        return None
    low, median, high = np.quantile(times[before] - sign.seen_at[before], ENDS).tolist()
    count = int(before.sum())
    return {"median": median, "low": low, "high": high, "histories": count, "share": count / int(reached.sum())}


def pairs_of(signs: Sequence[Sign], risk: Truth, happens: Truth) -> tuple[list[Data], int]:
    """Pairs that say clearly more together than the better one alone, most bits first; and how many were tested.

    What the other one adds is the information that it gives where the better one is known already. Clear is what
    passes Holm's test over all pairs, so that one false pair in all comes with a chance of 5 % at most.
    """
    there = risk & np.ones_like(happens)
    event = happens[there].astype(np.float64)
    n, k = event.size, float(event.sum())
    kept = [sign for sign in signs if 0 < int(sign.seen[there].sum()) < n]
    if len(kept) < 2 or not 0 < k < n:
        return [], 0
    seen = np.array([sign.seen[there] for sign in kept], dtype=np.float64)
    # Whole numbers below 2**53: these sums are exact in any order.
    both, both_event = seen @ seen.T, (seen * event) @ seen.T
    alone = [information(_two(both[i, i], both_event[i, i], n, k)) for i in range(len(kept))]
    found = []
    for i, j in itertools.combinations(range(len(kept)), 2):
        cells = _four(both, both_event, (i, j), n, k)
        given = information(cells), information(cells.transpose(1, 0, 2))  # j beside i, i beside j
        first_better = alone[i].bits >= alone[j].bits
        found.append(((i, j), cells, given[0] if first_better else given[1], max(one.p for one in given)))
    passed = holm([p for *_, p in found])
    rows = []
    for ((i, j), cells, beyond, p), clear in zip(found, passed, strict=True):
        if clear:
            rows.append(_pair((kept[i], kept[j]), (alone[i], alone[j]), cells, beyond) | {"p": p})
    # What the public can see comes first: a secret is no sign to anybody else.
    return sorted(rows, key=lambda row: (not row["public"], -row["bits"], row["names"]))[:PAIRS], len(found)


def _two(seen: float, seen_event: float, n: int, k: float) -> Floats:
    return np.array([[seen_event, seen - seen_event], [k - seen_event, n - seen - k + seen_event]])


def _four(both: Floats, both_event: Floats, which: tuple[int, int], n: int, k: float) -> Floats:
    """Numbers of histories (2, 2, 2): first sign or not x second sign or not x target or not."""
    i, j = which
    one, two = both[i, i], both[j, j]
    together = np.array([[both[i, j], one - both[i, j]], [two - both[i, j], n - one - two + both[i, j]]])
    one, two = both_event[i, i], both_event[j, j]
    here = both_event[i, j]
    event = np.array([[here, one - here], [two - here, k - one - two + here]])
    return np.stack([event, together - event], axis=2)


def _pair(signs: tuple[Sign, Sign], alone: tuple[Information, Information], cells: Floats, beyond: Information) -> Data:
    better = int(alone[0].bits < alone[1].bits)
    histories = cells.sum(axis=2)
    chances = np.divide(cells[..., 0], histories, out=np.full((2, 2), np.nan), where=histories > 0)
    keys = (("both", (0, 0)), ("first", (0, 1)), ("second", (1, 0)), ("neither", (1, 1)))
    return {
        "names": [sign.name for sign in signs],
        "public": all(sign.public for sign in signs),
        "bits": alone[better].bits + beyond.bits,
        "better": signs[better].name,
        "better_bits": alone[better].bits,
        "beyond": beyond.bits,
        "beyond_low": beyond.low,
        "beyond_high": beyond.high,
        "chances": {key: float(chances[at]) if histories[at] else None for key, at in keys},
        "histories": {key: int(histories[at]) for key, at in keys},
    }
