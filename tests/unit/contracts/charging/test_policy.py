"""Facts to verdicts: overrides, disputes, what allowances are for, gaps and short stops."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from shared.contracts.charging.policy import needs_timelines, verdict_of
from shared.contracts.facts import Window
from shared.contracts.measured import Allowance, Per, Verdict
from shared.contracts.periods import Period
from shared.contracts.terms import Contract
from shared.instant import HOUR_US, MINUTE_US
from shared.model.facts import Category, Party
from tests.unit.contracts.charged_time import (
    DOWN,
    MISSING,
    REQUEST,
    SERVICE,
    UP,
    charged,
    hours,
    override,
    policy_of,
    span,
    terms_of,
)
from tests.unit.contracts.kinds.terms_made import us, window

JANUARY_H = 744
BASE = policy_of("FP PP TS", "RS IU")


def _service(**parts: Any) -> Allowance:
    return Allowance(category=Category.SM, within=Verdict.EXCLUDED, beyond=Verdict.UNAVAILABLE, **parts)


def _terms(*allowances: Allowance, **parts: Any) -> Contract:
    return terms_of(replace(BASE, allowances=allowances), **parts)


def test_the_first_override_that_holds_wins_before_allowance_and_category() -> None:
    policy = replace(
        BASE,
        overrides=(
            override("cause == 'late_notice'", Verdict.UNAVAILABLE),
            override("category == 'SM'", Verdict.DEEMED_AVAILABLE),
        ),
        allowances=(_service(hours=Decimal(80)),),
    )
    assert verdict_of(policy, Category.SM, "late_notice", Party.SUPPLIER) is Verdict.UNAVAILABLE
    assert verdict_of(policy, Category.SM, "visit", Party.SUPPLIER) is Verdict.DEEMED_AVAILABLE
    assert verdict_of(policy, Category.FP, "running", Party.NOBODY) is Verdict.AVAILABLE


@pytest.mark.parametrize(
    ("party", "verdict"),
    [
        (Party.CUSTOMER, Verdict.EXCLUDED),
        (Party.UNKNOWN, Verdict.UNAVAILABLE),
        (Party.DISPUTED, Verdict.UNAVAILABLE),
    ],
)
def test_what_needs_acceptance_holds_only_where_both_agree_who_answers(party: Party, verdict: Verdict) -> None:
    policy = replace(BASE, overrides=(override("cause == 'operator'", Verdict.EXCLUDED, needs_acceptance=True),))
    assert verdict_of(policy, Category.FO, "operator", party) is verdict


def test_disputed_time_waits_for_a_ruling_as_the_contract_says() -> None:
    exclusion = override("cause == 'site_access_denied'", Verdict.EXCLUDED)
    until_ruled = replace(BASE, overrides=(exclusion,), disputed=Verdict.UNAVAILABLE)
    assert verdict_of(until_ruled, Category.S, "site_access_denied", Party.DISPUTED) is Verdict.UNAVAILABLE
    assert verdict_of(until_ruled, Category.S, "site_access_denied", Party.CUSTOMER) is Verdict.EXCLUDED
    as_recorded = replace(until_ruled, disputed=None)
    assert verdict_of(as_recorded, Category.S, "site_access_denied", Party.DISPUTED) is Verdict.EXCLUDED


def test_an_allowance_may_be_for_causes_of_any_category() -> None:
    allowance = Allowance(
        causes=frozenset({"planned"}), hours=Decimal(3), within=Verdict.EXCLUDED, beyond=Verdict.UNAVAILABLE
    )
    terms = _terms(allowance)
    known = {UP: 734 * HOUR_US, (Category.FO, "planned", Party.SUPPLIER): 6 * HOUR_US, DOWN: 4 * HOUR_US}
    assert hours(charged(terms, window(terms), {"A1": known})) == {"available": 734, "unavailable": 7, "excluded": 3}


def test_an_allowance_without_amount_has_no_limit() -> None:
    terms = _terms(_service())
    known = {UP: 44 * HOUR_US, SERVICE: 700 * HOUR_US}
    assert hours(charged(terms, window(terms), {"A1": known})) == {"available": 44, "excluded": 700}


def test_a_short_gap_between_known_time_is_what_was_before_it() -> None:
    terms = terms_of(replace(policy_of("FP", ""), interpolate_us=5 * MINUTE_US))
    day = Window(
        period=Period(
            start_us=us("2026-01-01T00:00+00:00"), end_us=us("2026-01-01T01:00+00:00"), full_us=HOUR_US, label=""
        ),
        as_of_us=us("2026-01-02T00:00+00:00"),
    )
    line = [
        span("2026-01-01T00:04+00:00", "2026-01-01T00:10+00:00"),
        span("2026-01-01T00:15+00:00", "2026-01-01T00:20+00:00", Category.FO),
        span("2026-01-01T00:25+00:00", "2026-01-01T00:30+00:00"),
        span("2026-01-01T00:35:01+00:00", "2026-01-01T00:56+00:00"),
    ]
    found = charged(terms, day, {"A1": line})
    split = {key[0]: sum(by.values()) / MINUTE_US for key, by in found.assets["A1"].items()}
    assert split[Category.FP] == 6 + 5 + 5 + 21 - 1 / 60
    assert split[Category.FO] == 5 + 5
    assert split[Category.IU] == 4 + 5 + 1 / 60 + 4


def test_an_unbroken_stop_shorter_than_the_least_does_not_count() -> None:
    terms = terms_of(replace(BASE, min_event_us=10 * MINUTE_US))
    line = [
        span("2026-01-01T00:00+00:00", "2026-01-01T00:06+00:00", Category.FO),
        span("2026-01-01T00:06+00:00", "2026-01-01T00:12+00:00", Category.PCA),
        span("2026-01-01T00:12+00:00", "2026-01-01T01:00+00:00"),
        span("2026-01-01T01:00+00:00", "2026-01-01T01:09:59+00:00", Category.FO),
        span("2026-01-01T01:09:59+00:00", "2026-02-01T00:00+00:00"),
    ]
    assert hours(charged(terms, window(terms), {"A1": line}))["unavailable"] == Fraction(12, 60)


def test_a_stop_that_reaches_over_the_edge_of_the_window_is_as_long_as_it_was() -> None:
    terms = terms_of(replace(BASE, min_event_us=10 * MINUTE_US))
    line = [
        span("2026-01-31T23:50+00:00", "2026-02-01T00:05+00:00", Category.FO),
        span("2026-02-01T00:05+00:00", "2026-03-01T00:00+00:00"),
    ]
    assert hours(charged(terms, window(terms, "2026-02"), {"A1": line}))["unavailable"] == Fraction(5, 60)


def test_excluded_time_beyond_its_most_is_unavailable() -> None:
    terms = terms_of(replace(policy_of("FP", "RS"), max_excluded_fraction=Decimal("0.1")))
    known = {"A1": {UP: 600 * HOUR_US, REQUEST: 100 * HOUR_US, (Category.RS, "grid", Party.NOBODY): 44 * HOUR_US}}
    found = charged(terms, window(terms), known)
    assert hours(found) == {"available": 600, "excluded": Fraction("74.4"), "unavailable": Fraction("69.6")}
    assert found.assets["A1"][REQUEST][Verdict.UNAVAILABLE] == Fraction("69.6") * HOUR_US * 100 / 144


def test_time_nobody_reports_is_what_the_contract_says_it_is() -> None:
    silent = {"A1": {DOWN: 4 * HOUR_US}}
    log_of_stops = _terms(unreported="FP")
    assert hours(charged(log_of_stops, window(log_of_stops), silent)) == {"available": 740, "unavailable": 4}
    unknown = charged(_terms(), window(_terms()), silent)
    assert unknown.assets["A1"][MISSING] == {Verdict.EXCLUDED: 740 * HOUR_US}


def test_only_policies_that_look_at_single_stretches_need_them() -> None:
    assert not needs_timelines(replace(BASE, allowances=(_service(hours=Decimal(80)),)))
    assert needs_timelines(replace(BASE, allowances=(_service(notice_days=14),)))
    assert needs_timelines(replace(BASE, allowances=(_service(not_between=((0, 60),)),)))
    assert needs_timelines(replace(BASE, allowances=(_service(hours=Decimal(3), per=Per.MONTH),)))
    assert needs_timelines(replace(BASE, interpolate_us=1))
    assert needs_timelines(replace(BASE, min_event_us=1))


def test_more_time_than_has_passed_is_an_error() -> None:
    terms = _terms()
    with pytest.raises(ValueError, match="A1 knows more time than has passed, by 1 us"):
        charged(terms, window(terms), {"A1": {UP: JANUARY_H * HOUR_US + 1}})
