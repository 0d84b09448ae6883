"""Cursors come back as they went out, and what we never gave is refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api import paging
from services.api.problems import InvalidParameterError
from services.api.schemas.query import MAX_BIGINT

MOMENT_AND_NUMBER = tuple[paging.Moment, paging.Number]
FIRST = (datetime(1970, 1, 1, tzinfo=UTC), 0)


@given(at=st.datetimes(timezones=st.just(UTC)), number=st.integers(0, MAX_BIGINT))
def test_a_key_of_time_and_number_comes_back(at: datetime, number: int) -> None:
    assert paging.key(paging.cursor((at, number)), MOMENT_AND_NUMBER, FIRST) == (at, number)


@given(one=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), other=st.just("TBA"))
def test_a_key_of_texts_comes_back(one: str, other: str) -> None:
    assert paging.key(paging.cursor((one, other)), tuple[paging.Text, paging.Text], ("", "")) == (one, other)


@given(st.text(max_size=60))
def test_a_cursor_we_never_gave_is_refused_by_name(given_cursor: str) -> None:
    with pytest.raises(InvalidParameterError, match="cursor"):
        paging.key(given_cursor, MOMENT_AND_NUMBER, FIRST)


@pytest.mark.parametrize(
    "key", [(1,), (-1,), (2**63,), ("1",), (True,), (None,), (1, 2), ("a\x00b",), ("2026-03-01T00:00:00",)]
)
def test_a_key_of_another_shape_is_refused(key: tuple[object, ...]) -> None:
    with pytest.raises(InvalidParameterError):
        paging.key(paging.cursor(key), MOMENT_AND_NUMBER, FIRST)
    if key == ("a\x00b",):
        with pytest.raises(InvalidParameterError):
            paging.key(paging.cursor(key), tuple[paging.Text], ("",))
    if key != (1,):
        with pytest.raises(InvalidParameterError):
            paging.key(paging.cursor(key), tuple[paging.Number], (0,))


def test_without_a_cursor_a_list_begins_at_its_first_key() -> None:
    assert paging.key(None, tuple[paging.Number], (7,)) == (7,)


@given(count=st.integers(0, 30), limit=st.integers(1, 10))
def test_following_the_cursors_visits_every_item_once(count: int, limit: int) -> None:
    stored = list(range(1, count + 1))
    seen: list[int] = []
    following: str | None = None
    while True:
        (after,) = paging.key(following, tuple[paging.Number], (0,))
        found = [item for item in stored if item > after][: limit + 1]
        items, following = paging.page(found, limit, lambda item: (item,))
        seen += items
        if following is None:
            break
        assert len(items) == limit
    assert seen == stored
