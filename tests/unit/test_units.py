"""Units: exact conversions, honest refusals, and spellings that mean the same."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.units import UnitError, canonical, conversion, is_same, mismatch


@pytest.mark.parametrize(
    ("reported", "stored", "value", "expected"),
    [
        # Fixed points and definitions of the SI brochure (BIPM, 9th edition) and of NIST SP 811, appendix B.
        ("degF", "degC", 212.0, 100.0),
        ("degF", "degC", -40.0, -40.0),
        ("degC", "degF", 37.0, 98.6),
        ("K", "degC", 273.15, 0.0),
        ("Fah", "Cel", 32.0, 0.0),
        ("bar", "kPa", 2.5, 250.0),
        ("psi", "bar", 14.503773773, 1.0),
        ("rpm", "Hz", 1500.0, 25.0),
        ("Hz", "rpm", 50.0, 3000.0),
        ("rpm", "kHz", 60000.0, 1.0),
        ("U/min", "Hz", 60.0, 1.0),
        ("rpm", "rad/s", 60.0, 2 * math.pi),
        ("kW", "MW", 2050.0, 2.05),
        ("W", "kW", 1.0, 0.001),
        ("m3/h", "m³/s", 3600.0, 1.0),
        ("L/min", "m^3/h", 1000.0, 60.0),
        ("kWh", "MJ", 1.0, 3.6),
        ("%", "", 50.0, 0.5),
        ("Mvar", "kvar", 1.0, 1000.0),
        ("degC/h", "K/s", 3600.0, 1.0),
        ("µS/cm", "S/m", 10_000.0, 1.0),
    ],
)
def test_what_a_device_reports_becomes_what_is_stored(
    reported: str, stored: str, value: float, expected: float
) -> None:
    scale, offset = conversion(reported, stored)
    assert value * scale + offset == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("reported", "stored"), [("degC", "Cel"), ("skips", "skips"), ("1", ""), ("kW", "KW")])
def test_one_unit_in_two_spellings_is_not_converted(reported: str, stored: str) -> None:
    assert conversion(reported, stored) == (1.0, 0.0)


def test_a_conversion_is_the_double_nearest_to_the_exact_number() -> None:
    assert conversion("degF", "degC") == (5 / 9, -160 / 9)
    assert conversion("rpm", "Hz") == (1 / 60, 0.0)


@pytest.mark.parametrize(
    ("reported", "stored", "reason"),
    [
        ("degC", "bar", "another dimension"),
        ("kW", "kWh", "another dimension"),
        ("skips", "kW", "'skips' is not a known unit"),
        ("kW", "skips", "'skips' is not a known unit"),
        ("dBm", "W", "cannot become"),
        ("rad/s", "Hz", "an angle and a frequency"),
        ("9^9^9^9", "m", "not a unit"),
        ("m^99999999", "m", "not a unit"),
        ("((", "m", "not a unit"),
        ("1/0", "m", "not a unit"),
    ],
)
def test_what_cannot_be_converted_is_refused_with_its_reason(reported: str, stored: str, reason: str) -> None:
    with pytest.raises(UnitError, match=reason):
        conversion(reported, stored)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cel", "degC"), ("°C", "Cel"), ("C", "degC"), ("[degF]", "Fah"), ("1", ""), ("%RH", "%"), ("lux", "lx"),
        ("m3/h", "m**3/h"), ("m³/h", "m^3/h"), ("RPM", "1/min"), ("s-1", "Hz"), ("μg", "µg"), ("Ω", "ohm"),
        (" kW ", "kW"),
    ],
)  # fmt: skip
def test_spellings_of_senml_ucum_and_data_sheets_are_one_unit(one: str, other: str) -> None:
    assert is_same(one, other)
    assert is_same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("W", "kW"), ("MW", "mW"), ("degC", "degF"), ("%", ""), ("Hz", "rpm"), ("K", "degC"), ("m", "min"), ("A", "Ah")],
)
def test_units_that_differ_are_not_taken_for_one(one: str, other: str) -> None:
    assert not is_same(one, other)


def test_a_stated_unit_is_held_against_what_the_model_says_is_reported() -> None:
    assert mismatch("Fah", "degF", "degC") is None
    assert mismatch("kW", "degF", "degC") == "'kW', but the model says it reports 'degF'"
    assert mismatch("Cel", "degF", "degC") == "'Cel' is what is stored, but the model says it reports 'degF'"
    assert mismatch("Cel", "", "") == "'Cel', but the model says it reports 'no unit'"


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_compared_and_spelled_once(one: str, other: str) -> None:
    assert canonical(canonical(one)) == canonical(one)
    assert is_same(one, other) == is_same(other, one)


@given(st.text(alphabet="mskgWAV%*/^-()0123456789. °", max_size=12), st.sampled_from(["kW", "degC", "", "m/s"]))
def test_any_text_is_converted_or_refused(reported: str, stored: str) -> None:
    try:
        scale, offset = conversion(reported, stored)
    except UnitError:
        return
    assert math.isfinite(scale)
    assert math.isfinite(offset)
