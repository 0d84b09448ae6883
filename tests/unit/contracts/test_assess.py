"""One guarantee over one window: what counts, what gaps leave open, what is owed. Invariants of contracts.md 3.3."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.assess import assess
from shared.contracts.assessment import Assessment, Budget, Certainty, Outcome, Reason
from shared.contracts.charging.policy import Key
from shared.contracts.document import as_document, digest
from shared.contracts.facts import Facts, Window
from shared.contracts.forecast import Evidence
from shared.contracts.measured import Verdict
from shared.contracts.money import FormulaMoney
from shared.contracts.periods import Period, periods
from shared.contracts.terms import Contract
from shared.instant import DAY_US, HOUR_US
from shared.model.facts import Category, Party
from tests.unit.contracts.judging import by_party, judge

Make = Callable[..., Contract]

UP: Key = (Category.FP, "running", Party.NOBODY)
DOWN: Key = (Category.FO, "gearbox", Party.SUPPLIER)
SERVICE: Key = (Category.SM, "service", Party.SUPPLIER)
REQUEST: Key = (Category.RS, "curtailed", Party.CUSTOMER)
MISSING: Key = (Category.IU, "no_data", Party.UNKNOWN)


@pytest.fixture(scope="module")
def monthly(contract_of: Make) -> Callable[..., Contract]:
    """WIND-A's policy by calendar month in UTC, from 2026-01-01 to 2026-03-10, with so many assets."""

    def make(assets: int = 1, **parts: Any) -> Contract:
        return contract_of(
            tz="Etc/UTC",
            term={"start": date(2026, 1, 1), "end": date(2026, 3, 10), "period": "calendar_month"},
            assets=[{"id": f"ridge/t{number}"} for number in range(assets)],
            **parts,
        )

    return make


def _judge(contract: Contract, *known: Mapping[Key, int], elapsed_us: int | None = None, **parts: Any) -> Assessment:
    """The first month, the facts known up to `elapsed_us` after its start (all of it when absent)."""
    month = periods(contract)[0]
    as_of_us = month.end_us if elapsed_us is None else month.start_us + elapsed_us
    return judge(contract, *known, period=month, as_of_us=as_of_us, **parts)


def _budget(assessed: Assessment) -> Budget:
    assert assessed.budget is not None
    return assessed.budget


def test_time_nobody_spoke_of_is_information_unavailable(monthly: Make) -> None:
    assessed = _judge(monthly(), {UP: 700 * HOUR_US})
    assert {(t.category, t.cause, t.party): t.duration_us for t in assessed.finding.tallies} == {
        UP: 700 * HOUR_US,
        MISSING: 44 * HOUR_US,
    }


def test_an_asset_that_said_nothing_is_all_missing_not_absent(monthly: Make) -> None:
    assessed = _judge(monthly(assets=2), {UP: 744 * HOUR_US}, {})
    assert sum(tally.duration_us for tally in assessed.finding.tallies) == 2 * 744 * HOUR_US
    with pytest.raises(ValueError, match="no facts of ridge/t1"):
        _judge(monthly(assets=2), {UP: 744 * HOUR_US})


def test_more_time_than_has_passed_is_an_error(monthly: Make) -> None:
    with pytest.raises(ValueError, match="ridge/t0 knows more time than has passed, by 1 us"):
        _judge(monthly(), {UP: 744 * HOUR_US + 1})
    with pytest.raises(ValueError, match="ridge/t0"):
        _judge(monthly(), {UP: 10 * HOUR_US, DOWN: -1})


def test_an_allowance_is_for_each_asset_alone(monthly: Make) -> None:
    """Two machines with 100 h and 20 h of maintenance: 20 h are beyond the 80 h, not none of 160 h."""
    assessed = _judge(
        monthly(assets=2),
        {UP: 644 * HOUR_US, SERVICE: 100 * HOUR_US},
        {UP: 724 * HOUR_US, SERVICE: 20 * HOUR_US},
    )
    assert assessed.finding.by_verdict[Verdict.UNAVAILABLE] == 20 * HOUR_US
    assert assessed.finding.by_verdict[Verdict.EXCLUDED] == 100 * HOUR_US


