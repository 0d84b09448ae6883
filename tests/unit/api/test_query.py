"""Times in requests: RFC 3339 with an offset, nothing else; windows with a beginning before their end."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.api.problems import InvalidParameterError
from services.api.schemas.query import TimelineQuery, Window
from services.api.schemas.times import Instant

INSTANT = TypeAdapter(Instant)
NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=OFFSETS))  # noqa: DTZ001
def test_a_time_with_an_offset_is_taken_exactly(at: datetime) -> None:
    assert INSTANT.validate_python(at.isoformat()) == at


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01",
        "2026-03-01T00:00:00",
        "2026-03-01 00:00:00+01:00",
        "2026-03-01T00:00:00 01:00",
        "2026-03-01T00:00Z",
        "1772323200",
        "0",
        "",
        "now",
        "2026-02-30T00:00:00Z",
        "2026-03-01T00:00:60Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T00:00:00+25:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1969-12-31T23:59:59Z",
        "٢٠٢٦-03-01T00:00:00Z",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        INSTANT.validate_python(text)


def test_a_window_is_the_last_day_unless_it_is_named() -> None:
    assert Window().span(NOW) == (NOW - timedelta(days=1), NOW)
    named = Window.model_validate({"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T01:00:00+01:00"})
    assert named.span(NOW) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))


@pytest.mark.parametrize("given_window", [{"from": "2026-03-15T00:00:00Z"}, {"from": NOW.isoformat()}])
def test_an_empty_window_is_refused_by_name(given_window: dict[str, str]) -> None:
    with pytest.raises(InvalidParameterError, match="from"):
        Window.model_validate(given_window).span(NOW)


def test_a_window_longer_than_allowed_is_refused() -> None:
    asked = TimelineQuery.model_validate({"from": "2020-01-01T00:00:00Z"})
    with pytest.raises(InvalidParameterError, match="400 days"):
        asked.span(NOW, longest=timedelta(days=400))


def test_a_misspelt_parameter_is_refused() -> None:
    with pytest.raises(ValidationError, match="form"):
        Window.model_validate({"form": "2026-03-01T00:00:00Z"})
