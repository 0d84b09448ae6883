"""Contracts for the kernel's tests, made through the same door as real ones: YAML text, then `spec.parse`."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import yaml

from shared.contracts import spec
from shared.contracts.terms import Contract
from shared.model.facts import Category

WIND_A: dict[str, Any] = {
    "available": ["FP", "PP", "TS", "OEN"],
    "excluded": ["RS", "OEL", "FM"],
    "unavailable": ["PCA", "FO", "S"],
    "allowance": [
        {"category": "SM", "hours_per_asset_per_period": 80, "within": "excluded", "beyond": "unavailable"},
        {"category": "IU", "fraction_of_period": 0.02, "within": "excluded", "beyond": "unavailable"},
    ],
}


@pytest.fixture(scope="session")
def wind_a() -> dict[str, Any]:
    """The plain values of WIND-A (domain/contracts/A_wind_turbine.yaml), the year 2025-04-01 to 2026-03-31 first."""
    return {
        "contract": {
            "id": "WIND-A", "version": 3, "customer": "northridge", "offering": "AES",
            "currency": "EUR", "tz": "Europe/Paris",
        },
        "term": {"start": date(2025, 4, 1), "end": date(2035, 3, 31), "period": "contract_year"},
        "assets": [{"id": "ridge/t01"}],
        "guarantees": [
            {
                "id": "TBA",
                "kind": "time_availability",
                "level": 0.97,
                "form": "excluded_from_denominator",
                "category_model": "iec61400_26_2019",
                "verdicts": WIND_A,
                "overrides": [{"when": "category == 'FO' && cause == 'grid'", "verdict": "excluded"}],
                "rounding": {"availability_decimals": 4, "mode": "half_up", "money_decimals": 2},
                "settlement": {
                    "malus": {
                        "formula": "(level/measured - 1) * actual_output_mwh * rate",
                        "rate": 62.0,
                        "unit": "EUR/MWh",
                    },
                    "cap": {"malus_fraction_of_annual_fee": 0.35, "annual_fee": 85000},
                },
            }
        ],
    }  # fmt: skip


@pytest.fixture(scope="session")
def contract_of(wind_a: dict[str, Any]) -> Callable[..., Contract]:
    """WIND-A with other parts: `tz`, `term`, `assets` of the contract, any key of its guarantee; None drops a key."""

    def make(**parts: Any) -> Contract:
        plain = {**wind_a, "contract": {**wind_a["contract"], "tz": parts.pop("tz", "Europe/Paris")}}
        for key in ("term", "assets"):
            plain[key] = parts.pop(key, plain[key])
        guarantee = {**wind_a["guarantees"][0], **parts}
        plain["guarantees"] = [{key: value for key, value in guarantee.items() if value is not None}]
        return spec.parse(yaml.safe_dump(plain), "test.yaml")

    return make


@pytest.fixture(scope="session")
def policy() -> Callable[..., dict[str, list[str]]]:
    """Verdicts from lists of categories: `policy("FP PP", excluded="IU")`; the rest is unavailable."""

    def make(available: str, excluded: str = "") -> dict[str, list[str]]:
        every = [category.value for category in Category]
        named = {"available": available.split(), "excluded": excluded.split()}
        spoken = {category for categories in named.values() for category in categories}
        return {**named, "unavailable": [category for category in every if category not in spoken]}

    return make
