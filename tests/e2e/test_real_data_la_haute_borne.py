"""Four real turbines, two years of ten-minute means: every row arrives, and what is missing is known to be missing."""

import csv
import io
import math
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.db.pool import Connection
from tests.e2e import house
from tests.e2e.house import House, Service

_COLUMNS = ("P_avg", "Ws_avg", "Ba_avg", "Va_avg", "Ot_avg", "Ya_avg", "Wa_avg")
_TURBINES = ("R80711", "R80721", "R80736", "R80790")
_SLOTS = 105_120
_WINDOW = ("2014-01-01T00:00:00Z", "2016-01-01T00:00:00Z")
# domain/golden.json LHB-1: ten-minute slots of two years without a power value.
_MISSING_SLOTS = {"R80711": 487, "R80721": 1_221, "R80736": 447, "R80790": 462}


@dataclass(kw_only=True, slots=True)
class Expected:
    """What the file holds, counted here once more and otherwise than by the replay."""

    rows: int = 0
    nulls: int = 0
    repeated: int = 0
    differing: int = 0
    stored: int = 0
    # The first power value of every label that comes twice with another one.
    kept: dict[tuple[str, datetime], float] = field(default_factory=dict)
    # Slots by turbine: power above zero; standing in low wind; standing though the wind is right.
    states: dict[str, list[int]] = field(default_factory=lambda: {name: [0, 0, 0] for name in _TURBINES})

    @classmethod
    def of(cls, shared_data: Path) -> "Expected":
        found = cls()
        seen: dict[tuple[str, datetime], list[float]] = {}
        with zipfile.ZipFile(shared_data / "la_haute_borne" / "la_haute_borne.zip") as archive:
            file = io.TextIOWrapper(archive.open("la-haute-borne-data-2014-2015.csv"), "utf-8")
            for row in csv.DictReader(file):
                found.rows += 1
                key = row["Wind_turbine_name"], datetime.fromisoformat(row["Date_time"]).astimezone(UTC)
                found._row(seen, key, [float(row[name] or "nan") for name in _COLUMNS])
        for (turbine, _), (power, wind, *_) in seen.items():
            if not math.isnan(power):
                found.states[turbine][0 if power > 0 else 1 if wind < 4 else 2] += 1
        return found

    def _row(
        self, seen: dict[tuple[str, datetime], list[float]], key: tuple[str, datetime], cells: list[float]
    ) -> None:
        known = seen.setdefault(key, [math.nan] * len(cells))
        for place, cell in enumerate(cells):
            if math.isnan(cell):
                self.nulls += 1
            elif math.isnan(known[place]):
                known[place] = cell
                self.stored += 1
            elif known[place] == cell:
                self.repeated += 1
            else:
                self.differing += 1
                if _COLUMNS[place] == "P_avg":
                    self.kept[key] = known[place]


@pytest.mark.timeout(300)
def test_all_rows_of_two_years_arrive_and_gaps_are_information_unavailable(
    service: Service, vouch_env: dict[str, str], connection: Connection, tmp_path: Path, shared_data: Path
) -> None:
    expected = Expected.of(shared_data)
    assert expected.rows == 4 * _SLOTS
    assert expected.repeated + expected.differing == 48 * len(_COLUMNS)
    with house.running(service, vouch_env, connection, tmp_path) as built:
        built.declare("la_haute_borne")
        summary = built.replay("la_haute_borne", shared_data)
        cells = expected.rows * len(_COLUMNS)
        assert (
            f"{expected.rows} rows read, 0 left out, 0 bad; {cells} values ({expected.nulls} of them empty)" in summary
        )
        built.settled(lambda: built.ingested("readings_total") == expected.stored)
        assert built.count("reading") == expected.stored
        assert built.ingested("null_values_total") == expected.nulls
        assert built.ingested('duplicates_total{kind="reading"}') == expected.repeated
        _check_conflicts(built, expected)
        _check_states(built, expected)


def _check_conflicts(built: House, expected: Expected) -> None:
    reasons = built.connection.execute("SELECT reason, count(*) FROM quarantine GROUP BY reason").fetchall()
    assert dict(reasons) == {"conflicting_reading": expected.differing}
    seen = built.get("/quarantine", reason="conflicting_reading", limit=1_000)["items"]
    assert len(seen) == expected.differing
    stored = built.connection.execute(
        """SELECT upper(a.slug), r.at, r.value
           FROM reading r JOIN sensor s ON s.id = r.series_id JOIN asset a ON a.id = s.asset_id
           WHERE s.name = 'power_kw' AND r.at = ANY (%s)""",
        ([at for _, at in expected.kept],),
    ).fetchall()
    found = {(turbine, at): value for turbine, at, value in stored}
    assert {key: found[key] for key in expected.kept} == expected.kept


def _check_states(built: House, expected: Expected) -> None:
    fleet = built.value_in_use("HAUTE-BORNE-1", *_WINDOW)["TBA"]
    hours = fleet["hours_by_category"]
    running, calm, standing = (sum(counts[place] for counts in expected.states.values()) for place in range(3))
    assert hours == pytest.approx(
        {"FP": running / 6, "OEN": calm / 6, "FO": standing / 6, "IU": sum(_MISSING_SLOTS.values()) / 6}, abs=1e-6
    )
    assert sum(hours.values()) == pytest.approx(4 * _SLOTS / 6, abs=1e-6)
    for turbine, slots in _MISSING_SLOTS.items():
        assert _unknown_slots(built, turbine) == slots
    readme = (house.EXAMPLES / "la_haute_borne" / "README.md").read_text(encoding="utf-8")
    for item in built.get("/contracts/HAUTE-BORNE-1/value-in-use", period="all")["items"]:
        assert _row(item["document"]) in readme.splitlines()


def _row(document: dict[str, Any]) -> str:
    """The line of the example's README that shows this year."""
    hours = [f"{document['hours_by_category'][category]:.1f}" for category in ("FP", "OEN", "FO", "IU")]
    cells = [document["period"]["start"][:4], document["value_rounded"], document["verdict"], *hours]
    return f"| {' | '.join(cells)} |"


def _unknown_slots(built: House, turbine: str) -> float:
    """Ten-minute slots of the turbine's timeline in which nothing is known."""
    asset = next(item["id"] for item in built.get("/assets")["items"] if item["name"] == turbine)
    unknown = timedelta()
    for start, end in (("2014-01-01T00:00:00Z", "2015-01-01T00:00:00Z"), ("2015-01-01T00:00:00Z", _WINDOW[1])):
        page = built.get(f"/assets/{asset}/timeline", **{"from": start, "to": end}, limit=10_000)
        assert page["next"] is None
        for gap in page["items"]:
            if gap["category"] == "IU":
                unknown += datetime.fromisoformat(gap["to"]) - datetime.fromisoformat(gap["from"])
    return unknown / timedelta(minutes=10)
