"""Energy intensity: what was used against what the contract's formula expects of the drivers, stretch by stretch."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Final

from shared.contracts.facts import Facts, Window
from shared.contracts.finding import AssetFinding, Finding, Reason
from shared.contracts.kinds.amounts import (
    Series,
    Stretch,
    accounts,
    distinct,
    formula_quantities,
    missing,
    read,
    rounded,
    stretches,
)
from shared.contracts.level import level_of
from shared.contracts.measured import IntensityMeasure
from shared.contracts.rounding import plain
from shared.contracts.terms import Contract, Guarantee
from shared.instant import HOUR_US, from_us

HOURS: Final = "hours"
_PER_H: Final = "_per_h"
_LISTED: Final = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class _Account:
    """What one account (an asset, or all there is of a single one) used and should have; `left_out` with the reason."""

    asset: str | None
    series: tuple[Series, ...]
    counted: tuple[tuple[Stretch, Fraction], ...]
    left_out: tuple[tuple[Stretch, str], ...]

    @property
    def expected(self) -> Fraction:
        return sum((expected for _, expected in self.counted), Fraction(0))

    def total(self, role: str) -> Fraction:
        return sum((stretch.values[role] for stretch, _ in self.counted), Fraction(0))


def judge_energy_intensity(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Finding:
    """Actual by expected energy over the time in which both are known and every driver is within its valid range.

    The formula is worked out for each stretch in which no driver changes (`hours` is its length) and for each asset,
    then summed. Other time is left out on both sides and listed; energy that comes in coarser steps counts by its share
    of time. The share of a stretch and what is expected of it are rounded to 12 decimals. `shortfall` is what was used
    beyond the level (kWh, negative when less), `expected` what the level allows.
    """
    measure = guarantee.measure
    assert isinstance(measure, IntensityMeasure)
    each = [_account(guarantee, measure, facts, window, asset) for asset in accounts(contract)]
    series = [one for account in each for one in account.series]
    if not all(one.rows for one in series):
        return missing(series, window)
    actual = sum((account.total(measure.actual) for account in each), Fraction(0))
    expected = sum((account.expected for account in each), Fraction(0))
    allowed = level_of(contract, guarantee, window.period) * expected
    return Finding(
        value=actual / expected if expected > 0 else None,
        numerator=actual,
        denominator=expected,
        sum_unit=series[0].unit,
        shortfall=actual - allowed,
        expected=allowed,
        reason=None if expected > 0 else Reason.NO_DENOMINATOR,
        assets=tuple(_of_asset(account, measure) for account in each if account.asset is not None),
        measures={**formula_quantities(guarantee, facts, window), **_measures(each, measure, expected)},
        notes=distinct([*(note for one in series for note in one.notes), *_listed(contract, measure, each)]),
    )


def _account(
    guarantee: Guarantee, measure: IntensityMeasure, facts: Facts, window: Window, asset: str | None
) -> _Account:
    drivers = sorted(measure.expected.names - measure.constants.keys() - {HOURS})
    series = tuple(read(guarantee, facts, window, role, asset=asset) for role in (measure.actual, *drivers))
    constants = {name: Fraction(value) for name, value in measure.constants.items()}
    counted: list[tuple[Stretch, Fraction]] = []
    left_out: list[tuple[Stretch, str]] = []
    for stretch in stretches(series):
        reason = _why_left_out(measure, series, stretch)
        values = {**constants, **stretch.values, HOURS: stretch.hours}
        expected = measure.expected.evaluate(values) if reason is None else None
        if expected is None:
            left_out.append((stretch, reason or "the formula divides by zero"))
        else:
            counted.append((stretch, rounded(expected)))
    return _Account(asset=asset, series=series, counted=tuple(counted), left_out=tuple(left_out))


def _why_left_out(measure: IntensityMeasure, series: Sequence[Series], stretch: Stretch) -> str | None:
    unknown = [each.role for each in series if each.role not in stretch.values]
    if unknown:
        return f"{', '.join(unknown)} not known"
    for name, (low, high) in measure.valid_range.items():
        value = _ranged(name, stretch)
        if value is not None and ((low is not None and value < low) or (high is not None and value > high)):
            return f"{name} outside {'' if low is None else low} to {'' if high is None else high}"
    return None


def _ranged(name: str, stretch: Stretch) -> Fraction | None:
    """The driver's value, or of `driver_per_h` its rate; None for a name that is no driver."""
    driver = name.removesuffix(_PER_H)
    if name not in stretch.values and driver in stretch.values:
        return stretch.values[driver] / stretch.hours
    return stretch.values.get(name)


def _of_asset(account: _Account, measure: IntensityMeasure) -> AssetFinding:
    actual, expected = account.total(measure.actual), account.expected
    return AssetFinding(
        asset=account.asset or "",
        value=actual / expected if expected > 0 else None,
        numerator=actual,
        denominator=expected,
    )


def _measures(each: Sequence[_Account], measure: IntensityMeasure, expected: Fraction) -> dict[str, Fraction]:
    sums = {one.role for account in each for one in account.series if not one.is_mean}
    hours = sum((stretch.hours for account in each for stretch, _ in account.counted), Fraction(0))
    totals = {role: sum((account.total(role) for account in each), Fraction(0)) for role in sorted(sums)}
    return {**totals, measure.actual.replace("actual", "expected", 1): expected, HOURS: hours}


def _listed(contract: Contract, measure: IntensityMeasure, each: Sequence[_Account]) -> list[str]:
    """What was left out, unbroken time of one reason as one line; the first ones, and how much more there is."""
    runs: list[tuple[int, int, str]] = []
    for account in each:
        of = f" of {account.asset}" if account.asset else ""
        for stretch, reason in account.left_out:
            if runs and runs[-1][1:] == (stretch.start_us, reason + of):
                runs[-1] = (runs[-1][0], stretch.end_us, reason + of)
            else:
                runs.append((stretch.start_us, stretch.end_us, reason + of))
    lines = [
        f"left out, {reason}: {_local(contract, start)} to {_local(contract, end)}"
        for start, end, reason in islice(runs, _LISTED)
    ]
    rest = runs[_LISTED:]
    if rest:
        hours = plain(Fraction(sum(end - start for start, end, _ in rest), HOUR_US), 2)
        lines.append(f"left out besides: {len(rest)} stretches, {hours} h")
    if any(_shares_a_row(account, measure.actual) for account in each):
        lines.append(f"{measure.actual} comes in coarser steps than what is left out: its share of time counts")
    return lines


def _shares_a_row(account: _Account, role: str) -> bool:
    """Whether a row of `role` lies partly in time that counts and partly in time that does not."""
    out = {us for each, _ in account.left_out if role in each.values for us in (each.start_us, each.end_us)}
    counted = {us for each, _ in account.counted for us in (each.start_us, each.end_us)}
    rows = {us for one in account.series if one.role == role for row in one.rows for us in (row.start_us, row.end_us)}
    return bool((out & counted) - rows)


def _local(contract: Contract, at_us: int) -> str:
    return from_us(at_us).astimezone(contract.zone).isoformat(timespec="minutes")
