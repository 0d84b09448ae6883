"""What people say a machine was, on record: proposals with their evidence, and every step that was taken on them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row

from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.errors import NotFoundError, VouchError
from shared.instant import from_us, to_us
from shared.model.facts import Category, Meaning, Party
from shared.model.reclassification import Refusal, Side, Status, refusal

_SQL: Final = load("reclassification")
FIRST_PAGE: Final = 2**63 - 1


# From when and to when somebody says; None: as the event.
Named = tuple[datetime | None, datetime | None]


class StretchError(VouchError):
    """A stretch nothing can be said of; `field` is `from` or `to`."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What somebody did, when, for which side and why.

    `category`, `cause` and `party` are what holds by it; None: as it was reported.
    """

    id: int
    reclassification_id: int
    status: str
    category: str | None
    cause: str | None
    party: str | None
    at: datetime
    by: str
    side: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reclassification:
    """What is proposed for a stretch, and its steps in order; the last says how it stands. `asset`: its path."""

    id: int
    asset_id: int
    asset: str
    event_id: int | None
    start_at: datetime
    end_at: datetime
    category: str
    cause: str
    party: str
    evidence: str
    urls: list[str]
    steps: tuple[Step, ...] = ()

    @property
    def status(self) -> Status:
        return Status(self.steps[-1].status)

    @property
    def meaning(self) -> Meaning:
        """As it was proposed."""
        return Meaning(category=Category(self.category), cause=self.cause, party=Party(self.party))


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who acts for which side; `key` is what the principal calls this request, so that it is carried out once."""

    name: str
    side: Side
    principal_id: int | None = None
    key: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What a stretch of an asset was, by somebody's word; `event_id`: the event it is, or is part of."""

    asset_id: int
    event_id: int | None
    start_us: int
    end_us: int
    meaning: Meaning
    evidence: str
    urls: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """The step that was noted, now or under the same key before."""

    step_id: int
    reclassification_id: int
    status: str


async def listed(
    connection: AsyncConnection,
    *,
    before: int = FIRST_PAGE,
    limit: int,
    asset_id: int | None = None,
    status: Status | None = None,
    reclassification_id: int | None = None,
) -> list[Reclassification]:
    """Reclassifications with their steps, the latest first: those with an id below `before`."""
    wanted = {
        "id": reclassification_id,
        "asset_id": asset_id,
        "status": status,
        "before": before,
        "limit": limit,
    }
    rows = await (await connection.execute(_SQL["listed"], wanted)).fetchall()
    steps: dict[int, list[Step]] = {row["id"]: [] for row in rows}
    async with connection.cursor(row_factory=class_row(Step)) as cursor:
        await cursor.execute(_SQL["steps"], {"ids": list(steps)})
        for step in await cursor.fetchall():
            steps[step.reclassification_id].append(step)
    return [Reclassification(**row, steps=tuple(steps[row["id"]])) for row in rows]


async def asset_id(connection: AsyncConnection, path: str) -> int | None:
    """The asset at `customer/site/asset`, if there is one."""
    row = await (await connection.execute(_SQL["asset"], {"path": path})).fetchone()
    return None if row is None else row["id"]


async def stretch(
    connection: AsyncConnection, asset_id: int, event_id: int | None, *, named: Named, now: datetime
) -> tuple[int, int]:
    """From when to when a proposal is, in microseconds: the whole event, the named part of it, or any time named.

    Raises NotFoundError when the asset has no such event, and StretchError for a stretch that is empty, not over by
    now, or reaches beyond its event.
    """
    start, end = named
    if event_id is not None:
        asked = {"asset_id": asset_id, "event_id": event_id}
        row = await (await connection.execute(_SQL["event_stretch"], asked)).fetchone()
        if row is None:
            raise NotFoundError(f"there is no event {event_id} at an asset {asset_id}")
        begins, ends = row["start_at"], row["end_at"]
        start, end = start or begins, end or ends
        if start < begins or (end is not None and ends is not None and end > ends):
            raise StretchError("from", f"reaches beyond event {event_id}")
    if start is None or end is None:
        raise StretchError("to", "say from when to when; an event that goes on has no end yet")
    if not start < end <= now:
        raise StretchError("to", "must be after `from`, and over by now")
    return to_us(start), to_us(end)


async def propose(connection: AsyncConnection, proposal: Proposal, actor: Actor, now_us: int) -> Noted | None:
    """Put a proposal on record; nothing changes by it yet. None: there is no such asset, or no such event of it."""
    return await _noted(
        connection,
        "propose",
        {
            "asset_id": proposal.asset_id,
            "event_id": proposal.event_id,
            "start": from_us(proposal.start_us),
            "end": from_us(proposal.end_us),
            "evidence": proposal.evidence,
            "urls": list(proposal.urls),
            "at": from_us(now_us),
            **_meaning(proposal.meaning),
            **_actor(actor),
        },
    )


async def move(
    connection: AsyncConnection,
    current: Reclassification,
    wanted: Status,
    actor: Actor,
    now_us: int,
    *,
    why: str,
    ruled: Meaning | None = None,
) -> Noted | Refusal:
    """Accept, dispute, rule on or withdraw; the stretch is derived anew. The refusal when the actor may not.

    `ruled` is what a ruling says the stretch was, None: as it was reported.
    """
    before = await _noted(connection, "noted", {"principal_id": actor.principal_id, "key": actor.key})
    if before is not None:
        return before
    refused = refusal(current.status, Side(current.steps[0].side), wanted, actor.side)
    if refused is not None:
        return refused
    held = {Status.ACCEPTED: current.meaning, Status.RULED: ruled}.get(wanted)
    asked = {"id": current.id, "after": current.steps[-1].id, "status": wanted, "why": why, "at": from_us(now_us)}
    noted = await _noted(connection, "step", {**asked, **_meaning(held), **_actor(actor)})
    return Refusal.CHANGED if noted is None else noted


async def _noted(connection: AsyncConnection, query: str, asked: dict[str, Any]) -> Noted | None:
    async with connection.cursor(row_factory=class_row(Noted)) as cursor:
        await cursor.execute(_SQL[query], asked)
        return await cursor.fetchone()


def _actor(actor: Actor) -> dict[str, Any]:
    return {"by": actor.name, "side": actor.side, "principal_id": actor.principal_id, "key": actor.key}


def _meaning(meaning: Meaning | None) -> dict[str, str | None]:
    if meaning is None:
        return {"category": None, "cause": None, "party": None}
    return {"category": meaning.category.value, "cause": meaning.cause, "party": meaning.party.value}
