"""Every building block of a contract (domain/contracts.md 3.1) as a key of the file: read, or refused at its place."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts import spec
from shared.contracts.levels import RampUp, Season
from shared.contracts.measured import (
    MtbfMeasure,
    NoticeMeasure,
    Per,
    Policy,
    ResponseMeasure,
    ThresholdMeasure,
    TimeMeasure,
    Verdict,
)
from shared.contracts.money import CapacityMoney, Money, StepMoney, StepRule, TieredMoney, UnitMoney
from shared.contracts.spec.policy import DEFAULTS
from shared.contracts.terms import Contract, Guarantee, PeriodKind, Weighting
from shared.errors import SpecError
from shared.model.facts import Category, Party

FOLDER = Path(__file__).parents[4] / "deploy" / "contracts"
HEAD = """
contract: {id: X, version: 1, customer: acme, currency: EUR, tz: Europe/Berlin}
term: {start: 2026-01-01, end: 2028-06-30, period: calendar_month}
"""


def _contract(guarantee: str, *more: str, assets: str = "assets: [{id: T01}]") -> Contract:
    """A contract of one guarantee, and whatever else stands at the top."""
    lines = "\n".join(f"    {line}" for line in guarantee.strip().splitlines())
    return spec.parse("\n".join([HEAD, assets, *more, "guarantees:", "  - id: G", lines]), "parts")


def _guarantee(guarantee: str, *more: str) -> Guarantee:
    return _contract(guarantee, *more).guarantees[0]


def _faults(guarantee: str, *more: str, assets: str = "assets: [{id: T01}]") -> dict[str, str]:
    with pytest.raises(SpecError) as refused:
        _contract(guarantee, *more, assets=assets)
    return {fault.path.removeprefix("guarantees[0]."): fault.reason for fault in refused.value.faults}


TIME = "kind: time_availability\nlevel: 0.97\n"


def _policy(text: str, *more: str) -> Policy:
    measure = _guarantee(TIME + text, *more).measure
    assert isinstance(measure, TimeMeasure)
    return measure.policy


def test_without_verdicts_outside_resources_are_not_the_supplier_s_and_the_unknown_is_not_held_against_him() -> None:
    verdicts = _policy("").verdicts
    assert set(verdicts) == set(Category)
    assert {each for each in Category if verdicts[each] is Verdict.UNAVAILABLE} == {
        Category.SM, Category.PCA, Category.FO, Category.S,
    }  # fmt: skip
    assert verdicts[Category.IU] is Verdict.DEEMED_AVAILABLE


@pytest.mark.parametrize("kind", DEFAULTS)
def test_every_kind_that_charges_time_has_a_verdict_for_every_category(kind: str) -> None:
    assert set(DEFAULTS[kind]) == set(Category)
    assert DEFAULTS[kind][Category.FO] is Verdict.UNAVAILABLE


def test_the_gap_rule_is_an_allowance_for_the_unknown_and_a_reach_over_short_gaps() -> None:
    rule = (
        "data: {gap_rule: {interpolate_max_min: 5, else: excluded, excluded_max_fraction: 0.01, beyond: unavailable}}"
    )
    policy = _policy("", rule)
    assert policy.interpolate_us == 300_000_000
    [allowance] = policy.allowances
    assert (allowance.category, allowance.fraction) == (Category.IU, Decimal("0.01"))
    assert (allowance.within, allowance.beyond) == (Verdict.EXCLUDED, Verdict.UNAVAILABLE)
    assert _policy("", "data: {gap_rule: {else: unavailable}}").verdicts[Category.IU] is Verdict.UNAVAILABLE


def test_a_guarantee_that_speaks_of_the_unknown_itself_keeps_its_own_rule() -> None:
    own = "verdicts: {available: [FP, PP, TS, OEN, RS, OEL, FM], unavailable: [SM, PCA, FO, S], excluded: [IU]}"
    policy = _policy(own, "data: {gap_rule: {else: unavailable}}")
    assert (policy.verdicts[Category.IU], policy.allowances) == (Verdict.EXCLUDED, ())


@pytest.mark.parametrize(
    ("amount", "hours", "per", "fraction"),
    [
        ("hours_per_asset_per_period: 80", Decimal(80), Per.PERIOD, None),
        ("hours_per_asset_per_month: 3", Decimal(3), Per.MONTH, None),
        ("hours_per_asset_per_year: 24", Decimal(24), Per.YEAR, None),
        ("minutes_per_month: 180", Decimal(3), Per.MONTH, None),
        ("fraction_of_period: 0.02", None, Per.PERIOD, Decimal("0.02")),
    ],
)
def test_an_exclusion_with_an_amount_is_an_allowance_of_its_cause(
    amount: str, hours: Decimal | None, per: Per, fraction: Decimal | None
) -> None:
    policy = _policy(f"excluded: [{{cause: planned, {amount}, notice_days: 5, unannounced: required}}, grid]")
    [allowance] = policy.allowances
    assert (allowance.causes, allowance.hours, allowance.per) == (frozenset({"planned"}), hours, per)
    assert (allowance.fraction, allowance.notice_days) == (fraction, 5)
    assert [each.when.source for each in policy.overrides] == ["cause == 'grid'"]


def test_a_planned_window_keeps_to_its_year_its_notice_and_its_hours() -> None:
    [window] = _policy(
        "excluded: [planned_window]\n"
        'planned_window: {hours_per_asset_per_year: 24, notice_days: 14, not_between: ["05:30", "08:30"], rolls: true}'
    ).allowances
    assert (window.category, window.within, window.beyond) == (Category.SM, Verdict.EXCLUDED, Verdict.UNAVAILABLE)
    assert (window.per, window.not_between, window.rolls) == (Per.YEAR, ((330, 510),), True)


def test_customer_duties_come_after_the_guarantee_s_own_overrides_and_before_its_exclusions() -> None:
    duty = "customer_duties: [{id: access, text: lets us in, when: \"cause == 'no_access'\", verdict: excluded}]"
    policy = _policy("overrides: [{when: \"cause == 'x'\", verdict: available}]\nexcluded: [grid]", duty)
    assert [each.when.source for each in policy.overrides] == [
        "cause == 'x'",
        "cause == 'no_access'",
        "cause == 'grid'",
    ]
    contract = _contract(TIME, "customer_duties: [{id: media, text: approved media only}]", "texts: {vat: apart}")
    assert contract.texts == {"duty_media": "approved media only", "vat": "apart"}


def test_a_condition_of_an_exclusion_narrows_its_cause() -> None:
    [override] = _policy("excluded: [{cause: grid, when: \"category == 'FO'\", needs: accepted_attribution}]").overrides
    assert override.needs_acceptance
    assert override.when.holds(Category.FO, "grid", Party.CUSTOMER)
    assert not override.when.holds(Category.SM, "grid", Party.CUSTOMER)


@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        ("unavailable_until_ruled", Verdict.UNAVAILABLE),
        ("excluded_until_ruled", Verdict.EXCLUDED),
        ("as_recorded", None),
    ],
)
def test_disputed_time_has_the_contract_s_verdict_until_somebody_rules(word: str, verdict: Verdict | None) -> None:
    assert _policy("", f"data: {{disputed_default: {word}}}").disputed is verdict


def test_short_stops_and_too_much_that_is_left_out_have_their_limits() -> None:
    policy = _policy("min_event_s: 90\nmax_excluded_fraction: 0.1")
    assert (policy.min_event_us, policy.max_excluded_fraction) == (90_000_000, Decimal("0.1"))


def test_levels_by_season_year_ramp_up_and_age() -> None:
    levels = _guarantee(
        TIME + "seasons: [{months: [3, 4, 5, 11], level: 0.94}]\nby_contract_year: [0.95, 0.96]\n"
        "ramp_up: {first_days: 60, factor: 0.9}\ndegradation_per_year: 0.005"
    ).levels
    assert levels.seasons == (Season(months=frozenset({3, 4, 5, 11}), level=Decimal("0.94")),)
    assert levels.by_contract_year == (Decimal("0.95"), Decimal("0.96"))
    assert levels.ramp_up == RampUp(first_days=60, factor=Decimal("0.9"))
    assert levels.degradation_per_year == Decimal("0.005")


@pytest.mark.parametrize(
    ("malus", "money"),
    [
        ("per_pp: 900", StepMoney(step_pp=Decimal(1), amount=Decimal(900), rule=None)),
        ("per_tenth_pp_started: 1200", StepMoney(step_pp=Decimal("0.1"), amount=Decimal(1200), rule=StepRule.STARTED)),
        (
            "per_step_pp: 0.5, amount_per_step: 70, step_rule: full_steps",
            StepMoney(step_pp=Decimal("0.5"), amount=Decimal(70), rule=StepRule.FULL),
        ),
        ("per_step_pp: 0.1, fraction_of_fee: 0.005", StepMoney(step_pp=Decimal("0.1"), amount=Decimal(60), rule=None)),
    ],
)
def test_a_malus_by_percentage_points_is_steps_of_an_amount(malus: str, money: Money) -> None:
    assert _guarantee(TIME + f"settlement: {{malus: {{{malus}}}}}", "fee: {base_monthly: 1000}").malus == (money,)


def test_tiers_are_of_a_fee_or_an_amount() -> None:
    tiers = "tiers: [{below: 0.97, credit_fraction: 0.05}, {below: 0.95, credit_fraction: 0.1}]"
    of = {}
    for base in ("base_monthly", "annual_fee", "500"):
        [money] = _guarantee(TIME + f"settlement: {{{tiers}, of: {base}}}", "fee: {annual: 12000}").malus
        assert isinstance(money, TieredMoney)
        of[base] = money.of
    assert of == {"base_monthly": Decimal(1000), "annual_fee": Decimal(12000), "500": Decimal(500)}


def test_payment_for_capacity_costs_below_its_target_and_earns_above() -> None:
    found = _guarantee(TIME + "settlement: {capacity: {amount: 100000}}")
    assert found.malus == found.bonus == (CapacityMoney(amount=Decimal(100000), target=None),)
    found = _guarantee(TIME + "settlement: {capacity: {amount: 100000, target: 0.96}}")
    assert found.malus == found.bonus == (CapacityMoney(amount=Decimal(100000), target=Decimal("0.96")),)


def test_caps_of_the_contract_hold_over_all_guarantees() -> None:
    caps = "caps: {malus_year_fraction_of_annual_fee: 0.1, malus_per_period: 900, lifetime_cap_fraction_of_fees: 0.5}"
    found = _contract(TIME, caps, "fee: {annual: 12000}").caps
    assert (found.malus_per_period, found.malus_per_year) == (Decimal(900), Decimal(1200))
    # The term is two years and a half.
    assert found.malus_lifetime == Decimal(15000)


def test_what_joins_periods_stands_beside_the_settlement_or_in_it() -> None:
    beside = _guarantee(TIME + "carry_over: {periods: 2, share: 0.5}\nindexation: {index: HICP, base: 2026-01}")
    inside = _guarantee(
        TIME + "settlement: {carry_over: {periods: 2, share: 0.5}, indexation: {index: HICP, base: 2026-01}}"
    )
    assert (beside.carry_over, beside.indexation) == (inside.carry_over, inside.indexation)
    assert _guarantee(TIME + "settlement: {carry_over: none}\ndead_band: 0").carry_over is None


def test_service_in_place_of_money_has_a_long_and_a_short_form() -> None:
    short = _guarantee(TIME + "settlement: {action: root_cause_plan, within_days: 30}")
    assert short.make_good == _guarantee(TIME + "make_good: {by: root_cause_plan, within_days: 30}").make_good


def test_a_fleet_is_plain_names_with_a_weighting() -> None:
    contract = _contract(TIME, assets="fleet: {assets: [P01, P02], weighting: equal_hours}")
    assert contract.assets == ("P01", "P02")
    assert contract.guarantees[0].weighting is Weighting.EQUAL_HOURS


@pytest.mark.parametrize(
    ("period", "said", "year"),
    [
        ("calendar_month", "", PeriodKind.CALENDAR_YEAR),
        ("contract_year", "", PeriodKind.CONTRACT_YEAR),
        ("calendar_quarter", ", true_up: contract_year", PeriodKind.CONTRACT_YEAR),
    ],
)
def test_the_settlement_year_follows_the_periods_unless_it_is_said(period: str, said: str, year: PeriodKind) -> None:
    text = HEAD.replace("period: calendar_month", f"period: {period}{said}")
    found = spec.parse(
        f"{text}assets: [{{id: a}}]\nguarantees: [{{id: G, kind: time_availability, level: 0.9}}]", "year"
    )
    assert found.settlement_year is year


def test_a_signal_is_bad_below_or_above_its_limit() -> None:
    for words, below, above in (('"< 6.8"', "6.8", None), ('"> 80"', None, "80")):
        measure = _guarantee(
            f"kind: threshold_availability\nlevel: 0.99\nsignal: p_bar\nbad_when: {words}\nmin_duration_s: 90",
            "data: {resolution: PT5M}",
        ).measure
        assert isinstance(measure, ThresholdMeasure)
        assert (measure.bad_below, measure.bad_above) == (below and Decimal(below), above and Decimal(above))
        assert (measure.min_duration_us, measure.resolution_us) == (90_000_000, 300_000_000)


def test_hours_of_service_are_always_business_hours_or_said() -> None:
    measure = _guarantee(
        "kind: response_time\npriorities:\n"
        '  A: {respond_h: 2, hours: "24x7"}\n  B: {restore_h: 8, hours: business_hours_DE_BY}\n'
        '  C: {respond_h: 1.5, hours: {days: [sat], between: ["06:00", "24:00"], closed: [2026-08-15]}}'
    ).measure
    assert isinstance(measure, ResponseMeasure)
    always, business, said = (each.hours for each in measure.priorities)
    assert (always.weekly, always.holiday_region) == ((), None)
    assert (business.weekly[0], business.holiday_region) == ((0, 480, 1020), "DE_BY")
    assert (said.weekly, len(said.holidays)) == (((5, 360, 1440),), 1)
    assert [each.respond_us for each in measure.priorities] == [7_200_000_000, None, 5_400_000_000]


def test_a_test_of_failures_looks_back_over_months_or_at_the_period() -> None:
    for window, months in (("rolling_12_months", 12), ("period", None)):
        measure = _guarantee(f"kind: mtbf\nlevel_h: 5000\ntest: {{one_sided_conf: 0.8, window: {window}}}").measure
        assert isinstance(measure, MtbfMeasure)
        assert (measure.months, measure.confidence) == (months, Decimal("0.8"))


def test_notice_is_said_in_the_level_or_beside_it() -> None:
    for text in ("level: {share_of_failures_with_notice_days_ge_14: 0.7}", "level: 0.7\nnotice_days: 14"):
        found = _guarantee(f"kind: failure_notice\n{text}")
        assert isinstance(found.measure, NoticeMeasure)
        assert (found.levels.base, found.measure.days) == (Decimal("0.7"), 14)


def test_a_price_is_for_units_of_the_guarantee_s_own_quantity() -> None:
    text = "kind: output\nlevel_good_units_per_required_h: 6000\nsettlement: {else_per_1000_units: 14}"
    assert _guarantee(text).malus == (UnitMoney(price=Decimal(14), per=Decimal(1000)),)


@pytest.mark.parametrize(
    ("guarantee", "at", "reason"),
    [
        ("kind: oee\nlevel: 0.8\nideal_rate: {A: 120}", "ideal_rate.A", "is not a text"),
        ("kind: oee\nlevel: 0.8\nideal_rate: {A: fast}", "ideal_rate.A", "no rate like 120/min"),
        ("kind: oee\nlevel: 0.8\nideal_rate: {}", "ideal_rate", "at least one product"),
        ("kind: oee\nlevel: 0.8", "ideal_rate", "missing"),
        ("kind: mtbf\nlevel: 0.8\nlevel_h: 5\ntest: {one_sided_conf: 0.8}", "level", "unknown key"),
        ("kind: mtbf\nlevel_h: 5\ntest: {one_sided_conf: 1}", "test.one_sided_conf", "less than 1"),
        ("kind: failure_notice\nlevel: 0.7", "notice_days", "missing"),
        ("kind: failure_notice\nlevel: {share: 0.7}", "level", "is not share_of_failures"),
        (TIME + "excluded: [planned_window]", "excluded[0]", "planned_window is not described"),
        (TIME + "excluded: [grid, grid]", "excluded[1]", "is excluded already"),
        (TIME + "planned_window: {}", "planned_window", "needs one of"),
        (TIME + "seasons: [{months: [1, 2], level: 0.9}, {months: [2], level: 0.8}]", "seasons[1].months",
         "month 2 has a level already"),
        (TIME + "seasons: [{months: [13], level: 0.9}]", "seasons[0].months[0]", "less than or equal to 12"),
        (TIME + "ramp_up: {first_days: 5}", "ramp_up", "needs one of level and factor"),
        (TIME + "by_contract_year: [1.2]", "by_contract_year[0]", "is a share of up to 1"),
        (TIME + "floor_per_asset: {level: 0.99, ld: 5}", "floor_per_asset.level", "is above the level"),
        (TIME + "dead_band: {pp: 1, fraction: 0.1}", "dead_band", "needs one of pp and fraction"),
        (TIME + "dead_band: 0.5", "dead_band", "percentage points"),
        (TIME + "indicator: time_availability@2", "indicator", "only time_availability@1"),
        (TIME + "rounding: {availability_decimals: 4, value_decimals: 4}", "rounding.value_decimals", "already"),
        (TIME + "settlement: {bonus: {above: 0.96, per_pp: 9}}", "settlement.bonus.above", "is below the level"),
        (TIME + "settlement: {malus: {price: 3}}", "settlement.malus.price", "no quantity of its own"),
        (TIME + "settlement: {malus: {}}", "settlement.malus", "needs one of formula, price"),
        (TIME + "settlement: {malus: {per_pp: 3, per_tenth_pp_startd: 3}}", "settlement.malus.per_tenth_pp_startd",
         "unknown key"),
        (TIME + "settlement: {malus: {per_step_pp: 0.1}}", "settlement.malus", "needs one of amount_per_step"),
        (TIME + "settlement: {malus: {per_step_pp: 0.1, fraction_of_fee: 0.1}}", "settlement.malus.fraction_of_fee",
         "needs annual_fee"),
        (TIME + "settlement: {cap_fraction_year: 0.1}", "settlement.cap_fraction_year", "needs annual_fee"),
        (TIME + "settlement: {cap_per_quarter: 5}", "settlement.cap_per_quarter", "period is calendar_month"),
        (TIME + "settlement: {cap_per_month: 5, cap_per_period: 6}", "settlement.cap_per_month", "given already"),
        (TIME + "settlement: {tiers: [{below: 0.9, credit_fraction: 0.1}]}", "settlement.of", "missing"),
        (TIME + "settlement: {of: 5, tiers: [{below: 0.9, credit_fraction: 0.1}, {below: 0.91, credit_fraction: 0.2}]}",
         "settlement.tiers[1].below", "not below the tier before"),
        (TIME + "settlement: {of: 5, tiers: [{below: 0.99, credit_fraction: 0.1}]}", "settlement.tiers[0].below",
         "above the level"),
        (TIME + "settlement: {malus: {per_pp: 3}, capacity: {amount: 5}}", "settlement.capacity",
         "paid by malus already"),
        (TIME + "settlement: {bonus: {per_pp: 3}, capacity: {amount: 5}}", "settlement.bonus", "by capacity already"),
        (TIME + "settlement: {exclusive_of: H}", "settlement.exclusive_of", "no guarantee 'H'"),
        (TIME + "settlement: {exclusive_of: G}", "settlement.exclusive_of", "names the guarantee itself"),
        (TIME + "settlement: {per_breach: 5}", "settlement.per_breach", "unknown key"),
        (TIME + "settlement: {malus: {formula: \"rate\", rate: 1}, bonus: {formula: \"prate\"}}",
         "settlement.bonus.formula", "unknown name 'prate'"),
        ("kind: energy_intensity\nexpected_kwh: \"18*hours + x\"", "expected_kwh", "unknown name 'x'"),
        ("kind: energy_intensity\nexpected_kwh: \"18*hours\"\nvalid_range: {inlet_c: [5, 40]}", "valid_range.inlet_c",
         "no driver"),
        ("kind: energy_intensity\nexpected_kwh: \"inlet_c\"\nvalid_range: {inlet_c: [50, 40]}", "valid_range.inlet_c",
         "not below"),
        ("kind: response_time\npriorities: {P1: {hours: \"24x7\"}}", "priorities.P1", "needs respond_h"),
        ("kind: response_time\npriorities: {P1: {respond_h: 1, hours: business_hours_XX}}", "priorities.P1.hours",
         "no holidays are known of 'XX'"),
        ("kind: threshold_availability\nlevel: 0.9\nsignal: p\nbad_when: \"= 5\"", "bad_when", "match pattern"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_fault_at_its_place(guarantee: str, at: str, reason: str) -> None:
    faults = _faults(guarantee)
    assert list(faults) == [at]
    assert reason in faults[at]


@pytest.mark.parametrize(
    ("assets", "at", "reason"),
    [
        ("", "assets", "missing"),
        ("fleet: {assets: [a, a]}", "fleet.assets[1]", "already"),
        ("fleet: {assets: []}", "fleet.assets", "at least one"),
        ("assets: [{id: a}]\nfleet: {assets: [b]}", "fleet", "given already"),
        ("assets: [{id: a, machines: [x], bottleneck: y}]", "assets[0].bottleneck", "not one of the machines"),
    ],
)
def test_the_machines_are_named_once_and_in_one_form(assets: str, at: str, reason: str) -> None:
    faults = _faults(TIME, assets=assets)
    assert list(faults) == [at]
    assert reason in faults[at]


_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.dates()
    | st.sampled_from(["SM", "planned_window", "none", "24x7", "business_hours_DE", "formula", "TBA", "< 3", "120/min"])
)  # fmt: skip
_trees = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in children for place in _places(each, (*path, key)))]


FOUR = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))]


@settings(max_examples=50)
@given(data=st.data())
def test_whatever_stands_anywhere_in_a_contract_is_read_or_refused(data: st.DataObject) -> None:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    plain = data.draw(st.sampled_from(FOUR))
    path = data.draw(st.sampled_from([each for each in _places(plain) if each]))
    value = data.draw(_trees)

    def changed(part: Any, rest: tuple[Any, ...]) -> Any:
        if not rest:
            return value
        if isinstance(part, dict):
            return {key: changed(each, rest[1:]) if key == rest[0] else each for key, each in part.items()}
        return [changed(each, rest[1:]) if index == rest[0] else each for index, each in enumerate(part)]

    with suppress(SpecError):
        spec.parse(yaml.dump(changed(plain, path), Dumper=Plain), "any.yaml")
