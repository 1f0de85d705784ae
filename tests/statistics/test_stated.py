"""Words of estimative probability are laws within their bands; what is no chance is refused."""

import numpy as np
import pytest

from sim.statistics import stated


@pytest.mark.parametrize(("table", "said"), [(t, w) for t, found in stated.TABLES.items() for w in found])
def test_words_are_laws_with_their_band(table: str, said: str) -> None:
    from scipy.special import betainc, betaincinv

    found = stated.word(said.upper(), table)
    a, b = stated.beta_of(found)
    assert a / (a + b) == pytest.approx(found.middle)
    assert betainc(a, b, found.high) - betainc(a, b, found.low) == pytest.approx(0.9, abs=1e-8)
    shares = betaincinv(a, b, (np.arange(20_000) + 0.5) / 20_000)
    assert stated.spread_of(found) == pytest.approx(float(np.log(shares / (1 - shares)).std()), rel=0.01)


def test_one_number_has_no_spread() -> None:
    assert stated.spread_of(stated.number(0.8)) == 0.0
    with pytest.raises(ValueError, match="no law"):
        stated.beta_of(stated.number(0.8))


def test_what_is_no_statement_is_refused() -> None:
    with pytest.raises(ValueError, match="no word"):
        stated.word("perhaps")
    with pytest.raises(ValueError, match="no table"):
        stated.word("likely", "oxford")
    with pytest.raises(ValueError, match="no range"):
        stated.between(0.6, 0.4)
    with pytest.raises(ValueError, match="no range"):
        stated.number(80)
    assert stated.number(0.0).middle == 0.01
    assert stated.number(1.0).middle == 0.99
