"""Hours of calendar periods, and times on a business clock against a limit."""

from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Final

from shared.indicators import calendar_hours
from shared.indicators.business_hours import Calendar, elapsed_without_us, holidays_for
from shared.indicators.given import INSIDE_UNIT, POSITIVE, SHARE, Given, Input, InputError, Shape
from shared.indicators.holidays import REGIONS
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, Value, ratio
from shared.indicators.quota import clopper_pearson, wilson
from shared.instant import DAY_US, HOUR_US, to_us

# The periods most often got wrong: moved clocks, half an hour of them, leap years.
_REFERENCE: Final = (
    "Berlin 2026-03",
    "Berlin 2025-10",
    "Berlin 2026Q1",
    "Berlin 2025Q4",
    "Paris 2025-04..2026-03",
    "Lord_Howe 2026-04",
    "any 2024",
)
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OPEN: Final = "open"
_LONGEST_DAYS: Final = 400
_LIMITS: Final = ("cp_lower", "cp_upper", "wilson_lower", "wilson_upper")


def _hours(given: Given) -> Answer:
    values: dict[str, Value] = {}
    if given.has("zone"):
        values["hours"] = _span(given)
    elif given.has("period") or given.has("start") or given.has("end"):
        raise InputError("zone", "missing: hours of a period are those of a zone")
    labels = given.texts("periods") or ([] if values else list(_REFERENCE))
    for index, label in enumerate(labels):
        zone, _, period = label.partition(" ")
        values[label] = _hours_of(f"periods[{index}]", zone, period)
    notes = () if values.keys() - set(_REFERENCE) else ("no period given: the reference periods",)
    return Answer(values=values, notes=notes)


def _span(given: Given) -> Fraction:
    if given.has("period"):
        return _hours_of("period", given.text("zone"), given.text("period"))
    first, following = _day(given, "start"), _day(given, "end")
    try:
        return calendar_hours.hours(calendar_hours.zone(given.text("zone")), first, following)
    except ValueError as error:
        raise InputError("end", str(error)) from error


def _hours_of(field: str, zone: str, period: str) -> Fraction:
    try:
        return calendar_hours.hours(calendar_hours.zone(zone), *calendar_hours.days(period))
    except ValueError as error:
        raise InputError(field, str(error)) from error


def _day(given: Given, name: str) -> date:
    try:
        return date.fromisoformat(given.text(name))
    except ValueError as error:
        raise InputError(name, "must be a day like 2026-03-01 (or give period)") from error


def _quota(given: Given) -> Answer:
    return Answer(values=_limits(given, given.count("kept"), given.count("total")))


def _limits(given: Given, kept: int, total: int) -> dict[str, Value]:
    if kept > total:
        raise InputError("kept", "must not exceed total")
    share = ratio(Fraction(kept), Fraction(total))
    confidence = float(given.number("confidence"))
    limits: tuple[Value, ...] = (Reason.NOTHING_COUNTED,) * 4
    if total:
        limits = (*clopper_pearson(kept, total, confidence), *wilson(kept, total, confidence))
    values: dict[str, Value] = {"share": share, **dict(zip(_LIMITS, limits, strict=True))}
    if given.has("level"):
        values["met"] = Reason.NOTHING_COUNTED if isinstance(share, Reason) else share >= given.number("level")
    return values


def _times(given: Given) -> Answer:
    calendar, limit = _calendar(given), given.number("limit_h")
    as_of = _instant(given.text("as_of"), "as_of") if given.has("as_of") else None
    spent: list[Value] = []
    kept = total = 0
    for index, row in enumerate(given.rows("tickets")):
        hours, is_over = _ticket(calendar, row, as_of, f"tickets[{index}]")
        spent.append(hours)
        is_breach = hours > limit
        # A running ticket counts once its breach is certain.
        total += is_over or is_breach
        kept += is_over and not is_breach
    values: dict[str, Value] = {"elapsed_h": spent, "kept": kept, "total": total, "breaches": total - kept}
    return Answer(values={**values, **_limits(given, kept, total)})


