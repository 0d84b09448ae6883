"""The document of an assessment: its form, its exactness, its stable bytes."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from shared.contracts.document import as_document, digest
from shared.contracts.periods import periods
from shared.contracts.terms import Contract
from shared.instant import HOUR_US
from shared.model.facts import Category, Party
from tests.unit.contracts.judging import judge

Make = Callable[..., Contract]


@pytest.fixture(scope="module")
def document(contract_of: Make) -> dict[str, Any]:
    """A running March 2026 in Berlin: one compressor, 400 of 743 hours gone."""
    contract = contract_of(
        tz="Europe/Berlin", term={"start": date(2026, 3, 1), "end": date(2026, 12, 31), "period": "calendar_month"}
    )
    march = periods(contract)[0]
    known = {
        (Category.FP, "running", Party.NOBODY): 379 * HOUR_US,
        (Category.FO, "screw", Party.SUPPLIER): 11 * HOUR_US,
        (Category.FO, "grid", Party.THIRD_PARTY): 7 * HOUR_US,
    }
    assessed = judge(contract, known, period=march, as_of_us=march.start_us + 400 * HOUR_US)
    return as_document(assessed, contract.zone)


def test_times_are_those_of_the_contracts_zone(document: dict[str, Any]) -> None:
    assert document["period"] == {
        "start": "2026-03-01T00:00:00+01:00",
        "end": "2026-04-01T00:00:00+02:00",
        "as_of": "2026-03-17T16:00:00+01:00",
        "complete": False,
    }


def test_what_decides_money_is_exact_and_what_is_shown_is_a_number(document: dict[str, Any]) -> None:
    assert document["level"] == "0.97"
    assert document["value"] == {"exact": "379/390", "decimal": 379 / 390}
    assert document["value_rounded"] == "0.9718"
    assert document["margin"] == 0.0018
    assert document["settlement"]["malus"] == "0.00"
    assert document["settlement"]["currency"] == "EUR"


def test_hours_are_by_fact_by_category_and_by_party(document: dict[str, Any]) -> None:
    assert document["hours_by_category"] == {"FO": 18.0, "FP": 379.0, "IU": 3.0}
    assert document["unavailable_hours_by_party"] == {"supplier": 11.0}
    assert document["hours"][1] == {
        "category": "FO",
        "cause": "screw",
        "party": "supplier",
        "hours": 11.0,
        "available_h": 0.0,
        "unavailable_h": 11.0,
        "excluded_h": 0.0,
        "deemed_h": 0.0,
    }
    assert sum(each["hours"] for each in document["hours"]) == 400
    assert document["budget"] == {"total_h": 21.99, "used_h": 11.0, "left_h": 10.99}


def test_the_verdict_stands_beside_its_bounds(document: dict[str, Any]) -> None:
    assert (document["verdict"], document["reason"]) == ("inconclusive", "data_gaps_decide")
    assert document["bounds"] == {"low": 379 / 393, "high": 382 / 393}
    assert document["forecast"]["certainty"] == "open"


def test_where_nothing_counts_ratios_are_null(contract_of: Make) -> None:
    contract = contract_of()
    year = periods(contract)[0]
    assessed = judge(contract, {}, as_of_us=year.start_us)
    document = as_document(assessed, contract.zone)
    assert (document["value"], document["value_rounded"], document["margin"]) == (None, None, None)
    assert document["bounds"] is None
    assert document["verdict"] == "not_assessable"


def test_the_document_survives_json_with_the_same_digest(document: dict[str, Any]) -> None:
    again = json.loads(json.dumps(document))
    assert again == document
    assert digest(again) == digest(document)
    assert digest(dict(reversed(document.items()))) == digest(document)
    assert digest({**document, "level": "0.970"}) != digest(document)


def test_a_digest_is_of_canonical_json() -> None:
    # printf '{"a":[1.5,"é"],"b":null}' | sha256sum
    assert digest({"b": None, "a": [1.5, "é"]}) == ("48bdfd2254adb37f0310122b50b9e1aba12f16b8b9819fd76789cdbc13cbdc5b")
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest({"a": float("nan")})
