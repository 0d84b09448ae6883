"""Published and computed cases, each with its source in golden.json: inputs as given, results under the given names."""

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.indicators.evaluation import evaluate
from shared.indicators.registry import newest

CASES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("golden.json").read_text(encoding="utf-8"), parse_float=Decimal
)
# Some expected numbers are printed to nine places: the last of them may be off by half.
PRINTED = 5e-10


def agrees(got: Any, expected: Any, rel_tol: Decimal) -> bool:
    if isinstance(expected, list):
        return len(got) == len(expected) and all(
            agrees(one, other, rel_tol) for one, other in zip(got, expected, strict=True)
        )
    if expected is None or isinstance(expected, str | bool):
        return got == expected
    return got is not None and math.isclose(got, expected, rel_tol=float(rel_tol), abs_tol=PRINTED)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_an_indicator_takes_the_case_as_it_stands_and_gives_its_numbers(case: dict[str, Any]) -> None:
    values = evaluate(newest(case["indicator"]), case["inputs"]).document()["values"]
    for name, expected in case["expected"].items():
        assert agrees(values[name], expected, case["rel_tol"]), (name, values[name], expected, case["source"])


def test_a_product_of_rounded_factors_is_not_the_oee() -> None:
    """OEE-2: a public page prints 79.1 %, the product of factors rounded first; exact is 0.791667."""
    case = next(case for case in CASES if case["id"] == "OEE-2")
    results = evaluate(newest("oee"), case["inputs"]).document()["results"]
    assert results["oee"]["exact"] == results["product_of_factors"]["exact"] == "19/24"


def test_the_lower_limit_with_too_few_degrees_of_freedom_is_named_for_what_it_is() -> None:
    """MTBF-3: 2r degrees of freedom below give 2,259.6 h, 18 % too good for observation that ended at a time."""
    case = next(case for case in CASES if case["id"] == "MTBF-3")
    values = evaluate(newest("mtbf"), case["inputs"]).document()["values"]
    assert values["lower_failure_terminated"] / values["lower"] == pytest.approx(1.18, abs=0.005)
