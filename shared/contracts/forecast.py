"""How likely a guarantee is missed at the period's end: arithmetic first, then the Takacs closed form."""

from dataclasses import dataclass
from fractions import Fraction

from shared.contracts.assessment import Certainty, Forecast
from shared.indicators.forecast import p_miss_takacs
from shared.instant import HOUR_US


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """How the assets of a guarantee failed and were repaired, summed over them; `down_now` are not up again yet."""

    up_us: int
    down_us: int
    failures: int
    down_now: int = 0

    @property
    def mtbf_h(self) -> float | None:
        """Mean available time between failures; None before the first."""
        return self.up_us / self.failures / HOUR_US if self.failures else None

    @property
    def mttr_h(self) -> float | None:
        """Mean time to restoration in hours, None before the first failure.

        An open repair is censored: its time counts, its end does not (exponential maximum likelihood). While no repair
        has ended the open time stands in for the mean, a lower bound of it.
        """
        return self.down_us / max(self.failures - self.down_now, 1) / HOUR_US if self.failures else None


def forecast(*, remaining_us: int | Fraction, budget_us: Fraction, seen: Evidence | None) -> Forecast:
    """P(more than `budget_us` of unavailable time in the `remaining_us` of all assets together).

    Level 0 is arithmetic: an overspent budget is a certain miss (the facts so far standing), and what remains within
    the budget an impossible one. Level 1 is Takacs for one machine. A fleet is pooled as one machine that lives all
    their hours, with every machine now down still in repair: an approximation, as it lets one repair follow another.
    Without a failure seen there is no rate, and no probability is named.
    """
    remaining_h, budget_h = float(remaining_us / HOUR_US), float(budget_us / HOUR_US)
    failures = seen.failures if seen else 0
    mtbf_h, mttr_h = (seen.mtbf_h, seen.mttr_h) if seen else (None, None)
    certainty, method, p_miss = Certainty.OPEN, "takacs", None
    if budget_us < 0:
        certainty, method, p_miss = Certainty.CERTAIN_MISS, "arithmetic", 1.0
    elif remaining_us <= budget_us:
        certainty, method, p_miss = Certainty.IMPOSSIBLE_MISS, "arithmetic", 0.0
    elif seen is None or not mtbf_h or not mttr_h:
        method = "not_enough_evidence"
    else:
        p_miss = p_miss_takacs(remaining_h, budget_h, mtbf_h, mttr_h, seen.down_now)
    return Forecast(
        p_miss=p_miss,
        certainty=certainty,
        method=method,
        remaining_h=remaining_h,
        budget_h=budget_h,
        failures=failures,
        mtbf_h=mtbf_h,
        mttr_h=mttr_h,
    )