def test_causes_share_what_is_within_their_allowance_by_their_length(monthly: Make) -> None:
    visit: Key = (Category.SM, "visit", Party.CUSTOMER)
    assessed = _judge(monthly(), {UP: 624 * HOUR_US, SERVICE: 90 * HOUR_US, visit: 30 * HOUR_US})
    assert by_party(assessed.finding) == {Party.SUPPLIER: 30 * HOUR_US, Party.CUSTOMER: 10 * HOUR_US}


def test_a_stub_period_is_granted_its_share_of_an_allowance(monthly: Make) -> None:
    contract = monthly()
    stub = periods(contract)[2]
    assessed = judge(contract, {UP: 140 * HOUR_US, SERVICE: 100 * HOUR_US}, period=stub)
    assert assessed.finding.by_verdict[Verdict.EXCLUDED] == Fraction(80 * 10, 31) * HOUR_US


def test_a_window_over_several_periods_is_granted_the_sum_of_their_allowances(monthly: Make) -> None:
    contract = monthly()
    first, second = periods(contract)[:2]
    both = Period(
        start_us=first.start_us, end_us=second.end_us, full_us=second.end_us - first.start_us, label="two months"
    )
    assessed = judge(contract, {SERVICE: 1000 * HOUR_US, UP: 416 * HOUR_US}, period=both)
    assert assessed.finding.by_verdict[Verdict.EXCLUDED] == 160 * HOUR_US


def test_a_running_period_is_granted_the_whole_allowance_from_its_start(monthly: Make) -> None:
    assessed = _judge(monthly(), {SERVICE: 48 * HOUR_US}, elapsed_us=48 * HOUR_US)
    assert assessed.finding.by_verdict[Verdict.EXCLUDED] == 48 * HOUR_US


def test_an_override_comes_before_the_category_and_outside_its_allowance(monthly: Make) -> None:
    late: Key = (Category.SM, "late_notice", Party.SUPPLIER)
    overrides = [{"when": "cause == 'late_notice'", "verdict": "unavailable"}]
    assessed = _judge(monthly(overrides=overrides), {UP: 644 * HOUR_US, SERVICE: 80 * HOUR_US, late: 20 * HOUR_US})
    assert by_party(assessed.finding) == {Party.SUPPLIER: 20 * HOUR_US}
    assert assessed.finding.by_verdict[Verdict.EXCLUDED] == 80 * HOUR_US


def test_of_two_overrides_that_hold_the_first_wins(monthly: Make) -> None:
    overrides = [
        {"when": "category == 'FO' && cause == 'gearbox'", "verdict": "excluded"},
        {"when": "category == 'FO'", "verdict": "available"},
    ]
    other: Key = (Category.FO, "pitch", Party.SUPPLIER)
    assessed = _judge(monthly(overrides=overrides), {UP: 700 * HOUR_US, DOWN: 40 * HOUR_US, other: 4 * HOUR_US})
    assert assessed.finding.by_verdict[Verdict.EXCLUDED] == 40 * HOUR_US
    assert assessed.finding.by_verdict[Verdict.AVAILABLE] == 704 * HOUR_US


def test_where_nothing_counts_there_is_no_value_and_no_money(monthly: Make) -> None:
    assessed = _judge(monthly(), {REQUEST: 744 * HOUR_US}, quantities={"actual_output_mwh": Decimal(1)})
    assert (assessed.outcome, assessed.reason) == (Outcome.NOT_ASSESSABLE, Reason.NO_DENOMINATOR)
    assert (assessed.value, assessed.value_rounded, assessed.finding.denominator) == (None, None, 0)
    assert assessed.settlement.malus == 0


def test_before_the_period_begins_nothing_is_assessable_and_the_whole_budget_is_left(monthly: Make) -> None:
    assessed = _judge(monthly(), {}, elapsed_us=-5 * DAY_US)
    assert assessed.outcome is Outcome.NOT_ASSESSABLE
    assert assessed.as_of_us == assessed.period_start_us
    assert _budget(assessed).left_us == Fraction("0.03") * 744 * HOUR_US


