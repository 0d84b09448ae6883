"""The registry of versioned formulas."""

import pytest

from shared.errors import NotFoundError
from shared.indicators.registry import INDICATORS, indicator


def test_every_indicator_is_found_by_its_name_and_version() -> None:
    assert INDICATORS
    for key, each in INDICATORS.items():
        assert indicator(key) is each
        assert key == f"{each.name}@{each.version}"


def test_every_indicator_states_its_units_its_standard_and_its_source() -> None:
    for each in INDICATORS.values():
        assert each.result_unit
        assert each.formula
        assert each.standard
        assert each.source
        assert all(quantity.unit and quantity.meaning for quantity in each.inputs)


def test_an_unknown_version_is_not_replaced_by_another() -> None:
    with pytest.raises(NotFoundError, match="no indicator 'time_availability@2'; known: time_availability@1"):
        indicator("time_availability@2")
