"""How a message is addressed, and when it is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.alerts.delivery import keyed, wait_us
from shared.instant import HOUR_US, SECOND_US


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("json://host/hook", "json://host/hook?+Idempotency-Key=k-1"),
        ("jsons://host/hook?+X=1", "jsons://host/hook?+X=1&+Idempotency-Key=k-1"),
        ("XML://host", "XML://host?+Idempotency-Key=k-1"),
        ("mailto://user:pass@example.com", "mailto://user:pass@example.com"),
        ("ntfy://topic", "ntfy://topic"),
    ],
)
def test_plain_http_channels_carry_the_idempotency_key(url: str, expected: str) -> None:
    assert keyed(url, "k-1") == expected


def test_the_first_retry_comes_after_a_second_and_each_later_one_after_twice_the_time() -> None:
    assert [wait_us(failed) // SECOND_US for failed in range(5)] == [1, 2, 4, 8, 16]


@given(st.integers(0, 10**9))
def test_a_channel_is_tried_at_least_every_hour(failed: int) -> None:
    assert SECOND_US <= wait_us(failed) <= HOUR_US
    assert wait_us(failed) <= wait_us(failed + 1)