def test_exactly_the_level_is_met_and_one_microsecond_less_is_missed(monthly: Make, policy: Make) -> None:
    contract = monthly(rounding=None, verdicts=policy("FP", "RS"), level=0.75)
    down = 186 * HOUR_US
    assert _judge(contract, {UP: 3 * down, DOWN: down}).outcome is Outcome.MET
    assert _judge(contract, {UP: 3 * down - 1, DOWN: down + 1}).outcome is Outcome.MISSED


def test_the_contracts_rounding_comes_before_the_verdict(monthly: Make) -> None:
    """0.96995 rounds half up to 0.9700."""
    total = 744 * HOUR_US
    down = total * 3005 // 100000
    assert _judge(monthly(), {UP: total - down, DOWN: down}).outcome is Outcome.MET
    assert _judge(monthly(rounding=None), {UP: total - down, DOWN: down}).outcome is Outcome.MISSED
    assert _judge(monthly(), {UP: total - down - 1, DOWN: down + 1}).outcome is Outcome.MISSED


def test_gaps_that_decide_leave_a_running_period_open_and_a_closed_one_to_the_contract(monthly: Make) -> None:
    known = {UP: 690 * HOUR_US, DOWN: 10 * HOUR_US}
    running = _judge(monthly(), known, elapsed_us=743 * HOUR_US)
    assert (running.outcome, running.reason) == (Outcome.INCONCLUSIVE, Reason.DATA_GAPS_DECIDE)
    closed = _judge(monthly(), known)
    assert (closed.outcome, closed.reason) == (Outcome.MISSED, Reason.BELOW_LEVEL)
    assert closed.finding.low is not None
    assert closed.finding.high is not None
    assert closed.finding.low < closed.level <= closed.finding.high


def test_the_bounds_are_of_all_missing_information_whatever_its_cause_and_verdict(monthly: Make) -> None:
    overrides = [{"when": "cause == 'customer_network'", "verdict": "available"}]
    network: Key = (Category.IU, "customer_network", Party.CUSTOMER)
    known = {UP: 600 * HOUR_US, DOWN: 100 * HOUR_US, network: 40 * HOUR_US}
    assessed = _judge(monthly(overrides=overrides), known)
    assert assessed.value == Fraction(640, 740)
    assert (assessed.finding.low, assessed.finding.high) == (Fraction(600, 744), Fraction(644, 744))


def test_gaps_that_cannot_decide_leave_a_running_period_its_answer(monthly: Make) -> None:
    assert _judge(monthly(), {UP: 99 * HOUR_US}, elapsed_us=100 * HOUR_US).outcome is Outcome.MET
    lost = {UP: 50 * HOUR_US, DOWN: 49 * HOUR_US}
    assert _judge(monthly(), lost, elapsed_us=100 * HOUR_US).outcome is Outcome.MISSED


def test_the_budget_is_of_the_denominator_expected_at_the_end(monthly: Make) -> None:
    known = {UP: 60 * HOUR_US, DOWN: 10 * HOUR_US, REQUEST: 30 * HOUR_US}
    budget = _budget(_judge(monthly(), known, elapsed_us=100 * HOUR_US))
    assert budget.total_us == Fraction("0.03") * (744 - 30) * HOUR_US
    assert (budget.used_us, budget.left_us) == (10 * HOUR_US, Fraction("11.42") * HOUR_US)
    deemed = _budget(_judge(monthly(form="deemed_available"), known, elapsed_us=100 * HOUR_US))
    assert deemed.total_us == Fraction("0.03") * 744 * HOUR_US


def test_the_forecast_of_a_closed_period_is_its_verdict(monthly: Make) -> None:
    met = _judge(monthly(), {UP: 744 * HOUR_US}).forecast
    assert met is not None
    assert (met.certainty, met.p_miss) == (Certainty.IMPOSSIBLE_MISS, 0.0)
    missed = _judge(monthly(), {UP: 700 * HOUR_US, DOWN: 44 * HOUR_US}).forecast
    assert missed is not None
    assert (missed.certainty, missed.p_miss) == (Certainty.CERTAIN_MISS, 1.0)


