"""The money of a contract file: exact amounts, shares that have a fee to be of, terms that mean something."""

from decimal import Decimal
from fractions import Fraction
from typing import Final

import pytest

from shared.contracts import explain, spec
from shared.contracts.measured import TimeMeasure
from shared.contracts.money import TieredMoney, UnitMoney
from shared.contracts.terms import Contract, Weighting
from shared.errors import SpecError

HEAD: Final = """
contract: {id: X, version: 1, customer: acme, currency: EUR, tz: Europe/Berlin}
term: {start: 2026-01-01, end: 2028-12-31, period: calendar_month}
"""
TIME: Final = "kind: time_availability, level: 0.97"
MTBF: Final = "kind: mtbf, level_h: 5000, test: {one_sided_conf: 0.8}"
RESPONSE: Final = 'kind: response_time, priorities: {P1: {respond_h: 4, hours: "24x7"}}'
SAVINGS: Final = (
    "kind: energy_savings, level_mwh_per_period: 5, "
    "baseline: {model: linear, driver: volume_m3, n: 12, b0: 100, b1: 0, s: 2}"
)
NOTICE: Final = "kind: failure_notice, level: 0.7, notice_days: 14"
PRODUCTION: Final = "kind: production_availability, level: 0.97"
AS_OF_US: Final = 1_767_225_600_000_000  # 2026-01-01
TRUE_UP: Final = ", true_up: {refund_if_met: true}"


def _parse(*guarantees: str, more: str = "", assets: str = "assets: [{id: T01}]") -> Contract:
    listed = "".join(f"  - {{id: G{number}, {each}}}\n" for number, each in enumerate(guarantees))
    return spec.parse(f"{HEAD}{assets}\n{more}\nguarantees:\n{listed}", "money")


def _faults(*guarantees: str, more: str = "", assets: str = "assets: [{id: T01}]") -> dict[str, str]:
    with pytest.raises(SpecError) as refused:
        _parse(*guarantees, more=more, assets=assets)
    return {fault.path.removeprefix("guarantees[0]."): fault.reason for fault in refused.value.faults}


@pytest.mark.parametrize("fee", ["", "fee: {per_m3: 0.01}"])
@pytest.mark.parametrize("stated", ["annual_fee: 12000", "cap: {malus_per_year: 5, annual_fee: 12000}"])
def test_a_share_over_all_guarantees_is_of_the_fee_a_settlement_states(fee: str, stated: str) -> None:
    caps = f"{fee}\ncaps: {{malus_year_fraction_of_annual_fee: 0.1}}"
    contract = _parse(f"{TIME}, settlement: {{malus: {{per_pp: 10000}}, {stated}}}", more=caps)
    assert contract.caps.malus_per_year == 1200
    assert contract.fees.annual == 12000


def test_a_share_of_several_fees_is_of_none() -> None:
    given = [f"{TIME}, settlement: {{malus: {{per_pp: 1}}, annual_fee: {fee}}}" for fee in (100, 200)]
    assert _faults(*given, more="caps: {malus_year_fraction_of_annual_fee: 0.1}") == {
        "caps.annual_fee": "missing: the settlements state different ones"
    }
    caps = _parse(*given, more="caps: {malus_year_fraction_of_annual_fee: 0.1, annual_fee: 300}").caps
    assert caps.malus_per_year == 30


def test_a_monthly_fee_that_does_not_end_keeps_its_half_cent() -> None:
    """6 % of 117,601 / 12 is 588.005 exactly, and is paid as 588.01."""
    tiers = "tiers: [{below: 0.97, credit_fraction: 0.06}], of: base_monthly, annual_fee: 117601"
    (money,) = _parse(f"{TIME}, settlement: {{{tiers}}}").guarantees[0].malus
    assert isinstance(money, TieredMoney)
    assert Fraction(money.of) * Fraction("0.06") == Fraction("588.005")


def test_minutes_a_month_are_exact() -> None:
    """200 minutes are 10/3 h; a decimal of them leaves a sliver beyond, which a tenth begun would cost."""
    measure = _parse(f"{TIME}, excluded: [{{cause: pm, minutes_per_month: 200}}]").guarantees[0].measure
    assert isinstance(measure, TimeMeasure)
    assert measure.policy.allowances[0].hours == Fraction(10, 3)


