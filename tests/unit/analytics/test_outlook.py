"""How machines failed of late, from columns: what a forecast rests on."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from services.analytics.outlook import evidence
from shared.contracts.forecast import Evidence
from shared.contracts.measured import Policy, Verdict
from shared.instant import HOUR_US
from shared.model.facts import Category, Interval, Party
from shared.timeline_columns import Stretches
from tests.unit.contracts.charged_time import override, policy_of

# As contract A within its allowances: planned work does not count, nor what others stop.
POLICY = policy_of("FP PP TS OEN", excluded="RS OEL SM FM IU")


def _line(*parts: tuple[str, int]) -> list[Interval]:
    """Hours in a row: `_line(("FP", 10), ("", 5), ...)`; no category is a gap."""
    at, found = 0, []
    for name, hours in parts:
        if name:
            found.append(
                Interval(
                    start_us=at,
                    end_us=at + hours * HOUR_US,
                    category=Category(name),
                    cause="x",
                    party=Party.SUPPLIER,
                )
            )
        at += hours * HOUR_US
    return found


def _charged(lines: Sequence[Sequence[Interval]], policy: Policy) -> Evidence:
    flat = [(line, interval) for line, intervals in enumerate(lines) for interval in intervals]
    keys = sorted({(each.category, each.cause, each.party) for _, each in flat})
    rows = Stretches(
        line=np.array([line for line, _ in flat], np.int32),
        start=np.array([each.start_us for _, each in flat], np.int64),
        end=np.array([each.end_us for _, each in flat], np.int64),
        meaning=np.array([keys.index((each.category, each.cause, each.party)) for _, each in flat], np.int32),
        event=np.full(len(flat), -1, np.int64),
    )
    return evidence(rows, tuple(keys), policy)


def test_a_failure_is_a_run_of_unavailable_time() -> None:
    line = _line(("FP", 100), ("FO", 5), ("PCA", 3), ("FP", 50), ("S", 2), ("", 10), ("FO", 1), ("SM", 4), ("FO", 2))
    charged = _charged([line], POLICY)
    assert charged == Evidence(up_us=150 * HOUR_US, down_us=13 * HOUR_US, failures=4, down_now=1)


def test_evidence_is_pooled_over_assets_and_follows_the_guarantees_policy() -> None:
    lines = [
        _line(("FP", 10), ("OEL", 2), ("FP", 10)),
        _line(("FO", 4)),
        [],
        _line(("FP", 7), ("FO", 1), ("IU", 1)),
    ]
    charged = _charged(lines, POLICY)
    assert charged == Evidence(up_us=27 * HOUR_US, down_us=5 * HOUR_US, failures=2, down_now=1)
    excused = replace(POLICY, overrides=(override("category == 'FO'", Verdict.EXCLUDED),))
    assert _charged(lines, excused) == Evidence(up_us=27 * HOUR_US, down_us=0, failures=0, down_now=0)
