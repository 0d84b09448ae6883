"""The facts of a contract's windows, from the database, cut as each judge needs them: what the kernel is given."""

from collections.abc import Mapping
from dataclasses import replace

from shared.contracts.charging.policy import Key
from shared.contracts.facts import Facts
from shared.contracts.measured import NoticeMeasure
from shared.contracts.needs import LEAD_US, Needs, needs_of
from shared.contracts.periods import Period
from shared.contracts.terms import Contract, Guarantee
from shared.db import notices, quantities, tickets, timeline
from shared.db.pool import AsyncConnection
from shared.model.facts import Interval


class Known:
    """What is known at `as_of_us` of a contract's machines; facts that several guarantees need are read once.

    `assets`: the keys of the machines, and of the parts of lines, by the names the contract gives them.
    """

    def __init__(
        self, connection: AsyncConnection, contract: Contract, assets: Mapping[str, int], as_of_us: int
    ) -> None:
        self._connection, self._contract, self._assets, self._as_of_us = connection, contract, assets, as_of_us
        self._found: dict[Needs, Facts] = {}
        self._known_names: dict[str, frozenset[str]] | None = None

    async def facts(self, guarantee: Guarantee, period: Period) -> Facts:
        """What the guarantee's judge is given of the period, or of the stretch that decides about it."""
        needs = needs_of(self._contract, guarantee, period, self._as_of_us)
        if needs not in self._found:
            self._found[needs] = await self._read(needs)
        found = self._found[needs]
        is_notice = isinstance(guarantee.measure, NoticeMeasure)
        return await self._with_notices(found, needs, guarantee) if is_notice else found

    async def _read(self, needs: Needs) -> Facts:
        start_us, until_us = needs.start_us, needs.until_us
        named = self._contract.id, self._assets
        if self._known_names is None:
            self._known_names = await quantities.known_names(self._connection, *named)
        return Facts(
            durations=await self._durations(start_us, until_us),
            earlier=await self._durations(needs.year_us, start_us) if needs.has_earlier else {},
            last_year=await self._durations(needs.last_year_us, needs.year_us) if needs.rolls else {},
            timelines=await self._timelines(start_us - LEAD_US, until_us) if needs.intervals else {},
            earlier_timelines=await self._timelines(needs.year_us, start_us)
            if needs.intervals and needs.has_earlier
            else {},
            quantities=await quantities.between(self._connection, *named, start_us, until_us),
            tickets=await tickets.between(self._connection, *named, start_us, until_us),
            known_names=self._known_names,
        )

    async def _with_notices(self, found: Facts, needs: Needs, guarantee: Guarantee) -> Facts:
        """What a failure was announced by, and how many announcements there were, where nobody else says so.

        Who counts announcements counts the false ones, too: what one says of some and another of others gives no share.
        """
        told = await notices.told(self._connection, self._assets, needs.start_us - LEAD_US, needs.until_us)
        ours = notices.ANNOUNCEMENTS, notices.FALSE_ANNOUNCEMENTS
        by_others = any(each in guarantee.quantities or each in found.known_names for each in ours)
        counted = () if by_others else told.announcements(needs.start_us)
        return replace(
            found,
            timelines={name: told.announced(name, timeline) for name, timeline in found.timelines.items()},
            quantities=[*found.quantities, *counted],
        )

    async def _durations(self, start_us: int, end_us: int) -> dict[str, Mapping[Key, int]]:
        """Of each machine of the contract; of a line that is no machine itself nothing."""
        ids = [self._assets[name] for name in self._contract.assets if name in self._assets]
        found = await timeline.durations(self._connection, ids, start_us, end_us)
        return {name: found.get(self._assets.get(name, -1), {}) for name in self._contract.assets}

    async def _timelines(self, start_us: int, end_us: int) -> dict[str, list[Interval]]:
        found = await timeline.timelines(self._connection, list(self._assets.values()), start_us, end_us)
        return {name: found[asset_id] for name, asset_id in self._assets.items()}