def test_what_only_rounding_saves_is_not_called_a_certain_miss(monthly: Make) -> None:
    total = 744 * HOUR_US
    down = total * 3004 // 100000
    assessed = _judge(monthly(), {UP: total - down, DOWN: down})
    assert _budget(assessed).left_us < 0
    assert assessed.outcome is Outcome.MET
    assert assessed.forecast is not None
    assert assessed.forecast.certainty is Certainty.IMPOSSIBLE_MISS


def test_a_fleets_forecast_pools_the_hours_and_the_budgets_of_its_machines(monthly: Make) -> None:
    seen = Evidence(up_us=7300 * HOUR_US, down_us=240 * HOUR_US, failures=10)
    half = {UP: 372 * HOUR_US}
    assessed = _judge(monthly(assets=3), half, half, half, elapsed_us=372 * HOUR_US, evidence=seen)
    assert assessed.forecast is not None
    assert (assessed.forecast.remaining_h, assessed.forecast.failures) == (3 * 372, 10)
    assert (assessed.forecast.mtbf_h, assessed.forecast.mttr_h) == (730, 24)
    assert assessed.forecast.p_miss is not None
    assert 0 < assessed.forecast.p_miss < 1


_keys = st.builds(
    lambda category, cause, party: (category, cause, party),
    st.sampled_from(Category),
    st.sampled_from(["grid", "gearbox"]),
    st.sampled_from(Party),
)
# Parts of 1,000,000 of the elapsed time of an asset, of which up to 12 facts are known.
_parts = st.dictionaries(_keys, st.integers(min_value=0, max_value=80_000), max_size=12)
_forms = st.sampled_from(["excluded_from_denominator", "deemed_available"])
_QUANTITIES = {"actual_output_mwh": Decimal("481.2")}


