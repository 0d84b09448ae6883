"""The window around a finding, and its scores with fewer points."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.api.chart.scored import LONGEST_US, around, thinned
from shared.db.finding_views import Scored
from shared.instant import DAY_US, HOUR_US

NOW_US = 1_000 * DAY_US
WINDOW = (0, 1_000)


def _scored(score: list[float], at_us: list[int]) -> Scored:
    values = np.array(score)
    return Scored(at_us=np.array(at_us), score=values, observed=values + 1, expected=values - 1, share=values)


def test_a_finding_is_shown_with_as_much_time_beside_it_as_it_lasts() -> None:
    assert around(10 * DAY_US, 11 * DAY_US, NOW_US) == (9 * DAY_US, 12 * DAY_US)


def test_a_short_finding_has_six_hours_beside_it_and_a_long_one_three_days() -> None:
    assert around(10 * DAY_US, 10 * DAY_US + HOUR_US, NOW_US) == (10 * DAY_US - 6 * HOUR_US, 10 * DAY_US + 7 * HOUR_US)
    assert around(10 * DAY_US, 30 * DAY_US, NOW_US) == (7 * DAY_US, 33 * DAY_US)


def test_of_a_finding_that_goes_on_nothing_is_shown_after_now() -> None:
    assert around(NOW_US - DAY_US, None, NOW_US) == (NOW_US - 2 * DAY_US, NOW_US)


@given(start=st.integers(0, 2_000 * DAY_US), lasts=st.none() | st.integers(0, 500 * DAY_US))
def test_the_window_is_never_empty_nor_longer_than_what_may_be_asked_for(start: int, lasts: int | None) -> None:
    first, last = around(start, None if lasts is None else start + lasts, NOW_US)
    assert 0 < last - first <= LONGEST_US


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 999), st.floats(0, 1e6)), min_size=1, max_size=200, unique_by=lambda r: r[0]
    ),
    most=st.integers(2, 60),
)
def test_fewer_points_are_whole_rows_in_order_with_both_ends(rows: list[tuple[int, float]], most: int) -> None:
    rows.sort()
    whole = _scored([score for _, score in rows], [at for at, _ in rows])
    few = thinned(whole, WINDOW, most)
    assert len(few.at_us) <= max(most, 2)
    assert (few.at_us[0], few.at_us[-1]) == (rows[0][0], rows[-1][0])
    assert set(zip(few.at_us.tolist(), few.score.tolist(), strict=True)) <= set(rows)
    assert np.array_equal(few.observed, few.score + 1)
    assert np.all(np.diff(few.at_us) > 0)
    if most >= 4:
        assert few.score.max() == whole.score.max()
        assert few.score.min() == whole.score.min()
