"""Energy savings against a baseline line on one driver, month by month at reporting conditions (IPMVP options B, C)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from shared.contracts.calendar_days import midnight_us
from shared.contracts.facts import Facts, Window
from shared.contracts.finding import Finding, Outcome, Reason
from shared.contracts.kinds.amounts import Series, Stretch, distinct, formula_quantities, missing, read, stretches
from shared.contracts.level import level_of, so_far
from shared.contracts.measured import SavingsDecision, SavingsMeasure
from shared.contracts.rounding import half_up, plain
from shared.contracts.terms import Contract, Guarantee
from shared.indicators.baseline import Baseline, stated
from shared.indicators.savings import p_reaches, savings_sd, t_quantile
from shared.instant import HOUR_US, from_us
from shared.units import is_same

# The confidence of the interval shown where the contract decides by the estimate alone.
SHOWN_CONFIDENCE: Final = Decimal("0.9")
# Statistics are floats; what of them meets the level and the money is cut to these decimals, the same everywhere.
_DECIMALS: Final = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class _Month:
    """A calendar month in the window: how much of it is known, what was used then, the driver of the whole month."""

    label: str
    known_us: int
    full_us: int
    actual: Fraction
    driver: Fraction

    @property
    def share(self) -> Fraction:
        return Fraction(self.known_us, self.full_us)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Test:
    """What the guarantee's own rule says: the bound that is held against the level, and the interval."""

    bound: Fraction | None
    interval: tuple[float, float] | None
    probability: Fraction | None


