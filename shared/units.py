"""Units of sensors: what a device reports into what is stored, and whether two spellings mean the same unit.

A conversion is worked out once, exactly, when a fleet is loaded (pint); per reading it is a product and a sum.
"""

import re
from fractions import Fraction
from functools import cache, lru_cache
from tokenize import TokenError
from typing import Any, Final

# Spellings beside pint's own (SenML, UCUM, Sparkplug, data sheets), to the one by which they are compared.
_SPELLINGS: Final = {
    "1": "", "none": "", "/": "", "{ratio}": "",
    "cel": "degC", "c": "degC", "°c": "degC", "℃": "degC", "deg c": "degC", "deg_c": "degC", "celsius": "degC",
    "degree_celsius": "degC", "degcelsius": "degC",
    "fah": "degF", "f": "degF", "°f": "degF", "℉": "degF", "deg f": "degF", "deg_f": "degF", "[degf]": "degF",
    "fahrenheit": "degF", "degree_fahrenheit": "degF",
    "kelvin": "K", "°": "deg", "degree": "deg", "deg": "deg",
    "%rh": "%", "percent": "%", "pct": "%", "/100": "%", "/1000": "permille", "‰": "permille", "[ppm]": "ppm",
    "lux": "lx", "hz": "Hz", "hertz": "Hz", "cps": "Hz", "/s": "Hz", "s-1": "Hz", "s^-1": "Hz", "1/s": "Hz",
    "u/min": "rpm", "1/min": "rpm", "min-1": "rpm", "min^-1": "rpm", "min⁻¹": "rpm", "r/min": "rpm", "rev/min": "rpm",
    "{rpm}": "rpm", "rpm": "rpm",
    "[psi]": "psi", "psi": "psi", "bar": "bar", "kpa": "kPa", "kw": "kW", "kwh": "kWh",
    "volt": "V", "ampere": "A", "amp": "A", "watt": "W", "meter": "m", "metre": "m", "ohm": "ohm",
    "second": "s", "sec": "s", "minute": "min", "hour": "h", "hr": "h", "kvar": "kvar", "kva": "kVA", "l": "l",
    "lpm": "l/min", "m3/hr": "m^3/h", "cmh": "m^3/h", "kph": "km/h", "kmh": "km/h",
}  # fmt: skip
_SIGNS: Final = str.maketrans(
    {"µ": "u", "\u03bc": "u", "·": "*", "\u22c5": "*", "²": "^2", "³": "^3", "\u03a9": "ohm", "\u2126": "ohm"}
)
_POWER: Final = re.compile(r"(?<![A-Za-z])([kcmd]?m|s|ft)([23])(?![A-Za-z0-9])")
# What pint is given: no towers of powers, no long numbers.
_SAFE: Final = re.compile(r"(?!.*\d{4})(?!.*\^-?\d+\^)[A-Za-z0-9_%‰.*/^()\s-]{0,60}")

_ANGLES: Final = {"radian", "degree", "revolution", "turn", "revolutions_per_minute", "revolutions_per_second"}


class UnitError(ValueError):
    """Why a conversion is refused."""


def is_same(stated: str, declared: str) -> bool:
    """Whether two spellings mean one unit: `Cel` and `degC`, `1` and the empty one; `W` and `kW` are not one."""
    return stated == declared or canonical(stated) == canonical(declared)


@lru_cache(maxsize=4096)
def mismatch(stated: str, reported: str, stored: str) -> str | None:
    """What is wrong with the unit a payload states; None when it is the one its model says the device reports."""
    if is_same(stated, reported):
        return None
    model = f"the model says it reports {reported or 'no unit'!r}"
    if is_same(stated, stored):
        return f"{stated!r} is what is stored, but {model}"
    return f"{stated!r}, but {model}"


@lru_cache(maxsize=4096)
def canonical(unit: str) -> str:
    """One spelling of those that mean the same; an unknown unit keeps its own."""
    spelled = " ".join(unit.split())
    known = _SPELLINGS.get(spelled.lower())
    # Among these letters case decides: F is a farad, C a coulomb, S a siemens; as units of a sensor degrees are meant.
    if known is not None:
        return known
    plain = _POWER.sub(r"\1^\2", spelled.translate(_SIGNS).replace("**", "^"))
    return _SPELLINGS.get(plain.lower(), plain)


def conversion(reported: str, stored: str) -> tuple[float, float]:
    """Scale and offset with stored = reported * scale + offset, each the double nearest to the exact number.

    Raises UnitError as `exact_conversion` does.
    """
    scale, offset = exact_conversion(reported, stored)
    return float(scale), float(offset)


def exact_conversion(reported: str, stored: str) -> tuple[Fraction, Fraction]:
    """Scale and offset with stored = reported * scale + offset, exact.

    Raises UnitError for a unit nobody knows, for another dimension and for units that are not linear (decibel).
    """
    source, target = canonical(reported), canonical(stored)
    if source == target:
        return Fraction(1), Fraction(0)
    source, target, factor = _counting_cycles(source, target)
    at_0, at_1, at_2 = (_convert(Fraction(number), source, target) for number in range(3))
    if at_2 - at_1 != at_1 - at_0:
        raise UnitError(f"from {reported!r} to {stored!r} is not linear")
    return (at_1 - at_0) * factor, at_0


def _counting_cycles(source: str, target: str) -> tuple[str, str, Fraction]:
    """Source, target and factor: beside a frequency, revolutions count as cycles; pint takes them for 2 pi."""
    names = _names(source) | _names(target)
    if not any(name.endswith("hertz") for name in names):
        return source, target, Fraction(1)
    if source == "rpm":
        return "Hz", target, Fraction(1, 60)
    if target == "rpm":
        return source, "Hz", Fraction(60)
    if names & _ANGLES:
        raise UnitError(f"{source!r} and {target!r} are an angle and a frequency; declare rpm or Hz")
    return source, target, Fraction(1)


def _names(unit: str) -> frozenset[str]:
    """Names pint knows the parts of a unit by."""
    from pint.errors import PintError, UndefinedUnitError

    if not _SAFE.fullmatch(unit):
        raise UnitError(f"{unit!r} is not a unit")
    try:
        parts = _registry().parse_units(unit)
    except UndefinedUnitError as error:
        raise UnitError(f"{unit!r} is not a known unit") from error
    except (
        PintError,
        TokenError,
        SyntaxError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AssertionError,
    ) as error:
        raise UnitError(f"{unit!r} is not a unit") from error
    return frozenset(parts._units)


def _convert(number: Fraction, source: str, target: str) -> Fraction:
    from pint.errors import DimensionalityError, PintError

    units = _registry()
    try:
        return Fraction(units.Quantity(number, units.parse_units(source)).to(units.parse_units(target)).magnitude)
    except DimensionalityError as error:
        raise UnitError(f"{source!r} cannot become {target!r}: another dimension") from error
    except (PintError, ValueError, TypeError, ArithmeticError, LookupError) as error:
        raise UnitError(f"{source!r} cannot become {target!r}") from error


@cache
def _registry() -> Any:
    from pint import UnitRegistry

    registry = UnitRegistry(non_int_type=Fraction)  # pyright: ignore[reportArgumentType]
    registry.define("reactive_volt_ampere = volt * ampere = var")
    registry.define("permille = 0.001 = ‰")
    return registry
