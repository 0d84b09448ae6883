"""Time availability, both forms."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.indicators.registry import indicator

TIME = indicator("time_availability@1")
FORMS = ("excluded_from_denominator", "deemed_available")

_amounts = st.fractions(min_value=0, max_value=10_000)
_form = st.sampled_from(FORMS)


def _value(form: str, available: Fraction, unavailable: Fraction, excluded: Fraction) -> Fraction | None:
    quantities = {"available": available, "unavailable": unavailable, "excluded": excluded}
    return TIME.evaluate(form, quantities).value


def test_both_forms_on_the_hours_of_wind_a() -> None:
    """WIND-A (contract A, computed): 8,760 h, 476.8 unavailable, 443.2 excluded."""
    hours = Fraction(7840), Fraction("476.8"), Fraction("443.2")
    assert _value("excluded_from_denominator", *hours) == Fraction(7840) / Fraction("8316.8")
    assert _value("deemed_available", *hours) == 1 - Fraction("476.8") / 8760


def test_without_time_that_counts_there_is_no_value() -> None:
    assert _value("excluded_from_denominator", Fraction(0), Fraction(0), Fraction(5)) is None
    assert _value("deemed_available", Fraction(0), Fraction(0), Fraction(5)) == 1
    assert _value("deemed_available", Fraction(0), Fraction(0), Fraction(0)) is None


def test_other_inputs_or_forms_are_errors() -> None:
    with pytest.raises(ValueError, match="takes"):
        TIME.evaluate("deemed_available", {"available": Fraction(1)})
    with pytest.raises(ValueError, match="no form 'mean'"):
        TIME.evaluate("mean", {"available": Fraction(1), "unavailable": Fraction(1), "excluded": Fraction(1)})


@given(_form, _amounts, _amounts, _amounts, _amounts)
def test_an_excluded_hour_never_lowers_the_value(
    form: str, available: Fraction, unavailable: Fraction, excluded: Fraction, more: Fraction
) -> None:
    before = _value(form, available, unavailable, excluded)
    added = _value(form, available, unavailable, excluded + more)
    moved = _value(form, available, unavailable - min(more, unavailable), excluded + min(more, unavailable))
    if before is not None:
        assert 0 <= before <= 1
        assert added is not None
        assert added >= before
        assert moved is None or moved >= before


@given(_form, _amounts, _amounts, _amounts, st.fractions(min_value=Fraction(1, 100), max_value=100))
def test_the_unit_of_time_is_irrelevant(
    form: str, available: Fraction, unavailable: Fraction, excluded: Fraction, scale: Fraction
) -> None:
    assert _value(form, available, unavailable, excluded) == _value(
        form, available * scale, unavailable * scale, excluded * scale
    )
