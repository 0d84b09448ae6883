"""Which source a chart is read from: the cheapest that is fine enough, and readings wherever a rollup would not do."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.chart.sources import MOST_READINGS, choose, extent, reach
from shared.db.series import Outline, Source
from shared.instant import DAY_US, HOUR_US, MINUTE_US, SECOND_US

NOW_US = 20_000 * DAY_US
START_US = NOW_US - 30 * DAY_US


def outline(
    *,
    first_us: int | None = START_US,
    last_us: int | None = NOW_US - 1,
    rolled: int = 30 * 86_400,
    pending: tuple[tuple[int, int], ...] = (),
    minutes_us: int | None = START_US,
    hours_us: int | None = START_US,
) -> Outline:
    first = {Source.RAW: first_us, Source.MINUTE: minutes_us, Source.HOUR: hours_us}
    return Outline(first_us=first, last_us=last_us, rolled=rolled, hold_us=SECOND_US, pending=pending)


@pytest.mark.parametrize(
    ("days", "rolled", "points", "expected"),
    [
        (30, 30 * 86_400, 2_000, Source.MINUTE),
        (30, 30 * 86_400, 500, Source.HOUR),
        (30, 30 * 144, 2_000, Source.RAW),
        (1, 86_400, 10_000, Source.RAW),
        (3, 3 * 864_000, 10_000, Source.MINUTE),
        (365, 365 * 86_400, 500, Source.HOUR),
        (365, 365, 500, Source.RAW),
        (1, 0, 500, Source.RAW),
    ],
)
def test_the_source_is_the_cheapest_that_is_fine_enough(days: int, rolled: int, points: int, expected: Source) -> None:
    assert choose(outline(rolled=rolled), days * DAY_US, (points - 2) // 2) is expected


spans = st.tuples(st.integers(START_US - DAY_US, NOW_US + DAY_US), st.integers(1, 3 * DAY_US)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)
pending = st.lists(spans, max_size=4).map(
    lambda found: tuple(one for one, other in pairwise([*sorted(found), (2**62, 2**62)]) if one[1] < other[0])
)


@given(
    spans,
    pending,
    st.sampled_from(Source),
    st.sampled_from([None, 0, DAY_US]),
    st.sampled_from([None, START_US, NOW_US - DAY_US]),
)
def test_the_spans_cover_the_window_once(
    window: tuple[int, int],
    waiting: tuple[tuple[int, int], ...],
    wanted: Source,
    patience_us: int | None,
    first_us: int | None,
) -> None:
    known = outline(first_us=first_us, last_us=None if first_us is None else NOW_US - 1, pending=waiting)
    found = reach(known, wanted, window, NOW_US, patience_us=patience_us)
    every = sorted(span for listed in found.spans.values() for span in listed)
    assert sum(end_us - start_us for start_us, end_us in every) == window[1] - window[0]
    assert all(one[1] <= other[0] for one, other in pairwise(every))
    assert all(start_us < end_us for start_us, end_us in every)
    for source in (Source.MINUTE, Source.HOUR):
        for start_us, end_us in found.spans[source]:
            behind = sum(max(0, min(end_us, w[1]) - max(start_us, w[0])) for w in waiting)
            told = sum(max(0, min(end_us, s[1]) - max(start_us, s[0])) for s in found.stale)
            assert told == behind
            assert first_us is None or patience_us is not None or start_us < first_us or behind == 0


def test_the_ends_and_what_waits_are_read_as_they_were_reported() -> None:
    waiting = (START_US + 5 * DAY_US + 30 * SECOND_US, START_US + 5 * DAY_US + 90 * SECOND_US)
    window = (START_US + 10 * SECOND_US, NOW_US)
    found = reach(outline(pending=(waiting,)), Source.MINUTE, window, NOW_US)
    assert found.spans[Source.RAW] == (
        (window[0], START_US + MINUTE_US),
        (START_US + 5 * DAY_US, START_US + 5 * DAY_US + 2 * MINUTE_US),
        (NOW_US - 2 * MINUTE_US, NOW_US),
    )
    assert found.stale == ()


def test_with_patience_only_the_newest_of_what_waits_is_read_as_reported_and_the_rest_is_told() -> None:
    found = reach(outline(pending=((START_US, NOW_US),)), Source.HOUR, (START_US, NOW_US), NOW_US, patience_us=DAY_US)
    assert found.stale == ((START_US + HOUR_US, NOW_US - DAY_US),)


def test_what_retention_dropped_is_read_from_what_is_left() -> None:
    week_us, day_us = NOW_US - 7 * DAY_US, NOW_US - DAY_US
    known = outline(first_us=day_us, minutes_us=week_us)
    found = reach(known, Source.RAW, (START_US, NOW_US), NOW_US)
    assert found.spans[Source.HOUR] == ((START_US, week_us),)
    assert found.spans[Source.MINUTE] == ((week_us, day_us),)
    assert found.spans[Source.RAW] == ((day_us, NOW_US),)


def test_no_point_is_spent_on_time_before_or_after_the_series() -> None:
    assert extent(outline(), (0, 2 * NOW_US)) == (START_US, NOW_US)
    assert extent(outline(), (START_US + 5, NOW_US - 5))[0] == START_US + 5


def test_a_window_of_more_readings_than_one_chart_may_read_is_not_read_from_them() -> None:
    assert choose(outline(rolled=MOST_READINGS + 1), HOUR_US, 4_999) is Source.MINUTE
