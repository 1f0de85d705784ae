"""The verdict on all oracle cases together: one z a case and seed, and how they lie as a whole.

Queries of one case are answered by the same histories, so a case gives a single z for each seed, of a number fixed
before anything is simulated: of the queries that do not ask for the long run (else of those that do)

1. the first probability p with n p (1 - p) >= ENOUGH for the n histories asked for; its number of hits becomes a z by
   the binomial law, with a fixed share of the tie drawn from seed and case, and is then exactly standard normal;
2. without one, the last mean, in the order of the file, that the file does not say to be without spread; its z is that
   of its p-value (Student's law where the spread is the sample's own).

A case whose number turns out to be without chance, undecided, or to need more histories than asked for gives no z, and
neither do fewer than FEWEST histories. A case of the same name counts once. Histories of different cases and
seeds share no draws, so the z's are independent.

The z's must be as spread as they should be (sum of squares within its chi-square band, from below too: histories that
balance each other, or are used twice), lie normally (Kolmogorov and Smirnov), and those of two seeds must not go
together (an engine that takes no notice of its seed). Each of the three is a false alarm once in a million.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from sim.studies.oracles.questions import Question
from sim.studies.oracles.tally import ENOUGH, FAMILY, Judged
from sim.studies.randomly.judging import Together, normal_of, together

#: Fewer z's are not judged as a whole; nor are two seeds compared over fewer cases.
LEAST: Final = 20
PAIRED: Final = 10
#: A z of fewer histories may be far from normal.
FEWEST: Final = 100

Number = tuple[str, int]
Verdict = Literal["passed", "FAILED", "not judged"]


def chosen(questions: Sequence[Question], histories: int) -> Number | None:
    """The number that stands for a case: id of its query, and its place among the query's numbers."""
    asked = [q for q in questions if not q.query.exact_only]
    for long_run in (False, True):
        those = [q for q in asked if q.form.startswith("steady") == long_run]
        means: Number | None = None
        for question in those:
            for place, expected in enumerate([e for part in question.parts for e in part.expected]):
                p = expected.value
                if expected.statistic == "prob" and histories * question.query.scale * p * (1.0 - p) >= ENOUGH:
                    return question.query.id, place
                if expected.statistic == "mean" and expected.sd != 0.0:
                    means = question.query.id, place
        if means is not None:
            return means
    return None


def normal(found: Judged, case: str, seed: int) -> float | None:
    """The z of a number that stands for its case; None where it has none."""
    if found.reason or found.sure or found.count < FEWEST:
        return None
    expected = found.expected
    if expected.statistic == "prob" and not expected.error:
        spread = _share(case, seed)
        return normal_of(round(found.estimate * found.count), found.count, expected.value, spread)
    return found.z


def _share(case: str, seed: int) -> float:
    digest = hashlib.blake2b(f"{seed}|share of the tie|{case}".encode(), digest_size=8).digest()
    return ((int.from_bytes(digest, "little") >> 12) + 0.5) * 2.0**-52


def seeds_from(seed: int, count: int) -> list[int]:
    """``seed`` itself and further ones derived from it, ``count`` in all."""
    digests = [hashlib.blake2b(f"{seed}|seed {i}".encode(), digest_size=8).digest() for i in range(1, count)]
    return [seed, *(int.from_bytes(digest, "little") >> 1 for digest in digests)]


@dataclass(frozen=True)
class Alike:
    """Largest correlation between the z's of two seeds, and its p-value among all pairs of seeds."""

    correlation: float
    p: float


@dataclass(frozen=True)
class Whole:
    """The z's of one engine as a whole."""

    cases: int
    seeds: int
    together: Together | None
    alike: Alike | None

    @property
    def verdict(self) -> Verdict:
        """Whether all is as it should be; fewer than LEAST z's are not judged."""
        if self.together is None:
            return "not judged"
        good = self.together.good and (self.alike is None or self.alike.p >= FAMILY)
        return "passed" if good else "FAILED"

    def told(self, engine: str) -> str:
        """One line for the reader."""
        if self.together is None:
            return f"{engine} as a whole: fewer than {LEAST} independent z's, not judged"
        t = self.together
        text = (
            f"{engine} as a whole: {t.count} independent z's ({self.cases} cases, {self.seeds} "
            f"seed{'s' if self.seeds > 1 else ''}), sum of squares {t.squares:.1f} in {t.low:.1f} … {t.high:.1f}, "
            f"distance from the normal law {t.distance:.3f} (p = {t.p:.2g})"
        )
        if self.alike is not None:
            text += f", correlation of seeds up to {self.alike.correlation:.2f} (p = {self.alike.p:.2g})"
        return f"{text}: {self.verdict}"

    def data(self) -> dict[str, object]:
        """The same unrounded, for JSON."""
        result: dict[str, object] = {"verdict": self.verdict, "cases": self.cases, "seeds": self.seeds}
        if self.together is not None:
            t = self.together
            result |= {"z": t.count, "sum_of_squares": t.squares, "band": [t.low, t.high]}
            result |= {"distance": t.distance, "distance_p": t.p}
        if self.alike is not None:
            result |= {"correlation": self.alike.correlation, "correlation_p": self.alike.p}
        return result


@dataclass
class Collected:
    """The z's of the cases by engine: seed -> case -> z."""

    z: dict[str, dict[int, dict[str, float]]] = field(default_factory=dict)

    def add(self, engine: str, seed: int, case: str, found: Judged) -> None:
        """Note the z of a case's number, unless it has none or the case was there before."""
        z = normal(found, case, seed)
        if z is not None:
            self.z.setdefault(engine, {}).setdefault(seed, {}).setdefault(case, z)

    def whole(self, engine: str) -> Whole:
        """The verdict on one engine."""
        by_seed = self.z.get(engine, {})
        every = [z for cases in by_seed.values() for z in cases.values()]
        cases = len({case for known in by_seed.values() for case in known})
        if len(every) < LEAST:
            return Whole(cases, len(by_seed), None, None)
        return Whole(cases, len(by_seed), together(every), _alike(list(by_seed.values())))


def _alike(seeds: Sequence[dict[str, float]]) -> Alike | None:
    """The pair of seeds that go together most.

    For independent normal z's, r sqrt((n - 2) / (1 - r^2)) has Student's law with n - 2 degrees of freedom.
    """
    from scipy.special import stdtr

    worst: tuple[float, float] | None = None
    pairs = 0
    for i, one in enumerate(seeds):
        for other in seeds[:i]:
            both = [case for case in one if case in other]
            z = np.array([[one[case], other[case]] for case in both]).T
            if len(both) < PAIRED or not np.isfinite(z).all():
                continue
            pairs += 1
            centred = z - z.mean(axis=1, keepdims=True)
            size = math.sqrt(float((centred[0] ** 2).sum()) * float((centred[1] ** 2).sum()))
            r = min(1.0, float((centred[0] * centred[1]).sum()) / size) if size else 1.0
            t = math.sqrt((len(both) - 2) / (1.0 - r * r)) * r if r < 1.0 else math.inf
            p = float(stdtr(len(both) - 2, -t))
            if worst is None or p < worst[1]:
                worst = r, p
    return None if worst is None else Alike(worst[0], -math.expm1(pairs * math.log1p(-min(worst[1], 0.999999))))
