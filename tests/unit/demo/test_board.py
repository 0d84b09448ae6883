"""What the demo prints: the figures of the API's documents, readable in eighty columns."""

from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from services.demo import board


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


def test_the_key_is_in_the_fragment_of_the_page_only():
    api = board.Api(host="127.0.0.1", port=8_000, key="vouch_a_b")
    assert api.page == "http://127.0.0.1:8000/#key=vouch_a_b"
