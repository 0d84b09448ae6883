"""Overall equipment effectiveness of a shift or a line, from minutes and pieces."""

from fractions import Fraction

from shared.indicators.given import POSITIVE, Given, Input, InputError
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Result, product, ratio


def _oee(given: Given) -> Answer:
    planned = _agreed(given, "planned_min", _shift_without_breaks(given))
    run = _agreed(given, "run_min", None if planned is None else _from(planned, given, "downtime_min"))
    good = _agreed(given, "good", _from(given.number("total"), given, "reject"))
    if planned is None:
        raise InputError("planned_min", "missing: give planned_min, or shift_min and breaks_min")
    if run is None:
        raise InputError("run_min", "missing: give run_min or downtime_min")
    if good is None:
        raise InputError("good", "missing: give good or reject")
    if run > planned:
        raise InputError("run_min", "must not exceed the planned time")
    if good > given.number("total"):
        raise InputError("good", "must not exceed total")
    availability = ratio(run, planned)
    performance = ratio(_cycle(given) * given.number("total"), run)
    quality = ratio(good, given.number("total"))
    whole = ratio(_cycle(given) * good, planned)
    notes = ("performance is above 1: the ideal rate is too low",) if _is_above_one(performance) else ()
    return Answer(
        values={
            "planned_min": planned,
            "run_min": run,
            "good": good,
            "availability": availability,
            "performance": performance,
            "quality": quality,
            "oee": whole,
            "product_of_factors": product(availability, performance, quality),
        },
        notes=notes,
    )


def _is_above_one(value: object) -> bool:
    return isinstance(value, Fraction) and value > 1


def _cycle(given: Given) -> Fraction:
    cycle, rate = given.maybe("ideal_cycle_min"), given.maybe("ideal_rate_per_min")
    if cycle is None and rate is None:
        raise InputError("ideal_cycle_min", "missing: give ideal_cycle_min or ideal_rate_per_min")
    if cycle is not None and rate is not None and cycle * rate != 1:
        raise InputError("ideal_cycle_min", "contradicts ideal_rate_per_min")
    return cycle if cycle is not None else 1 / (rate or Fraction(1))


def _shift_without_breaks(given: Given) -> Fraction | None:
    shift = given.maybe("shift_min")
    if shift is None:
        return None
    return _from(shift, given, "breaks_min") if given.has("breaks_min") else shift


def _from(total: Fraction, given: Given, part: str) -> Fraction | None:
    taken = given.maybe(part)
    if taken is not None and taken > total:
        raise InputError(part, "must not exceed what it is taken from")
    return None if taken is None else total - taken


def _agreed(given: Given, name: str, derived: Fraction | None) -> Fraction | None:
    said = given.maybe(name)
    if said is not None and derived is not None and said != derived:
        raise InputError(name, f"contradicts the other inputs, which make it {float(derived):g}")
    return derived if said is None else said


def _minutes(name: str, meaning: str) -> Input:
    return Input(name=name, unit="min", meaning=meaning, required=False)


OEE = Indicator(
    name="oee",
    version=1,
    question="which share of the planned time made good pieces at the ideal rate, and where the rest went",
    grade=Grade.DIRECT,
    kind=Kind.PROCESS,
    inputs=(
        _minutes("shift_min", "length of the shift"),
        _minutes("breaks_min", "planned breaks in it; none if not given"),
        _minutes("planned_min", "planned production time, instead of shift and breaks"),
        _minutes("downtime_min", "unplanned stops"),
        _minutes("run_min", "run time, instead of the stops"),
        Input(
            name="ideal_rate_per_min", unit="1/min", meaning="pieces at the ideal rate", within=POSITIVE, required=False
        ),
        Input(
            name="ideal_cycle_min", unit="min", meaning="ideal time a piece, instead", within=POSITIVE, required=False
        ),
        Input(name="total", unit="1", meaning="pieces made", aliases=("total_count",)),
        Input(name="good", unit="1", meaning="good pieces", aliases=("good_count",), required=False),
        Input(name="reject", unit="1", meaning="rejected pieces, instead of the good ones", required=False),
    ),
    results=(
        Result(name="planned_min", unit="min", meaning="planned production time"),
        Result(name="run_min", unit="min", meaning="run time"),
        Result(name="good", unit="1", meaning="good pieces"),
        Result(name="availability", unit="1", meaning="run time by planned time"),
        Result(name="performance", unit="1", meaning="ideal time of all pieces by run time"),
        Result(name="quality", unit="1", meaning="good by all pieces"),
        Result(name="oee", unit="1", meaning="ideal time of the good pieces by planned time"),
        Result(name="product_of_factors", unit="1", meaning="the same as the product of the unrounded factors"),
    ),
    formula="oee = ideal cycle * good / planned = availability * performance * quality",
    standard="TPM/OEE",
    source="Nakajima, Introduction to TPM, 1988; of several shifts add minutes and pieces first, never average",
    rules=(
        "exact: no factor is rounded before they are multiplied",
        "undefined factors: no planned time, no run time, no piece",
        "refused: reject or good above total, stops above planned time, the same quantity said twice differently",
    ),
    example={
        "shift_min": 480,
        "breaks_min": 60,
        "downtime_min": 47,
        "ideal_rate_per_min": 60,
        "total": 19271,
        "reject": 423,
    },
    compute=_oee,
)
