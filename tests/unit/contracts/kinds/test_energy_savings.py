"""Energy savings against a baseline: the estimate, its bound, and three verdicts of the same data."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.assess import assess
from shared.contracts.assessment import Outcome
from shared.contracts.facts import Window
from shared.contracts.finding import Reason
from shared.contracts.measured import SavingsDecision, SavingsMeasure
from shared.contracts.money import UnitMoney
from shared.contracts.periods import periods
from shared.contracts.terms import Contract, Kind
from shared.instant import DAY_US
from shared.model.quantity import Quantity
from tests.unit.contracts.kinds.terms_made import contract, facts, guarantee, judged, over, us, window, with_measure

# golden.json ENB-1: the baseline's driver; its line as contract D prints it.
ENB_1 = (100, 120, 140, 160, 180, 200, 110, 130, 150, 170, 190, 210)
MEAN = Decimal(155)
SXX = sum(((Decimal(x) - MEAN) ** 2 for x in ENB_1), Decimal(0))
LINE = SavingsMeasure(
    driver="pumped_volume_1000m3",
    intercept=Decimal("50.867132867"),
    slope=Decimal("1.494405594"),
    n=12,
    s=Decimal("2.599085369"),
    x_mean=MEAN,
    sxx=SXX,
)
# The quarter's months in Berlin, the last with the clock's change.
MONTHS = ("2026-01-01T00:00+01:00", "2026-02-01T00:00+01:00", "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00")


@pytest.fixture
def terms() -> Contract:
    return contract(guarantee(Kind.ENERGY_SAVINGS, LINE, "60", malus=(UnitMoney(price=Decimal(140)),)))


def _enb_2(volumes: tuple[Any, ...] = (150, 160, 170), energy: tuple[Any, ...] = (255, 270, 281)) -> list[Quantity]:
    """golden.json ENB-2, by calendar month."""
    spans = [(us(start), us(end)) for start, end in pairwise(MONTHS)]
    rows = [over(span, "pumped_volume_1000m3", x, "1000 m3") for span, x in zip(spans, volumes, strict=True)]
    return rows + [over(span, "actual_mwh", y, "MWh") for span, y in zip(spans, energy, strict=True)]


def _by(terms: Contract, decision: SavingsDecision, at: str) -> Contract:
    return with_measure(terms, decision=decision, at=Decimal(at))


def test_enb_2_saves_63_9_mwh_with_its_exact_interval(terms: Contract) -> None:
    found = judged(terms, facts(terms, _enb_2()), window(terms))
    assert float(found.value or 0) == pytest.approx(63.916083916, rel=1e-6)
    assert float(found.expected or 0) == pytest.approx(869.916083916, rel=1e-6)
    assert found.measures["actual_mwh"] == 806
    assert found.interval is not None
    low, high = found.interval
    assert low is not None
    assert high is not None
    # golden.json ENB-2: halfwidth_exact_OLS at 90 %.
    assert (high - low) / 2 == pytest.approx(9.141429, rel=1e-6)
    assert (found.unit, found.decided, found.shortfall) == ("MWh", None, None)


@pytest.mark.parametrize(
    ("decision", "at", "outcome", "reason", "owed"),
    [
        # contracts.md 3.2 D: the same data, three verdicts.
        pytest.param("point_estimate", "0.9", Outcome.MET, Reason.AT_OR_ABOVE_LEVEL, "0.00", id="estimate"),
        pytest.param("lower_bound", "0.9", Outcome.MISSED, Reason.NOT_PROVEN, "731.55", id="lower bound 90 %"),
        pytest.param("probability", "0.77", Outcome.MET, Reason.PROVEN_ABOVE, "0.00", id="P(>= 60) is above .77"),
    ],
)
def test_the_decision_rule_makes_the_verdict(
    terms: Contract, decision: str, at: str, outcome: Outcome, reason: Reason, owed: str
) -> None:
    ruled = _by(terms, SavingsDecision(decision), at)
    result = assess(ruled, ruled.guarantees[0], facts(ruled, _enb_2()), window(ruled))
    assert (result.outcome, result.reason, result.settlement.malus) == (outcome, reason, Decimal(owed))


def test_a_probability_of_less_than_agreed_misses(terms: Contract) -> None:
    ruled = _by(terms, SavingsDecision.PROBABILITY, "0.8")
    found = judged(ruled, facts(ruled, _enb_2()), window(ruled))
    # contracts.md 3.2 D: P(true >= 60) = 0.7723 < .8.
    assert float(found.measures["probability"]) == pytest.approx(0.7723, abs=5e-5)
    assert found.decided == (Outcome.MISSED, Reason.NOT_PROVEN)
    assert found.shortfall is not None
    assert found.shortfall > 0


def test_the_lower_bound_is_short_of_the_level_by_5_2_mwh(terms: Contract) -> None:
    ruled = _by(terms, SavingsDecision.LOWER_BOUND, "0.9")
    found = judged(ruled, facts(ruled, _enb_2()), window(ruled))
    assert float(found.shortfall or 0) == pytest.approx(60 - 54.774655, abs=1e-6)


def test_a_line_without_scatter_meets_exactly_its_level(terms: Contract) -> None:
    saved = judged(terms, facts(terms, _enb_2()), window(terms)).value
    assert saved is not None
    level = str(Decimal(saved.numerator) / saved.denominator)
    exact = replace(LINE, s=Decimal(0), decision=SavingsDecision.LOWER_BOUND, at=Decimal("0.9"))
    ruled = contract(guarantee(Kind.ENERGY_SAVINGS, exact, level))
    found = judged(ruled, facts(ruled, _enb_2()), window(ruled))
    assert (found.decided, found.shortfall) == ((Outcome.MET, Reason.PROVEN_ABOVE), 0)


def test_without_the_baselines_spread_a_bound_is_not_known(terms: Contract) -> None:
    bare = with_measure(_by(terms, SavingsDecision.LOWER_BOUND, "0.9"), x_mean=None, sxx=None)
    result = assess(bare, bare.guarantees[0], facts(bare, _enb_2()), window(bare))
    assert (result.outcome, result.reason) == (Outcome.NOT_ASSESSABLE, Reason.UNCERTAINTY_UNKNOWN)
    assert result.settlement.malus is None
    assert any("x_mean and sxx" in note for note in result.finding.notes)


def test_a_quarterly_row_saves_what_its_months_do(terms: Contract) -> None:
    span = window(terms)
    quarter = [over(span, "pumped_volume_1000m3", 480, "1000 m3"), over(span, "actual_mwh", 806, "MWh")]
    assert judged(terms, facts(terms, quarter), span).value == judged(terms, facts(terms, _enb_2()), span).value


def test_a_month_without_data_leaves_the_quarter_unknown(terms: Contract) -> None:
    rows = [row for row in _enb_2() if row.start_us != us(MONTHS[1]) or row.name != "actual_mwh"]
    found = judged(terms, facts(terms, rows), window(terms))
    assert (found.value, found.reason) == (None, Reason.MISSING_QUANTITY)
    assert "2026-02" in found.notes[0]


def test_of_a_running_quarter_the_months_so_far_count_and_the_baseline_in_part(terms: Contract) -> None:
    as_of = us(MONTHS[1]) + 14 * DAY_US
    found = judged(terms, facts(terms, _enb_2()), window(terms, as_of_us=as_of))
    b0, b1 = Fraction(LINE.intercept), Fraction(LINE.slope)
    expected = Fraction(3, 2) * b0 + b1 * (150 + 80)
    assert (found.expected, found.measures["actual_mwh"]) == (expected, 255 + 135)
    assert "2026-02: 336 of 672 h count, the baseline in proportion" in found.notes


def test_agreed_adjustments_are_added_to_the_baseline(terms: Contract) -> None:
    adjusted = with_measure(terms, non_routine=("sensor_change",))
    row = over(window(terms), "sensor_change", "-4.5", "MWh")
    before = judged(terms, facts(terms, _enb_2()), window(terms))
    after = judged(adjusted, facts(terms, [*_enb_2(), row]), window(terms))
    assert before.value is not None
    assert after.value == before.value - Fraction(9, 2)
    assert "non-routine adjustment sensor_change: -4.5 MWh added to the baseline" in after.notes


@given(st.permutations(range(6)), st.integers(-50, 50))
def test_more_energy_saves_less_one_for_one_and_order_changes_nothing(order: list[int], more: int) -> None:
    terms = contract(guarantee(Kind.ENERGY_SAVINGS, LINE, "60"))
    rows = _enb_2()
    base = judged(terms, facts(terms, rows), window(terms))
    rows[3] = replace(rows[3], value=rows[3].value + more)
    moved = judged(terms, facts(terms, [rows[index] for index in order]), window(terms))
    assert base.value is not None
    assert moved.value == base.value - more


@given(st.decimals("0.05", "0.99", places=2))
def test_a_bound_meets_the_level_exactly_when_its_probability_does(at: Decimal) -> None:
    terms = _by(contract(guarantee(Kind.ENERGY_SAVINGS, LINE, "60")), SavingsDecision.PROBABILITY, str(at))
    span: Window = Window(period=periods(terms)[0], as_of_us=periods(terms)[0].end_us)
    found = judged(terms, facts(terms, _enb_2()), span)
    assert found.decided is not None
    assert (found.decided[0] is Outcome.MET) == (found.measures["probability"] >= Fraction(at))
