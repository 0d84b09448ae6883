"""`vouch model`: the registry of trained models."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from services.cli.owner import owner
from shared.db.pool import AsyncConnection
from shared.model.registry import Purpose

app = typer.Typer(no_args_is_help=True, help="Trained models: list, show, train, promote, verify.")
_Found = TypeVar("_Found")

Id = Annotated[int, typer.Argument(help="as listed")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


@app.command("list")
def model_list(
    machines: Annotated[str | None, typer.Option("--model", help="slug of a model of machines; default: all")] = None,
    as_json: AsJson = False,
) -> None:
    """Print every version: which is the champion, what it learnt from, and why it stands as it does."""
    from shared.db import models

    found = _asked(lambda connection: models.listed(connection, asset_model=machines))
    if as_json:
        _print_json([_document(each) for each in found])
        return
    for each in found:
        print(f"{each.id:5}  {each.asset_model}  {each.name}  {each.state}")
        print(f"       learnt from {each.rows} rows, {each.trained_from:%F} to {each.trained_to:%F}: {each.reason}")
    if not found:
        print("no model has been trained yet")


@app.command("show")
def model_show(model_id: Id) -> None:
    """Print all that is on record of a version as JSON."""
    from shared.db import models

    _print_json(_document(_asked(lambda connection: models.one(connection, model_id))))


@app.command("train")
def model_train(
    machines: Annotated[str, typer.Argument(help="slug of a model of machines")],
    purpose: Annotated[Purpose | None, typer.Option(help="default: every one")] = None,
) -> None:
    """Train now, as `vouch analytics` does when it is due; who beats the champion on recent data takes its place."""
    from services.analytics.aside import on_one_core
    from services.analytics.learning import train
    from shared import logs
    from shared.clock import now_us
    from shared.errors import VouchError
    from shared.settings import OwnerSettings

    logs.configure(OwnerSettings.load().log_format)
    on_one_core()
    done = _asked(lambda connection: train.learn_now(connection, machines, purpose, now_us()))
    if done is None:
        raise VouchError("another training is under way; try again later")
    for each in done:
        version = "no version" if each.version is None else f"{each.version.name} ({each.version.state})"
        print(f"{each.asset_model} {each.purpose}: {version}; {each.reason}")


@app.command("promote")
def model_promote(
    model_id: Id,
    by: Annotated[str, typer.Option(help="who promotes it; goes on record")],
    reason: Annotated[str, typer.Option(help="why; goes on record")],
) -> None:
    """Make a version the champion by your word; the one that was is retired. Predictions made so far stay."""
    from services.analytics.learning import train
    from shared.clock import now_us

    made = _asked(lambda connection: train.promote(connection, model_id, by, now_us(), reason))
    print(f"{made.asset_model} {made.name}: champion, promoted by {made.promoted_by}")


@app.command("verify")
def model_verify(model_id: Id) -> None:
    """Load a version as a prediction would: refused when it is not what was registered, or holds a type not trusted."""
    from services.analytics.learning import train

    _asked(lambda connection: train.verify(connection, model_id))
    print(f"model version {model_id}: as registered")


def _asked(ask: Callable[[AsyncConnection], Awaitable[_Found]]) -> _Found:
    """What `ask` finds on an owner's connection to tables of this version."""
    from shared.db.pool import connect_async
    from shared.settings import OwnerSettings

    with owner():
        pass

    async def work() -> _Found:
        async with connect_async(OwnerSettings.load().database_url) as connection:
            return await ask(connection)

    return asyncio.run(work())


def _document(version: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return {"name": version.name, **asdict(version)}


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))
