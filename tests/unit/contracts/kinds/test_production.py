"""Production-based availability: what was lost, on which facts it fell, and how sure anybody is of it."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from shared.contracts.facts import Facts
from shared.contracts.finding import Finding, Reason
from shared.contracts.kinds.production import judge_production
from shared.contracts.measured import Form, Policy, ProductionMeasure, Verdict
from shared.contracts.money import UnitMoney
from shared.contracts.terms import Contract, Kind
from shared.instant import HOUR_US
from shared.model.facts import Category, Party
from shared.model.quantity import Quantity
from tests.unit.contracts.charged_time import DOWN, UP, facts_of, override, policy_of, span
from tests.unit.contracts.kinds.terms_made import contract, guarantee, over, window

POLICY = replace(
    policy_of("FP PP TS OEN", "RS OEL FM SM IU"),
    overrides=(override("category == 'SM' && cause == 'beyond_allowance'", Verdict.UNAVAILABLE),),
)
# WIND-PBA: MWh lost by category; SMx is maintenance beyond its allowance.
LOST = {
    "FO": 168, "PCA": 14, "S": 9, "SM:beyond_allowance": 6, "OEL": 31, "RS": 22, "FM": 12, "SM:service": 25,
}  # fmt: skip


def _terms(policy: Policy = POLICY, *assets: str, **parts: Any) -> Contract:
    measure = ProductionMeasure(policy=policy, **parts)
    return contract(guarantee(Kind.PRODUCTION_AVAILABILITY, measure, "0.97"), *assets)


def _wind(terms: Contract) -> list[Quantity]:
    quarter = window(terms)
    lost = [over(quarter, f"lost_output_mwh:{name}", mwh, "MWh") for name, mwh in LOST.items()]
    return [over(quarter, "actual_output_mwh", 4812, "MWh"), *lost]


def _judged(terms: Contract, facts: Facts) -> Finding:
    return judge_production(terms, terms.guarantees[0], facts, window(terms))


ALL_UP = {"A1": {UP: 2159 * HOUR_US}}


@pytest.mark.parametrize(
    ("form", "value"),
    [
        # WIND-PBA, computed: 4812 MWh made, 287 MWh lost.
        (Form.EXCLUDED_FROM_DENOMINATOR, 0.960670792573368),
        (Form.DEEMED_AVAILABLE, 0.9613649735242205),
    ],
)
def test_a_year_of_wind_by_what_it_made(form: Form, value: float) -> None:
    terms = _terms(replace(POLICY, form=form))
    found = _judged(terms, Facts(durations=ALL_UP, quantities=_wind(terms)))
    assert found.value is not None
    assert float(found.value) == pytest.approx(value, rel=1e-12)
    assert found.sum_unit == "MWh"
    assert (found.measures["lost_output_mwh"], found.measures["charged_lost_output_mwh"]) == (287, 197)
    assert (found.low, found.high) == (found.value, found.value)


def test_the_model_of_what_was_lost_is_uncertain_and_so_is_the_value() -> None:
    terms = _terms(uncertainty=Decimal("0.1"))
    found = _judged(terms, Facts(durations=ALL_UP, quantities=_wind(terms)))
    assert found.low == Fraction(4812) / (4812 + Fraction("216.7"))
    assert found.high == Fraction(4812) / (4812 + Fraction("177.3"))


def test_losses_without_a_category_fall_on_the_stops_under_them() -> None:
    """Hourly rows: one wholly in an outage, one half outage and half curtailed, one in which it ran all the time."""
    terms = _terms()
    quarter = window(terms)
    line = [
        span("2026-01-05T08:00+01:00", "2026-01-05T09:30+01:00", Category.FO),
        span("2026-01-05T09:30+01:00", "2026-01-05T10:00+01:00", Category.RS),
        span("2026-01-05T10:00+01:00", "2026-01-05T12:00+01:00"),
    ]
    start = line[0].start_us
    rows = [
        over((start + hour * HOUR_US, start + (hour + 1) * HOUR_US), "lost_output_mwh", mwh, "MWh")
        for hour, mwh in enumerate((4, 3, 2))
    ]
    facts = facts_of(quarter, {"A1": line}, quantities=[over(quarter, "actual_output_mwh", 100, "MWh"), *rows])
    found = _judged(terms, facts)
    assert found.value == Fraction(100) / (100 + Fraction("5.5"))
    assert found.low == Fraction(100) / (100 + Fraction("7.5")), "2 MWh fell on no stop: nobody knows why"


def test_a_loss_is_charged_as_the_time_of_its_category_is() -> None:
    """Of 40 h of outage the grid's 10 h are excluded: so is a quarter of what was lost."""
    grid = (Category.FO, "grid", Party.THIRD_PARTY)
    terms = _terms(replace(POLICY, overrides=(override("cause == 'grid'", Verdict.EXCLUDED),)))
    quarter = window(terms)
    rows = [over(quarter, "actual_output_mwh", 90, "MWh"), over(quarter, "lost_output_mwh:FO", 20, "MWh")]
    known = {"A1": {UP: 2119 * HOUR_US, DOWN: 30 * HOUR_US, grid: 10 * HOUR_US}}
    assert _judged(terms, Facts(durations=known, quantities=rows)).value == Fraction(90, 105)


