"""Availability over several periods or machines: hours are added first, a mean of ratios is never taken."""

from fractions import Fraction
from math import floor
from typing import Final

from shared.indicators import calendar_hours
from shared.indicators.given import POSITIVE, SHARE, Given, Input, InputError, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, Value, ratio


def _periods(given: Given) -> Answer:
    required, available = given.numbers("required_h"), given.numbers("available_h")
    if len(required) != len(available):
        raise InputError("available_h", f"has {len(available)} periods, required_h {len(required)}")
    for index, (whole, part) in enumerate(zip(required, available, strict=True)):
        if part > whole:
            raise InputError(f"available_h[{index}]", "must not exceed the required time")
    shares = [ratio(part, whole) for part, whole in zip(available, required, strict=True)]
    known = [share for share in shares if not isinstance(share, Reason)]
    total = ratio(sum(available, Fraction(0)), sum(required, Fraction(0)))
    values: dict[str, Value] = {
        "q": shares,
        "ratio_of_sums": total,
        "mean_of_ratios_wrong": ratio(sum(known, Fraction(0)), Fraction(len(known))),
    }
    if all(given.has(name) for name in ("level", "step_pp", "ld_per_step")):
        values |= _steps(given, shares, total)
    return Answer(values=values)


def _steps(given: Given, shares: list[Fraction | Reason], total: Fraction | Reason) -> dict[str, Value]:
    level, band, step = given.number("level"), given.maybe("band_pp") or Fraction(0), given.number("step_pp")
    owed: list[Fraction] = []
    for share in shares:
        beyond = Fraction(0) if isinstance(share, Reason) else 100 * (level - share) - band
        owed.append(max(0, floor(beyond / step)) * given.number("ld_per_step"))
    sum_owed = sum(owed, Fraction(0))
    refund = sum_owed if not isinstance(total, Reason) and total >= level else Fraction(0)
    named: dict[str, Value] = {f"Q{number}_LD": each for number, each in enumerate(owed, start=1)}
    return {**named, "trueup_refund": refund, "net": sum_owed - refund}


def _fleet(given: Given) -> Answer:
    each = _hours_each(given)
    denominator = each * given.count("assets") - given.number("excluded_h")
    down = given.number("down_h")
    if denominator < 0:
        raise InputError("excluded_h", "must not exceed the hours of the fleet")
    if down > denominator:
        raise InputError("down_h", "must not exceed the hours that count")
    achieved = ratio(denominator - down, denominator)
    values: dict[str, Value] = {"hours_per_asset": each, "den": denominator, "A": achieved}
    level = given.maybe("level")
    if level is not None:
        values["shortfall_pp"] = (
            achieved if isinstance(achieved, Reason) else max(Fraction(0), 100 * (level - achieved))
        )
    return Answer(values=values)


def _hours_each(given: Given) -> Fraction:
    if given.has("hours"):
        return given.number("hours")
    if not (given.has("zone") and given.has("period")):
        raise InputError("hours", "missing: give hours, or zone and period")
    try:
        return calendar_hours.hours(calendar_hours.zone(given.text("zone")), *calendar_hours.days(given.text("period")))
    except ValueError as error:
        raise InputError("period", str(error)) from error


def _threshold(given: Given) -> Answer:
    minutes = {each.name: given.number(each.name) for each in _MINUTES if given.has(each.name)}
    whole, bad = minutes.pop("min"), minutes.get("bad", Fraction(0))
    if sum(minutes.values(), Fraction(0)) > whole:
        raise InputError("min", "is below the sum of its parts")
    gap, customer = minutes.get("gap", Fraction(0)), minutes.get("customer_caused", Fraction(0))
    apart = minutes.get("planned", Fraction(0)) + customer
    count = whole - apart - gap
    return Answer(
        values={
            "den": count,
            "A": ratio(count - bad, count),
            "gap_as_bad": ratio(whole - apart - bad - gap, whole - apart),
            "no_exclusions": ratio(whole - bad - customer, whole),
        }
    )


def _part(name: str, meaning: str, *, required: bool = False) -> Input:
    return Input(name=name, unit="min", meaning=meaning, required=required)


_MINUTES: Final = (
    _part("min", "minutes of the period", required=True),
    _part("gap", "minutes without data"),
    _part("planned", "planned maintenance"),
    _part("customer_caused", "outside the threshold through the customer"),
    _part("bad", "outside the threshold through the supplier", required=True),
)
_LEVEL: Final = Input(
    name="level", unit="1", meaning="availability guaranteed", within=SHARE, aliases=("G",), required=False
)


