"""Signs of life that wait to be noted: a machine that sends often is noted now and then, not with every batch."""

from collections.abc import Iterable, Mapping
from typing import Final

from shared.db.telemetry import Heard
from shared.instant import SECOND_US

# An asset is noted at most once in this time, and longer ago the more there are: a note costs as much as a reading.
_LEAST_INTERVAL_US: Final = SECOND_US
_NOTES_A_SECOND: Final = 4_000


class HeardAssets:
    """What is not noted yet, by asset. Nothing is lost by a delay but the time that a crash would cost."""

    def __init__(self) -> None:
        self._pending: dict[int, Heard] = {}
        self._noted_us: dict[int, int] = {}

    def add(self, customers: Mapping[int, int], newest_us: Mapping[int, int], heard_us: int) -> None:
        """Assets that were heard, with their customers, and the latest time that facts of theirs are about."""
        pending = self._pending
        for asset_id, customer_id in customers.items():
            before, fact_us = pending.get(asset_id), newest_us.get(asset_id)
            if before is not None and before.fact_us is not None:
                fact_us = max(fact_us or 0, before.fact_us)
            pending[asset_id] = Heard(asset_id, customer_id, heard_us, fact_us)

    def due(self, now_us: int, always: Iterable[int] = ()) -> list[Heard]:
        """What is to be noted now; of `always` whatever waits."""
        interval_us = max(_LEAST_INTERVAL_US, len(self._noted_us) * SECOND_US // _NOTES_A_SECOND)
        long_ago_us, noted_us, must = now_us - interval_us, self._noted_us, frozenset(always)
        return [
            heard
            for asset_id, heard in self._pending.items()
            if noted_us.get(asset_id, 0) <= long_ago_us or asset_id in must
        ]

    def noted(self, heard: Iterable[Heard], now_us: int) -> None:
        """These are in the database."""
        for one in heard:
            self._noted_us[one.asset_id] = now_us
            if self._pending.get(one.asset_id) == one:
                del self._pending[one.asset_id]

    def all(self) -> list[Heard]:
        """Everything that waits."""
        return list(self._pending.values())