def test_disputed_losses_are_charged_or_not_in_the_bounds() -> None:
    disputed = (Category.FO, "gearbox", Party.DISPUTED)
    terms = _terms()
    quarter = window(terms)
    rows = [over(quarter, "actual_output_mwh", 90, "MWh"), over(quarter, "lost_output_mwh:FO", 10, "MWh")]
    known = {"A1": {UP: 2119 * HOUR_US, disputed: 40 * HOUR_US}}
    found = _judged(terms, Facts(durations=known, quantities=rows))
    assert (found.value, found.low, found.high) == (Fraction(9, 10), Fraction(9, 10), 1)


def test_without_losses_on_record_a_value_stands_only_if_nothing_stood_still() -> None:
    terms = _terms()
    rows = [over(window(terms), "actual_output_mwh", 90, "MWh")]
    assert _judged(terms, Facts(durations=ALL_UP, quantities=rows)).value == 1
    down = {"A1": {UP: 2119 * HOUR_US, DOWN: 40 * HOUR_US}}
    found = _judged(terms, Facts(durations=down, quantities=rows))
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert any("lost_output_mwh (MWh) is not known" in note for note in found.notes)


def test_without_what_was_made_there_is_no_value() -> None:
    found = _judged(_terms(), Facts(durations=ALL_UP))
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)


def test_a_fleet_is_the_sum_of_its_output_and_each_machine_has_its_own_value() -> None:
    terms = _terms(POLICY, "A1", "A2")
    quarter = window(terms)
    rows = [
        over(quarter, "actual_output_mwh", 90, "MWh", "A1"),
        over(quarter, "lost_output_mwh:FO", 10, "MWh", "A1"),
        over(quarter, "actual_output_mwh", 300, "MWh", "A2"),
    ]
    found = _judged(terms, Facts(durations={"A1": {}, "A2": {}}, quantities=rows))
    assert found.value == Fraction(390, 400)
    assert [each.value for each in found.assets] == [Fraction(9, 10), 1]
    assert "nothing is known of 4318 h; only losses on record count in them" in found.notes


def test_output_short_of_the_promise_is_told_where_money_goes_by_the_unit() -> None:
    terms = _terms()
    facts = Facts(durations=ALL_UP, quantities=_wind(terms))
    assert _judged(terms, facts).shortfall is None
    promise = replace(terms.guarantees[0], malus=(UnitMoney(price=Decimal(62)),))
    by_unit = replace(terms, guarantees=(promise,))
    assert _judged(by_unit, facts).shortfall == Fraction("0.97") * 5009 - 4812


def test_a_category_that_does_not_exist_is_a_loss_nobody_can_charge_and_is_said() -> None:
    terms = _terms()
    quarter = window(terms)
    rows = [over(quarter, "actual_output_mwh", 90, "MWh"), over(quarter, "lost_output_mwh:XX", 10, "MWh")]
    found = _judged(terms, Facts(durations=ALL_UP, quantities=rows))
    assert (found.value, found.low) == (1, Fraction(9, 10))
    assert "lost_output_mwh:XX: no such category, its loss counts as one of unknown time" in found.notes


@pytest.mark.parametrize(("unreported", "charged"), [(Category.FP, 4), (Category.IU, 1)])
def test_time_that_no_source_speaks_of_takes_its_share_of_a_loss_unless_it_counts_as_running(
    unreported: Category, charged: int
) -> None:
    """An hour with 15 min of outage on record; the lost 4 MWh are the outage's if the machine ran otherwise."""
    terms = replace(_terms(), unreported=unreported)
    quarter = window(terms)
    outage = span("2026-01-05T08:00+01:00", "2026-01-05T08:15+01:00", Category.FO)
    hour = outage.start_us, outage.start_us + HOUR_US
    rows = [over(quarter, "actual_output_mwh", 100, "MWh"), over(hour, "lost_output_mwh", 4, "MWh")]
    found = _judged(terms, facts_of(quarter, {"A1": [outage]}, quantities=rows))
    assert found.denominator - found.numerator == charged
