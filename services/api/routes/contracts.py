"""Contracts and their value in use."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from services.api import on_request, paging
from services.api.deps import OnContracts, Visit
from services.api.openapi import PREFIX
from services.api.problems import InvalidParameterError
from services.api.schemas import contract as schema
from services.api.schemas.document import Document
from services.api.schemas.listing import Listing
from services.api.schemas.query import PageQuery, ValueInUseQuery
from services.api.security import Right
from shared.contracts import spec
from shared.db import rows, views
from shared.errors import NotFoundError

router = APIRouter(prefix=PREFIX, tags=[Right.CONTRACTS])

Slug = Annotated[
    str,
    Path(alias="id", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100, description="name of the contract"),
]
# A term has at most some hundred periods; this many guarantees and periods fit one answer.
_ALL_PERIODS: Final = 10_000


@router.get("/contracts")
async def list_contracts(asked: OnContracts, query: Annotated[PageQuery, Query()]) -> Listing[schema.Contract]:
    """The contracts you may see, each in the version that is in force, by name."""
    (after,) = paging.key(query.cursor, tuple[paging.Text], ("",))
    found = await views.contracts(asked.connection, now=asked.now, after=after, limit=query.limit + 1)
    items, following = paging.page(found, query.limit, lambda contract: (contract.slug,))
    return Listing(items=[schema.Contract.model_validate(contract) for contract in items], next=following)


@router.get("/contracts/{id}")
async def get_contract(asked: OnContracts, slug: Slug) -> schema.ContractDetail:
    """A contract with its terms, its machines and all its versions."""
    versions = await _versions(asked, slug)
    row = on_request.version_at(versions, asked.now)
    terms = spec.parse(row.source, slug)
    head = schema.Contract.model_validate(row)
    return schema.ContractDetail.model_validate(
        {
            **head.model_dump(exclude={"id"}),
            "slug": head.id,
            "zone": terms.zone.key,
            "currency": terms.currency,
            "period": terms.period,
            "guarantees": [
                {
                    "id": given.id,
                    "kind": given.kind,
                    "indicator": given.indicator,
                    "level": f"{given.levels.base:f}",
                }
                for given in terms.guarantees
            ],
            "machines": await views.contract_assets(asked.connection, row.id),
            "versions": versions,
            "source": row.source,
        }
    )


@router.get("/contracts/{id}/assessments")
async def list_assessments(
    asked: OnContracts, slug: Slug, query: Annotated[PageQuery, Query()]
) -> Listing[schema.StoredAssessment]:
    """What analytics judged, by period; a running period is judged again whenever facts arrive."""
    after = paging.key(query.cursor, tuple[paging.Moment, paging.Number], views.FIRST)
    await _versions(asked, slug)
    found = await views.assessments(asked.connection, slug, after=after, limit=query.limit + 1)
    items, following = paging.page(found, query.limit, lambda judged: (judged.period_start, judged.id))
    return Listing(items=[schema.StoredAssessment.model_validate(judged) for judged in items], next=following)


@router.get("/contracts/{id}/value-in-use")
async def get_value_in_use(
    asked: OnContracts, slug: Slug, query: Annotated[ValueInUseQuery, Query()]
) -> schema.ValueInUse:
    """Promised and achieved: the current period, every period, or any window `[from, to)` of the term, computed now.

    A window is judged by the contract version in force at `from`. It has a malus only where it is a contract period:
    money is owed for whole periods.
    """
    versions = await _versions(asked, slug)
    return schema.ValueInUse(contract=slug, items=await _judged(asked, slug, versions, query))


@router.get("/value-in-use")
async def list_value_in_use(asked: OnContracts, query: Annotated[PageQuery, Query()]) -> Listing[schema.Standing]:
    """How every guarantee of every contract you may see stands in its current period."""
    after = paging.key(query.cursor, tuple[paging.Text, paging.Text], ("", ""))
    found = await views.standings(asked.connection, now=asked.now, after=after, limit=query.limit + 1)
    items, following = paging.page(found, query.limit, lambda standing: (standing.slug, standing.guarantee_id))
    return Listing(items=[_standing(standing) for standing in items], next=following)


async def _judged(
    asked: Visit, slug: str, versions: list[rows.Contract], query: ValueInUseQuery
) -> list[schema.Judged]:
    window = _window(query)
    if window is not None:
        version = on_request.version_of(versions, *window)
        return await on_request.judge(asked.connection, version, *window, asked.now_us)
    if query.period == "all":
        every = await views.assessments(asked.connection, slug, after=views.FIRST, limit=_ALL_PERIODS)
        return [_stored(judged) for judged in every]
    current = await views.standings(asked.connection, now=asked.now, after=("", ""), limit=_ALL_PERIODS, slug=slug)
    return [_stored(standing) for standing in current]


def _window(query: ValueInUseQuery) -> tuple[datetime, datetime] | None:
    if query.from_ is None and query.to is None:
        return None
    if query.from_ is None or query.to is None:
        raise InvalidParameterError("from" if query.from_ is None else "to", "`from` and `to` are given together")
    if query.from_ >= query.to:
        raise InvalidParameterError("from", "must be before `to`")
    if query.period == "all":
        raise InvalidParameterError("period", "is not for a window of your own")
    return query.from_, query.to


async def _versions(asked: Visit, slug: str) -> list[rows.Contract]:
    versions = await views.contract_versions(asked.connection, slug)
    if not versions:
        raise NotFoundError(f"there is no contract {slug}")
    return versions


def _stored(judged: rows.StoredAssessment | rows.Standing) -> schema.Judged:
    return schema.Judged(
        guarantee=judged.guarantee_id,
        computed="stored",
        sha256=judged.sha256,
        document=Document.model_validate(judged.result),
    )


def _standing(standing: rows.Standing) -> schema.Standing:
    return schema.Standing(
        contract=standing.slug,
        version=standing.version,
        customer=standing.customer,
        customer_name=standing.customer_name,
        assets=standing.assets,
        guarantee=standing.guarantee_id,
        sha256=standing.sha256,
        document=Document.model_validate(standing.result),
    )