def test_output_that_was_lost_has_a_price_and_a_name() -> None:
    priced = _parse(f"{PRODUCTION}, settlement: {{malus: {{price: 60}}}}").guarantees[0]
    assert priced.malus == (UnitMoney(price=Decimal(60)),)
    assert _parse(f'{PRODUCTION}, settlement: {{malus: {{formula: "charged_lost_output_mwh * 60"}}}}')


@pytest.mark.parametrize(
    ("guarantee", "at", "reason"),
    [
        (f'{PRODUCTION}, settlement: {{malus: {{formula: "unavailable_h * 50"}}}}', "settlement.malus.formula",
         "unknown name 'unavailable_h'"),
        (f"{MTBF}, carry_over: {{periods: 2, max_pp: 1}}", "carry_over.max_pp", "is no share"),
        (f"{RESPONSE}, settlement: {{per_breach: 250}}, carry_over: {{periods: 2}}", "carry_over", "no breach undone"),
        (f"{NOTICE}, settlement: {{per_unannounced_failure_beyond_quota: 9, carry_over: {{periods: 2}}}}",
         "settlement.carry_over", "no breach undone"),
        (MTBF + TRUE_UP, "true_up", "no ratio of sums"),
        (RESPONSE + TRUE_UP, "true_up", "no ratio of sums"),
        (NOTICE + TRUE_UP, "true_up", "no ratio of sums"),
        (SAVINGS + TRUE_UP, "true_up", "no ratio of sums"),
        (f"{MTBF}, weighting: equal_hours", "weighting", "only availabilities by hours"),
        (f"{TIME}, weighting: rated_power", "weighting", "rated_power needs the rated_kw of T01"),
        (f"{TIME}, planned_window: {{hours_per_asset_per_year: 9}}, "
         "excluded: [{cause: planned_window, minutes_per_month: 60}]", "excluded[0].minutes_per_month",
         "say it in planned_window"),
    ],
)  # fmt: skip
def test_what_would_do_nothing_or_the_wrong_thing_is_a_fault_at_its_place(guarantee: str, at: str, reason: str) -> None:
    faults = _faults(guarantee)
    assert list(faults) == [at]
    assert reason in faults[at]


def test_a_fleet_by_rated_power_gives_that_of_each_machine() -> None:
    fleet = "fleet: {assets: [%s], weighting: rated_power}"
    machines = _parse(TIME, assets=fleet % "{id: P1, rated_kw: 75}, {id: P2, rated_kw: 110}").machines
    assert [(machine.name, machine.rated_kw) for machine in machines] == [("P1", 75), ("P2", 110)]
    assert _faults(TIME, TIME, assets=fleet % "P1, {id: P2, rated_kw: 110}") == {
        "fleet.weighting": "rated_power needs the rated_kw of P1"
    }
    assert "fleet.assets[1]" in _faults(TIME, assets="fleet: {assets: [P1, {id: P1}]}")


def test_the_weights_of_a_fleet_are_of_hours_only() -> None:
    fleet = "fleet: {assets: [{id: P1, rated_kw: 75}, {id: P2, rated_kw: 110}], weighting: rated_power}"
    by_hours, by_output = _parse(TIME, PRODUCTION, assets=fleet).guarantees
    assert (by_hours.weighting, by_output.weighting) == (Weighting.RATED_POWER, Weighting.EQUAL_HOURS)


def test_people_read_whole_minutes_and_what_a_price_is_for() -> None:
    told = explain.explain(
        _parse(
            f"{TIME}, excluded: [{{cause: pm, minutes_per_month: 200}}], settlement: {{capacity: {{amount: 1000}}}}",
            f"{PRODUCTION}, settlement: {{malus: {{price: 60}}, bonus: {{price: 6}}}}, carry_over: {{periods: 2}}",
            more="customer_duties: [{id: w, text: t, when: \"cause == 'x'\", contributory_share: 0.3}]",
        ),
        AS_OF_US,
    )
    words = " ".join(told.split())
    assert "up to 200 min a calendar month" in words
    assert "by which the value misses the level" in words
    assert "60 EUR for each of the MWh missing" in words
    assert "what earns a bonus is not kept as well" in words
    assert "where cause == 'x': 30 % of the time that is down is left out" in words
