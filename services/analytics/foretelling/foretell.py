"""The prediction job: each grid instant of each machine once, as soon as all is known up to it; history the same way.

A batch of machines is one transaction: their predictions, the notices that follow, and what became of open ones. The
numbers are made in a thread. What was said is never changed, by late data or by a better model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import structlog

from services.analytics import metrics
from services.analytics.aside import aside
from services.analytics.foretelling.announce import Announced, Standing, announce, close
from services.analytics.foretelling.foresee import Foreseen, Lifetimes, Version, foresee
from services.analytics.learning import artefacts
from services.analytics.learning.artefacts import LoadError
from services.analytics.learning.life import LifeModels
from services.analytics.learning.lives import Line, Times, line
from services.analytics.learning.material import Past, pasts
from services.analytics.prognosis.events import HazardModel
from services.analytics.prognosis.notices import Decided, OpenNotice
from shared.db import models, notices, predictions, timeline
from shared.db.models import Foretold
from shared.db.notices import Given
from shared.db.pool import AsyncConnection
from shared.db.predictions import Machine, Made
from shared.model.foretelling import Component
from shared.model.prognosis import NoticeState
from shared.model.registry import Purpose

_log = structlog.get_logger(__name__)
# Machines a transaction, and instants of one in it: history is worked off in short steps.
_BATCH: Final = 32
_INSTANTS: Final = 400
# Lifetimes are learnt of so many machines of a model, the first ones registered: their number stays bounded.
_LINES: Final = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class _Round:
    """What all machines of a model are foretold with in a round of work."""

    model: Foretold
    lifetimes: Lifetimes
    versions: Sequence[Version]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Batch:
    """What some of them are foretold from, up to when each component was, and how it stands with their notices."""

    pasts: Sequence[Past]
    reached: Mapping[tuple[int, str], int]
    standing: dict[tuple[int, str], Standing]
    record: Sequence[tuple[int, NoticeState]]


async def foretell_due(connection: AsyncConnection, now_us: int) -> int:
    """Make every prediction whose instant has come, and how many that were; one model's failure stops no other."""
    made = 0
    known = await models.foretold(connection)
    lines: dict[str, dict[int, Line]] = {}
    for model in known:
        try:
            async with connection.transaction():
                await _close_open(connection, model, now_us)
            made += await _model(connection, model, known, lines, now_us)
        except Exception:
            if connection.broken:
                raise
            _log.exception("foretelling_failed", model=model.slug)
            metrics.FAILURES.labels(stage="foretelling").inc()
    return made


async def _model(
    connection: AsyncConnection,
    model: Foretold,
    known: Sequence[Foretold],
    lines: dict[str, dict[int, Line]],
    now_us: int,
) -> int:
    made = 0
    failed: set[int] = set()
    work: _Round | None = None
    while True:
        async with connection.transaction():
            machines = await predictions.due(connection, model.asset_model_id, now_us, _BATCH, without=failed)
            if not machines:
                return made
            if work is None:
                lifetimes = await _lifetimes(connection, model, known, lines, now_us)
                work = _Round(model=model, lifetimes=lifetimes, versions=await _versions(connection, model))
            stored, done = await _batch(connection, work, machines, now_us)
            made += stored
            failed |= {each.asset_id for each in machines} - done


async def _batch(
    connection: AsyncConnection, work: _Round, machines: Sequence[Machine], now_us: int
) -> tuple[int, set[int]]:
    """How many predictions were stored, and of which machines any was made."""
    model = work.model
    sensors = {sensor for each in model.prognosis.components for sensor in each.limits}
    sensors |= {name for each in work.versions if isinstance(each.model, LifeModels) for name in each.model.reads}
    # Asked for once the machines are held: another worker may have gone on with them since they were found to be due.
    reached = await predictions.reached(connection, [each.asset_id for each in machines])
    batch = _Batch(
        pasts=await pasts(connection, model, machines, sorted(sensors)),
        reached=reached,
        standing=await _standing(connection, model, machines, reached),
        record=await notices.record(connection, model.asset_model_id, 0),
    )
    announced = await aside(_foretell, work, batch)
    made = [
        Made(
            asset_id=each.asset_id,
            prediction=each.prediction,
            model=each.version and (each.version.id, each.version.name),
            latest_us=each.latest_us,
        )
        for each in announced.foreseen
    ]
    stored = await predictions.save(connection, made, now_us)
    await notices.keep(connection, announced.steps, now_us)
    return stored, {each.asset_id for each in made}


def _foretell(work: _Round, batch: _Batch) -> Announced:
    """In a thread; what one machine's data does must not stop the others."""
    foreseen: list[Foreseen] = []
    failed: dict[int, Exception] = {}
    for past in batch.pasts:
        try:
            foreseen += _foreseen(past, work, batch.reached)
        except Exception as error:  # noqa: BLE001
            failed[past.machine.asset_id] = error
    announced = Announced(foreseen=tuple(foreseen), steps=(), failed={})
    if (rule := work.model.prognosis.notice) is not None:
        lines = {each.machine.asset_id: each.line for each in batch.pasts}
        announced = announce(foreseen, rule, lines, batch.standing, batch.record)
    for asset_id, error in (failed | {**announced.failed}).items():
        _log.error("machine_not_foretold", asset_id=asset_id, exc_info=error)
        metrics.FAILURES.labels(stage="foretelling").inc()
    return announced


