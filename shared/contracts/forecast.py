"""How likely a guarantee is missed at the period's end: arithmetic first, then the Takacs closed form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import gammaincc, gammaln, ndtr

from shared.contracts.assessment import Certainty, Forecast
from shared.contracts.policy import Key, verdict_of
from shared.contracts.terms import Guarantee, Verdict
from shared.instant import HOUR_US
from shared.model.facts import Interval

MANY_FAILURES = 1e6


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


def evidence(intervals_by_asset: Mapping[int, Sequence[Interval]], guarantee: Guarantee) -> Evidence:
    """Failures and repairs as the guarantee charges them, from the assets' ordered, disjoint intervals.

    A failure is a maximal run of unavailable time, whatever its categories; a gap ends it. It is open when the asset's
    last interval belongs to it: pass timelines that are complete up to now. Excluded time is neither up nor down, and
    of a category with an allowance all time has the verdict within it.
    """
    up_us = down_us = failures = down_now = 0
    verdicts: dict[Key, Verdict] = {}
    for intervals in intervals_by_asset.values():
        up, down = _charged(guarantee, intervals, verdicts)
        up_us += sum(interval.duration_us for interval in up)
        down_us += sum(interval.duration_us for interval in down)
        failures += len({i.start_us for i in down} - {i.end_us for i in down})
        down_now += bool(down) and down[-1] is intervals[-1]
    return Evidence(up_us=up_us, down_us=down_us, failures=failures, down_now=down_now)


def _charged(
    guarantee: Guarantee, intervals: Sequence[Interval], verdicts: dict[Key, Verdict]
) -> tuple[list[Interval], list[Interval]]:
    """The available and the unavailable ones; `verdicts` remembers the answer for each fact."""
    charged: dict[Verdict, list[Interval]] = {verdict: [] for verdict in Verdict}
    for interval in intervals:
        key = (interval.category, interval.cause, interval.party)
        if key not in verdicts:
            verdicts[key] = verdict_of(guarantee, *key)
        charged[verdicts[key]].append(interval)
    return charged[Verdict.AVAILABLE], charged[Verdict.UNAVAILABLE]


def forecast(*, remaining_us: int, budget_us: Fraction, seen: Evidence | None) -> Forecast:
    """P(more than `budget_us` of unavailable time in the `remaining_us` of all assets together).

    Level 0 is arithmetic: an overspent budget is a certain miss (the facts so far standing), and what remains within
    the budget an impossible one. Level 1 is Takacs for one machine. A fleet is pooled as one machine that lives all
    their hours, with every machine now down still in repair: an approximation, as it lets one repair follow another.
    Without a failure seen there is no rate, and no probability is named.
    """
    remaining_h, budget_h = remaining_us / HOUR_US, float(budget_us / HOUR_US)
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


def p_miss_takacs(remaining_h: float, budget_h: float, mtbf_h: float, mttr_h: float, down_now: int) -> float:
    """P(D(H) > B) of an alternating renewal process, exponential up (MTBF) and down (MTTR) times.

    Takacs (1957): the sum over k of Pois(k; (H - B)/MTBF) P(Gamma(k + j, MTTR) > B), j machines being down at the
    start (a bool does for one machine). Hours; MTBF and MTTR above 0. The sum leaves out less than 1e-15; where more
    than `MANY_FAILURES` are expected it is the normal law of the same mean and variance, then close to it.
    """
    if budget_h < 0:
        return 1.0
    if remaining_h <= budget_h:
        return 0.0
    mean = (remaining_h - budget_h) / mtbf_h
    if mean > MANY_FAILURES:
        return float(ndtr((mean / 2) ** 0.5 + (down_now - budget_h / mttr_h) / (2 * mean) ** 0.5))
    spread = 12 * mean**0.5 + 40
    count = np.arange(max(0, int(mean - spread)), int(mean + spread) + 1)
    weight = np.exp(count * np.log(mean) - mean - gammaln(count + 1))
    shape = count + int(down_now)
    exceeds = np.where(shape > 0, gammaincc(np.maximum(shape, 1), budget_h / mttr_h), 0.0)
    return float(np.clip(np.sum(weight * exceeds), 0.0, 1.0))
