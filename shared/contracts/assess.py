"""One guarantee over one window: facts and terms in, an Assessment out. The kernel's one entry for judgement."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from shared.contracts.assessment import Assessment, Budget, Forecast, Outcome, Reason, Tally
from shared.contracts.forecast import Evidence, forecast
from shared.contracts.policy import Key, allowed_us, charge
from shared.contracts.rounding import half_up, lowest_met
from shared.contracts.settle import settle
from shared.contracts.terms import Contract, Form, Guarantee, Verdict
from shared.indicators.indicator import Ratio
from shared.indicators.registry import indicator
from shared.instant import HOUR_US
from shared.model.facts import Category, Party
from shared.timeline import NO_DATA

_NO_DATA: Key = (NO_DATA.category, NO_DATA.cause, NO_DATA.party)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Window:
    """The window asked for and the end of the facts used, never outside of it."""

    start_us: int
    end_us: int
    as_of_us: int
    assets: int

    @property
    def full_us(self) -> int:
        """Clock time of the window, of all assets."""
        return (self.end_us - self.start_us) * self.assets

    @property
    def remaining_us(self) -> int:
        return (self.end_us - self.as_of_us) * self.assets


@dataclass(frozen=True, kw_only=True, slots=True)
class _Judged:
    """The value, the bounds that the data gaps leave, and what they mean."""

    ratio: Ratio
    rounded: Decimal | None
    low: Fraction | None
    high: Fraction | None
    measured: Fraction | None
    outcome: Outcome
    reason: Reason


def assess(  # noqa: PLR0917
    contract: Contract,
    guarantee: Guarantee,
    durations: Mapping[int, Mapping[Key, int]],
    start_us: int,
    end_us: int,
    as_of_us: int,
    evidence: Evidence | None = None,
    quantities: Mapping[str, Decimal] | None = None,
) -> Assessment:
    """What the guarantee says of `[start_us, end_us)`, usually a period, as far as `as_of_us`.

    `durations` holds each asset of the contract, also one that said nothing, with the microseconds known of it before
    `as_of_us`; what is missing of the clock is added as IU, cause `no_data`. `quantities` are what the malus formula
    needs beside time. ValueError when an asset is missing or knows more time than has passed.

    The value follows the contract's rule for missing information; `bound_low` and `bound_high` count all of it as
    down and as up. While the window runs and the bounds lie on both sides of the level, the outcome is inconclusive;
    afterwards the contract's rule decides. The money always follows the contract's rule.
    """
    if len(durations) != len(contract.assets):
        raise ValueError(f"facts of {len(durations)} asset(s), the contract has {len(contract.assets)}")
    until_us = max(start_us, min(as_of_us, end_us))
    window = _Window(start_us=start_us, end_us=end_us, as_of_us=until_us, assets=len(durations))
    tallies = _tallies(contract, guarantee, durations, window)
    judged = _judge(guarantee, tallies, running=until_us < end_us)
    by_verdict = _by_verdict(tallies)
    return Assessment(
        contract_id=contract.id,
        contract_version=contract.version,
        guarantee_id=guarantee.id,
        kind=indicator(guarantee.indicator).name,
        formula=guarantee.indicator,
        period_start_us=start_us,
        period_end_us=end_us,
        as_of_us=until_us,
        level=guarantee.level,
        value=judged.ratio.value,
        value_rounded=judged.rounded,
        outcome=judged.outcome,
        reason=judged.reason,
        numerator_us=judged.ratio.numerator,
        denominator_us=judged.ratio.denominator,
        bound_low=judged.low,
        bound_high=judged.high,
        tallies=tallies,
        by_verdict_us=by_verdict,
        unavailable_by_party_us=_unavailable_by_party(tallies),
        budget=_budget(guarantee, by_verdict, window, Fraction(guarantee.level)),
        settlement=settle(
            guarantee,
            contract.currency,
            measured=judged.measured,
            measures=_measures(by_verdict, judged.ratio.denominator, window),
            quantities=quantities or {},
        ),
        forecast=_forecast(guarantee, by_verdict, window, evidence),
    )


def _tallies(
    contract: Contract, guarantee: Guarantee, durations: Mapping[int, Mapping[Key, int]], window: _Window
) -> tuple[Tally, ...]:
    """Each fact's time by verdict, summed over assets, in a fixed order."""
    granted = allowed_us(contract, guarantee, window.start_us, window.end_us)
    sums: dict[Key, dict[Verdict, Fraction]] = {}
    for asset_id, known in durations.items():
        for key, charged in charge(guarantee, _whole(asset_id, known, window), granted).items():
            total = sums.setdefault(key, dict.fromkeys(Verdict, Fraction(0)))
            for verdict, duration in charged.items():
                total[verdict] += duration
    return tuple(
        Tally(
            category=category,
            cause=cause,
            party=party,
            available_us=total[Verdict.AVAILABLE],
            unavailable_us=total[Verdict.UNAVAILABLE],
            excluded_us=total[Verdict.EXCLUDED],
        )
        for (category, cause, party), total in sorted(sums.items())
    )


