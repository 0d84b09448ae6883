"""The pages of findings: all of them with how right the detectors were, and one with what an engineer wants to see."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import Field

from services.api.deps import OnMachines, Visit
from services.api.routes.anomalies import AnomalyId, one
from services.api.schemas.query import MAX_INT, Severity
from services.api.schemas.query import Query as Parameters
from services.api.security import RIGHTS, Right
from services.api.web import gather
from services.api.web.templates import render
from shared.db import finding_views, reviews, series, views
from shared.db.finding_views import Anomaly, Which

router = APIRouter()

_ROWS: Final = 200
_SENSORS: Final = 3
_SIMILAR: Final = 8
_YEAR: Final = timedelta(days=365)


class FindingsPageQuery(Parameters):
    """Which findings."""

    asset: int | None = Field(default=None, ge=1, le=MAX_INT)
    open: bool | None = None
    severity: Severity | None = None
    reviewed: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A choice of findings that the list offers, by its address."""

    name: str
    query: str
    is_chosen: bool


@router.get("/findings")
async def findings(asked: OnMachines, query: Annotated[FindingsPageQuery, Query()]) -> HTMLResponse:
    """The latest findings, and how right each detector was month by month."""
    which = Which(asset_id=query.asset, is_open=query.open, severity=query.severity, is_reviewed=query.reviewed)
    found = await finding_views.anomalies(asked.connection, before=views.LAST, limit=_ROWS + 1, which=which)
    precision = await reviews.precision(asked.connection, asset_id=query.asset, start=asked.now - _YEAR, end=asked.now)
    return render(
        "findings.html",
        principal=asked.principal,
        findings=found[:_ROWS],
        is_cut=len(found) > _ROWS,
        choices=_choices(query),
        precision=sorted(precision, key=lambda row: (row.month, row.detector), reverse=True),
        now=asked.now,
    )


@router.get("/findings/{id}")
async def finding(asked: OnMachines, anomaly_id: AnomalyId) -> HTMLResponse:
    """One finding: plots, what carries it, what it resembles, and what an engineer says it was."""
    found = await one(asked, anomaly_id)
    return render(
        "finding.html",
        principal=asked.principal,
        finding=found,
        units=await _units(asked, found),
        plots=await gather.finding_plots(asked, found, sensors=_SENSORS),
        similar=await reviews.similar(asked.connection, anomaly_id, _SIMILAR),
        may_review=Right.REVIEWS in RIGHTS[asked.principal.role],
        now=asked.now,
    )


async def _units(asked: Visit, found: Anomaly) -> dict[str, str]:
    names = [one["sensor"] for one in found.contributions]
    known = await series.sensors(asked.connection, found.asset_id, names)
    return {name: known[name].unit if name in known else "" for name in names}


def _choices(query: FindingsPageQuery) -> list[Choice]:
    offered = (
        ("All", "", {}),
        ("Going on", "open=true", {"open": True}),
        ("Not reviewed", "reviewed=false", {"reviewed": False}),
        ("Critical", "severity=critical", {"severity": "critical"}),
    )
    chosen = query.model_dump(exclude_none=True, exclude={"asset"})
    own = "" if query.asset is None else f"asset={query.asset}"
    return [
        Choice(name=name, query="&".join(part for part in (own, asks) if part), is_chosen=chosen == means)
        for name, asks, means in offered
    ]
