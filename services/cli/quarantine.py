"""`vouch quarantine`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.owner import owner

if TYPE_CHECKING:
    from shared.db.pool import Connection
    from shared.db.quarantine import Filter

app = typer.Typer(no_args_is_help=True, help="What devices said and was not stored.")

Reason = Annotated[str | None, typer.Option(help="code of the reason, e.g. unknown_sensor")]
Asset = Annotated[str | None, typer.Option(help="customer/site/asset")]
Topic = Annotated[str | None, typer.Option(help="beginning of the topic")]
Since = Annotated[str | None, typer.Option(help="received at or after this ISO 8601 time (UTC unless it says)")]
Ids = Annotated[list[int] | None, typer.Argument(help="as `list` shows them", min=1)]
By = Annotated[str | None, typer.Option(help="who decides; default: the user of this account")]


@app.command("list")
def quarantine_list(
    *,
    reason: Reason = None,
    asset: Asset = None,
    topic: Topic = None,
    since: Since = None,
    state: Annotated[str, typer.Option(help="open, replayed, discarded or all")] = "open",
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
) -> None:
    """List parts of messages, the latest first, one a line: id, time, state, reason, topic, detail."""
    from shared.db import quarantine

    wanted = _filter(reason, asset, topic, since, state)
    with owner() as connection:
        _check_asset(connection, wanted)
        ids = quarantine.matching(connection, wanted, limit=limit + 1)
        found = quarantine.read(connection, ids[:limit], payload_limit=0)
    for row in found:
        at = row.received_at.isoformat(timespec="seconds")
        print(row.id, at, row.state, row.reason, _printable(row.topic), row.detail, sep="  ")
    if len(ids) > limit:
        typer.echo(f"the latest {limit}; there are more (--limit)", err=True)


@app.command("show")
def quarantine_show(row_id: Annotated[int, typer.Argument(metavar="ID", min=1)]) -> None:
    """Show one part with the whole payload of its message, as text or, where it is none, in hexadecimal."""
    from shared.db import quarantine
    from shared.errors import NotFoundError

    with owner() as connection:
        found = quarantine.read(connection, [row_id], payload_limit=2**31 - 1)
    if not found:
        raise NotFoundError(f"there is no quarantined part {row_id}")
    [row] = found
    shown = {
        "id": row.id,
        "received": row.received_at.isoformat(),
        "topic": _printable(row.topic),
        "content type": row.content_type,
        "retained": "yes" if row.retained else None,
        "customer": row.customer,
        "reason": row.reason,
        "detail": row.detail,
        "state": row.state,
        "last replayed": row.attempted_at and row.attempted_at.isoformat(),
        "resolved": row.resolved_at and f"{row.resolved_at.isoformat()} by {row.resolved_by}",
        "note": row.note,
        "payload": f"{row.payload_bytes} bytes",
    }
    for name, value in shown.items():
        if value is not None:
            print(f"{name + ':':15}{value}")
    print(_payload(row.payload))


@app.command("replay")
def quarantine_replay(
    *,
    ids: Ids = None,
    reason: Reason = None,
    asset: Asset = None,
    topic: Topic = None,
    since: Since = None,
    by: By = None,
) -> None:
    """Read messages again as they came, once the cause is mended; what is good now is stored, what is not stays."""
    from rich.console import Console
    from rich.progress import Progress

    from services.ingest.replays import Replay
    from shared.clock import now_us
    from shared.db import catalog
    from shared.settings import IngestSettings

    with owner() as connection:
        chosen = _chosen(connection, ids, _filter(reason, asset, topic, since, "open"))
        told = Replay(
            connection=connection,
            known=catalog.load(connection),
            by=_who(by),
            now_us=now_us(),
            max_payload_bytes=IngestSettings.load().ingest_max_payload_bytes,
        )
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("replay", total=len(chosen))
            outcome = told.run(chosen, lambda count: progress.advance(task, count))
    print(f"{outcome.messages} message(s) replayed: {outcome.resolved} part(s) resolved, {outcome.failing} still fail")


@app.command("discard")
def quarantine_discard(
    *,
    note: Annotated[str, typer.Option(help="why; kept with the message")],
    ids: Ids = None,
    reason: Reason = None,
    asset: Asset = None,
    topic: Topic = None,
    since: Since = None,
    by: By = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask before discarding by a filter")] = False,
) -> None:
    """Mark open parts as not wanted, with who and why; nothing is deleted. By a filter it asks first."""
    from shared.clock import now_us
    from shared.db import quarantine
    from shared.errors import VouchError

    if not note.strip():
        raise VouchError("--note: must say why")
    with owner() as connection:
        chosen = _chosen(connection, ids, _filter(reason, asset, topic, since, "open"))
        if ids is None and chosen and not yes:
            _confirm(len(chosen))
        discarded = quarantine.discard(connection, chosen, by=_who(by), note=note, at_us=now_us())
    print(f"{discarded} part(s) discarded")


def _chosen(connection: "Connection", ids: list[int] | None, wanted: "Filter") -> list[int]:
    """The parts named, or let through by the filter; raises VouchError for neither or both, or ids not open."""
    from shared.db import quarantine
    from shared.db.quarantine import Filter
    from shared.errors import NotFoundError, VouchError

    if (ids is None) == (wanted == Filter()):
        raise VouchError("name either ids or a filter (--reason, --asset, --topic, --since), not both")
    if ids is None:
        _check_asset(connection, wanted)
        return quarantine.matching(connection, wanted)
    states = {row.id: row.state for row in quarantine.read(connection, ids, payload_limit=0)}
    for row_id in ids:
        if states.get(row_id) != quarantine.State.OPEN:
            known = f"part {row_id} is {states[row_id]} already" if row_id in states else f"there is no part {row_id}"
            raise NotFoundError(known)
    return ids


def _confirm(count: int) -> None:
    """Ask on the terminal whether so many parts are meant; raises VouchError where there is nobody to ask."""
    import sys

    from shared.errors import VouchError

    if not sys.stdin.isatty():
        raise VouchError(f"{count} part(s) would be discarded; --yes says that they are meant")
    typer.confirm(f"{count} part(s) will be discarded. Go on?", abort=True, err=True)


def _filter(reason: str | None, asset: str | None, topic: str | None, since: str | None, state: str) -> "Filter":
    from shared.db.quarantine import Filter, State
    from shared.errors import VouchError
    from shared.model.facts import QuarantineReason

    if topic == "":
        raise VouchError("--topic: empty, which every topic begins with; leave it out to mean every topic")
    if asset is not None and (asset.count("/") != 2 or not all(asset.split("/"))):
        raise VouchError(f"--asset: {asset!r} is not customer/site/asset")
    if reason is not None and reason not in list(QuarantineReason):
        raise VouchError(f"--reason: {reason!r} is not one of {', '.join(QuarantineReason)}")
    if state not in [*State, "all"]:
        raise VouchError(f"--state: {state!r} is not one of {', '.join(State)}, all")
    return Filter(
        state=None if state == "all" else State(state),
        reason=None if reason is None else QuarantineReason(reason),
        asset=asset,
        topic=topic,
        since=None if since is None else _time(since),
    )


def _check_asset(connection: "Connection", wanted: "Filter") -> None:
    from shared.db import export
    from shared.errors import NotFoundError

    if wanted.asset is not None and not export.assets(connection, [wanted.asset]):
        raise NotFoundError(f"--asset: the fleet has no {wanted.asset}")


def _time(text: str) -> datetime:
    from shared.errors import VouchError

    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise VouchError(f"--since: {text!r} is no time in ISO 8601") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _who(by: str | None) -> str:
    import getpass

    return by or getpass.getuser()


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)


def _payload(payload: bytes) -> str:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return payload.hex(" ", -4)
    shown = text.replace("\n", "").replace("\r", "").replace("\t", "")
    return text if shown.isprintable() else payload.hex(" ", -4)