def _whole(asset_id: int, known: Mapping[Key, int], window: _Window) -> dict[Key, int]:
    """An asset's time with the missing rest of the clock; facts without time are left out."""
    missing = window.as_of_us - window.start_us - sum(known.values())
    if missing < 0 or any(duration < 0 for duration in known.values()):
        raise ValueError(f"asset {asset_id} knows more time than has passed, by {-missing} us")
    whole = {key: duration for key, duration in known.items() if duration}
    if missing:
        whole[_NO_DATA] = whole.get(_NO_DATA, 0) + missing
    return whole


def _judge(guarantee: Guarantee, tallies: tuple[Tally, ...], *, running: bool) -> _Judged:
    ratio = _ratio(guarantee, _by_verdict(tallies))
    known = _by_verdict(tuple(tally for tally in tallies if tally.category is not Category.IU))
    gaps = sum((tally.duration_us for tally in tallies if tally.category is Category.IU), Fraction(0))
    low = _ratio(guarantee, {**known, Verdict.UNAVAILABLE: known[Verdict.UNAVAILABLE] + gaps}).value
    high = _ratio(guarantee, {**known, Verdict.AVAILABLE: known[Verdict.AVAILABLE] + gaps}).value
    rounded = _rounded(guarantee, ratio.value)
    measured = ratio.value if rounded is None else Fraction(rounded)
    outcome, reason = _decide(guarantee, measured, low, high, running=running)
    return _Judged(ratio=ratio, rounded=rounded, low=low, high=high, measured=measured, outcome=outcome, reason=reason)


def _decide(
    guarantee: Guarantee, measured: Fraction | None, low: Fraction | None, high: Fraction | None, *, running: bool
) -> tuple[Outcome, Reason]:
    if measured is None:
        return Outcome.NOT_ASSESSABLE, Reason.NO_DENOMINATOR
    least = lowest_met(guarantee.level, guarantee.availability_decimals)
    if running and low is not None and high is not None and low < least <= high:
        return Outcome.INCONCLUSIVE, Reason.DATA_GAPS_DECIDE
    if measured >= guarantee.level:
        return Outcome.MET, Reason.AT_OR_ABOVE_LEVEL
    return Outcome.MISSED, Reason.BELOW_LEVEL


def _ratio(guarantee: Guarantee, by_verdict: Mapping[Verdict, Fraction]) -> Ratio:
    quantities = {verdict.value: duration for verdict, duration in by_verdict.items()}
    return indicator(guarantee.indicator).evaluate(guarantee.form, quantities)


def _rounded(guarantee: Guarantee, value: Fraction | None) -> Decimal | None:
    if value is None or guarantee.availability_decimals is None:
        return None
    return half_up(value, guarantee.availability_decimals)


def _by_verdict(tallies: tuple[Tally, ...]) -> dict[Verdict, Fraction]:
    return {
        Verdict.AVAILABLE: sum((tally.available_us for tally in tallies), Fraction(0)),
        Verdict.UNAVAILABLE: sum((tally.unavailable_us for tally in tallies), Fraction(0)),
        Verdict.EXCLUDED: sum((tally.excluded_us for tally in tallies), Fraction(0)),
    }


def _unavailable_by_party(tallies: tuple[Tally, ...]) -> dict[Party, Fraction]:
    parties: dict[Party, Fraction] = {}
    for tally in tallies:
        if tally.unavailable_us:
            parties[tally.party] = parties.get(tally.party, Fraction(0)) + tally.unavailable_us
    return parties


def _budget(guarantee: Guarantee, by_verdict: Mapping[Verdict, Fraction], window: _Window, level: Fraction) -> Budget:
    """(1 - level) of the denominator expected at the end: the whole window less what is excluded so far."""
    expected = Fraction(window.full_us)
    if guarantee.form is Form.EXCLUDED_FROM_DENOMINATOR:
        expected -= by_verdict[Verdict.EXCLUDED]
    return Budget(total_us=(1 - level) * expected, used_us=by_verdict[Verdict.UNAVAILABLE])


def _measures(by_verdict: Mapping[Verdict, Fraction], denominator_us: Fraction, window: _Window) -> dict[str, Fraction]:
    """The time-based names of a malus formula; `period_h` is clock time, the others are sums over assets."""
    return {
        "unavailable_h": by_verdict[Verdict.UNAVAILABLE] / HOUR_US,
        "denominator_h": denominator_us / HOUR_US,
        "period_h": Fraction(window.end_us - window.start_us, HOUR_US),
    }


def _forecast(
    guarantee: Guarantee, by_verdict: Mapping[Verdict, Fraction], window: _Window, evidence: Evidence | None
) -> Forecast:
    least = lowest_met(guarantee.level, guarantee.availability_decimals)
    left = _budget(guarantee, by_verdict, window, least).left_us
    return forecast(remaining_us=window.remaining_us, budget_us=left, seen=evidence)
