"""Notices of failure: given once, decided once; and what contracts count of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from psycopg.rows import class_row

from shared.db import notify
from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import from_us, to_us
from shared.model.facts import Category, Interval
from shared.model.prognosis import Method, NoticeState, Prediction
from shared.model.quantity import Quantity

_SQL: Final = load("notices")
FIRST_PAGE: Final = 2**63 - 1
# What contracts call notices and the false ones among them, where nobody else counts them.
ANNOUNCEMENTS: Final = "announcements"
FALSE_ANNOUNCEMENTS: Final = "false_announcements"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A notice as it stands. `made_at`: when it was really given, later than `given_at` where history is worked off.

    `asset`: its path. `lead_h`: from the notice to the failure it foretold.
    """

    id: int
    asset_id: int
    asset: str
    component: str
    given_at: datetime
    made_at: datetime
    prediction_id: int
    expected_at: datetime | None
    latest_at: datetime | None
    window_end: datetime
    state: str
    decided_at: datetime | None
    failed_at: datetime | None
    lead_h: float | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """A notice by its component and instant: as one that is given, or as what became of it."""

    asset_id: int
    component: str
    given_us: int
    window_end_us: int
    state: NoticeState
    decided_us: int | None
    failed_us: int | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A notice that was said at `told_us`, and decided later; `failed_us`: when what it foretold came, None: never."""

    told_us: int
    decided_us: int
    failed_us: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What was said of a contract's machines, by their names there; `telling`: those that notices are given of."""

    said: Mapping[str, Sequence[Said]]
    telling: frozenset[str]

    def announced(self, name: str, timeline: Sequence[Interval]) -> list[Interval]:
        """The timeline of a machine, in which a failure that nobody recorded an announcement of has its notice's."""
        foretold = [(each.failed_us, each.told_us) for each in self.said.get(name, ()) if each.failed_us is not None]
        return [_announced(interval, foretold) for interval in timeline] if foretold else list(timeline)

    def announcements(self, start_us: int) -> list[Quantity]:
        """How many proved right or wrong at an instant, and how many of them wrong, whatever time was left to act.

        None at `start_us`, so that a time without any is known.
        """
        decided = [(name, each.decided_us, each.failed_us is None) for name, said in self.said.items() for each in said]
        total = Counter((name, at_us) for name, at_us, _ in decided)
        false = Counter((name, at_us) for name, at_us, is_false in decided if is_false)
        places = sorted({(name, start_us) for name in self.telling} | total.keys())
        return [
            Quantity(
                asset=name, name=role, start_us=at_us, end_us=at_us + 1, value=Decimal(count[name, at_us]), unit="1"
            )
            for role, count in ((ANNOUNCEMENTS, total), (FALSE_ANNOUNCEMENTS, false))
            for name, at_us in places
        ]


def _announced(interval: Interval, foretold: Sequence[tuple[int, int]]) -> Interval:
    if interval.announced_us is not None or interval.category is not Category.FO:
        return interval
    told = [told_us for failed_us, told_us in foretold if interval.start_us <= failed_us < interval.end_us]
    return replace(interval, announced_us=min(told)) if told else interval


async def listed(
    connection: AsyncConnection,
    *,
    before: int = FIRST_PAGE,
    limit: int,
    asset_id: int | None = None,
    state: NoticeState | None = None,
) -> list[Notice]:
    """Notices, the latest first: those with an id below `before`."""
    async with connection.cursor(row_factory=class_row(Notice)) as cursor:
        await cursor.execute(_SQL["listed"], {"asset_id": asset_id, "state": state, "before": before, "limit": limit})
        return await cursor.fetchall()


async def last(connection: AsyncConnection, asset_ids: Sequence[int]) -> dict[tuple[int, str], Given]:
    """The last notice of each component of machines that ever had one."""
    rows = await (await connection.execute(_SQL["standing"], {"assets": list(asset_ids)})).fetchall()
    return {
        (row["asset_id"], row["component"]): Given(
            asset_id=row["asset_id"],
            component=row["component"],
            given_us=to_us(row["given_at"]),
            window_end_us=to_us(row["window_end"]),
            state=NoticeState(row["state"]),
            decided_us=_us(row["decided_at"]),
            failed_us=_us(row["failed_at"]),
            reason=row["reason"],
        )
        for row in rows
    }


