"""What people say a machine was: proposed by one party, accepted or disputed by the other, ruled upon by an expert."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from services.api import paging
from services.api.deps import IdempotencyKey, OnReclassifications, ToReclassifications, Visit
from services.api.openapi import PREFIX
from services.api.problems import ConflictError, InvalidParameterError
from services.api.schemas import reclassification as schema
from services.api.schemas.listing import Listing
from services.api.schemas.query import MAX_BIGINT, MAX_INT, ReclassificationsQuery
from services.api.security import Right
from shared.db import reclassification, views
from shared.db.principals import Principal, Role
from shared.db.reclassification import Actor, Noted, Proposal, Reclassification
from shared.errors import NotFoundError
from shared.model.facts import Meaning
from shared.model.reclassification import Refusal, Side, Status

router = APIRouter(prefix=PREFIX, tags=[Right.RECLASSIFICATIONS])

AssetId = Annotated[int, Path(alias="id", ge=1, le=MAX_INT, description="id of the asset")]
Id = Annotated[int, Path(alias="id", ge=1, le=MAX_BIGINT, description="id of the reclassification")]
# Both of the supplier's roles speak for it; who runs the system enters what an expert has ruled.
_SIDES: Final = {
    Role.ADMIN: Side.EXPERT,
    Role.SERVICE_ENGINEER: Side.SUPPLIER,
    Role.ACCOUNT_MANAGER: Side.SUPPLIER,
    Role.CUSTOMER: Side.CUSTOMER,
}


@router.get("/reclassifications")
async def list_all_reclassifications(
    asked: OnReclassifications, query: Annotated[ReclassificationsQuery, Query()]
) -> Listing[schema.Reclassification]:
    """What was proposed for any machine you may see, the latest first: with `status=disputed`, what is still open."""
    return await _page(asked, query)


@router.get("/assets/{id}/reclassifications")
async def list_reclassifications(
    asked: OnReclassifications, asset_id: AssetId, query: Annotated[ReclassificationsQuery, Query()]
) -> Listing[schema.Reclassification]:
    """What was proposed for a machine, the latest first, with everything that was done about it."""
    if not await views.asset_exists(asked.connection, asset_id):
        raise NotFoundError(f"there is no asset {asset_id}")
    return await _page(asked, query, asset_id)


@router.post("/assets/{id}/reclassifications")
async def propose_reclassification(
    asked: ToReclassifications, asset_id: AssetId, key: IdempotencyKey, said: schema.Proposal
) -> schema.Reclassification:
    """Say what an event, a part of one or any other stretch was, with evidence. It changes nothing until accepted.

    Service engineers and account managers speak for the supplier, customers for themselves.
    """
    actor = _actor(asked.principal, key)
    if actor.side is Side.EXPERT:
        raise ConflictError("an expert rules, and proposes nothing: one of the parties does")
    start_us, end_us = await _stretch(asked, asset_id, said)
    proposal = Proposal(
        asset_id=asset_id,
        event_id=said.event_id,
        start_us=start_us,
        end_us=end_us,
        meaning=Meaning(category=said.category, cause=said.cause, party=said.party),
        evidence=said.evidence,
        urls=tuple(said.urls),
    )
    noted = await reclassification.propose(asked.connection, proposal, actor, asked.now_us)
    if noted is None:
        raise NotFoundError(f"there is no asset {asset_id}")
    found = await _found(asked, noted.reclassification_id)
    if noted.status != Status.PROPOSED or found.asset_id != asset_id:
        raise ConflictError(f"this Idempotency-Key was used for reclassification {found.id}")
    return schema.Reclassification.model_validate(found)


@router.get("/reclassifications/{id}")
async def get_reclassification(asked: OnReclassifications, reclassification_id: Id) -> schema.Reclassification:
    """One reclassification with everything that was done about it."""
    return schema.Reclassification.model_validate(await _found(asked, reclassification_id))


@router.post("/reclassifications/{id}/accept")
async def accept_reclassification(
    asked: ToReclassifications, reclassification_id: Id, key: IdempotencyKey, said: schema.Reason
) -> schema.Reclassification:
    """Agree, for the side that did not propose it: from now on it goes before everything the machine reported."""
    return await _move(asked, reclassification_id, Status.ACCEPTED, key, why=said.why)


@router.post("/reclassifications/{id}/dispute")
async def dispute_reclassification(
    asked: ToReclassifications, reclassification_id: Id, key: IdempotencyKey, said: schema.Reason
) -> schema.Reclassification:
    """Disagree, for the side that did not propose it: the category stays, who answers for it is disputed."""
    return await _move(asked, reclassification_id, Status.DISPUTED, key, why=said.why)


@router.post("/reclassifications/{id}/rule")
async def rule_on_reclassification(
    asked: ToReclassifications, reclassification_id: Id, key: IdempotencyKey, said: schema.Ruling
) -> schema.Reclassification:
    """Enter what the expert has ruled (role admin): as proposed, as reported, or something else."""
    proposed = (await _found(asked, reclassification_id)).meaning
    ruled = Meaning(
        category=said.category or proposed.category,
        cause=said.cause or proposed.cause,
        party=said.party or proposed.party,
    )
    return await _move(
        asked, reclassification_id, Status.RULED, key, why=said.why, ruled=ruled if said.upheld else None
    )


@router.post("/reclassifications/{id}/withdraw")
async def withdraw_reclassification(
    asked: ToReclassifications, reclassification_id: Id, key: IdempotencyKey, said: schema.Reason
) -> schema.Reclassification:
    """Take a proposal back, for the side that made it; it stays on record."""
    return await _move(asked, reclassification_id, Status.WITHDRAWN, key, why=said.why)


async def _page(
    asked: Visit, query: ReclassificationsQuery, asset_id: int | None = None
) -> Listing[schema.Reclassification]:
    (before,) = paging.key(query.cursor, tuple[paging.Number], (MAX_BIGINT,))
    found = await reclassification.listed(
        asked.connection, before=before, limit=query.limit + 1, asset_id=asset_id, status=query.status
    )
    items, following = paging.page(found, query.limit, lambda one: (one.id,))
    return Listing(items=[schema.Reclassification.model_validate(one) for one in items], next=following)


async def _move(
    asked: Visit, reclassification_id: int, wanted: Status, key: str, *, why: str, ruled: Meaning | None = None
) -> schema.Reclassification:
    found, actor = await _found(asked, reclassification_id), _actor(asked.principal, key)
    done = await reclassification.move(asked.connection, found, wanted, actor, asked.now_us, why=why, ruled=ruled)
    if isinstance(done, Refusal):
        raise ConflictError(f"reclassification {found.id} is {found.status}: {done}")
    _refuse_other(done, found.id, wanted)
    return schema.Reclassification.model_validate(await _found(asked, found.id))


def _refuse_other(noted: Noted, reclassification_id: int, wanted: Status) -> None:
    if (noted.reclassification_id, noted.status) != (reclassification_id, wanted):
        used = f"reclassification {noted.reclassification_id}, which was {noted.status}"
        raise ConflictError(f"this Idempotency-Key was used for {used}")


async def _stretch(asked: Visit, asset_id: int, said: schema.Proposal) -> tuple[int, int]:
    try:
        return await reclassification.stretch(
            asked.connection, asset_id, said.event_id, named=(said.from_, said.to), now=asked.now
        )
    except reclassification.StretchError as error:
        raise InvalidParameterError(error.field, error.reason) from error


async def _found(asked: Visit, reclassification_id: int) -> Reclassification:
    found = await reclassification.listed(asked.connection, limit=1, reclassification_id=reclassification_id)
    if not found:
        raise NotFoundError(f"there is no reclassification {reclassification_id}")
    return found[0]


def _actor(principal: Principal, key: str) -> Actor:
    return Actor(name=principal.name, side=_SIDES[principal.role], principal_id=principal.id, key=key)
