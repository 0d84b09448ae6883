"""Judgement path, beside the assessments: how the machines of a contract failed of late, which a forecast rests on."""

from typing import Final

import numpy as np

from shared.contracts.charging.policy import Key, Ruling
from shared.contracts.charging.stretches import unreported
from shared.contracts.forecast import Evidence
from shared.contracts.kinds.registry import policy_of
from shared.contracts.measured import Policy, Verdict
from shared.db import timelines_bulk
from shared.db.contracts import StoredContract
from shared.db.pool import AsyncConnection
from shared.instant import DAY_US
from shared.timeline_columns import Lines, Stretches, filled

# How far back failures and repairs say something of the machines as they are now; of many machines a shorter time tells
# as much, and is read in each pass.
_LONGEST_US: Final = 365 * DAY_US
_OF_ALL_US: Final = 10_000 * DAY_US


async def outlook(connection: AsyncConnection, stored: StoredContract, as_of_us: int) -> dict[str, Evidence]:
    """By guarantee that charges time, how its machines failed and were repaired in the time before `as_of_us`."""
    policies = {guarantee.id: policy_of(guarantee) for guarantee in stored.contract.guarantees}
    wanted = {name: policy for name, policy in policies.items() if policy is not None}
    ids = [stored.assets[name] for name in stored.contract.assets if name in stored.assets]
    if not wanted or not ids:
        return {}
    start_us = as_of_us - min(_LONGEST_US, max(_OF_ALL_US // len(ids), DAY_US))
    rows, keys = await timelines_bulk.timelines(connection, ids, start_us, as_of_us)
    gap = unreported(stored.contract)
    if gap not in keys:
        keys = (*keys, gap)
    begins = np.full(len(ids), as_of_us)
    np.minimum.at(begins, rows.line, np.maximum(rows.start, start_us))
    whole = filled(rows, Lines(start=begins, end=np.full(len(ids), as_of_us)), keys.index(gap))
    return {name: evidence(whole, keys, policy) for name, policy in wanted.items()}


def evidence(whole: Stretches, keys: tuple[Key, ...], policy: Policy) -> Evidence:
    """Failures and repairs as the policy charges them; `keys` are what the meanings of the stretches are.

    A failure is a maximal run of unavailable time of a line, whatever its categories; a gap ends it. It is open when
    the line's last stretch belongs to it: pass stretches that are complete up to now. Excluded time and time deemed
    available is neither up nor down, and of a category with an allowance all time has the verdict within it.
    """
    ruling = Ruling(policy=policy)
    verdicts = [ruling.verdict(key) for key in keys]
    length = whole.end - whole.start
    is_up = np.array([verdict is Verdict.AVAILABLE for verdict in verdicts], np.bool_)[whole.meaning]
    is_down = np.array([verdict is Verdict.UNAVAILABLE for verdict in verdicts], np.bool_)[whole.meaning]
    goes_on = np.zeros(len(whole), np.bool_)
    same = whole.line[1:] == whole.line[:-1]
    goes_on[1:] = same & is_down[:-1] & (whole.end[:-1] == whole.start[1:])
    is_last = np.append(~same, True)[: len(whole)]
    return Evidence(
        up_us=int(length[is_up].sum()),
        down_us=int(length[is_down].sum()),
        failures=int((is_down & ~goes_on).sum()),
        down_now=int((is_down & is_last).sum()),
    )
