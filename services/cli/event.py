"""`vouch event`: what people say a machine was, instead of what it reported."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from shared.db.pool import AsyncConnection
    from shared.db.reclassification import Actor, Reclassification
    from shared.model.facts import Meaning
    from shared.model.reclassification import Status

app = typer.Typer(no_args_is_help=True, help="What people say events and other stretches were.")

_Result = TypeVar("_Result")
Id = Annotated[int, typer.Argument(metavar="ID", min=1, help="of the reclassification, as `list` shows it")]
Side = Annotated[str, typer.Option("--side", help="for whom: supplier or customer")]
Why = Annotated[str, typer.Option(help="why; kept with it")]
By = Annotated[str | None, typer.Option(help="who; default: the user of this account")]


@app.command("list")
def event_list(
    *,
    asset: Annotated[str | None, typer.Option(help="customer/site/asset; default: all")] = None,
    status: Annotated[str | None, typer.Option(help="proposed, accepted, disputed, ruled or withdrawn")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
) -> None:
    """List reclassifications, the latest first: id, status, asset, event, from, to, meaning, who, evidence."""
    from shared.db import reclassification

    wanted = None if status is None else _status(status)

    async def work(connection: "AsyncConnection") -> "list[Reclassification]":
        asset_id = None if asset is None else await _asset_id(connection, asset)
        return await reclassification.listed(connection, limit=limit + 1, asset_id=asset_id, status=wanted)

    found = _run(work)
    for one in found[:limit]:
        event = "-" if one.event_id is None else f"event {one.event_id}"
        said = f"{one.category}/{one.cause}/{one.party}"
        print(one.id, one.status, one.asset, event, *_span(one), said, one.steps[-1].by, one.evidence, sep="  ")
    if len(found) > limit:
        typer.echo(f"the latest {limit}; there are more (--limit)", err=True)


@app.command("reclassify")
def event_reclassify(
    asset: Annotated[str, typer.Argument(help="customer/site/asset")],
    *,
    category: Annotated[str, typer.Option(help="what it was: FP, PP, TS, OEN, RS, OEL, SM, PCA, FO, S, FM or IU")],
    cause: Annotated[str, typer.Option(help="a word of small letters, digits, - and _")],
    party: Annotated[str, typer.Option(help="supplier, customer, third_party, nobody or unknown")],
    evidence: Annotated[str, typer.Option(help="what shows it")],
    side: Side,
    event: Annotated[int | None, typer.Option(min=1, help="id of the event it is, or is part of")] = None,
    start: Annotated[str | None, typer.Option("--from", help="ISO 8601; default: as the event")] = None,
    end: Annotated[str | None, typer.Option("--to", help="the same")] = None,
    url: Annotated[list[str] | None, typer.Option(help="where the evidence is; repeatable")] = None,
    by: By = None,
) -> None:
    """Propose what an event, a part of one or any other stretch was; the other side accepts or disputes it."""
    from shared.clock import now_us
    from shared.db import reclassification
    from shared.db.reclassification import Proposal
    from shared.instant import from_us

    meaning, actor, now = _meaning(category, cause, party), _actor(side, by), now_us()
    named = None if start is None else _time(start), None if end is None else _time(end)

    async def work(connection: "AsyncConnection") -> int:
        asset_id = await _asset_id(connection, asset)
        start_us, end_us = await reclassification.stretch(connection, asset_id, event, named=named, now=from_us(now))
        proposal = Proposal(
            asset_id=asset_id,
            event_id=event,
            start_us=start_us,
            end_us=end_us,
            meaning=meaning,
            evidence=_said("evidence", evidence),
            urls=tuple(url or ()),
        )
        noted = await reclassification.propose(connection, proposal, actor, now)
        assert noted is not None, "the asset was there a moment ago"
        return noted.reclassification_id

    print(f"{_run(work)}: proposed")


@app.command("accept")
def event_accept(reclassification_id: Id, *, side: Side, why: Why, by: By = None) -> None:
    """Agree, for the side that did not propose it; it goes before everything the machine reported."""
    from shared.model.reclassification import Status

    _move(reclassification_id, Status.ACCEPTED, _actor(side, by), why)


@app.command("dispute")
def event_dispute(reclassification_id: Id, *, side: Side, why: Why, by: By = None) -> None:
    """Disagree, for the side that did not propose it; the category stays, the party is disputed."""
    from shared.model.reclassification import Status

    _move(reclassification_id, Status.DISPUTED, _actor(side, by), why)


@app.command("withdraw")
def event_withdraw(reclassification_id: Id, *, side: Side, why: Why, by: By = None) -> None:
    """Take a proposal back, for the side that made it; it stays on record."""
    from shared.model.reclassification import Status

    _move(reclassification_id, Status.WITHDRAWN, _actor(side, by), why)


@app.command("rule")
def event_rule(
    reclassification_id: Id,
    *,
    why: Why,
    rejected: Annotated[bool, typer.Option("--rejected", help="it stays as the machine reported it")] = False,
    category: Annotated[str | None, typer.Option(help="default: as proposed")] = None,
    cause: Annotated[str | None, typer.Option(help="default: as proposed")] = None,
    party: Annotated[str | None, typer.Option(help="default: as proposed")] = None,
    by: Annotated[str | None, typer.Option(help="the expert; default: the user of this account")] = None,
) -> None:
    """Enter what the expert has ruled: as proposed, as reported, or something else."""
    from shared.db.reclassification import Actor
    from shared.errors import VouchError
    from shared.model.reclassification import Side, Status

    if rejected and (category or cause or party):
        raise VouchError("--rejected: it stays as it was reported; name no category, cause or party")

    def ruled(proposed: "Meaning") -> "Meaning | None":
        if rejected:
            return None
        return _meaning(category or proposed.category, cause or proposed.cause, party or proposed.party)

    _move(reclassification_id, Status.RULED, Actor(name=_who(by), side=Side.EXPERT), why, ruled)


def _move(
    reclassification_id: int,
    wanted: "Status",
    actor: "Actor",
    why: str,
    ruled: "Callable[[Meaning], Meaning | None] | None" = None,
) -> None:
    from shared.clock import now_us
    from shared.db import reclassification
    from shared.errors import NotFoundError, VouchError
    from shared.model.reclassification import Refusal

    said = _said("why", why)

    async def work(connection: "AsyncConnection") -> None:
        found = await reclassification.listed(connection, limit=1, reclassification_id=reclassification_id)
        if not found:
            raise NotFoundError(f"there is no reclassification {reclassification_id}")
        meaning = None if ruled is None else ruled(found[0].meaning)
        done = await reclassification.move(connection, found[0], wanted, actor, now_us(), why=said, ruled=meaning)
        if isinstance(done, Refusal):
            raise VouchError(f"reclassification {reclassification_id} is {found[0].status}: {done}")

    _run(work)
    print(f"{reclassification_id}: {wanted}")


def _run(work: "Callable[[AsyncConnection], Awaitable[_Result]]") -> _Result:
    from services.cli.owner import owner
    from shared.db.pool import connect_async
    from shared.settings import OwnerSettings

    async def connected() -> _Result:
        async with connect_async(OwnerSettings.load().database_url) as connection, connection.transaction():
            return await work(connection)

    with owner():
        return asyncio.run(connected())


async def _asset_id(connection: "AsyncConnection", path: str) -> int:
    from shared.db import reclassification
    from shared.errors import NotFoundError

    found = await reclassification.asset_id(connection, path)
    if found is None:
        raise NotFoundError(f"the fleet has no {path}")
    return found


def _meaning(category: str, cause: str, party: str) -> "Meaning":
    import re

    from shared.errors import VouchError
    from shared.model.facts import Category, Meaning, Party

    if category not in list(Category):
        raise VouchError(f"--category: {category!r} is not one of {', '.join(Category)}")
    parties = [known for known in Party if known is not Party.DISPUTED]
    if party not in parties:
        raise VouchError(f"--party: {party!r} is not one of {', '.join(parties)}")
    if not re.fullmatch(r"[a-z0-9_-]{1,64}", cause):
        raise VouchError(f"--cause: {cause!r} must be small letters, digits, - and _, at most 64")
    return Meaning(category=Category(category), cause=cause, party=Party(party))


def _actor(side: str, by: str | None) -> "Actor":
    from shared.db.reclassification import Actor
    from shared.errors import VouchError
    from shared.model.reclassification import Side

    if side not in (Side.SUPPLIER, Side.CUSTOMER):
        raise VouchError(f"--side: {side!r} is neither supplier nor customer")
    return Actor(name=_who(by), side=Side(side))


def _who(by: str | None) -> str:
    import getpass

    return by or getpass.getuser()


def _status(text: str) -> "Status":
    from shared.errors import VouchError
    from shared.model.reclassification import Status

    if text not in list(Status):
        raise VouchError(f"--status: {text!r} is not one of {', '.join(Status)}")
    return Status(text)


def _said(option: str, text: str) -> str:
    from shared.errors import VouchError

    if not text.strip() or "\0" in text:
        raise VouchError(f"--{option}: must say something")
    return text


def _time(text: str) -> datetime:
    from shared.errors import VouchError

    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise VouchError(f"{text!r} is no time in ISO 8601") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _span(one: "Reclassification") -> tuple[str, str]:
    return one.start_at.isoformat(timespec="seconds"), one.end_at.isoformat(timespec="seconds")
