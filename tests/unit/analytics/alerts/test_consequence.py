"""What a stop that is to be expected does to a guarantee, by the contract's own forecast."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.alerts.consequence import Consequence, Outage, consequence, usual
from services.analytics.judged import Judged
from shared.contracts.assessment import Certainty
from shared.contracts.forecast import Evidence
from shared.indicators.forecast import p_miss_takacs
from shared.instant import DAY_US, HOUR_US
from shared.model.alert import Repair, RepairSource
from tests.unit.analytics.alerts.failing import MARCH, NOW, SEEN, judged


def stop(hours: float, start_us: int = NOW, cause: str = "bearing_failure") -> Outage:
    return Outage(start_us=start_us, cause=cause, repair=Repair(hours=hours, count=3, source=RepairSource.MACHINE))


def chance(one: Consequence) -> tuple[float, float]:
    assert one.before is not None
    assert one.after is not None
    assert one.before.p_miss is not None
    assert one.after.p_miss is not None
    return one.before.p_miss, one.after.p_miss


def test_the_hours_of_the_stop_are_taken_from_the_time_that_remains_and_from_the_budget() -> None:
    found = consequence(judged(236, 4), SEEN, stop(8))
    before, after = chance(found)
    # The month has 744 h: 504 remain, and of 3 % of them 22.32 h were allowed, 4 h are used.
    assert before == pytest.approx(p_miss_takacs(504, 18.32, 200, 5, 0))
    assert after == pytest.approx(p_miss_takacs(496, 10.32, 200, 5, 0))
    assert found.lost_h == 8
    assert (found.malus_before, found.malus_after) == (Decimal("0.00"), Decimal("1200.00"))
    assert found.cap == Decimal(5000)


def test_a_stop_longer_than_the_budget_is_a_certain_miss() -> None:
    after = consequence(judged(236, 4), SEEN, stop(20)).after
    assert after is not None
    assert after.certainty is Certainty.CERTAIN_MISS


def test_only_what_falls_into_the_period_counts() -> None:
    assert consequence(judged(236, 4), SEEN, stop(10, MARCH.end_us - 4 * HOUR_US)).lost_h == 4
    late = consequence(judged(236, 4), SEEN, stop(10, MARCH.end_us + DAY_US))
    assert (late.lost_h, late.after, late.malus_after) == (0, late.before, late.malus_before)


def test_a_stop_that_was_to_begin_in_the_past_begins_with_what_is_not_judged_yet() -> None:
    assert consequence(judged(236, 4), SEEN, stop(10, NOW - 5 * DAY_US)).lost_h == 10


def test_a_stop_that_the_contract_excludes_changes_nothing() -> None:
    found = consequence(judged(236, 4), SEEN, stop(10, cause="wear_part"))
    assert (found.is_excluded, found.lost_h, found.after) == (True, 0, found.before)


def test_without_a_repair_of_the_component_the_contracts_mean_stands_in_and_says_so() -> None:
    assert usual(None, judged(236, 4)) == Repair(hours=5.0, count=10, source=RepairSource.CONTRACT)


def test_without_any_failure_seen_nothing_is_named() -> None:
    found = consequence(judged(240, 0, None), None, Outage(start_us=NOW, cause="", repair=None))
    assert (found.repair, found.lost_h, found.after) == (None, 0, None)


@given(
    up_h=st.integers(1, 700), down_h=st.integers(0, 40), hours=st.floats(0, 200), late_h=st.integers(0, 800),
    failures=st.integers(1, 50), down_now=st.integers(0, 1),
)  # fmt: skip
def test_a_stop_never_makes_a_miss_less_likely_nor_the_malus_smaller(
    up_h: int, down_h: int, hours: float, late_h: int, failures: int, down_now: int
) -> None:
    seen = Evidence(up_us=3_000 * HOUR_US, down_us=60 * HOUR_US, failures=failures, down_now=down_now)
    one: Judged = judged(up_h, down_h, seen)
    found = consequence(one, seen, stop(hours, one.assessment.as_of_us + late_h * HOUR_US))
    before, after = chance(found)
    assert after >= before - 1e-9
    assert found.malus_before is not None
    assert found.malus_after is not None
    assert found.malus_after >= found.malus_before
    assert 0 <= found.lost_h <= hours + 1e-6
    again = consequence(one, seen, stop(hours / 2, one.assessment.as_of_us + late_h * HOUR_US))
    assert chance(again)[1] <= after + 1e-9


def test_another_period_than_the_running_one_keeps_its_certainty() -> None:
    lost = judged(200, 40)
    found = consequence(lost, SEEN, stop(10))
    assert found.before is not None
    assert (found.before.certainty, found.after) == (Certainty.CERTAIN_MISS, found.before)
    assert replace(found).malus_after == Decimal("5000.00")
