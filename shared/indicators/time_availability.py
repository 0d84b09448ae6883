"""Time availability: the share of the time that counts in which a machine could be used."""

from collections.abc import Mapping
from fractions import Fraction

from shared.indicators.indicator import Indicator, Input, Ratio


def _excluded_from_denominator(time: Mapping[str, Fraction]) -> Ratio:
    return Ratio(numerator=time["available"], denominator=time["available"] + time["unavailable"])


def _deemed_available(time: Mapping[str, Fraction]) -> Ratio:
    available = time["available"] + time["excluded"]
    return Ratio(numerator=available, denominator=available + time["unavailable"])


TIME_AVAILABILITY = Indicator(
    name="time_availability",
    version=1,
    inputs=(
        Input(name="available", unit="us", meaning="time the contract counts as available"),
        Input(name="unavailable", unit="us", meaning="time the contract counts as unavailable"),
        Input(name="excluded", unit="us", meaning="time the contract does not hold against the supplier"),
    ),
    result_unit="1",
    formula="available / (available + unavailable); deemed available: (available + excluded) / all",
    standard="IEC 61400-26-1:2019",
    source="annex B prescribes the categories and gives formulas as examples; the sets are the contract's",
    forms={
        "excluded_from_denominator": _excluded_from_denominator,
        "deemed_available": _deemed_available,
    },
)
