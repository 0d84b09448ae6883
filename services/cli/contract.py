"""`vouch contract`."""

import typer

from services.cli.owner import File, owner

app = typer.Typer(no_args_is_help=True, help="Contracts: check and load.")


@app.command("check")
def contract_check(file: File) -> None:
    """List every fault of a contract file with its place."""
    from shared import declared
    from shared.contracts import spec

    contract = spec.parse(declared.read(file), str(file))
    print(f"{contract.id} version {contract.version}: {len(contract.guarantees)} guarantee(s), no fault")


@app.command("load")
def contract_load(file: File) -> None:
    """Store a contract version; refused whole when it has a fault."""
    from shared import declared
    from shared.clock import now_us
    from shared.contracts import spec
    from shared.db import contracts

    contract = spec.parse(declared.read(file), str(file))
    with owner() as connection:
        stored = contracts.store(connection, contract, now_us())
    print(f"{contract.id} version {contract.version}: {'stored' if stored else 'already stored'}")
