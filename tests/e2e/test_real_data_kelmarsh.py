"""Kelmarsh 1: real stops in by MQTT, four policies over the same facts out by HTTP (golden KEL-1 and KEL-2)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from shared.db.pool import Connection
from tests.e2e import house
from tests.e2e.house import House, Service

# domain/golden.json KEL-1: what the operator's own system says of six ten-minute slots of 2016-01-23.
_SLOTS = {
    "2016-01-23T14:20:00Z": (0.0, 0.0),
    "2016-01-23T14:30:00Z": (0.3466666666666667, 0.3466666666666667),
    "2016-01-23T14:40:00Z": (0.8966666666666666, 1.0),
    "2016-01-23T14:50:00Z": (0.7583333333333333, 1.0),
    "2016-01-23T15:00:00Z": (0.635, 0.8410596026490066),
    "2016-01-23T15:10:00Z": (1.0, 1.0),
}
# domain/golden.json KEL-2: one real February, four definitions of availability.
_FEBRUARY = {
    "ALL-IN": 0.9695893199233716,
    "TECHNICAL": 0.9706364265089614,
    "SERVICE": 0.971376666521944,
    "USERS": 0.9641550925925926,
}
_FEBRUARY_S = {"FO": 73_494, "SM": 2_703, "TS": 528, "RS": 13_088}


@pytest.fixture
def kelmarsh(
    service: Service, vouch_env: dict[str, str], connection: Connection, tmp_path: Path, shared_data: Path
) -> Iterator[House]:
    with house.running(service, vouch_env, connection, tmp_path) as built:
        built.declare("kelmarsh")
        assert "24 rows read, 0 left out, 0 bad; 25 events" in built.replay("kelmarsh", shared_data)
        built.settled(lambda: built.count("asset_event") == 25)
        yield built


def test_the_published_availabilities_come_back_through_the_pipeline(kelmarsh: House) -> None:
    for start, (users_view, manufacturers_view) in _SLOTS.items():
        end = (datetime.fromisoformat(start) + timedelta(minutes=10)).isoformat().replace("+00:00", "Z")
        documents = kelmarsh.value_in_use("KELMARSH-1", start, end)
        for guarantee, expected in (("USERS", users_view), ("TECHNICAL", manufacturers_view)):
            assert documents[guarantee]["value"]["decimal"] == pytest.approx(expected, rel=1e-12, abs=1e-12), start
        assert sum(documents["USERS"]["hours_by_category"].values()) == pytest.approx(1 / 6, rel=1e-12)

    february = kelmarsh.value_in_use("KELMARSH-1", "2016-02-01T00:00:00Z", "2016-03-01T00:00:00Z")
    assert {name: document["value"]["decimal"] for name, document in february.items()} == pytest.approx(
        _FEBRUARY, rel=1e-9
    )
    assert {name: document["verdict"] for name, document in february.items()} == {
        "ALL-IN": "missed",
        "TECHNICAL": "met",
        "SERVICE": "met",
        "USERS": "missed",
    }
    assert Fraction(february["SERVICE"]["value"]["exact"]) == 1 - Fraction(73_494 - 2_293, 2_505_600 - 18_084)
    seconds = {category: hours * 3_600 for category, hours in february["USERS"]["hours_by_category"].items()}
    assert {category: seconds[category] for category in _FEBRUARY_S} == pytest.approx(_FEBRUARY_S, abs=1e-6)
    assert sum(seconds.values()) == pytest.approx(2_505_600, abs=1e-6)
    assert "IU" not in seconds

    stored = kelmarsh.get("/contracts/KELMARSH-1/assessments")["items"]
    of_february = [item for item in stored if item["period_start"].startswith("2016-02-01")]
    assert {item["guarantee"]: item["document"]["value"]["exact"] for item in of_february} == {
        name: document["value"]["exact"] for name, document in february.items()
    }


def test_nothing_is_claimed_beyond_the_log_and_a_second_replay_changes_nothing(
    kelmarsh: House, shared_data: Path
) -> None:
    before_the_log = kelmarsh.value_in_use("KELMARSH-1", "2016-01-14T00:00:00Z", "2016-01-14T19:28:03Z")["ALL-IN"]
    assert set(before_the_log["hours_by_category"]) == {"IU"}
    assert (before_the_log["value"], before_the_log["verdict"]) == (None, "not_assessable")

    whole = ("2016-01-01T00:00:00Z", "2016-04-01T00:00:00Z")
    once = kelmarsh.value_in_use("KELMARSH-1", *whole)
    kelmarsh.replay("kelmarsh", shared_data)
    kelmarsh.settled(lambda: kelmarsh.ingested('duplicates_total{kind="event"}') == 25)
    assert kelmarsh.count("asset_event") == 25
    assert kelmarsh.value_in_use("KELMARSH-1", *whole) == once
    assert kelmarsh.get("/quarantine")["items"] == []


def test_results_follow_when_a_code_is_read_otherwise(kelmarsh: House, tmp_path: Path) -> None:
    february = ("2016-02-01T00:00:00Z", "2016-03-01T00:00:00Z")
    declared = (house.EXAMPLES / "kelmarsh" / "fleet.yaml").read_text(encoding="utf-8")
    corrected = tmp_path / "fleet.yaml"
    corrected.write_text(declared.replace('"3585": {category: FO', '"3585": {category: OEL'), encoding="utf-8")
    kelmarsh.vouch("fleet", "load", corrected)
    kelmarsh.settled(lambda: True)
    document = kelmarsh.value_in_use("KELMARSH-1", *february)["TECHNICAL"]
    assert Fraction(document["value"]["exact"]) == 1 - Fraction(73_494 - 2_293, 2_505_600 - 2_703)
    assert document["hours_by_category"]["OEL"] * 3_600 == pytest.approx(2_293, abs=1e-6)
