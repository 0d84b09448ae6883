"""`vouch key`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from services.cli.owner import owner

app = typer.Typer(no_args_is_help=True, help="API keys.")


@app.command("create")
def key_create(
    name: Annotated[str, typer.Option(help="who the key is for")],
    role: Annotated[str, typer.Option(help="admin, service_engineer, account_manager or customer")],
    customer: Annotated[list[str] | None, typer.Option(help="customer they may see; repeatable; default all")] = None,
) -> None:
    """Create a principal's API key and print it, once."""
    from shared.clock import now_us
    from shared.db import principals

    with owner() as connection:
        print(principals.create_key(connection, name=name, role=role, customers=customer or [], now_us=now_us()))


@app.command("list")
def key_list() -> None:
    """Print every key there is or was: name, role, customers, prefix, created, revoked."""
    from shared.db import principals

    rows = [("name", "role", "customers", "prefix", "created", "revoked")]
    with owner() as connection:
        for key in principals.keys(connection):
            seen = "all" if key.customers is None else ",".join(key.customers)
            revoked = "" if key.revoked_at is None else _time(key.revoked_at)
            rows.append((_printable(key.name), key.role, seen, key.prefix, _time(key.created_at), revoked))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command("revoke")
def key_revoke(
    prefix: Annotated[str | None, typer.Argument(help="the key's second part: vouch_PREFIX_...")] = None,
    name: Annotated[str | None, typer.Option(help="instead: all keys of this name")] = None,
) -> None:
    """End a key, or all keys of a name; whoever uses one is refused from the next request on."""
    from shared.clock import now_us
    from shared.db import principals
    from shared.errors import NotFoundError, VouchError

    if (prefix is None) == (name is None):
        raise VouchError("say either the PREFIX of a key or --name")
    with owner() as connection:
        if name is not None:
            print(f"{name}: {principals.revoke_keys_of(connection, name, now_us())} key(s) revoked")
            return
        # Whoever pastes the whole key means it.
        prefix = (prefix or "").removeprefix("vouch_").partition("_")[0]
        if not principals.revoke_key(connection, prefix, now_us()):
            raise NotFoundError(f"{prefix}: no key in force has this prefix")
    print(f"{prefix}: revoked")


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)
