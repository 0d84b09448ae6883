"""The training job: learn on all but the most recent part, compare with the champion on that part, promote who wins.

Reading is short and in the event loop, learning is long and in a thread; one training at a time in all of the database.
What came of a try is on record, also when it fails: it is tried again later, ever less often.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from services.analytics import metrics
from services.analytics.aside import aside
from services.analytics.learning import artefacts, lesson
from services.analytics.learning.artefacts import LoadError
from services.analytics.learning.lesson import Contest, Learnt, Lesson, Refused
from services.analytics.learning.life import LifeLesson
from services.analytics.learning.material import Past, pasts
from services.analytics.learning.risk import RiskLesson
from shared.db import models, predictions
from shared.db.models import Foretold, ModelVersion, Stored, Tried
from shared.db.pool import AsyncConnection
from shared.model.registry import Purpose, Trained

_log = structlog.get_logger(__name__)
# Who promotes when nobody does.
BY_ITSELF: Final = "vouch"
# Machines learnt from at most, those that failed most often first: memory and time stay bounded.
_MOST_MACHINES: Final = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of a training: the version it left, if any, whether it is the champion now, and why."""

    asset_model: str
    purpose: Purpose
    version: ModelVersion | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    """A lesson about a model of machines: how often each of them failed, the most first, and what came of it before."""

    model: Foretold
    lesson: Lesson
    failures: Mapping[int, int]
    before: Tried | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Champion:
    stored: Stored
    parts: dict[str, Any] | None
    why_not: str


def lessons(model: Foretold) -> dict[Purpose, Lesson]:
    """What is learnt of a model of machines."""
    components = tuple(each.name for each in model.prognosis.components)
    found: list[Lesson] = [RiskLesson(components=components)]
    if model.sensors:
        found.append(LifeLesson(components=components, sensors=model.sensors, drivers=model.drivers))
    return {each.purpose: each for each in found}


async def learn_due(connection: AsyncConnection, now_us: int) -> list[Outcome]:
    """Train whatever is due; nothing while another worker trains."""
    done: list[Outcome] = []
    async with models.training(connection) as is_ours:
        for model in await models.foretold(connection) if is_ours else ():
            for task in await _tasks(connection, model, now_us):
                reason = lesson.due(task.before, sum(task.failures.values()), now_us)
                if reason is not None:
                    _log.info("training_due", model=model.slug, purpose=task.lesson.purpose, reason=reason)
                    done.append(await _tried(connection, task, now_us))
    return done


async def learn_now(
    connection: AsyncConnection, slug: str, purpose: Purpose | None, now_us: int
) -> list[Outcome] | None:
    """Train for one purpose, or all, whether due or not; None while another worker trains. Raises NotFoundError."""
    async with models.training(connection) as is_ours:
        if not is_ours:
            return None
        [model] = await models.foretold(connection, slug)
        tasks = await _tasks(connection, model, now_us)
        return [await _tried(connection, task, now_us) for task in tasks if purpose in {None, task.lesson.purpose}]


async def verify(connection: AsyncConnection, model_id: int) -> None:
    """Load a version as a prediction would; raises NotFoundError, and LoadError where that is refused."""
    artefacts.loads(*await models.artefact(connection, model_id))


async def promote(connection: AsyncConnection, model_id: int, by: str, now_us: int, reason: str) -> ModelVersion:
    """Make a version the champion by a person's word; raises as `verify`, and VouchError for who is it already."""
    await verify(connection, model_id)
    return await models.promote(connection, model_id, by, now_us, reason)


async def _tasks(connection: AsyncConnection, model: Foretold, now_us: int) -> list[_Task]:
    causes = sorted({cause for each in model.prognosis.components for cause in each.causes})
    failures = await predictions.failures(connection, model.asset_model_id, causes, now_us)
    before = await models.trainings(connection, model.asset_model_id)
    return [
        _Task(model=model, lesson=each, failures=failures, before=before.get(purpose))
        for purpose, each in lessons(model).items()
    ]


