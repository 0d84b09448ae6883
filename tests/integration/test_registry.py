"""The registry of trained models on a real database: who becomes champion, what is loaded, what is refused."""

import hashlib
import json
import subprocess
import sysconfig
from pathlib import Path

import pytest
from psycopg.errors import InsufficientPrivilege

from services.analytics.learning import artefacts, train
from services.analytics.learning.artefacts import LoadError
from shared.db import models
from shared.db.models import ModelVersion
from shared.db.pool import AsyncConnection, Connection, connect_async
from shared.errors import NotFoundError, VouchError
from shared.instant import DAY_US, HOUR_US
from shared.model.registry import Purpose, Standing, Trained
from tests.integration.wearing import asked, derive, load, rows, wear

DAYS = 180


@pytest.fixture
def worn(connection: Connection, database_url: str) -> int:
    """A fleet that has failed often enough to learn from; the present."""
    wear(connection, load(connection, 4), DAYS)
    return derive(database_url, DAYS)


def _trained(database_url: str, now_us: int) -> ModelVersion:
    found = asked(database_url, lambda c: train.learn_now(c, "pump", Purpose.FAILURE_RISK, now_us))
    assert found is not None
    [outcome] = found
    assert outcome.version is not None, outcome.reason
    return outcome.version


def _registered(database_url: str, rate: float, now_us: int = 100 * DAY_US) -> int:
    """A challenger that knows a single number."""
    trained = Trained(
        purpose=Purpose.FAILURE_RISK,
        method="rate@1",
        trained_from_us=0,
        trained_to_us=50 * DAY_US,
        data_sha256="0" * 64,
        rows=1,
        features=("age",),
        metrics={"metric": "Brier score", "own": 0.1},
        calibration={},
        seed=0,
        artefact=artefacts.dumps({"rate": rate}),
    )

    async def register(connection: AsyncConnection) -> int:
        [model] = await models.foretold(connection)
        return await models.register(connection, model.asset_model_id, trained, now_us, "nobody compared it")

    return asked(database_url, register)


def test_a_model_is_promoted_if_it_beats_the_plain_rate_on_what_was_held_back_and_the_same_data_give_the_same_model(
    database_url: str, worn: int
) -> None:
    version = _trained(database_url, worn)
    assert (version.state, version.version, version.promoted_by) == (Standing.CHAMPION, 1, train.BY_ITSELF)
    assert version.metrics["own"] < version.metrics["other"] * 0.98
    assert version.metrics["against"] in version.reason
    held_back = version.metrics["held_back_to_us"] - version.metrics["held_back_from_us"]
    assert held_back == pytest.approx(DAYS * DAY_US / 4, rel=1e-3)
    assert version.trained_to.timestamp() * 1e6 == version.metrics["held_back_from_us"]
    assert "hours since W1" in version.features
    asked(database_url, lambda c: train.verify(c, version.id))

    again = _trained(database_url, worn)
    assert (again.id, again.artefact_sha256, again.data_sha256) == (
        version.id,
        version.artefact_sha256,
        version.data_sha256,
    )


def test_a_champion_that_cannot_be_loaded_is_no_measure_and_that_is_said(
    connection: Connection, database_url: str, worn: int
) -> None:
    first = _registered(database_url, 0.1)
    asked(database_url, lambda c: train.promote(c, first, "Ada", worn, "better than nothing"))
    connection.execute("UPDATE model_version SET artefact = artefact || 'x'")
    challenger = _trained(database_url, worn)
    assert "SHA-256" in challenger.metrics["champion_refused"]
    assert (challenger.version, challenger.state) == (2, Standing.CHAMPION)


def test_a_challenger_waits_until_a_person_promotes_it_and_that_is_on_record(
    connection: Connection, database_url: str
) -> None:
    load(connection, 1)
    first, second = _registered(database_url, 0.1), _registered(database_url, 0.2)
    assert _registered(database_url, 0.2) == second, "the same is registered once"
    now = 200 * DAY_US
    asked(database_url, lambda c: train.promote(c, first, "Ada", now, "better than nothing"))
    made = asked(database_url, lambda c: train.promote(c, second, "Grace", now, "seen in the field"))
    assert (made.state, made.promoted_by, made.reason) == (Standing.CHAMPION, "Grace", "seen in the field")
    assert rows(connection, "SELECT version, state, promoted_by FROM model_version ORDER BY version") == [
        (1, "retired", "Ada"),
        (2, "champion", "Grace"),
    ]
    with pytest.raises(VouchError, match="champion already"):
        asked(database_url, lambda c: train.promote(c, second, "Grace", now, "again"))
    with pytest.raises(NotFoundError, match="no model version 99"):
        asked(database_url, lambda c: train.promote(c, 99, "Grace", now, "who is that"))


