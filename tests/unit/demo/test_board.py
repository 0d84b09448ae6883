"""What the demo prints: the figures of the API's documents, readable in eighty columns."""

from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from services.demo import board
from shared.simulate.truth import Fault, FaultKind

FAULT = Fault(
    machine="kempten/c2",
    kind=FaultKind.BEARING_WEAR,
    sensors=("vibration_mm_s",),
    start_s=1_772_323_200,
    full_s=1_772_409_600,
    end_s=1_772_409_600,
    growth=1.0,
)


def standing(**document: Any) -> dict[str, Any]:
    return {
        "contract": "PUMP-NORDHAFEN",
        "customer_name": "Stadtwerke Nordhafen",
        "document": {
            "level": "0.985",
            "value": {"exact": "3/4", "decimal": 0.9773},
            "budget": {"total_h": 205.3, "used_h": 246.1, "left_h": -40.8},
            "period": {"complete": False},
            "verdict": "missed",
            "forecast": {"p_miss": 0.634, "certainty": "open"},
            **document,
        },
    }


def finding(start_at: str, end_at: str | None) -> dict[str, Any]:
    sensor = {"sensor": "discharge_pressure_bar", "share": 0.9}
    return {"asset": "c2", "customer": "nordhafen", "start_at": start_at, "end_at": end_at, "contributions": [sensor]}


def text(table: Table) -> str:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        ({}, "PUMP-NORDHAFEN Stadtwerke 98.5% 97.73% -41 h below target 63% Nordhafen"),
        ({"forecast": {"p_miss": 1.0, "certainty": "certain_miss"}}, "-41 h below target certain"),
        ({"period": {"complete": True}, "forecast": None}, "-41 h missed -"),
        ({"forecast": None, "value": None, "verdict": "not_assessable"}, "98.5% - -41 h not assessable -"),
        ({"forecast": {"p_miss": None, "certainty": "open"}}, "-41 h below target -"),
    ],
)
def test_a_standing_is_one_row(document: dict[str, Any], shown: str):
    assert shown in " ".join(text(board.standings([standing(**document)])).split())


@pytest.mark.parametrize(
    ("start_at", "end_at", "shown"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T18:30:00Z", "03-01 12:00 6.5 h discharge_pressure_bar bearing_wear"),
        ("2026-02-20T00:00:00Z", "2026-03-01T12:00:00Z", "02-20 00:00 9.5 d discharge_pressure_bar bearing_wear"),
        ("2026-03-01T12:00:00Z", None, "03-01 12:00 open discharge_pressure_bar bearing_wear"),
        ("2026-03-02T00:00:00Z", None, "03-02 00:00 open discharge_pressure_bar -"),
        ("2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z", "02-28 00:00 24.0 h discharge_pressure_bar -"),
    ],
)
def test_a_finding_is_shown_beside_the_fault_it_overlaps(start_at: str, end_at: str | None, shown: str):
    printed = " ".join(text(board.findings([finding(start_at, end_at)], {"c2": (FAULT,)})).split())
    assert f"c2 nordhafen {shown}" in printed


def test_the_key_is_in_the_fragment_of_the_page_only():
    api = board.Api(host="127.0.0.1", port=8_000, key="vouch_a_b")
    assert api.page == "http://127.0.0.1:8000/#key=vouch_a_b"
