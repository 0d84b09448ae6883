"""Signs of life that wait to be noted: machines that send often are noted now and then, not with every batch."""

from collections.abc import Iterable, Mapping
from typing import Final

from shared.db.telemetry import Heard
from shared.instant import SECOND_US

# How often they are noted, and longer apart the more there are: a note costs as much as a reading.
_LEAST_INTERVAL_US: Final = SECOND_US
_NOTES_A_SECOND: Final = 4_000


class HeardAssets:
    """What is not noted yet, by asset. Nothing is lost by a delay but the time that a crash would cost."""

    def __init__(self) -> None:
        self._pending: dict[int, Heard] = {}
        self._noted_us = 0

    def add(self, customers: Mapping[int, int], newest_us: Mapping[int, int], heard_us: int) -> None:
        """Assets that were heard, with their customers, and the latest time that facts of theirs are about."""
        pending = self._pending
        for asset_id, customer_id in customers.items():
            before, fact_us = pending.get(asset_id), newest_us.get(asset_id)
            if before is not None and before.fact_us is not None:
                fact_us = max(fact_us or 0, before.fact_us)
            pending[asset_id] = Heard(asset_id, customer_id, heard_us, fact_us)

    def of(self, asset_ids: Iterable[int]) -> list[Heard]:
        """What waits of these assets."""
        return [self._pending[asset_id] for asset_id in asset_ids if asset_id in self._pending]

    def due(self, now_us: int) -> list[Heard]:
        """Everything that waits, once it is time to note it."""
        return list(self._pending.values()) if now_us - self._noted_us >= self.interval_us else []

    @property
    def interval_us(self) -> int:
        """How long a sign of life may wait."""
        return max(_LEAST_INTERVAL_US, len(self._pending) * SECOND_US // _NOTES_A_SECOND)

    def all(self) -> list[Heard]:
        """Everything that waits."""
        return list(self._pending.values())

    def noted(self, heard: Iterable[Heard]) -> None:
        """These are in the database."""
        for one in heard:
            if self._pending.get(one.asset_id) == one:
                del self._pending[one.asset_id]

    def noted_due(self, now_us: int) -> None:
        """All that was due is in the database."""
        self._pending.clear()
        self._noted_us = now_us
