"""The page of a machine: how it is now, what was found, what is foretold of it, how it is watched."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from services.api import confidential
from services.api.deps import OnMachines, Visit
from services.api.routes.machines import AssetId
from services.api.web import gather
from services.api.web.gather import LifePlots
from services.api.web.templates import render
from shared.db import finding_views, notices, prognosis_views, views
from shared.db.finding_views import Anomaly, Which
from shared.db.notices import Notice
from shared.db.predictions import Foretold
from shared.errors import NotFoundError
from shared.instant import from_us

router = APIRouter()

_FINDINGS: Final = 20
_COMPONENTS: Final = 20
_DRAWN: Final = 4
_NOTICES: Final = 50
_FAILURES: Final = 200
_ALERTS: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """What is foretold of a part of the machine; `plots` None: too many parts, this one is not drawn."""

    latest: Foretold
    plots: LifePlots | None


@router.get("/machines/{id}")
async def machine(asked: OnMachines, asset_id: AssetId) -> HTMLResponse:
    """A machine with everything an engineer would ask first."""
    asset = await views.asset(asked.connection, asset_id)
    if asset is None:
        raise NotFoundError(f"there is no asset {asset_id}")
    found = await _findings(asked, asset_id)
    told = await notices.listed(asked.connection, limit=_NOTICES, asset_id=asset_id)
    focus = _focus(found)
    components = await _components(asked, asset_id, told)
    advised = [(one.latest.latest_at, one.latest.component) for one in components if one.latest.latest_at is not None]
    return render(
        "machine.html",
        principal=asked.principal,
        asset=asset,
        watch=await finding_views.watch(asked.connection, asset_id),
        alerts=await views.alerts(asked.connection, before=views.LAST, limit=_ALERTS, state="open", asset_id=asset_id),
        findings=found,
        focus=focus,
        plots=None if focus is None else await gather.finding_plots(asked, focus, sensors=1),
        components=components,
        soonest=min(advised, default=None),
        notices=told,
        now=asked.now,
    )


async def _findings(asked: Visit, asset_id: int) -> list[Anomaly]:
    """Those that go on, then the latest of the others."""
    found: list[Anomaly] = []
    for is_open in (True, False):
        which = Which(asset_id=asset_id, is_open=is_open)
        found += await finding_views.anomalies(asked.connection, before=views.LAST, limit=_FINDINGS, which=which)
    return found


def _focus(found: Sequence[Anomaly]) -> Anomaly | None:
    """The finding to look at first: one that goes on and counts, else the latest one that counts, else the latest."""
    counting = [one for one in found if one.suppressed_by is None and one.verdict != "rejected"]
    return next(iter([*counting, *found]), None)


async def _components(asked: Visit, asset_id: int, told: Sequence[Notice]) -> list[Component]:
    foretold = await prognosis_views.by_risk(
        asked.connection, after=prognosis_views.HIGHEST, limit=_COMPONENTS, asset_id=asset_id
    )
    failures = await prognosis_views.failures(
        asked.connection,
        asset_id=asset_id,
        start=asked.now - gather.HISTORY,
        end=from_us(asked.now_us + 1),
        limit=_FAILURES,
    )
    return [
        Component(
            latest=confidential.foretold(asked.principal, latest),
            plots=await gather.life_plots(asked, asset_id, latest.component, told, failures)
            if place < _DRAWN
            else None,
        )
        for place, latest in enumerate(foretold)
    ]