async def _tried(connection: AsyncConnection, task: _Task, now_us: int) -> Outcome:
    """Train, and put on record what came of it; one model that cannot be trained must not stop the others."""
    model, purpose, failed = task.model, task.lesson.purpose, 0
    try:
        outcome = await _train(connection, task, now_us)
    except Exception as error:
        if connection.broken:
            raise
        _log.exception("training_failed", model=model.slug, purpose=purpose)
        metrics.FAILURES.labels(stage="training").inc()
        failed = 1 + (task.before.failed if task.before else 0)
        reason = f"failed, and will be tried again: {type(error).__name__}"
        outcome = Outcome(asset_model=model.slug, purpose=purpose, version=None, reason=reason)
    tried = Tried(tried_us=now_us, failures=sum(task.failures.values()), failed=failed, outcome=outcome.reason)
    await models.note_training(connection, model.asset_model_id, purpose, tried)
    version = outcome.version and outcome.version.name
    _log.info("training_done", model=model.slug, purpose=purpose, version=version, reason=outcome.reason)
    return outcome


async def _train(connection: AsyncConnection, task: _Task, now_us: int) -> Outcome:
    model, purpose = task.model, task.lesson.purpose
    chosen = set(list(task.failures)[:_MOST_MACHINES])
    machines = await predictions.fleet(connection, model.asset_model_id, now_us)
    machines = [each for each in machines if each.asset_id in chosen]
    known = await pasts(connection, model, machines, (*model.sensors, *model.drivers))
    champion = await _champion(connection, model, purpose)
    learnt = await aside(_learn, task.lesson, known, champion)
    if isinstance(learnt, Refused):
        return Outcome(asset_model=model.slug, purpose=purpose, version=None, reason=learnt.reason)
    trained, contest = learnt
    model_id = await models.register(connection, model.asset_model_id, trained, now_us, contest.reason)
    version = await models.one(connection, model_id)
    if contest.wins and version.promoted_at is None:
        version = await models.promote(connection, model_id, BY_ITSELF, now_us, contest.reason)
    return Outcome(asset_model=model.slug, purpose=purpose, version=version, reason=contest.reason)


async def _champion(connection: AsyncConnection, model: Foretold, purpose: Purpose) -> _Champion | None:
    """Who is to be beaten; without `parts` when it cannot be loaded."""
    for stored in await models.in_force(connection, model.asset_model_id):
        if stored.purpose is purpose and stored.is_champion:
            try:
                parts = await aside(artefacts.loads, stored.artefact, stored.artefact_sha256)
            except LoadError as error:
                _log.error("model_refused", model=model.slug, version=stored.name, error=str(error))
                return _Champion(stored=stored, parts=None, why_not=str(error))
            return _Champion(stored=stored, parts=parts, why_not="")
    return None


def _learn(each: Lesson, known: Sequence[Past], champion: _Champion | None) -> tuple[Trained, Contest] | Refused:
    """In a thread: what is learnt before the part held back, and how it does on that."""
    if not known:
        return Refused(reason="nothing is known of any machine")
    first_us = min(past.line.first_us for past in known)
    end_us = max(past.line.known_us for past in known)
    held_us = end_us - round((end_us - first_us) * lesson.HELD_BACK)
    learnt = each.learn(known, held_us)
    if isinstance(learnt, Refused):
        return learnt
    return _compared(each, learnt, known, (first_us, held_us, end_us), champion)


def _compared(
    each: Lesson, learnt: Learnt, known: Sequence[Past], span: tuple[int, int, int], champion: _Champion | None
) -> tuple[Trained, Contest]:
    first_us, held_us, end_us = span
    own = each.loss(learnt.parts, known, held_us, end_us)
    if champion is not None and champion.parts is not None:
        other, against = each.loss(champion.parts, known, held_us, end_us), champion.stored.name
    else:
        other, against = each.plain_loss(known, held_us, end_us), "the plain rate of what happened before"
    contest = lesson.contest(own, other, against, each.metric)
    trained = Trained(
        purpose=each.purpose,
        method=learnt.method,
        trained_from_us=first_us,
        trained_to_us=held_us,
        data_sha256=learnt.data_sha256,
        rows=learnt.rows,
        features=learnt.features,
        metrics={
            "metric": each.metric,
            "held_back_from_us": held_us,
            "held_back_to_us": end_us,
            "outcomes": own.count,
            "own": _number(own.value),
            "other": _number(other.value),
            "against": against,
            **({"champion_refused": champion.why_not} if champion and champion.why_not else {}),
        },
        calibration=learnt.calibration,
        seed=learnt.seed,
        artefact=artefacts.dumps(learnt.parts),
    )
    return trained, contest


def _number(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124  (JSON has no NaN)