def _text(name: str, meaning: str, *aliases: str) -> Input:
    return Input(name=name, unit="text", meaning=meaning, shape=Shape.TEXT, aliases=aliases, required=False)


PERIODS = Indicator(
    name="availability_of_periods",
    version=1,
    question="availability of each period and of all together (sums, not a mean), with stepped damages and true-up",
    grade=Grade.DIRECT,
    kind=Kind.OUTPUT,
    inputs=(
        Input(name="required_h", unit="h", meaning="required time by period", shape=Shape.NUMBERS, aliases=("req_h",)),
        Input(
            name="available_h", unit="h", meaning="available time by period", shape=Shape.NUMBERS, aliases=("avail_h",)
        ),
        _LEVEL,
        Input(name="band_pp", unit="pp", meaning="dead band, deducted", required=False),
        Input(name="step_pp", unit="pp", meaning="step of the damages", within=POSITIVE, required=False),
        Input(name="ld_per_step", unit="money", meaning="damages a full step", required=False),
    ),
    results=(
        Result(name="q", unit="1", meaning="availability of each period"),
        Result(name="ratio_of_sums", unit="1", meaning="of all periods together"),
        Result(name="mean_of_ratios_wrong", unit="1", meaning="what a mean of ratios would say"),
        Result(name="Q<period>", unit="money", meaning="damages of each period: full steps beyond the band"),
        Result(name="trueup_refund", unit="money", meaning="paid back when all together reach the level"),
        Result(name="net", unit="money", meaning="damages less refund"),
    ),
    formula="sum available / sum required; floor((100 (G - q) - band)/step) damages",
    standard="IEC 60050-192; contract steps",
    source="exact: in binary floats 0.3/0.1 is two steps instead of three",
    rules=("a level just reached is met", "no required time: undefined, and no damages"),
    example={
        "req_h": [1200, 1250, 1150, 1260],
        "avail_h": [1094.4, 1161.25, 1058.0, 1166.76],
        "G": 0.92,
        "band_pp": 0.5,
        "step_pp": 0.1,
        "ld_per_step": 600,
    },
    compute=_periods,
)

FLEET = Indicator(
    name="fleet_availability",
    version=1,
    question="availability of a fleet over a calendar period, by hours of all machines",
    grade=Grade.DIRECT,
    kind=Kind.OUTPUT,
    inputs=(
        Input(name="assets", unit="1", meaning="machines", shape=Shape.COUNT),
        Input(name="hours", unit="h", meaning="hours of the period, instead of zone and period", required=False),
        _text("zone", "IANA zone of the period", "tz"),
        _text("period", "2026, 2026-03 or 2026Q1", "quarter", "month", "year"),
        Input(name="excluded_h", unit="h", meaning="excluded hours of all machines"),
        Input(name="down_h", unit="h", meaning="unavailable hours of all machines"),
        _LEVEL,
    ),
    results=(
        Result(name="hours_per_asset", unit="h", meaning="true hours of the period"),
        Result(name="den", unit="h", meaning="hours that count"),
        Result(name="A", unit="1", meaning="availability of the fleet"),
        Result(name="shortfall_pp", unit="pp", meaning="below the level; only with a level"),
    ),
    formula="A = 1 - down/(assets hours - excluded)",
    standard="IEC 60050-192",
    source="sum of hours over machines; a mean of their ratios weighs them wrongly",
    rules=("refused: down or excluded hours above what there is",),
    example={"tz": "Europe/Berlin", "quarter": "2026Q1", "assets": 12, "excluded_h": 210, "down_h": 402, "G": 0.985},
    compute=_fleet,
)

THRESHOLD_MINUTES = Indicator(
    name="threshold_availability",
    version=1,
    question="share of the minutes a supply (pressure, flow) was inside its threshold, and what gaps do to it",
    grade=Grade.DIRECT,
    kind=Kind.OUTPUT,
    inputs=_MINUTES,
    results=(
        Result(name="den", unit="min", meaning="minutes that count"),
        Result(name="A", unit="1", meaning="share of them that was good"),
        Result(name="gap_as_bad", unit="1", meaning="with gaps counted as bad"),
        Result(name="no_exclusions", unit="1", meaning="of all minutes, the customer's counted as bad"),
    ),
    formula="A = 1 - bad/(min - gap - planned - customer_caused)",
    standard="contract minutes",
    source="kinds of minutes as the contract names them",
    rules=("parts together never exceed the period", "no minute that counts: undefined"),
    example={"min": 44640, "gap": 360, "planned": 120, "customer_caused": 150, "bad": 260},
    compute=_threshold,
)