def _scaled(parts: Mapping[Key, int], elapsed_us: int) -> dict[Key, int]:
    return {key: part * elapsed_us // 1_000_000 for key, part in parts.items()}


@settings(max_examples=50)
@given(st.lists(_parts, min_size=1, max_size=3), _forms, st.integers(min_value=0, max_value=744))
def test_every_microsecond_is_counted_once_and_every_ratio_lies_in_its_bounds(
    monthly: Make, facts: list[dict[Key, int]], form: str, elapsed_h: int
) -> None:
    elapsed_us = elapsed_h * HOUR_US
    known = [_scaled(parts, elapsed_us) for parts in facts]
    assessed = _judge(monthly(assets=len(facts), form=form), *known, elapsed_us=elapsed_us, quantities=_QUANTITIES)
    assert sum(tally.duration_us for tally in assessed.finding.tallies) == elapsed_us * len(facts)
    assert sum(assessed.finding.by_verdict.values()) == elapsed_us * len(facts)
    assert sum(by_party(assessed.finding).values()) == assessed.finding.by_verdict[Verdict.UNAVAILABLE]
    if assessed.value is None:
        assert assessed.outcome is Outcome.NOT_ASSESSABLE
        assert assessed.settlement.malus == 0
        return
    assert assessed.finding.low is not None
    assert assessed.finding.high is not None
    assert 0 <= assessed.finding.low <= assessed.finding.high <= 1
    assert 0 <= assessed.value <= 1
    assert assessed.finding.low <= assessed.value <= assessed.finding.high
    met = assessed.measured is not None and assessed.measured >= assessed.level
    assert assessed.settlement.malus is not None
    assert (assessed.settlement.malus == 0) >= met
    assert 0 <= assessed.settlement.malus <= Decimal(29750)
    assert assessed.outcome in ({Outcome.MET, Outcome.INCONCLUSIVE} if met else {Outcome.MISSED, Outcome.INCONCLUSIVE})


@settings(max_examples=50)
@given(st.lists(_parts, min_size=3, max_size=3), st.randoms(use_true_random=False))
def test_the_order_of_facts_and_assets_is_irrelevant_to_the_byte(
    monthly: Make, facts: list[dict[Key, int]], shuffler: Any
) -> None:
    contract = monthly(assets=3)
    known = {name: _scaled(parts, 744 * HOUR_US) for name, parts in zip(contract.assets, facts, strict=True)}
    names = shuffler.sample(contract.assets, 3)
    mixed = {name: dict(shuffler.sample(list(known[name].items()), len(known[name]))) for name in names}
    month = periods(contract)[0]
    window = Window(period=month, as_of_us=month.end_us)
    one, other = (
        assess(contract, contract.guarantees[0], Facts(durations=durations), window) for durations in (known, mixed)
    )
    assert one == other
    assert digest(as_document(one, contract.zone)) == digest(as_document(other, contract.zone))


@settings(max_examples=50)
@given(_parts, _forms, st.integers(min_value=1, max_value=40), st.sampled_from(["RS", "OEL", "FM"]))
def test_excluding_an_unavailable_hour_never_lowers_the_value_nor_raises_the_malus(
    monthly: Make, parts: dict[Key, int], form: str, hours: int, to: str
) -> None:
    contract = monthly(form=form)
    known = _scaled({**parts, DOWN: 80_000}, 700 * HOUR_US)
    moved = dict(known)
    excused: Key = (Category(to), "ruled", Party.CUSTOMER)
    moved[DOWN] -= hours * HOUR_US
    moved[excused] = moved.get(excused, 0) + hours * HOUR_US
    before = _judge(contract, known, quantities=_QUANTITIES)
    after = _judge(contract, moved, quantities=_QUANTITIES)
    assert before.value is not None
    assert after.value is None or after.value >= before.value
    assert before.settlement.malus is not None
    assert after.settlement.malus is not None
    assert after.settlement.malus <= before.settlement.malus


@settings(max_examples=50)
@given(
    st.lists(st.integers(min_value=0, max_value=744), min_size=2, max_size=2),
    st.sampled_from(
        ["(level/measured - 1) * actual_output_mwh * rate", "shortfall_pp * rate * 100", "unavailable_h * rate"]
    ),
    st.sampled_from(
        [None, {"malus_per_period": 5000.005}, {"malus_fraction_of_annual_fee": 0.35, "annual_fee": 85000}]
    ),
)
def test_the_malus_never_rises_with_the_value_and_never_passes_its_cap(
    monthly: Make, down_h: list[int], formula: str, cap: dict[str, float] | None
) -> None:
    settlement: dict[str, Any] = {"malus": {"formula": formula, "rate": 62.0}}
    contract = monthly(settlement={**settlement, "cap": cap} if cap else settlement)
    more, less = (
        _judge(contract, {UP: (744 - hours) * HOUR_US, DOWN: hours * HOUR_US}, quantities=_QUANTITIES).settlement
        for hours in sorted(down_h, reverse=True)
    )
    if more.malus is None or less.malus is None:
        assert cap is None
        assert max(down_h) == 744
        assert less.malus is not None or min(down_h) == 744
        return
    assert less.malus <= more.malus
    agreed = contract.guarantees[0]
    assert isinstance(agreed.malus[0], FormulaMoney)
    assert agreed.caps.malus_per_period is None or more.malus <= agreed.caps.malus_per_period


@settings(max_examples=50)
@given(_parts, st.integers(min_value=0, max_value=10**15))
def test_a_closed_period_has_the_same_bytes_whenever_it_is_asked_for(
    monthly: Make, parts: dict[Key, int], later_us: int
) -> None:
    contract = monthly()
    known = _scaled(parts, 744 * HOUR_US)
    at_the_end = _judge(contract, known)
    later = _judge(contract, known, elapsed_us=744 * HOUR_US + later_us)
    assert digest(as_document(at_the_end, contract.zone)) == digest(as_document(later, contract.zone))
    other = replace(at_the_end, contract_version=4)
    assert digest(as_document(other, contract.zone)) != digest(as_document(at_the_end, contract.zone))
