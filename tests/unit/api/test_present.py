"""Numbers as people read them."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.web import chart, present
from shared.contracts.measured import Form

SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def _document(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "period": {"start": "2026-03-01T00:00:00+01:00", "end": "2026-04-01T00:00:00+02:00", "complete": False},
        "kind": "time_availability",
        "unit": "1",
        "level": "0.97",
        "value": {"exact": "1/1", "decimal": 1.0},
        "value_rounded": None,
        "verdict": "met",
        "forecast": None,
        "bounds": None,
    }
    return document | changes


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.97, "97.00"), ("0.9731", "97.31"), (1, "100.00"), (0.0, "0.00"), (0.99996, "100.00")]
)
def test_a_ratio_is_shown_in_percent_with_two_decimals(ratio: float | str, text: str) -> None:
    assert present.percent(ratio) == f"{text}{SPACE}%"


def test_a_value_just_below_its_target_never_looks_equal_to_it() -> None:
    assert present.percent(0.96999, beside="0.97") == f"96.999{SPACE}%"
    assert present.percent(0.9699999, beside="0.97") == f"96.99999{SPACE}%"
    assert present.percent(0.97, beside="0.97") == f"97.00{SPACE}%"


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.0042, "+0.42"), (-0.0923, f"{MINUS}9.23"), (0.0, "0.00"), (-0.00001, f"{MINUS}0.001"), (0.25, "+25.00")],
)
def test_a_margin_always_has_its_sign(ratio: float, text: str) -> None:
    assert present.points(ratio) == f"{text}{SPACE}pp"


@pytest.mark.parametrize(
    ("amount", "text"),
    [(1027.08, "1,027.1"), (7.4666, "7.47"), (-86.44, f"{MINUS}86.4"), (0.0, "0.00"), (-0.001, "0.00")],
)
def test_hours_have_one_decimal_and_two_below_ten(amount: float, text: str) -> None:
    assert present.hours(amount) == f"{text}{SPACE}h"


@given(st.decimals(-(10**9), 10**9, places=2))
def test_money_is_shown_exactly(amount: Decimal) -> None:
    shown = present.money(f"{amount:f}", "EUR").removesuffix(f"{SPACE}EUR")
    assert Decimal(shown.replace(",", "").replace(MINUS, "-")) == amount


def test_money_that_cannot_be_known_says_so() -> None:
    assert present.money(None, "EUR") == "not computable yet"


@pytest.mark.parametrize(
    ("p_miss", "certainty", "text"),
    [
        (0.618, "open", f"62{SPACE}%"),
        (0.001, "open", f"< 1{SPACE}%"),
        (0.999, "open", f"> 99{SPACE}%"),
        (1.0, "certain_miss", "certain"),
        (0.0, "impossible_miss", "ruled out"),
        (None, "open", "not known"),
    ],
)
def test_a_probability_is_shown_no_finer_than_it_is_known(p_miss: float | None, certainty: str, text: str) -> None:
    assert present.probability({"p_miss": p_miss, "certainty": certainty}, over=False) == text


def test_a_malus_nobody_agreed_on_is_no_amount() -> None:
    settlement = {"malus": "0.00", "currency": "GBP"}
    assert present.malus({"agreed": True, **settlement}) == f"0.00{SPACE}GBP"
    assert present.malus({"agreed": False, **settlement}) == present.NONE


@pytest.mark.parametrize(
    ("hours_by_category", "text"),
    [
        ({}, None),
        ({"FP": 100.0}, None),
        ({"FP": 199.0, "IU": 1.0}, None),
        ({"FP": 99.4, "IU": 0.6}, f"1{SPACE}%"),
        ({"FP": 88.0, "IU": 12.0}, f"12{SPACE}%"),
        ({"FP": 0.1, "IU": 99.9}, f"> 99{SPACE}%"),
        ({"IU": 3.0}, f"100{SPACE}%"),
    ],
)
def test_data_gaps_are_named_when_they_are_more_than_half_a_percent(
    hours_by_category: dict[str, float], text: str | None
) -> None:
    assert present.unknown(_document(hours_by_category=hours_by_category)) == text


def test_every_form_of_the_contract_has_its_sentence() -> None:
    assert set(present.FORMS) == set(Form)


def test_a_period_that_is_over_has_no_probability() -> None:
    assert present.probability({"p_miss": 1.0, "certainty": "certain_miss"}, over=True) == present.NONE


@pytest.mark.parametrize(
    ("outcome", "complete", "text"),
    [
        ("met", True, "Met"),
        ("met", False, "On target"),
        ("missed", True, "Missed"),
        ("missed", False, "Below target"),
        ("inconclusive", False, "Undecided"),
        ("not_assessable", True, "Not assessable"),
    ],
)
def test_a_verdict_says_whether_it_is_final(outcome: str, complete: bool, text: str) -> None:
    period = _document()["period"] | {"complete": complete}
    assert present.verdict(_document(verdict=outcome, period=period)) == text


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        ("2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", "March 2026"),
        ("2024-02-01T00:00:00+00:00", "2024-03-01T00:00:00+00:00", "February 2024"),
        ("2026-03-15T00:00:00+01:00", "2026-04-01T00:00:00+02:00", "2026-03-15 to 2026-03-31"),
        ("2026-01-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", "2026-01-01 to 2026-03-31"),
        ("2025-04-01T00:00:00+02:00", "2026-04-01T00:00:00+02:00", "2025-04-01 to 2026-03-31"),
    ],
)
def test_a_period_has_its_month_s_name_or_its_first_and_last_day(start: str, end: str, name: str) -> None:
    assert present.period({"period": {"start": start, "end": end}}) == name


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("2026-03-14T12:00:00+01:00", f"2026-03-14 12:00{SPACE}UTC+01:00"),
        ("2026-03-14T12:00:00-04:30", f"2026-03-14 12:00{SPACE}UTC{MINUS}04:30"),
        ("2026-03-14T12:00:00+00:00", f"2026-03-14 12:00{SPACE}UTC"),
        (None, present.NONE),
    ],
)
def test_a_time_is_shown_with_its_offset(at: str | None, text: str) -> None:
    assert present.moment(at) == text


def test_the_contract_s_rounded_value_is_what_counts() -> None:
    assert present.achieved(_document(value_rounded="0.9700")) == 0.97
    assert present.achieved(_document()) == 1.0
    assert present.achieved(_document(value=None)) is None


def test_alerts_about_money_come_first() -> None:
    kinds = ["machine_silent", "anomaly", "something_new", "guarantee_at_risk"]
    assert sorted(kinds, key=present.urgency) == ["guarantee_at_risk", "anomaly", "machine_silent", "something_new"]


@pytest.mark.parametrize(
    ("used", "total", "share"),
    [(11.0, 22.0, 50.0), (40.0, 22.0, 100.0), (0.0, 0.0, 0.0), (1.0, 0.0, 100.0), (0.0, 9.0, 0.0)],
)
def test_the_spent_share_of_a_budget_stays_within_the_bar(used: float, total: float, share: float) -> None:
    assert chart.spent({"used_h": used, "total_h": total}) == share


def test_the_gauge_keeps_the_order_of_target_value_and_bounds() -> None:
    scale = chart.gauge(_document(value_rounded="0.9650", bounds={"low": 0.96, "high": 0.98}))
    assert scale.low is not None
    assert scale.high is not None
    assert scale.achieved is not None
    assert 0 < scale.low < scale.achieved < scale.level < scale.high < 100
