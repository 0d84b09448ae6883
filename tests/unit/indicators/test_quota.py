"""Quotas: limits that hold the share, in order, and are what the beta distribution says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from shared.indicators.quota import clopper_pearson, wilson

_counts = st.integers(1, 500).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@given(_counts, st.floats(0.5, 0.999))
def test_limits_hold_the_share_and_the_score_limits_lie_near_the_exact_ones(
    counts: tuple[int, int], confidence: float
) -> None:
    kept, total = counts
    lower, upper = clopper_pearson(kept, total, confidence)
    assert 0 <= lower <= kept / total <= upper <= 1
    score_lower, score_upper = wilson(kept, total, confidence)
    assert -1e-9 <= score_lower <= kept / total + 1e-9
    assert kept / total - 1e-9 <= score_upper <= 1


@given(_counts, st.floats(0.5, 0.999))
def test_at_the_exact_limits_the_tails_are_half_of_what_is_left(counts: tuple[int, int], confidence: float) -> None:
    kept, total = counts
    lower, upper = clopper_pearson(kept, total, confidence)
    tail = (1 - confidence) / 2
    if kept:
        assert binom.sf(kept - 1, total, lower) == pytest.approx(tail, rel=1e-6)
    if kept < total:
        assert binom.cdf(kept, total, upper) == pytest.approx(tail, rel=1e-6)


def test_none_and_all_are_bounded_on_one_side_only() -> None:
    assert clopper_pearson(0, 9, 0.9)[0] == 0
    assert clopper_pearson(9, 9, 0.9)[1] == 1


@pytest.mark.parametrize(
    ("kept", "total", "confidence"), [(4, 3, 0.9), (-1, 3, 0.9), (0, 0, 0.9), (1, 3, 0), (1, 3, 1)]
)
@pytest.mark.parametrize("limits", [clopper_pearson, wilson])
def test_counts_and_confidences_that_cannot_be_are_refused(
    kept: int, total: int, confidence: float, limits: object
) -> None:
    assert callable(limits)
    with pytest.raises(ValueError, match=r"total|confidence"):
        limits(kept, total, confidence)