async def said(
    connection: AsyncConnection, since_us: Mapping[tuple[int, str], int]
) -> dict[tuple[int, str], list[Prediction]]:
    """The numbers that were named of components from an instant on, in all and by method, in the order of time."""
    asked = {
        "assets": [asset_id for asset_id, _ in since_us],
        "components": [component for _, component in since_us],
        "since": [from_us(us) for us in since_us.values()],
    }
    found: dict[tuple[int, str], list[Prediction]] = {}
    for row in await (await connection.execute(_SQL["said"], asked)).fetchall():
        risk = row["p_24h"], row["p_7d"], row["p_30d"]
        one = Prediction(
            component=row["component"],
            at_us=to_us(row["at"]),
            method=Method(row["method"]),
            p10_h=row["p10_h"],
            p50_h=row["p50_h"],
            p90_h=row["p90_h"],
            risk=None if None in risk else risk,
            health=None,
            reason="",
            evidence={"methods": row["methods"]},
        )
        found.setdefault((row["asset_id"], row["component"]), []).append(one)
    return found


async def open_of(connection: AsyncConnection, asset_model_id: int) -> list[tuple[int, int, int]]:
    """Machines of a model with notices that are not decided: id, when the first was given, up to when all is known."""
    rows = await (await connection.execute(_SQL["open"], {"asset_model_id": asset_model_id})).fetchall()
    return [(row["id"], to_us(row["first_at"]), to_us(row["known_to"])) for row in rows if row["known_to"]]


async def keep(connection: AsyncConnection, steps: Sequence[Given], now_us: int) -> None:
    """Put on record, in order, notices that are given at `now_us`, each once, and what became of open ones.

    The predictions they follow from are stored already, at `now_us`, too: of older ones no notice is given any more.
    What is judged by those decided is due.
    """
    changed: list[tuple[int, int]] = []
    for one in steps:
        row = {
            "asset_id": one.asset_id,
            "component": one.component,
            "given_at": from_us(one.given_us),
            "window_end": from_us(one.window_end_us),
            "state": one.state,
            "decided_at": None if one.decided_us is None else from_us(one.decided_us),
            "failed_at": None if one.failed_us is None else from_us(one.failed_us),
            "reason": one.reason,
            "said_at": from_us(now_us),
        }
        if one.decided_us is None:
            await connection.execute(_SQL["give"], row)
        elif (await connection.execute(_SQL["decide"], row)).rowcount:
            changed.append((one.asset_id, one.decided_us))
    if changed:
        columns = {"assets": [asset for asset, _ in changed], "ats": [from_us(us) for _, us in changed]}
        await connection.execute(_SQL["mark"], columns)
    if steps:
        await notify.send(connection, notify.DIRTY)


async def record(connection: AsyncConnection, asset_model_id: int, start_us: int) -> list[tuple[int, NoticeState]]:
    """Of the notices of a model's machines decided from `start_us` on, when and how, in the order of time."""
    asked = {"asset_model_id": asset_model_id, "start": from_us(start_us)}
    rows = await (await connection.execute(_SQL["record"], asked)).fetchall()
    return [(to_us(row["decided_at"]), NoticeState(row["state"])) for row in rows]


async def told(connection: AsyncConnection, assets: Mapping[str, int], start_us: int, end_us: int) -> Told:
    """What was said of a contract's machines before it was decided, in `[start_us, end_us)`, what became of it."""
    names = {asset_id: name for name, asset_id in assets.items()}
    asked = {"assets": list(names), "start": from_us(start_us), "end": from_us(end_us)}
    said: dict[str, list[Said]] = {}
    for row in await (await connection.execute(_SQL["told"], asked)).fetchall():
        one = Said(told_us=to_us(row["told_at"]), decided_us=to_us(row["decided_at"]), failed_us=_us(row["failed_at"]))
        said.setdefault(names[row["asset_id"]], []).append(one)
    telling = await (await connection.execute(_SQL["telling"], asked)).fetchall()
    return Told(said=said, telling=frozenset(names[row["id"]] for row in telling))


def _us(at: Any) -> int | None:
    return None if at is None else to_us(at)
