"""One real turbine's status log of a year: every second of every month has a category, and a verdict by contract."""

import csv
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from shared import fleet
from shared.db.pool import Connection
from shared.fleet import Code
from tests.e2e import house
from tests.e2e.house import House, Service

_FOLDER = house.EXAMPLES / "wind_status_log"
_FIRST, _LAST = "2014-04-24T12:37:00Z", "2015-04-28T22:18:00Z"
_LOG_H = 8_865.7
_HOUR = timedelta(hours=1)


def _codes() -> dict[str, Code]:
    path = _FOLDER / "fleet.yaml"
    return fleet.parse(path.read_text(encoding="utf-8"), str(path)).models[0].codes


def _log(shared_data: Path) -> list[tuple[datetime, str, str]]:
    """(time, code, text) of every row, read here once more and otherwise than by the replay."""
    with (shared_data / "wind_status_log" / "status_data.csv").open(encoding="utf-8", newline="") as file:
        return [
            (
                datetime.strptime(row["DateTime"], "%d-%m-%y %H:%M").replace(tzinfo=UTC),
                f"{row['Main Status']}:{row['Sub Status']}",
                row["Status Text"],
            )
            for row in csv.DictReader(file)
        ]


def _hours_by_month(shared_data: Path) -> dict[str, dict[str, float]]:
    """Hours by month and category, added up from the rows alone: a status holds until the next row."""
    codes, sums = _codes(), defaultdict[str, dict[str, float]](lambda: defaultdict(float))
    for (start, code, _), (end, _, _) in pairwise(_log(shared_data)):
        reached = start
        while reached < end:
            until = min(end, (reached.replace(day=1, hour=0, minute=0) + timedelta(days=32)).replace(day=1))
            sums[f"{reached:%Y-%m}"][codes[code].category] += (until - reached) / _HOUR
            reached = until
    return sums


def _by_contract(hours: dict[str, float], start: datetime, end: datetime) -> float:
    """Guarantee TBA of contract.yaml worked by hand; what no row speaks of is information unavailable.

    The first and the last month are cut by the term, and have their share of the eight hours.
    """
    period_h = (end - start) / _HOUR
    first = start.replace(day=1)
    allowed = 8 * period_h / (((first + timedelta(days=32)).replace(day=1) - first) / _HOUR)
    known = {category: total for category, total in hours.items() if category != "IU"}
    unknown = period_h - sum(known.values())
    up = sum(known.get(category, 0) for category in ("FP", "TS", "OEN"))
    down = known.get("FO", 0) + max(known.get("SM", 0) - allowed, 0) + max(unknown - 0.02 * period_h, 0)
    return up / (up + down)


def test_every_status_of_the_log_has_a_reading_that_quotes_its_text(shared_data: Path) -> None:
    codes = _codes()
    recorded = {code: text for _, code, text in _log(shared_data)}
    assert set(codes) == set(recorded) | {"log:end"}
    unquoted = {code for code, text in recorded.items() if " ".join(text.split()) not in codes[code].note}
    assert unquoted == {"66:32"}


@pytest.mark.timeout(180)
def test_a_year_of_status_changes_becomes_availability_by_month(
    service: Service, vouch_env: dict[str, str], connection: Connection, tmp_path: Path, shared_data: Path
) -> None:
    with house.running(service, vouch_env, connection, tmp_path) as built:
        built.declare("wind_status_log")
        assert "1849 rows read, 0 left out, 0 bad; 1850 events" in built.replay("wind_status_log", shared_data)
        built.settled(lambda: built.count("asset_event") == 1_850)
        assert built.get("/quarantine")["items"] == []
        _check_months(built, _hours_by_month(shared_data))
        _check_whole_log(built)


def _check_months(built: House, recorded: dict[str, dict[str, float]]) -> None:
    stored: dict[str, dict[str, Any]] = defaultdict(dict)
    for item in built.get("/contracts/WIND-1/value-in-use", period="all")["items"]:
        stored[item["document"]["period"]["start"][:7]][item["guarantee"]] = item["document"]
    assert sorted(stored) == sorted(recorded)
    table = (_FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    for month, documents in sorted(stored.items()):
        document = documents["TBA"]
        start, end = (datetime.fromisoformat(document["period"][side]) for side in ("start", "end"))
        hours = document["hours_by_category"]
        assert sum(hours.values()) == pytest.approx((end - start) / _HOUR, abs=1e-9)
        assert {c: h for c, h in hours.items() if c != "IU"} == pytest.approx(
            {c: h for c, h in recorded[month].items() if c != "IU" and h}, abs=1e-9
        )
        by_hand = _by_contract(recorded[month], start, end)
        assert document["value"]["decimal"] == pytest.approx(by_hand, rel=1e-9)
        assert _row(month, documents) in table


def _check_whole_log(built: House) -> None:
    documents = built.value_in_use("WIND-1", _FIRST, _LAST)
    for document in documents.values():
        assert sum(document["hours_by_category"].values()) == pytest.approx(_LOG_H, abs=0.05)
    assert _row("whole log", documents) in (_FOLDER / "README.md").read_text(encoding="utf-8").splitlines()


def _row(label: str, documents: dict[str, Any]) -> str:
    """The line of the example's README that shows these documents."""
    cells = [label]
    for name in ("TBA", "TECHNICAL"):
        document = documents[name]
        cells += [document["value_rounded"], document["verdict"], document["settlement"]["malus"] or "-"]
    hours = documents["TBA"]["hours_by_category"]
    cells += [f"{hours.get(c, 0):.2f}" for c in ("FP", "TS", "OEN", "RS", "OEL", "SM", "FO", "IU")]
    return f"| {' | '.join([*cells, f'{sum(hours.values()):.2f}'])} |"