def _ticket(calendar: Calendar | None, row: list[str], as_of: int | None, at: str) -> tuple[Fraction, bool]:
    if len(row) < 2 or len(row) % 2:
        raise InputError(at, "must be start and end, then pairs of start and end of pauses")
    is_over = row[1] != _OPEN
    if not is_over and as_of is None:
        raise InputError("as_of", f"missing: {at} is open")
    start, *rest = (_instant(text, at) if text != _OPEN else as_of or 0 for text in row)
    end, pauses = rest[0], list(zip(rest[1::2], rest[2::2], strict=True))
    if calendar is not None and end - start > _LONGEST_DAYS * DAY_US:
        raise InputError(at, f"must not last longer than {_LONGEST_DAYS} days")
    try:
        return Fraction(elapsed_without_us(calendar, start, end, pauses), HOUR_US), is_over
    except (ValueError, OverflowError) as error:
        raise InputError(at, str(error)) from error


def _instant(text: str, at: str) -> int:
    try:
        return to_us(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise InputError(at, f"{text!r} is no time with an offset, like 2026-03-02T08:00:00+01:00") from error


def _calendar(given: Given) -> Calendar | None:
    if not given.has("weekly"):
        return None
    if not given.has("zone"):
        raise InputError("zone", "missing: business hours are those of a zone")
    weekly = tuple(_open_hours(row, f"weekly[{index}]") for index, row in enumerate(given.rows("weekly")))
    try:
        days = {date.fromisoformat(day) for day in given.texts("holidays")}
        if given.has("region"):
            days |= {day for year in _years(given) for day in holidays_for(given.text("region"), year)}
        return Calendar(zone=calendar_hours.zone(given.text("zone")), weekly=weekly, holidays=frozenset(days))
    except ValueError as error:
        raise InputError("zone" if "zone" in str(error) else "holidays", str(error)) from error


def _years(given: Given) -> set[int]:
    texts = [text for row in given.rows("tickets") for text in row if text != _OPEN] + [given.text("as_of")]
    days = [datetime.fromisoformat(text).date() for text in texts if text]
    if not days:
        return set()
    return set(range((min(days) - timedelta(days=1)).year, (max(days) + timedelta(days=1)).year + 1))


def _open_hours(row: list[str], at: str) -> tuple[int, int, int]:
    if len(row) != 3 or row[0] not in _WEEKDAYS:
        raise InputError(at, 'must be a day and its hours, like ["mon", "08:00", "17:00"]')
    start, end = _minute(row[1], at), _minute(row[2], at)
    if not start < end:
        raise InputError(at, "must open before it closes; hours over midnight are two entries")
    return _WEEKDAYS.index(row[0]), start, end


def _minute(text: str, at: str) -> int:
    hours, colon, minutes = text.partition(":")
    if not (colon and len(text) == 5 and hours.isdecimal() and minutes.isdecimal()):
        raise InputError(at, f"{text!r} is no time of day, like 08:00")
    minute = 60 * int(hours) + int(minutes)
    if int(minutes) > 59 or minute > 24 * 60:
        raise InputError(at, f"{text!r} is no time of day, like 08:00")
    return minute


def _text(name: str, meaning: str, *aliases: str, choices: tuple[str, ...] = ()) -> Input:
    return Input(
        name=name, unit="text", meaning=meaning, shape=Shape.TEXT, aliases=aliases, required=False, choices=choices
    )


_CONFIDENCE: Final = Input(
    name="confidence", unit="1", meaning="two-sided, of the limits", within=INSIDE_UNIT, aliases=("conf",)
)
_LEVEL: Final = Input(name="level", unit="1", meaning="share agreed", within=SHARE, required=False)
_LIMIT_RESULTS: Final = (
    Result(name="share", unit="1", meaning="kept by counted: what is settled on"),
    Result(name="cp_lower", unit="1", meaning="lower limit, exact (Clopper and Pearson)"),
    Result(name="cp_upper", unit="1", meaning="upper limit, exact"),
    Result(name="wilson_lower", unit="1", meaning="lower limit, score (Wilson)"),
    Result(name="wilson_upper", unit="1", meaning="upper limit, score"),
    Result(name="met", unit="flag", meaning="the share is at least the level; only with a level"),
)

CALENDAR_HOURS = Indicator(
    name="calendar_hours",
    version=1,
    question="how many hours a month, quarter, year or span of days truly has in its zone",
    grade=Grade.INDIRECT,
    kind=Kind.PROCESS,
    inputs=(
        Input(
            name="periods",
            unit="text",
            meaning="each a zone and a period: `Berlin 2026-03`, `Paris 2025-04..2026-03`, `any 2024`",
            shape=Shape.TEXTS,
            required=False,
        ),
        _text("zone", "IANA zone, for one period", "tz"),
        _text("period", "2026, 2026-03, 2026Q1, or two with .. between", "month", "quarter", "year"),
        _text("start", "first day, instead of a period"),
        _text("end", "day after the last"),
    ),
    results=(
        Result(name="hours", unit="h", meaning="hours of the one period"),
        Result(name="<period>", unit="h", meaning="hours of each of `periods`, under its own text"),
    ),
    formula="from local midnight to local midnight, counted in UTC",
    standard="IANA time zone database",
    source="zoneinfo; half-open [start, end)",
    rules=("without inputs the reference periods are shown: those most often got wrong",),
    example={"periods": list(_REFERENCE)},
    compute=_hours,
)

RESPONSE_QUOTA = Indicator(
    name="response_quota",
    version=1,
    question="the share of tickets answered or restored in time, and what it says of the service behind it",
    grade=Grade.INDIRECT,
    kind=Kind.PROCESS,
    inputs=(
        Input(name="kept", unit="1", meaning="tickets in time", shape=Shape.COUNT, aliases=("k",)),
        Input(name="total", unit="1", meaning="tickets that count", shape=Shape.COUNT, aliases=("n",)),
        _CONFIDENCE,
        _LEVEL,
    ),
    results=_LIMIT_RESULTS,
    formula="k/n; Clopper-Pearson by beta quantiles, Wilson by score",
    standard="Clopper and Pearson 1934; Wilson 1927",
    source="exact binomial limits",
    rules=("settlement takes k/n itself", "no ticket: undefined", "kept above total is refused"),
    example={"k": 92, "n": 100, "conf": 0.9, "level": 0.9},
    compute=_quota,
)

RESPONSE_TIMES = Indicator(
    name="response_times",
    version=1,
    question="response or restore times on the contract's clock (business hours, holidays, pauses) and their quota",
    grade=Grade.INDIRECT,
    kind=Kind.PROCESS,
    inputs=(
        Input(
            name="tickets",
            unit="time",
            meaning="each [start, end or `open`, pause start, pause end, ...] as times with offset",
            longest=1_000,
            shape=Shape.ROWS,
        ),
        Input(name="limit_h", unit="h", meaning="business hours allowed", within=POSITIVE),
        _CONFIDENCE,
        _LEVEL,
        Input(
            name="weekly",
            unit="local time",
            meaning='business hours, each ["mon", "08:00", "17:00"]; round the clock if absent',
            shape=Shape.ROWS,
            required=False,
        ),
        _text("zone", "zone of the business hours", "tz"),
        Input(name="holidays", unit="day", meaning="days without business hours", shape=Shape.TEXTS, required=False),
        _text("region", "public holidays by rule, too", choices=REGIONS),
        _text("as_of", "the time open tickets are judged at"),
    ),
    results=(
        Result(name="elapsed_h", unit="h", meaning="business hours of each ticket"),
        Result(name="kept", unit="1", meaning="tickets in time"),
        Result(name="total", unit="1", meaning="tickets that count: ended, or open beyond the limit"),
        Result(name="breaches", unit="1", meaning="tickets beyond the limit"),
        *_LIMIT_RESULTS,
    ),
    formula="business time from start to end without pauses, at most the limit",
    standard="contract clock",
    source="holidays by rule: Feiertagsgesetz of Bavaria article 1 (regions DE, DE_BY, DE_BY_CATHOLIC)",
    rules=("a time without offset is refused", "an open ticket counts only once it is beyond the limit"),
    example={
        "tickets": [["2026-04-02T16:00:00+02:00", "2026-04-07T09:30:00+02:00"]],
        "limit_h": 4,
        "conf": 0.9,
        "weekly": [[day, "08:00", "17:00"] for day in _WEEKDAYS[:5]],
        "zone": "Europe/Berlin",
        "region": "DE_BY",
    },
    compute=_times,
)
