"""What a stop that is to be expected does to a guarantee: P(miss) and malus before it, and with it. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from services.analytics.judged import Judged
from shared.contracts.assessment import Certainty, Forecast
from shared.contracts.charging.ruling import Ruling
from shared.contracts.forecast import Evidence, forecast
from shared.contracts.kinds.registry import policy_of
from shared.contracts.measured import Verdict
from shared.contracts.settlement.entry import case_of, entry_of
from shared.contracts.settlement.settle import Case, settle_case
from shared.instant import HOUR_US
from shared.model.alert import Repair, RepairSource
from shared.model.facts import Category, Party


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """A forced stop of one machine that is to be expected at `start_us`, for the usual repair, None: nobody knows."""

    start_us: int
    cause: str
    repair: Repair | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Consequence:
    """What an outage does to one guarantee and period.

    `lost_h`: machine hours of the period that count against it; 0 when the outage comes after its end or is excluded.
    `before` is the forecast as it stands, `after` the one with the outage; None where there is no budget of hours.
    `malus_before` and `malus_after` are the period's own, as the value stands and with `lost_h` hours more
    unavailable; None where they are not known. `cap`: the most the period can cost.
    """

    judged: Judged
    repair: Repair | None
    lost_h: float
    is_excluded: bool
    before: Forecast | None
    after: Forecast | None
    malus_before: Decimal | None
    malus_after: Decimal | None
    cap: Decimal | None


def usual(repair: Repair | None, judged: Judged) -> Repair | None:
    """The repair as observed; else the mean over all failures of the contract's machines, None before the first."""
    seen = judged.assessment.forecast
    if repair is not None or seen is None or seen.mttr_h is None:
        return repair
    return Repair(hours=seen.mttr_h, count=seen.failures, source=RepairSource.CONTRACT)


def consequence(judged: Judged, seen: Evidence | None, outage: Outage) -> Consequence:
    """The contract's own forecast over what the outage leaves: of the remaining time and of the budget.

    Given that the outage comes, its hours are certain and the rest of the period goes on by the rates `seen`: P(more
    than B - L in R - L), with L hours lost of the remaining R and the budget B. These rates have the failures of the
    component in them already, so that what is named is rather too high than too low.
    """
    repair = usual(outage.repair, judged)
    is_excluded = _is_excluded(judged, outage.cause)
    lost_us = 0 if repair is None or is_excluded else _within(judged, outage.start_us, repair.hours)
    before = judged.assessment.forecast
    case = case_of(judged.contract, judged.guarantee, entry_of(judged.assessment))
    return Consequence(
        judged=judged,
        repair=repair,
        lost_h=lost_us / HOUR_US,
        is_excluded=is_excluded,
        before=before,
        after=None if before is None or repair is None else _after(before, seen, lost_us),
        malus_before=settle_case(case).malus,
        malus_after=_malus_after(case, round(lost_us / HOUR_US)),
        cap=judged.guarantee.caps.malus_per_period,
    )


def _after(before: Forecast, seen: Evidence | None, lost_us: int) -> Forecast:
    """The forecast itself when nothing is lost of the period, or when its outcome is certain already."""
    if not lost_us or before.certainty is not Certainty.OPEN:
        return before
    remaining, budget = Fraction(before.remaining_h) * HOUR_US, Fraction(before.budget_h) * HOUR_US
    return forecast(remaining_us=remaining - lost_us, budget_us=budget - lost_us, seen=seen)


def _within(judged: Judged, start_us: int, hours: float) -> int:
    """How much of the outage falls into the rest of the period, in microseconds."""
    begins = max(start_us, judged.assessment.as_of_us)
    return max(0, min(begins + round(hours * HOUR_US), judged.period.end_us) - begins)


def _is_excluded(judged: Judged, cause: str) -> bool:
    policy = policy_of(judged.guarantee)
    if policy is None:
        return True
    return Ruling(policy=policy).verdict((Category.FO, cause, Party.SUPPLIER)) is not Verdict.UNAVAILABLE


def _malus_after(case: Case, hours: int) -> Decimal | None:
    for _ in range(hours):
        worse = case.one_hour_worse()
        if worse is None:
            break
        case = worse
    return settle_case(case).malus
