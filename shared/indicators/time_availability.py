"""Time availability: the share of the time that counts in which a machine could be used."""

from collections.abc import Mapping
from fractions import Fraction

from shared.indicators.given import Given, Input
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Ratio, Reason, Result


def _excluded_from_denominator(time: Mapping[str, Fraction]) -> Ratio:
    return Ratio(numerator=time["available"], denominator=time["available"] + time["unavailable"])


def _deemed_available(time: Mapping[str, Fraction]) -> Ratio:
    available = time["available"] + time["excluded"]
    return Ratio(numerator=available, denominator=available + time["unavailable"])


_FORMS = {
    "excluded_from_denominator": _excluded_from_denominator,
    "deemed_available": _deemed_available,
}


def _both_forms(given: Given) -> Answer:
    time = {name: given.number(name) for name in ("available", "unavailable", "excluded")}
    values = {name: form(time).value for name, form in _FORMS.items()}
    return Answer(values={name: Reason.ZERO_DENOMINATOR if value is None else value for name, value in values.items()})


TIME_AVAILABILITY = Indicator(
    name="time_availability",
    version=1,
    question="which share of the time that counts a machine could be used",
    grade=Grade.DIRECT,
    kind=Kind.OUTPUT,
    inputs=(
        Input(name="available", unit="us", meaning="time the contract counts as available"),
        Input(name="unavailable", unit="us", meaning="time the contract counts as unavailable"),
        Input(name="excluded", unit="us", meaning="time the contract does not hold against the supplier"),
    ),
    results=(
        Result(name="excluded_from_denominator", unit="1", meaning="excluded time counts on neither side"),
        Result(name="deemed_available", unit="1", meaning="excluded time counts as available"),
    ),
    formula="available / (available + unavailable); deemed available: (available + excluded) / all",
    standard="IEC 61400-26-1:2019",
    source="annex B prescribes the categories and gives formulas as examples; the sets are the contract's",
    rules=("any unit of time, the same for all three", "no time that counts: undefined"),
    example={"available": 7840, "unavailable": 476.8, "excluded": 443.2},
    compute=_both_forms,
    forms=_FORMS,
)
