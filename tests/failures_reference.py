"""Failures and repairs counted once more, interval by interval: what the outlook's columns must agree with."""

from collections.abc import Mapping, Sequence

from shared.contracts.charging.ruling import Ruling
from shared.contracts.forecast import Evidence
from shared.contracts.measured import Policy, Verdict
from shared.model.facts import Interval


def evidence(intervals_by_asset: Mapping[str, Sequence[Interval]], policy: Policy) -> Evidence:
    """Failures and repairs as the policy charges them, from the assets' ordered, disjoint intervals.

    A failure is a maximal run of unavailable time, whatever its categories; a gap ends it. It is open when the asset's
    last interval belongs to it: pass timelines that are complete up to now. Excluded time and time deemed available is
    neither up nor down, and of a category with an allowance all time has the verdict within it.
    """
    up_us = down_us = failures = down_now = 0
    ruling = Ruling(policy=policy)
    for intervals in intervals_by_asset.values():
        up, down = _charged(ruling, intervals)
        up_us += sum(interval.duration_us for interval in up)
        down_us += sum(interval.duration_us for interval in down)
        failures += len({i.start_us for i in down} - {i.end_us for i in down})
        down_now += bool(down) and down[-1] is intervals[-1]
    return Evidence(up_us=up_us, down_us=down_us, failures=failures, down_now=down_now)


def _charged(ruling: Ruling, intervals: Sequence[Interval]) -> tuple[list[Interval], list[Interval]]:
    """The available and the unavailable ones."""
    charged: dict[Verdict, list[Interval]] = {verdict: [] for verdict in Verdict}
    for interval in intervals:
        charged[ruling.verdict((interval.category, interval.cause, interval.party))].append(interval)
    return charged[Verdict.AVAILABLE], charged[Verdict.UNAVAILABLE]
