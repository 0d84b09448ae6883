"""`vouch contract`."""

import typer

from services.cli.owner import File, owner

app = typer.Typer(no_args_is_help=True, help="Contracts: check, explain, load.")


@app.command("check")
def contract_check(file: File) -> None:
    """List every fault of a contract file with its place."""
    from shared import declared
    from shared.contracts import spec

    contract = spec.parse(declared.read(file), str(file))
    print(f"{contract.id} version {contract.version}: {len(contract.guarantees)} guarantee(s), no fault")


@app.command("explain")
def contract_explain(file: File) -> None:
    """Say in plain words what a contract file counts how, with worked examples of each guarantee."""
    from shared import declared
    from shared.clock import now_us
    from shared.contracts import spec
    from shared.contracts.explain import explain

    print(explain(spec.parse(declared.read(file), str(file)), now_us()), end="")


@app.command("schema")
def contract_schema() -> None:
    """Print the JSON Schema of a contract file, for editors and other programs."""
    import json

    from shared.contracts.spec import form

    print(json.dumps(form.schema(), indent=2, ensure_ascii=False))


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
