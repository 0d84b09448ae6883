"""What a customer contributed to a shortfall leaves the count by its share (contracts.md 3.1, block 14)."""

from fractions import Fraction
from typing import Final

import pytest

from shared.contracts import spec
from shared.contracts.assess import assess
from shared.contracts.assessment import Assessment
from shared.contracts.facts import Facts, Window
from shared.contracts.measured import Verdict
from shared.contracts.periods import periods
from shared.errors import SpecError
from shared.instant import HOUR_US
from shared.model.facts import Category, Party

TEXT: Final = """
contract: {id: X, version: 1, customer: acme, currency: EUR, tz: UTC}
term: {start: 2026-01-01, end: 2026-12-31, period: calendar_month}
assets: [{id: A}]
customer_duties:
  - {id: water, text: keeps the cooling water clean, %s}
guarantees:
  - {id: T, kind: time_availability, level: 0.97, planned_window: {hours_per_asset_per_period: 10}%s}
"""
SHARE: Final = "when: \"cause == 'fouling'\", contributory_share: 0.3"
FOULING: Final = (Category.FO, "fouling", Party.SUPPLIER)
SERVICE: Final = (Category.SM, "fouling", Party.SUPPLIER)
PUMP: Final = (Category.FO, "pump", Party.SUPPLIER)
UP: Final = (Category.FP, "running", Party.NOBODY)


def _january(duty: str = SHARE, more: str = "") -> Assessment:
    """744 h: 20 h of fouling, 20 h of service for it of which 10 are granted, 10 h of another failure."""
    contract = spec.parse(TEXT % (duty, more), "duty")
    known = {FOULING: 20 * HOUR_US, SERVICE: 20 * HOUR_US, PUMP: 10 * HOUR_US, UP: 694 * HOUR_US}
    month = periods(contract)[0]
    window = Window(period=month, as_of_us=month.end_us)
    return assess(contract, contract.guarantees[0], Facts(durations={"A": known}), window)


def test_its_share_of_what_is_unavailable_is_excluded_and_the_rest_stays() -> None:
    by_verdict = _january().finding.by_verdict
    assert by_verdict[Verdict.UNAVAILABLE] == (14 + 7 + 10) * HOUR_US
    assert by_verdict[Verdict.EXCLUDED] == (6 + 10 + 3) * HOUR_US
    assert _january().value == Fraction(694, 725)


def test_it_counts_among_what_may_be_excluded_at_most() -> None:
    found = _january(more=", max_excluded_fraction: 0.01").finding.by_verdict
    assert found[Verdict.EXCLUDED] == Fraction(744, 100) * HOUR_US


@pytest.mark.parametrize(
    ("duty", "reason"),
    [("contributory_share: 0.3", "needs when"), (SHARE + ", verdict: excluded", "not beside verdict")],
)
def test_a_share_is_of_some_time_and_is_no_verdict(duty: str, reason: str) -> None:
    with pytest.raises(SpecError) as refused:
        _january(duty)
    assert [(each.path, each.reason) for each in refused.value.faults] == [
        ("customer_duties[0].contributory_share", reason)
    ]
