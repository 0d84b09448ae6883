"""Machines: what there is, what happened to them, what they were."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from services.api import paging
from services.api.deps import OnMachines
from services.api.openapi import PREFIX
from services.api.schemas import machine as schema
from services.api.schemas.listing import Listing
from services.api.schemas.query import MAX_BIGINT, MAX_INT, PageQuery, TimelineQuery, WindowPageQuery
from services.api.security import Right
from shared.db import rows, timeline, views
from shared.db.as_of import known_at
from shared.db.pool import AsyncConnection
from shared.errors import NotFoundError
from shared.instant import from_us, to_us
from shared.model.facts import Interval
from shared.timeline import complete

router = APIRouter(prefix=f"{PREFIX}/assets", tags=[Right.MACHINES])

AssetId = Annotated[int, Path(alias="id", ge=1, le=MAX_INT, description="id of the asset")]
_LONGEST_TIMELINE: Final = timedelta(days=400)
_LONGEST_REBUILT: Final = timedelta(days=62)


@router.get("")
async def list_assets(asked: OnMachines, query: Annotated[PageQuery, Query()]) -> Listing[schema.Asset]:
    """The machines you may see, by id."""
    (after,) = paging.key(query.cursor, tuple[paging.Number], (0,))
    found = await views.assets(asked.connection, after=after, limit=query.limit + 1)
    items, following = paging.page(found, query.limit, lambda asset: (asset.id,))
    return Listing(items=[schema.Asset.model_validate(_asset(asset)) for asset in items], next=following)


@router.get("/{id}")
async def get_asset(asked: OnMachines, asset_id: AssetId) -> schema.AssetDetail:
    """A machine with its sensors and its latest known state."""
    asset = await views.asset(asked.connection, asset_id)
    if asset is None:
        raise _no_asset(asset_id)
    sensors = await views.sensors(asked.connection, asset_id)
    return schema.AssetDetail.model_validate({**_asset(asset), "sensors": sensors})


@router.get("/{id}/events")
async def list_events(
    asked: OnMachines, asset_id: AssetId, query: Annotated[WindowPageQuery, Query()]
) -> Listing[schema.Event]:
    """Events that begin in `[from, to)`, and interval events that reach into it, the oldest first."""
    start, end = query.span(asked.now)
    after = paging.key(query.cursor, tuple[paging.Moment, paging.Number], views.FIRST)
    await _must_exist(asked.connection, asset_id)
    found = await views.events(asked.connection, asset_id, start=start, end=end, after=after, limit=query.limit + 1)
    items, following = paging.page(found, query.limit, lambda event: (event.start_at, event.id))
    return Listing(items=[schema.Event.model_validate(event) for event in items], next=following)


@router.get("/{id}/events/{event_id}")
async def get_event(
    asked: OnMachines, asset_id: AssetId, event_id: Annotated[int, Path(ge=1, le=MAX_BIGINT)]
) -> schema.EventDetail:
    """One event with the raw message it came in: where every number ends."""
    event = await views.event(asked.connection, asset_id, event_id)
    if event is None:
        raise NotFoundError(f"there is no event {event_id} at an asset {asset_id}")
    return schema.event_detail(event)


@router.get("/{id}/corrections")
async def list_corrections(
    asked: OnMachines, asset_id: AssetId, query: Annotated[PageQuery, Query()]
) -> Listing[schema.Correction]:
    """Readings and event ends that a backfill has corrected, with what was reported first; the latest first."""
    (before,) = paging.key(query.cursor, tuple[paging.Number], (MAX_BIGINT,))
    await _must_exist(asked.connection, asset_id)
    found = await views.corrections(asked.connection, asset_id, before=before, limit=query.limit + 1)
    items, following = paging.page(found, query.limit, lambda correction: (correction.id,))
    return Listing(items=[schema.Correction.model_validate(correction) for correction in items], next=following)


@router.get("/{id}/timeline")
async def get_timeline(
    asked: OnMachines, asset_id: AssetId, query: Annotated[TimelineQuery, Query()]
) -> schema.Timeline:
    """What the machine was in `[from, to)` (at most 400 days), every instant of it.

    With `as_of` as it was known then: from the events that had come, with the ends known then, what their codes had
    been declared to mean and what had been settled. Readings do not tell when they came: those taken before `as_of`
    all count, with the values they had.
    """
    start, end = query.span(asked.now, longest=_LONGEST_TIMELINE if query.as_of is None else _LONGEST_REBUILT)
    (resumed,) = paging.key(query.cursor, tuple[paging.Moment], (start,))
    await _must_exist(asked.connection, asset_id)
    stretches = await _stretches(asked.connection, asset_id, max(start, resumed), end, query.as_of)
    items, following = paging.page(stretches, query.limit, lambda stretch: (from_us(stretch.end_us),))
    return schema.Timeline(
        asset=asset_id, from_=start, to=end, items=[_stretch(stretch) for stretch in items], next=following
    )


async def _stretches(
    connection: AsyncConnection, asset_id: int, start: datetime, end: datetime, as_of: datetime | None
) -> list[Interval]:
    if start >= end:
        return []
    start_us, end_us = to_us(start), to_us(end)
    if as_of is None:
        found = await timeline.intervals(connection, asset_id, start_us, end_us)
    else:
        found = (await known_at(connection, [asset_id], start_us, end_us, to_us(as_of)))[asset_id]
    return complete(found, start_us, end_us)


async def _must_exist(connection: AsyncConnection, asset_id: int) -> None:
    if not await views.asset_exists(connection, asset_id):
        raise _no_asset(asset_id)


def _no_asset(asset_id: int) -> NotFoundError:
    return NotFoundError(f"there is no asset {asset_id}")


def _asset(asset: rows.Asset) -> dict[str, object]:
    known = {name: getattr(asset, name) for name in schema.Asset.model_fields if name != "state"}
    return {**known, "state": _state(asset)}


def _state(asset: rows.Asset) -> schema.State | None:
    if asset.category is None:
        return None
    return schema.State.model_validate(
        {
            "category": asset.category,
            "cause": asset.cause,
            "party": asset.party,
            "from_": asset.state_from,
            "to": asset.state_to,
        }
    )


def _stretch(interval: Interval) -> schema.Stretch:
    return schema.Stretch(
        from_=from_us(interval.start_us),
        to=from_us(interval.end_us),
        duration_s=interval.duration_us / 1_000_000,
        category=interval.category,
        cause=interval.cause,
        party=interval.party,
        event_id=interval.event_id,
        announced_at=None if interval.announced_us is None else from_us(interval.announced_us),
        reclassification_id=interval.reclassification_id,
        reported=None if interval.reported is None else schema.Reported.model_validate(interval.reported),
    )
