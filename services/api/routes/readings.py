"""What machines reported: pages of readings, the latest of every sensor, charts."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.api import answers, paging, tables
from services.api.answers import To
from services.api.chart import curve
from services.api.deps import OnMachines, Visit
from services.api.openapi import PREFIX
from services.api.problems import InvalidParameterError
from services.api.routes.machines import AssetId
from services.api.schemas import reading as schema
from services.api.schemas.listing import Listing
from services.api.schemas.query import ChartQuery, LatestQuery, ReadingsQuery
from services.api.security import Right
from shared.db import series, views
from shared.db.rows import Sensor
from shared.db.series import Page
from shared.errors import NotFoundError
from shared.instant import to_us

router = APIRouter(prefix=PREFIX, tags=[Right.MACHINES])


@router.get("/assets/{id}/readings", response_model=schema.Readings, responses=tables.CONTENTS)
async def list_readings(
    asked: OnMachines, request: Request, asset_id: AssetId, query: Annotated[ReadingsQuery, Query()]
) -> Response:
    """Readings of one sensor or several in `[from, to)`, sensor by sensor, of each the oldest first.

    As CSV, Parquet or an Arrow stream the columns are at (UTC), sensor, unit, value and quality, and the next page is
    in the header `Link`.
    """
    wanted = tables.negotiated(request, query.format)
    start, end = query.span(asked.now)
    sensors = await _sensors(asked, asset_id, query.sensor)
    name, resumed = paging.key(query.cursor, tuple[paging.Text, paging.Moment], (sensors[0].name, start))
    names = [sensor.name for sensor in sensors]
    if name not in names:
        raise InvalidParameterError("cursor", "is not one that this list gave")
    rest, left = sensors[names.index(name) :], query.limit
    found: list[tuple[Sensor, Page]] = []
    following = None
    for sensor in rest:
        first_us = to_us(max(start, resumed) if sensor is rest[0] else start)
        page = await series.page(asked.connection, sensor.id, first_us, to_us(end), left + 1)
        found.append((sensor, page.cut(left)))
        if len(page.at_us) > left:
            following = paging.cursor((sensor.name, page.at(left)))
            break
        left -= len(page.at_us)
    return answers.readings(found, sensors, _to(request, wanted, following))


@router.get("/assets/{id}/latest", response_model=Listing[schema.Latest], responses=tables.CONTENTS)
async def list_latest_of_asset(
    asked: OnMachines, request: Request, asset_id: AssetId, query: Annotated[LatestQuery, Query()]
) -> Response:
    """The last reading of every sensor of a machine, with its age."""
    if not await views.asset_exists(asked.connection, asset_id):
        raise NotFoundError(f"there is no asset {asset_id}")
    return await _latest(asked, request, asset_id, query)


@router.get("/latest", response_model=Listing[schema.Latest], responses=tables.CONTENTS)
async def list_latest(asked: OnMachines, request: Request, query: Annotated[LatestQuery, Query()]) -> Response:
    """The last reading of every sensor of every machine you may see, with its age."""
    return await _latest(asked, request, None, query)


@router.get("/assets/{id}/chart", response_model=schema.Chart, responses=tables.CONTENTS)
async def get_chart(
    asked: OnMachines, request: Request, asset_id: AssetId, query: Annotated[ChartQuery, Query()]
) -> Response:
    """One sensor in `[from, to)` as at most `points` points, with the first, the last and the extremes among them.

    Taken from the readings, or where they are many from their extremes by minute or hour: `source`. Where nothing is
    known for longer than a reading holds, a null breaks the line. Beside JSON: CSV, Parquet and Arrow with the columns
    at (UTC), sensor, unit and value; `source` and `stale` are then in the headers `Vouch-Source` and `Vouch-Stale`.
    """
    wanted = tables.negotiated(request, query.format)
    start, end = query.span(asked.now)
    window = (to_us(start), to_us(end))
    (sensor,) = await _sensors(asked, asset_id, [query.sensor])
    drawn = await curve.draw(asked.connection, sensor.id, window, most=query.points, now_us=asked.now_us)
    return answers.chart(drawn, sensor, window, _to(request, wanted))


async def _latest(asked: Visit, request: Request, asset_id: int | None, query: LatestQuery) -> Response:
    wanted = tables.negotiated(request, query.format)
    (after,) = paging.key(query.cursor, tuple[paging.Number], (0,))
    found = await series.latest(asked.connection, asset_id=asset_id, after=after, limit=query.limit + 1)
    items, following = paging.page(found, query.limit, lambda one: (one.series_id,))
    return answers.latest(items, asked.now_us, _to(request, wanted, following))


async def _sensors(asked: Visit, asset_id: int, names: list[str]) -> list[Sensor]:
    """The sensors of these names, each once, in this order; raises NotFoundError for one that is not there."""
    known = await series.sensors(asked.connection, asset_id, names)
    for name in names:
        if name not in known:
            raise NotFoundError(f"there is no sensor {name!r} at an asset {asset_id}")
    return [known[name] for name in dict.fromkeys(names)]


def _to(request: Request, wanted: tables.Format, following: str | None = None) -> To:
    headers = {"Vary": "Accept"}
    if following is not None:
        url = request.url.include_query_params(cursor=following)
        headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return To(format=wanted, headers=headers, following=following)
