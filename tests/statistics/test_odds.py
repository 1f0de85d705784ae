"""Log-odds and back: against another implementation, in both tails and at the ends."""

import math

import numpy as np
import pytest
from scipy import special

from sim.statistics.odds import expit, logit

ODDS = np.linspace(-700.0, 700.0, 2_801)


def test_a_share_is_exact_in_both_tails() -> None:
    # 0.5 (1 + tanh(x / 2)), the same function on paper, is off by 1e-5 at -28 and gives 0 from -38 on.
    assert expit(ODDS) == pytest.approx(special.expit(ODDS), rel=1e-14, abs=0)
    assert expit([-math.inf, -800.0, 0.0, 800.0, math.inf]).tolist() == [0, 0, 0.5, 1, 1]


def test_log_odds_are_exact_in_the_lower_tail_and_infinite_at_the_ends() -> None:
    shares = np.concatenate([np.geomspace(1e-300, 0.1, 400), np.linspace(0.1, 0.9, 81)])
    assert logit(shares) == pytest.approx(special.logit(shares), rel=1e-14, abs=1e-15)
    assert logit([0.0, 0.5, 1.0]).tolist() == [-math.inf, 0, math.inf]


def test_one_undoes_the_other() -> None:
    inside = ODDS[np.abs(ODDS) < 30]
    assert logit(expit(inside)) == pytest.approx(inside, abs=1e-2)
    assert logit(expit(inside[inside < 0])) == pytest.approx(inside[inside < 0], rel=1e-13)
    assert float(expit(logit(0.8))) == pytest.approx(0.8, rel=1e-15)