def _foreseen(past: Past, work: _Round, reached: Mapping[tuple[int, str], int]) -> list[Foreseen]:
    """What can be said of a machine at the instants to come; a component that was added has more of them."""
    groups: dict[int | None, list[Component]] = {}
    for component in work.model.prognosis.components:
        groups.setdefault(reached.get((past.machine.asset_id, component.name)), []).append(component)
    found: list[Foreseen] = []
    for reached_us, components in groups.items():
        at_us = _instants(past.machine, work.model.prognosis.every_us, reached_us)
        if at_us.size:
            found += foresee(past, components, at_us, work.lifetimes, work.versions)
    return found


def _instants(machine: Machine, every_us: int, reached_us: int | None) -> Times:
    """The grid instants to come, as far as all is known."""
    first = (machine.first_us if reached_us is None else reached_us) // every_us + 1
    last = min(machine.known_to_us // every_us, first + _INSTANTS - 1)
    return np.arange(first, last + 1, dtype=np.int64) * every_us


async def _standing(
    connection: AsyncConnection,
    model: Foretold,
    machines: Sequence[Machine],
    reached: Mapping[tuple[int, str], int],
) -> dict[tuple[int, str], Standing]:
    """How it stands with notices before the instants to come; what was said since the last one was decided."""
    last = await notices.last(connection, [each.asset_id for each in machines])
    since: dict[tuple[int, str], int] = {}
    found: dict[tuple[int, str], Standing] = {}
    for machine in machines:
        for component in model.prognosis.components:
            place = machine.asset_id, component.name
            stands = found[place] = _stands(last.get(place))
            decided_us = None if stands.decided is None else stands.decided.decided_at_us
            if place in reached:
                since[place] = reached[place] if decided_us is None else decided_us
    for place, said in (await notices.said(connection, since)).items():
        found[place].said = said
    return found


def _stands(given: Given | None) -> Standing:
    if given is None:
        return Standing()
    if given.state is NoticeState.OPEN:
        return Standing(
            notice=OpenNotice(component=given.component, given_at_us=given.given_us, window_end_us=given.window_end_us)
        )
    decided = Decided(state=given.state, decided_at_us=given.decided_us, failed_at_us=given.failed_us, lead_us=None)
    return Standing(decided=decided)


async def _close_open(connection: AsyncConnection, model: Foretold, now_us: int) -> None:
    """Decide open notices by what is known by now, between grid instants too."""
    waiting = await notices.open_of(connection, model.asset_model_id)
    if not waiting:
        return
    ids = [asset_id for asset_id, _, _ in waiting]
    since_us = min(given_us for _, given_us, _ in waiting)
    known = await timeline.timelines(connection, ids, since_us, now_us)
    last = await notices.last(connection, ids)
    steps: list[Given] = []
    for asset_id, _, known_us in waiting:
        until_us = min(known_us, now_us)
        if stretches := [each for each in known[asset_id] if each.start_us < until_us]:
            past = line(stretches, model.prognosis.components, until_us)
            for component in past.renewals:
                stands = _stands(last.get((asset_id, component)))
                closed = close((asset_id, component), stands, past, until_us)
                steps += [closed] if closed else []
    await notices.keep(connection, steps, now_us)


async def _lifetimes(
    connection: AsyncConnection,
    model: Foretold,
    known: Sequence[Foretold],
    lines: dict[str, dict[int, Line]],
    now_us: int,
) -> Lifetimes:
    """Of the model's components, with those of other models by the same names; each model is read once a round."""
    names = {each.name for each in model.prognosis.components}
    for other in known:
        if other.slug not in lines and names & {each.name for each in other.prognosis.components}:
            machines = (await predictions.fleet(connection, other.asset_model_id, now_us))[:_LINES]
            found = await pasts(connection, other, machines, ())
            lines[other.slug] = {each.machine.asset_id: each.line for each in found}
    others = {
        name: [
            list(lines[other.slug].values())
            for other in known
            if other.slug != model.slug and name in {each.name for each in other.prognosis.components}
        ]
        for name in names
    }
    return Lifetimes(list(lines[model.slug].values()), others)


async def _versions(connection: AsyncConnection, model: Foretold) -> list[Version]:
    """The registered models that may speak, the one in force first; one that is refused says why instead."""
    found: list[Version] = []
    for stored in await models.in_force(connection, model.asset_model_id):
        loaded, why_not = None, ""
        try:
            parts = await aside(artefacts.loads, stored.artefact, stored.artefact_sha256)
            loaded = (HazardModel if stored.purpose is Purpose.FAILURE_RISK else LifeModels).from_parts(parts)
        except (LoadError, KeyError, ValueError, TypeError) as error:
            _log.error("model_refused", model=model.slug, version=stored.name, error=str(error))
            why_not = str(error)
        found.append(
            Version(
                id=stored.id,
                name=stored.name,
                purpose=stored.purpose,
                trained_to_us=stored.trained_to_us,
                model=loaded,
                why_not=why_not,
            )
        )
    return found
