"""Windows of dirty time."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.db.dirty import Window, coalesce, parted

windows = st.lists(
    st.builds(
        lambda start, length: Window(start_us=start, end_us=start + length), st.integers(0, 60), st.integers(1, 20)
    ),
    max_size=12,
)


def _instants(of: list[Window] | tuple[Window, ...]) -> set[int]:
    return {us for window in of for us in range(window.start_us, window.end_us)}


@given(windows)
def test_coalesced_windows_are_the_same_time_ordered_and_apart(marked: list[Window]) -> None:
    merged = coalesce(marked)
    assert _instants(merged) == _instants(marked)
    assert all(one.end_us < other.start_us for one, other in pairwise(merged))


@given(windows, st.integers(0, 90))
def test_what_lies_before_now_is_derived_and_the_rest_is_kept_in_one_window(marked: list[Window], now: int) -> None:
    inside, rest = parted(coalesce(marked), now)
    assert _instants(inside) == {us for us in _instants(marked) if us < now}
    later = {us for us in _instants(marked) if us >= now}
    assert (rest is None) == (not later)
    if rest is not None:
        assert (rest.start_us, rest.end_us) == (now, max(later) + 1)
