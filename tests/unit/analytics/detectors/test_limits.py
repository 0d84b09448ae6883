import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from services.analytics.detectors.limits import tail_limit, time_blocks


@pytest.mark.parametrize("rate", [0.05, 0.01, 0.001, 0.0001])
@pytest.mark.parametrize("freedom", [1, 4, 8])
def test_the_limit_of_chi_square_scores_spends_about_the_budget(rate: float, freedom: int) -> None:
    spent = [
        stats.chi2.sf(tail_limit(np.random.default_rng(seed).chisquare(freedom, 2_000), rate), freedom)
        for seed in range(40)
    ]

    assert rate / 2 < np.mean(spent) < rate * 2.5


def test_with_many_exceedances_the_limit_is_the_conformal_quantile() -> None:
    assert tail_limit(np.arange(1.0, 1_000.0), 0.05) == 950.0


def test_an_extrapolated_limit_lies_beyond_what_was_seen_when_the_budget_asks_for_it() -> None:
    scores = np.random.default_rng(0).exponential(size=200)

    limit = tail_limit(scores, 1e-6)

    assert limit > scores.max()
    assert limit == pytest.approx(np.log(1e6), rel=0.35)


@given(st.lists(st.floats(0, 1e9), min_size=20, max_size=200), st.floats(1e-6, 0.5))
def test_a_smaller_budget_never_lowers_an_extrapolated_limit(scores: list[float], rate: float) -> None:
    values = np.array(scores)
    if len(values) * rate < 10:
        assert tail_limit(values, rate / 10) >= tail_limit(values, rate)


def test_scores_that_are_all_zero_have_the_limit_zero() -> None:
    assert tail_limit(np.zeros(100), 0.001) == 0.0


@given(st.integers(0, 500), st.integers(1, 9))
def test_blocks_of_time_cover_all_rows_once_in_order(n: int, blocks: int) -> None:
    rows = [row for block in time_blocks(n, blocks) for row in range(n)[block]]

    assert rows == list(range(n))
    lengths = {block.stop - block.start for block in time_blocks(n, blocks)}
    assert max(lengths) - min(lengths) <= 1