def judge_energy_savings(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Finding:
    """Savings (MWh): what the baseline expects of each calendar month, plus agreed adjustments, less the actual.

    Of a month that is known in part the baseline counts in part; a month without data makes the whole unknown. Decided
    by the estimate, by the lower bound of the two-sided interval, or by the probability of reaching the level, with
    the exact least-squares uncertainty over whole months; `shortfall` is then what the bound that decides lacks.
    """
    measure = guarantee.measure
    assert isinstance(measure, SavingsMeasure)
    series = [read(guarantee, facts, window, role) for role in (measure.driver, measure.actual)]
    if not all(each.rows for each in series):
        return missing(series, window)
    months = _months(contract, series, window)
    if unknown := [month.label for month in months if not month.known_us]:
        return missing(series, window, [f"{measure.driver} and {measure.actual} not both known: {', '.join(unknown)}"])
    baseline = _baseline(measure)
    adjustments, adjusted_notes = _adjustments(guarantee, measure, facts, window)
    expected = adjustments + sum(
        (month.share * baseline.predict({measure.driver: month.driver}) for month in months), Fraction(0)
    )
    actual = sum((month.actual for month in months), Fraction(0))
    level = level_of(contract, guarantee, so_far(guarantee, window.period, window.until_us))
    test = _test(measure, baseline, months, expected - actual, level)
    decided = _decided(measure, test, level, running=window.running)
    return Finding(
        value=expected - actual,
        numerator=expected - actual,
        denominator=Fraction(1),
        unit=series[1].unit,
        sum_unit=series[1].unit,
        interval=test.interval,
        shortfall=None if test.bound is None else level - test.bound,
        expected=expected,
        decided=decided,
        reason=Reason.UNCERTAINTY_UNKNOWN if decided is not None and test.bound is None else None,
        measures={**formula_quantities(guarantee, facts, window), **_measures(measure, actual, expected, test)},
        notes=distinct([*(note for each in series for note in each.notes), *adjusted_notes, *_notes(measure, months)]),
    )


def _baseline(measure: SavingsMeasure) -> Baseline:
    return stated(
        driver=measure.driver,
        intercept=Fraction(measure.intercept),
        slope=Fraction(measure.slope),
        n=measure.n,
        s=float(measure.s),
        x_mean=None if measure.x_mean is None else Fraction(measure.x_mean),
        sxx=None if measure.sxx is None else Fraction(measure.sxx),
    )


def _months(contract: Contract, series: Sequence[Series], window: Window) -> list[_Month]:
    """The calendar months of the window in the contract's zone, as far as it has come."""
    known = [each for each in stretches(series) if len(each.values) == len(series)]
    last = from_us(max(window.start_us, window.until_us - 1)).astimezone(contract.zone).date()
    first = from_us(window.start_us).astimezone(contract.zone).date()
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    bounds = [midnight_us(date(number // 12, number % 12 + 1, 1), contract.zone) for number in (*numbers, numbers.stop)]
    return [
        _month(series, known, window, (start, end), f"{number // 12}-{number % 12 + 1:02}")
        for number, start, end in zip(numbers, bounds, bounds[1:], strict=False)
    ]


def _month(
    series: Sequence[Series], known: Sequence[Stretch], window: Window, month: tuple[int, int], label: str
) -> _Month:
    driver, actual = series
    start, end = max(month[0], window.start_us), min(month[1], window.until_us)
    parts = [(each, min(each.end_us, end) - max(each.start_us, start)) for each in known]
    parts = [(each, width) for each, width in parts if width > 0]
    known_us, full_us = sum(width for _, width in parts), month[1] - month[0]
    total = sum((each.values[driver.role] * _weight(driver, each, width) for each, width in parts), Fraction(0))
    # A mean is by the time known; a sum is stretched to the whole month, for which the baseline was made.
    whole = known_us if driver.is_mean else Fraction(known_us, full_us)
    return _Month(
        label=label,
        known_us=known_us,
        full_us=full_us,
        actual=sum((each.values[actual.role] * _weight(actual, each, width) for each, width in parts), Fraction(0)),
        driver=total / whole if known_us else Fraction(0),
    )


def _weight(series: Series, stretch: Stretch, width_us: int) -> Fraction:
    return Fraction(width_us) if series.is_mean else Fraction(width_us, stretch.end_us - stretch.start_us)


def _adjustments(
    guarantee: Guarantee, measure: SavingsMeasure, facts: Facts, window: Window
) -> tuple[Fraction, list[str]]:
    """The sum of agreed non-routine adjustments (MWh), rows under the names the contract gives, and a note for each."""
    total, notes = Fraction(0), []
    for role in measure.non_routine:
        series = read(guarantee, facts, window, role)
        notes += series.notes
        if series.value is None:
            continue
        if is_same(series.unit, "MWh"):
            total += series.value
            notes.append(f"non-routine adjustment {role}: {plain(series.value)} MWh added to the baseline")
        else:
            notes.append(f"non-routine adjustment {role} is in {series.unit}, MWh is expected: not used")
    return total, notes


def _test(
    measure: SavingsMeasure, baseline: Baseline, months: Sequence[_Month], savings: Fraction, level: Fraction
) -> _Test:
    is_whole = all(month.share == 1 for month in months)
    sd = savings_sd(baseline, {measure.driver: [month.driver for month in months]}) if is_whole else None
    if sd is None:
        return _Test(bound=None, interval=None, probability=None)
    at = float(measure.at or SHOWN_CONFIDENCE)
    by_probability = measure.decision is SavingsDecision.PROBABILITY
    half = t_quantile(float(SHOWN_CONFIDENCE) if by_probability else at, baseline.dof) * sd
    down = _one_sided(at, baseline.dof) * sd if by_probability else half
    return _Test(
        bound=None if measure.decision is SavingsDecision.POINT_ESTIMATE else savings - _fixed(down),
        interval=(float(savings) - half, float(savings) + half),
        probability=_fixed(p_reaches(savings, level, sd, baseline.dof)),
    )


def _one_sided(probability: float, dof: int) -> float:
    """Student's t that is not exceeded with `probability`."""
    if probability == 0.5:
        return 0.0
    return t_quantile(abs(2 * probability - 1), dof) * (1 if probability > 0.5 else -1)


def _fixed(number: float) -> Fraction:
    return Fraction(half_up(Fraction(number), _DECIMALS))


def _measures(measure: SavingsMeasure, actual: Fraction, expected: Fraction, test: _Test) -> dict[str, Fraction]:
    probability = {} if test.probability is None else {"probability": test.probability}
    return {measure.actual: actual, "expected_mwh": expected, "savings_mwh": expected - actual, **probability}


def _decided(measure: SavingsMeasure, test: _Test, level: Fraction, *, running: bool) -> tuple[Outcome, Reason] | None:
    if measure.decision is SavingsDecision.POINT_ESTIMATE:
        return None
    if test.bound is None or test.interval is None:
        return (Outcome.INCONCLUSIVE if running else Outcome.NOT_ASSESSABLE), Reason.UNCERTAINTY_UNKNOWN
    if test.bound >= level:
        return Outcome.MET, Reason.PROVEN_ABOVE
    return Outcome.MISSED, Reason.PROVEN_BELOW if test.interval[1] < level else Reason.NOT_PROVEN


def _notes(measure: SavingsMeasure, months: Sequence[_Month]) -> list[str]:
    parts = [month for month in months if month.share != 1]
    hours = [(plain(Fraction(us, HOUR_US), 2) for us in (month.known_us, month.full_us)) for month in parts]
    notes = [
        f"{month.label}: {known} of {full} h count, the baseline in proportion"
        for month, (known, full) in zip(parts, hours, strict=True)
    ]
    if measure.decision is SavingsDecision.POINT_ESTIMATE:
        return notes
    if notes:
        notes.append("the uncertainty of a part of a month is not known")
    elif measure.x_mean is None or measure.sxx is None:
        notes.append("x_mean and sxx of the baseline are not given: its uncertainty is not known")
    return notes