def test_an_artefact_that_was_tampered_with_is_neither_loaded_nor_promoted(
    connection: Connection, database_url: str
) -> None:
    load(connection, 1)
    version = _registered(database_url, 0.1)
    connection.execute("UPDATE model_version SET artefact = artefact || 'x'")
    with pytest.raises(LoadError, match="SHA-256"):
        asked(database_url, lambda c: train.verify(c, version))
    with pytest.raises(LoadError, match="SHA-256"):
        asked(database_url, lambda c: train.promote(c, version, "Ada", 0, "why not"))


def test_types_that_are_not_trusted_are_refused_even_under_the_registered_hash() -> None:
    import skops.io
    from sklearn.linear_model import LinearRegression

    class Stranger(LinearRegression):
        pass

    Stranger.__module__, Stranger.__qualname__ = "somewhere.else", "Stranger"
    artefact = skops.io.dumps({"model": Stranger()})
    with pytest.raises(LoadError, match=r"not trusted|cannot be read"):
        artefacts.loads(artefact, hashlib.sha256(artefact).hexdigest())


def test_too_few_failures_are_an_outcome_on_record(connection: Connection, database_url: str) -> None:
    wear(connection, load(connection, 1), 60)
    now = derive(database_url, 60)
    found = asked(database_url, lambda c: train.learn_now(c, "pump", Purpose.FAILURE_RISK, now))
    assert found is not None
    assert found[0].version is None
    [(failures, failed, outcome)] = rows(
        connection, "SELECT failures, failed, outcome FROM model_training WHERE purpose = 'failure_risk'"
    )
    assert failures > 0
    assert failed == 0
    assert "too few to learn from" in outcome


def test_one_trains_at_a_time(connection: Connection, database_url: str) -> None:
    load(connection, 1)

    async def both(connection: AsyncConnection) -> object:
        async with connect_async(database_url) as other, models.training(other) as is_ours:
            assert is_ours
            return await train.learn_now(connection, "pump", None, 0)

    assert asked(database_url, both) is None


def test_what_is_due_is_trained_once(connection: Connection, database_url: str) -> None:
    wear(connection, load(connection, 1), 60)
    now = derive(database_url, 60)
    first = asked(database_url, lambda c: train.learn_due(c, now))
    assert Purpose.FAILURE_RISK in {each.purpose for each in first}
    assert asked(database_url, lambda c: train.learn_due(c, now + HOUR_US)) == []


def test_a_model_of_machines_nobody_foretells_is_not_found(connection: Connection, database_url: str) -> None:
    with pytest.raises(NotFoundError, match="no such model"):
        asked(database_url, lambda c: train.learn_now(c, "pump", None, 0))


def test_the_registry_is_seen_by_those_who_see_all_customers_and_never_its_artefacts(
    connection: Connection, database_url: str
) -> None:
    load(connection, 1)
    _registered(database_url, 0.1)
    connection.execute("SET ROLE vouch_api")
    for seen, count in (("*", 1), ("1", 0), ("", 0)):
        connection.execute("SELECT set_config('vouch.customers', %s, false)", (seen,))
        assert rows(connection, "SELECT count(id) FROM model_version") == [(count,)]
    with pytest.raises(InsufficientPrivilege):
        connection.execute("SELECT artefact FROM model_version")


def test_the_commands_list_show_train_promote_and_verify(
    connection: Connection, database_url: str, vouch_env: dict[str, str]
) -> None:
    def vouch(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sysconfig.get_path("scripts")) / "vouch"), "model", *words]
        return subprocess.run(command, env=vouch_env, capture_output=True, text=True, timeout=60, check=False)

    load(connection, 1)
    trained = vouch("train", "pump", "--purpose", "failure_risk")
    assert trained.stdout == "pump failure_risk: no version; nothing is known of any machine\n"
    assert "training_done" in trained.stderr
    _registered(database_url, 0.1)
    [listed] = json.loads(vouch("list", "--json").stdout)
    assert (listed["name"], listed["state"]) == ("failure_risk@1 rate@1", "challenger")
    assert json.loads(vouch("show", str(listed["id"])).stdout) == listed
    assert "as registered" in vouch("verify", str(listed["id"])).stdout
    assert "promoted by Ada" in vouch("promote", str(listed["id"]), "--by", "Ada", "--reason", "x").stdout
    refused = vouch("verify", "99")
    assert (refused.returncode, "no model version 99" in refused.stderr) == (2, True)
