"""The pages: what both parties look at. They show the documents the API sends, number by number."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from services.api.deps import OnContracts, OwnParts
from services.api.on_request import version_at
from services.api.routes.contracts import Slug
from services.api.schemas.query import Query as Parameters
from services.api.security import COOKIE, UnauthenticatedError
from services.api.web import present
from services.api.web.templates import render
from shared.contracts import spec
from shared.contracts.kinds.registry import policy_of
from shared.contracts.measured import Form
from shared.contracts.terms import Guarantee
from shared.db import principals, rows, views
from shared.errors import NotFoundError

router = APIRouter()

_SESSION_S: Final = 12 * 3_600
_ROWS: Final = 1_000
_ALERTS: Final = 25


class Login(BaseModel):
    """What the login page sends."""

    key: str = Field(max_length=200)


class ContractPageQuery(Parameters):
    """Which period; the first day of it."""

    period: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True, kw_only=True, slots=True)
class GuaranteeSection:
    """What the page shows of one guarantee: the chosen period, and all of them (the latest first).

    `form`: what excluded hours do, where time is what counts.
    """

    shown: rows.StoredAssessment
    periods: list[rows.StoredAssessment]
    form: Form | None


@router.get("/")
async def overview(asked: OnContracts) -> HTMLResponse:
    """How every guarantee stands, the most endangered first, and the alerts that are open."""
    standings = await views.standings(asked.connection, now=asked.now, after=("", ""), limit=_ROWS)
    contracts = await views.contracts(asked.connection, now=asked.now, after="", limit=_ROWS)
    alerts = await views.alerts(asked.connection, before=views.LAST, limit=_ROWS, state="open")
    urgent = sorted(alerts, key=lambda alert: present.urgency(alert.kind))[:_ALERTS]
    transitions = await views.transitions(asked.connection, [alert.id for alert in urgent])
    judged = {standing.slug for standing in standings}
    return render(
        "overview.html",
        principal=asked.principal,
        standings=sorted(standings, key=_endangered, reverse=True),
        waiting=[contract for contract in contracts if contract.slug not in judged],
        open_alerts=len(alerts),
        alerts=urgent,
        said={transition.alert_id: transition for transition in transitions},
        now=asked.now,
    )


@router.get("/contracts/{id}")
async def contract(asked: OnContracts, slug: Slug, query: Annotated[ContractPageQuery, Query()]) -> HTMLResponse:
    """Value in use of one contract in detail."""
    versions = await views.contract_versions(asked.connection, slug)
    if not versions:
        raise NotFoundError(f"there is no contract {slug}")
    row = version_at(versions, asked.now)
    assessed = await views.assessments(asked.connection, slug, after=views.FIRST, limit=_ROWS)
    return render(
        "contract.html",
        principal=asked.principal,
        contract=row,
        terms=spec.parse(row.source, slug),
        versions=versions,
        machines=await views.contract_assets(asked.connection, row.id),
        sections=_sections(assessed, versions, query.period, asked.now),
        period=query.period,
        now=asked.now,
    )


@router.get("/login")
async def login_page() -> HTMLResponse:
    """Where a key is entered; a key in the fragment is taken by the page's script."""
    return render("login.html")


@router.post("/login", status_code=204)
async def login(request: Request, own: OwnParts, given: Login) -> Response:
    """Keep the key in a cookie that scripts cannot read and other sites cannot send."""
    async with principals.reading(own.pool) as connection:
        if await principals.find(connection, given.key) is None:
            raise UnauthenticatedError("the API key is not valid")
    response = Response(status_code=204, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE,
        given.key,
        max_age=_SESSION_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/logout")
async def logout() -> Response:
    """Forget the key."""
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _endangered(standing: rows.Standing) -> tuple[bool, float, float]:
    """What is lost or likely to be lost comes first; then what lies lowest above its target."""
    document: dict[str, Any] = standing.result
    forecast = document["forecast"] or {}
    margin = document["margin"]
    return document["verdict"] == "missed", forecast.get("p_miss") or 0.0, -1.0 if margin is None else -margin


def _sections(
    assessed: Sequence[rows.StoredAssessment], versions: list[rows.Contract], period: str | None, now: datetime
) -> dict[str, GuaranteeSection]:
    promised: dict[str, dict[int, Guarantee]] = {}
    for version in versions:
        for guarantee in spec.parse(version.source, version.slug).guarantees:
            promised.setdefault(guarantee.id, {})[version.version] = guarantee
    by_guarantee: dict[str, list[rows.StoredAssessment]] = {}
    for assessment in reversed(assessed):
        by_guarantee.setdefault(assessment.guarantee_id, []).append(assessment)
    return {
        guarantee: _section(periods, _shown(periods, period, now), promised[guarantee])
        for guarantee, periods in sorted(by_guarantee.items())
    }


def _section(
    periods: list[rows.StoredAssessment], shown: rows.StoredAssessment, promised: dict[int, Guarantee]
) -> GuaranteeSection:
    policy = policy_of(promised[shown.version])
    return GuaranteeSection(shown=shown, periods=periods, form=policy.form if policy else None)


def _shown(periods: list[rows.StoredAssessment], period: str | None, now: datetime) -> rows.StoredAssessment:
    for assessment in periods:
        if period is None and assessment.period_start <= now:
            return assessment
        if period is not None and assessment.result["period"]["start"].startswith(period):
            return assessment
    if period is not None:
        raise NotFoundError(f"no period of this contract begins on {period}")
    return periods[0]
