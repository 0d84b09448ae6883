"""`vouch key`."""

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


@app.command("revoke")
def key_revoke(prefix: Annotated[str, typer.Argument(help="the key's second part: vouch_PREFIX_...")]) -> None:
    """End a key; whoever uses it is refused from the next request on."""
    from shared.clock import now_us
    from shared.db import principals
    from shared.errors import NotFoundError

    with owner() as connection:
        # Whoever pastes the whole key means it.
        prefix = prefix.removeprefix("vouch_").partition("_")[0]
        if not principals.revoke_key(connection, prefix, now_us()):
            raise NotFoundError(f"{prefix}: no key in force has this prefix")
    print(f"{prefix}: revoked")
