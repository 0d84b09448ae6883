"""Findings and predictions as people read them."""

from datetime import UTC, datetime

import pytest

from services.api.web import outlook
from shared.db.reviews import Precision

SPACE = "\N{NO-BREAK SPACE}"
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "shown"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "0.0 h"),
        (47.9, "47.9 h"),
        (48.0, "2.0 days"),
        (300.0, "12 days"),
        (17_520.0, "730 days"),
        (40_000.0, "4.6 years"),
    ],
)
def test_a_time_is_said_in_hours_days_or_years(hours: float | None, shown: str) -> None:
    assert outlook.duration(hours) == shown.replace(" ", SPACE)


def test_what_goes_on_lasts_until_now() -> None:
    later = datetime(2026, 3, 1, 6, tzinfo=UTC)
    assert outlook.lasted(MARCH, None, later) == outlook.lasted(MARCH, later, datetime(2027, 1, 1, tzinfo=UTC))


def test_a_measured_value_has_four_digits_and_its_unit() -> None:
    assert outlook.measured(-12.3456, "mm/s") == f"\N{MINUS SIGN}12.35{SPACE}mm/s"


def test_a_finding_is_named_by_its_leading_sensor() -> None:
    assert (
        outlook.leading([{"sensor": "flow", "direction": "low"}, {"sensor": "power", "direction": "high"}])
        == "flow low"
    )
    assert outlook.leading([]) == "\N{EN DASH}"


def test_a_precision_is_shown_with_its_limits_and_without_a_review_not_at_all() -> None:
    counts = {"detector": "residual", "month": MARCH, "findings": 3, "suppressed": 0, "unreviewed": 0}
    judged = Precision(**counts, confirmed=2, rejected=1, precision=2 / 3, low=0.135, high=0.983)
    assert outlook.limits(judged) == "67 % (14 % to 98 %)".replace(" %", f"{SPACE}%")
    waiting = Precision(**counts, confirmed=0, rejected=0, precision=None, low=None, high=None)
    assert outlook.limits(waiting) == "\N{EN DASH}"


def test_drift_is_said_part_by_part() -> None:
    drift = {"typical_score": 1.234, "unseen_share": 0.25, "missing": ["oil"], "carried_by": ["flow", "power"]}
    assert outlook.drifted(drift) == [
        "typical score 1.2",
        "carried by flow and power",
        f"25{SPACE}% of the time in conditions never seen",
        "oil mostly missing",
    ]
    assert outlook.drifted(None) == []
