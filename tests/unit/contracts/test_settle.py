"""Verdict to money, with the steps in words."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from shared.contracts.assessment import Settlement
from shared.contracts.settle import settle
from shared.contracts.terms import Contract

MEASURES = {"unavailable_h": Fraction(100), "denominator_h": Fraction(8000), "period_h": Fraction(8760)}


@pytest.fixture(scope="module")
def owed(contract_of: Callable[..., Contract]) -> Callable[..., Settlement]:
    """The settlement of a guarantee at 0.97 under one formula, `rate` 62."""

    def make(
        measured: str | None, formula: str = "unavailable_h * rate", cap: dict[str, Any] | None = None, **known: str
    ) -> Settlement:
        terms = {"malus": {"formula": formula, "rate": 62.0}, **({"cap": cap} if cap else {})}
        guarantee = contract_of(settlement=terms).guarantees[0]
        return settle(
            guarantee,
            "EUR",
            measured=None if measured is None else Fraction(measured),
            measures=MEASURES,
            quantities={name: Decimal(amount) for name, amount in known.items()},
        )

    return make


def test_each_step_says_what_it_did(owed: Callable[..., Settlement]) -> None:
    settlement = owed(
        "0.9427",
        "(level/measured - 1) * actual_output_mwh * rate",
        {"malus_fraction_of_annual_fee": 0.35, "annual_fee": 85000},
        actual_output_mwh="4812",
    )
    assert settlement.steps == (
        "measured 0.9427 against level 0.97: missed",
        "(level/measured - 1) * actual_output_mwh * rate = about 8639.854885 with "
        "actual_output_mwh = 4812, level = 0.97, measured = 0.9427, rate = 62",
        "rounded half up to 2 decimals: 8639.85 EUR",
        "cap of the period 29750.00 EUR: not reached",
    )


def test_nothing_is_owed_at_the_level_or_where_nothing_counts(owed: Callable[..., Settlement]) -> None:
    assert str(owed("0.97").malus) == "0.00"
    assert str(owed(None).malus) == "0.00"
    assert str(owed("0.9699").malus) == "6200.00"


def test_money_is_rounded_half_up(owed: Callable[..., Settlement]) -> None:
    assert str(owed("0.9", "1.005").malus) == "1.01"
    assert str(owed("0.9", "2 / 3").malus) == "0.67"


def test_a_cap_is_paid_and_said(owed: Callable[..., Settlement]) -> None:
    settlement = owed("0.9", cap={"malus_per_period": 490.009})
    assert (str(settlement.malus), settlement.capped) == ("490.00", True)
    assert settlement.steps[-1] == "cap of the period 490.009 EUR: 490.00 EUR is owed"


def test_the_annual_fee_of_the_cap_may_stand_in_the_formula(owed: Callable[..., Settlement]) -> None:
    cap = {"malus_fraction_of_annual_fee": 0.5, "annual_fee": 85000}
    assert owed("0.96", "shortfall_pp * annual_fee / 100", cap).malus == 850


def test_a_formula_below_nothing_owes_nothing(owed: Callable[..., Settlement]) -> None:
    settlement = owed("0.9", "-1 * rate")
    assert str(settlement.malus) == "0.00"
    assert "below nothing: nothing is owed" in settlement.steps


def test_a_quantity_that_is_not_known_leaves_the_malus_open(owed: Callable[..., Settlement]) -> None:
    settlement = owed("0.9", "actual_output_mwh * rate")
    assert settlement.malus is None
    assert settlement.steps[-1] == "actual_output_mwh not known: the malus cannot be computed yet"


def test_no_availability_at_all_is_the_cap_and_without_one_has_no_sum(owed: Callable[..., Settlement]) -> None:
    ratio = "(level/measured - 1) * rate"
    assert owed("0", ratio, {"malus_per_period": 1000}).malus == 1000
    assert owed("0", ratio).malus is None
    by_output = owed("0.9", "rate / actual_output_mwh", {"malus_per_period": 1000}, actual_output_mwh="0")
    assert by_output.malus is None
    assert "divides by zero" in by_output.steps[-1]


def test_no_agreed_malus_is_none_owed(contract_of: Callable[..., Contract]) -> None:
    guarantee = contract_of(settlement=None).guarantees[0]
    settlement = settle(guarantee, "EUR", measured=Fraction(1, 2), measures=MEASURES, quantities={})
    assert str(settlement.malus) == "0.00"
    assert settlement.steps[-1] == "no malus is agreed"
    assert not settlement.agreed
