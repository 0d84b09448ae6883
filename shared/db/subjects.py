"""By what the facts of an asset are read: its model's codes and rules, and what people have settled about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.db.named import load
from shared.db.pool import AsyncConnection
from shared.instant import from_us, to_us
from shared.model import packml
from shared.model.facts import (
    BUILT_IN,
    USUAL,
    USUAL_TRUST,
    Category,
    Change,
    Condition,
    Interpretation,
    Meaning,
    Party,
    Source,
    StateRule,
)
from shared.model.reclassification import Standing

_SQL = load("timeline")


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What an asset's timeline is derived by: its model's codes and rules; `series` the sensors the rules name.

    `meanings`: what each code meant in the beginning; `interpretation` says how that changed. `standing`: what people
    have settled or quarrel upon, in the order it came into force.
    Of the time before `told_from_us` telemetry says what it said when it was still kept.
    """

    asset_id: int
    customer_id: int
    hold_us: int
    rules: tuple[StateRule, ...]
    meanings: Mapping[str, Meaning]
    series: Mapping[str, int]
    told_from_us: int
    interpretation: Interpretation = USUAL
    standing: tuple[Standing, ...] = field(default=())


async def subjects(
    connection: AsyncConnection, asset_ids: Sequence[int], *, as_of_us: int | None = None
) -> dict[int, Subject]:
    """How each of the assets is to be read; codes and what people settled as recorded until `as_of_us`, if given."""
    as_of = None if as_of_us is None else from_us(as_of_us)
    rows = await (await connection.execute(_SQL["subjects"], {"assets": list(asset_ids)})).fetchall()
    models = {row["model_id"] for row in rows}
    meanings, changes = await _codes(connection, models, as_of)
    standing = await _standing(connection, asset_ids, as_of)
    return {
        row["asset_id"]: Subject(
            asset_id=row["asset_id"],
            customer_id=row["customer_id"],
            hold_us=row["telemetry_hold_us"],
            rules=tuple(_rule(rule) for rule in row["state_rules"]),
            meanings=BUILT_IN | meanings[row["model_id"]],
            series=row["series"],
            told_from_us=to_us(row["readings_from"]) + row["telemetry_hold_us"] if row["readings_from"] else 0,
            interpretation=Interpretation(
                trust=_trust(row["trust"]),
                min_event_us=row["min_event_us"],
                changes=changes[row["model_id"]],
                packml=packml.CODES if row["packml"] else frozenset(),
            ),
            standing=tuple(standing.get(row["asset_id"], ())),
        )
        for row in rows
    }


async def _codes(
    connection: AsyncConnection, models: set[int], as_of: object
) -> tuple[dict[int, dict[str, Meaning]], dict[int, dict[str, tuple[Change, ...]]]]:
    """By model, what each code meant in the beginning, and how that changed."""
    meanings: dict[int, dict[str, Meaning]] = {model: {} for model in models}
    changes: dict[int, dict[str, tuple[Change, ...]]] = {model: {} for model in models}
    cursor = await connection.execute(_SQL["meanings"], {"models": list(models), "as_of": as_of})
    for row in await cursor.fetchall():
        model, code, valid_from = row["model_id"], row["code"], row["valid_from"]
        if valid_from is None:
            meanings[model][code] = _meaning(row)
        else:
            change = Change(from_us=to_us(valid_from), meaning=_meaning(row))
            changes[model][code] = (*changes[model].get(code, ()), change)
    return meanings, changes


async def _standing(connection: AsyncConnection, asset_ids: Sequence[int], as_of: object) -> dict[int, list[Standing]]:
    found: dict[int, list[Standing]] = {}
    cursor = await connection.execute(_SQL["standing"], {"assets": list(asset_ids), "as_of": as_of})
    for row in await cursor.fetchall():
        one = Standing(
            id=row["id"],
            start_us=to_us(row["start_at"]),
            end_us=to_us(row["end_at"]),
            meaning=None if row["category"] is None else _meaning(row),
        )
        found.setdefault(row["asset_id"], []).append(one)
    return found


def _trust(stored: list[list[str]] | None) -> tuple[tuple[Source, ...], ...]:
    return USUAL_TRUST if stored is None else tuple(tuple(Source(name) for name in rank) for rank in stored)


def _rule(rule: Mapping[str, Any]) -> StateRule:
    when = tuple(Condition(sensor=c["sensor"], low=c["low"], high=c["high"]) for c in rule["when"])
    return StateRule(when=when, meaning=_meaning(rule))


def _meaning(row: Mapping[str, Any]) -> Meaning:
    return Meaning(category=Category(row["category"]), cause=row["cause"], party=Party(row["party"]))
