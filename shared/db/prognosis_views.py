"""What was foretold, as the API reads it: by risk, over time, and how notices of failure turned out.

Row-level security decides whose rows there are. Lists are read page by page as in `shared.db.views`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from psycopg.rows import class_row

from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.db.predictions import Foretold

_SQL: Final = load("prognosis_views")
_Row = TypeVar("_Row")
# Above every risk, so that a list begins with the first.
HIGHEST: Final = (2.0, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What was foretold of a component at an instant: hours of remaining life and health, None: cannot be said."""

    at: datetime
    p10_h: float | None
    p50_h: float | None
    p90_h: float | None
    health: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A component failed: a stop began with one of its causes."""

    asset_id: int
    component: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeScore:
    """How the notices of a component turned out, and how many of its failures were announced.

    `lead_h` is the median and `shortest_lead_h` the least time from a confirmed notice to the failure; None: none was.
    """

    asset_model: str
    component: str
    given: int
    open: int
    confirmed: int
    averted: int
    false_alarms: int
    lead_h: float | None
    shortest_lead_h: float | None
    failures: int
    announced: int

    @property
    def false_share(self) -> float | None:
        """False alarms among what was decided; an averted failure is neither right nor wrong. None: none was."""
        decided = self.confirmed + self.false_alarms
        return self.false_alarms / decided if decided else None

    @property
    def announced_share(self) -> float | None:
        """Announced failures among all; None without a failure."""
        return self.announced / self.failures if self.failures else None


async def by_risk(
    connection: AsyncConnection, *, after: tuple[float, int], limit: int, asset_id: int | None = None
) -> list[Foretold]:
    """The last prediction of each component of each machine, by (probability of a failure within 30 days, id).

    The likeliest comes first; where nothing can be said the probability counts as -1.
    """
    asked = {"asset_id": asset_id, "after_risk": after[0], "after_id": after[1], "limit": limit}
    return await _all(connection, "by_risk", Foretold, asked)


def risk(foretold: Foretold) -> float:
    """What a list by risk is ordered by."""
    return -1.0 if foretold.p_30d is None else foretold.p_30d


async def history(
    connection: AsyncConnection,
    asset_id: int,
    *,
    component: str | None,
    start: datetime,
    end: datetime,
    after: tuple[datetime, int],
    limit: int,
) -> list[Foretold]:
    """What was foretold at instants in `[start, end)`, of one component or of all, by (instant, id)."""
    asked = {
        "asset_id": asset_id,
        "component": component,
        "start": start,
        "end": end,
        "after_at": after[0],
        "after_id": after[1],
        "limit": limit,
    }
    return await _all(connection, "history", Foretold, asked)


async def outlooks(
    connection: AsyncConnection, asset_id: int, component: str, *, start: datetime, end: datetime, most: int
) -> list[Outlook]:
    """At most `most` instants of `[start, end)`, evenly taken, the last among them."""
    asked = {"asset_id": asset_id, "component": component, "start": start, "end": end, "most": most}
    return await _all(connection, "outlooks", Outlook, asked)


async def failures(
    connection: AsyncConnection, *, asset_id: int | None, start: datetime, end: datetime, limit: int
) -> list[Failure]:
    """When components failed in `[start, end)`, the first first."""
    asked = {"asset_id": asset_id, "start": start, "end": end, "limit": limit}
    return await _all(connection, "failures", Failure, asked)


async def notice_scores(
    connection: AsyncConnection, *, asset_id: int | None, start: datetime, end: datetime
) -> list[NoticeScore]:
    """By model of machine and component, of the notices given and the failures that happened in `[start, end)`."""
    return await _all(connection, "notice_scores", NoticeScore, {"asset_id": asset_id, "start": start, "end": end})


async def _all(connection: AsyncConnection, query: str, row: type[_Row], asked: dict[str, object]) -> list[_Row]:
    async with connection.cursor(row_factory=class_row(row)) as cursor:
        await cursor.execute(_SQL[query], asked)
        return await cursor.fetchall()
