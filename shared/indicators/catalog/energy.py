"""Specific energy, and energy against what the conditions let expect."""

from fractions import Fraction

from shared.indicators.given import ANY, Given, Input, Shape
from shared.indicators.half_up import half_up
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, Value, product, ratio


def _performance(given: Given) -> Answer:
    actual, volume = given.number("actual_kWh"), given.number("volume")
    correction = 1 + _or_zero(given, "temperature_slope") * (_temperature(given) - _or_zero(given, "reference_C"))
    expected = (given.number("per_hour") * given.number("hours") + given.number("per_unit") * volume) * correction
    excess = actual - expected
    values: dict[str, Value] = {
        "E_guar": expected,
        "excess": excess,
        "enpi": ratio(actual, expected),
        "specific": ratio(actual, volume),
        "expected_specific": ratio(expected, volume),
    }
    band, price = given.maybe("band"), given.maybe("price")
    if band is not None:
        beyond = max(Fraction(0), excess - band * expected)
        values["deductible_kWh"] = beyond
        if price is not None:
            values["LD_deductible"] = half_up(beyond * price, 2)
            values["LD_franchise"] = half_up(excess * price, 2) if beyond else Fraction(0)
    return Answer(values=values)


def _or_zero(given: Given, name: str) -> Fraction:
    return given.maybe(name) or Fraction(0)


def _temperature(given: Given) -> Fraction:
    inlet = given.maybe("inlet_C")
    return _or_zero(given, "reference_C") if inlet is None else inlet


def _specific(given: Given) -> Answer:
    actual, output = given.number("actual_kWh"), given.number("output")
    specific = ratio(actual, output)
    values: dict[str, Value] = {"specific": specific}
    reference = given.maybe("reference")
    if reference is not None:
        used = specific if isinstance(specific, Reason) else specific - reference
        values["relative"] = product(specific, ratio(Fraction(1), reference))
        values["excess_kWh"] = product(used, output)
    return Answer(values=values)


ENERGY_PERFORMANCE = Indicator(
    name="energy_performance",
    version=1,
    question="energy against what a load curve expects of hours, output and temperature (EnPI), excess and damages",
    grade=Grade.ECONOMIC,
    kind=Kind.OUTPUT,
    inputs=(
        Input(name="actual_kWh", unit="kWh", meaning="energy measured, by counter difference"),
        Input(name="hours", unit="h", meaning="hours in operation"),
        Input(name="volume", unit="unit", meaning="output, e.g. m3 delivered", aliases=("V_m3", "output")),
        Input(name="per_hour", unit="kWh/h", meaning="expected energy of each hour", aliases=("a",)),
        Input(name="per_unit", unit="kWh/unit", meaning="expected energy of each unit", aliases=("b",)),
        Input(
            name="temperature_slope",
            unit="1/K",
            meaning="relative change a kelvin",
            within=ANY,
            aliases=("k",),
            required=False,
        ),
        Input(
            name="inlet_C",
            unit="degC",
            meaning="inlet temperature; the reference if absent",
            within=ANY,
            required=False,
        ),
        Input(
            name="reference_C",
            unit="degC",
            meaning="reference temperature",
            within=ANY,
            aliases=("ref_C",),
            required=False,
        ),
        Input(name="band", unit="1", meaning="dead band as a share of the expected energy", required=False),
        Input(name="price", unit="money/kWh", meaning="price of the excess", required=False),
        Input(name="month", unit="text", meaning="period, for the record", shape=Shape.TEXT, required=False),
        Input(name="tz", unit="text", meaning="zone, for the record", shape=Shape.TEXT, required=False),
    ),
    results=(
        Result(name="E_guar", unit="kWh", meaning="expected energy"),
        Result(name="excess", unit="kWh", meaning="measured less expected"),
        Result(name="enpi", unit="1", meaning="measured by expected"),
        Result(name="specific", unit="kWh/unit", meaning="measured energy of a unit"),
        Result(name="expected_specific", unit="kWh/unit", meaning="expected energy of a unit"),
        Result(name="deductible_kWh", unit="kWh", meaning="excess beyond the band"),
        Result(name="LD_deductible", unit="money", meaning="price of what is beyond the band, to the cent"),
        Result(name="LD_franchise", unit="money", meaning="price of all excess once it is beyond the band"),
    ),
    formula="E = (a hours + b volume)(1 + k (inlet - reference)); EnPI = actual/E",
    standard="ISO 50006:2014; ISO 1217 annex C for compressors",
    source="energy performance indicator as a ratio to a model; the model is agreed in the contract",
    rules=("a band deducts, a franchise does not: they differ", "no output: specific energy is undefined"),
    example={
        "month": "2026-07",
        "tz": "Europe/Berlin",
        "hours": 744,
        "V_m3": 1116000,
        "inlet_C": 26,
        "a": 18.0,
        "b": 0.0985,
        "k": 0.001,
        "ref_C": 20,
        "actual_kWh": 127900,
        "band": 0.02,
        "price": 0.145,
    },
    compute=_performance,
)

SPECIFIC_ENERGY = Indicator(
    name="specific_energy",
    version=1,
    question="energy a unit of output, and what it exceeds a reference by (SEC)",
    grade=Grade.ECONOMIC,
    kind=Kind.OUTPUT,
    inputs=(
        Input(name="actual_kWh", unit="kWh", meaning="energy measured", aliases=("energy_kWh",)),
        Input(name="output", unit="unit", meaning="good output in the same time"),
        Input(name="reference", unit="kWh/unit", meaning="specific energy agreed", required=False),
    ),
    results=(
        Result(name="specific", unit="kWh/unit", meaning="energy by output"),
        Result(name="relative", unit="1", meaning="by the reference"),
        Result(name="excess_kWh", unit="kWh", meaning="energy above the reference for the same output"),
    ),
    formula="energy/output",
    standard="ISO 50006:2014",
    source="energy performance indicator as a ratio; hides the base load: prefer a model where load varies",
    rules=("of several periods add energy and output first", "no output: undefined"),
    example={"actual_kWh": 127900, "output": 1116000, "reference": 0.11},
    compute=_specific,
)
