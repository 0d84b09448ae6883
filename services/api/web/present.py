"""Numbers and codes as people read them. Pure: a value in, text out."""

from calendar import monthrange
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

NONE: Final = "\N{EN DASH}"
_SPACE: Final = "\N{NO-BREAK SPACE}"
_MINUS: Final = "\N{MINUS SIGN}"
_MOST_DIGITS: Final = 6

CATEGORIES: Final = {
    "FP": "Full performance",
    "PP": "Partial performance",
    "TS": "Technical standby",
    "OEN": "Out of environmental specification",
    "RS": "Requested shutdown",
    "OEL": "Out of electrical specification",
    "SM": "Scheduled maintenance",
    "PCA": "Planned corrective action",
    "FO": "Forced outage",
    "S": "Suspended",
    "FM": "Force majeure",
    "IU": "Information unavailable",
}
PARTIES: Final = {
    "supplier": "Supplier",
    "customer": "Customer",
    "third_party": "Third party",
    "nobody": "Nobody",
    "unknown": "Not known",
    "disputed": "Disputed",
}
ALERTS: Final = {
    "guarantee_at_risk": "Guarantee at risk",
    "predicted_failure": "Predicted failure",
    "confirmed_anomaly": "Confirmed anomaly",
    "anomaly": "Anomaly",
    "machine_silent": "Machine silent",
}
# What is about to cost money comes first.
_URGENCY: Final = tuple(ALERTS)
_RUNNING: Final = {
    "met": "On target",
    "missed": "Below target",
    "inconclusive": "Undecided",
    "not_assessable": "Nothing to assess yet",
}
_OVER: Final = {"met": "Met", "missed": "Missed", "inconclusive": "Not proven", "not_assessable": "Not assessable"}
FORMS: Final = {
    "excluded_from_denominator": "Excluded hours leave the denominator.",
    "deemed_available": "Excluded hours count as available.",
}
# Data gaps up to this share of the time are not worth a word beside the value.
_UNKNOWN_WORTH_SAYING: Final = 0.005
_CERTAIN: Final = {"certain_miss": "certain", "impossible_miss": "ruled out"}
_REASONS: Final = {
    "no_denominator": "Nothing counts yet",
    "missing_quantity": "A measured quantity is missing",
    "no_tickets": "No ticket was received",
    "no_failures": "No failure happened",
}


def achieved(document: dict[str, Any]) -> float | None:
    """The value the contract goes by: rounded where it rounds."""
    if document["value_rounded"] is not None:
        return float(document["value_rounded"])
    return None if document["value"] is None else document["value"]["decimal"]


def percent(ratio: float | str | None, *, beside: float | str | None = None) -> str:
    """A ratio in percent with two decimals; with more where it would otherwise look equal to the one `beside` it."""
    if ratio is None:
        return NONE
    digits = 2
    if beside is not None and float(ratio) != float(beside):
        while digits < _MOST_DIGITS and _fixed(float(ratio) * 100, digits) == _fixed(float(beside) * 100, digits):
            digits += 1
    return f"{_fixed(float(ratio) * 100, digits)}{_SPACE}%"


def points(ratio: float | None) -> str:
    """A difference of ratios in percentage points, always with its sign."""
    if ratio is None:
        return NONE
    digits = 2
    while digits < _MOST_DIGITS and ratio and not float(f"{ratio * 100:.{digits}f}"):
        digits += 1
    return f"{_signed(ratio * 100, digits)}{_SPACE}pp"


def value(number: float | str | None, unit: str, *, beside: float | str | None = None) -> str:
    """A ratio in percent, anything else with its unit."""
    if number is None or unit == "1":
        return percent(number, beside=beside)
    return f"{_fixed(float(number), 2)}{_SPACE}{unit}"


def difference(number: float | None, unit: str) -> str:
    """How far a value is from its target, with its sign."""
    if number is None or unit == "1":
        return points(number)
    return f"{_signed(number, 2)}{_SPACE}{unit}"


def hours(amount: float | None, *, signed: bool = False) -> str:
    """Hours with one decimal; two below ten, so that minutes are not lost."""
    if amount is None:
        return NONE
    digits = 1 if abs(amount) >= 10 else 2
    return f"{_signed(amount, digits) if signed else _fixed(amount, digits)}{_SPACE}h"


def money(amount: str | None, currency: str) -> str:
    """An exact amount with the decimals it has."""
    if amount is None:
        return "not computable yet"
    return f"{_dressed(f'{Decimal(amount):,f}')}{_SPACE}{currency}"


def total(amount_of: float, unit: str) -> str:
    """A numerator or denominator with its unit."""
    if unit == "h":
        return hours(amount_of)
    return amount(amount_of) if unit == "1" else f"{amount(amount_of)}{_SPACE}{unit}"


def reason(code: str) -> str:
    """Why there is no value, as a sentence begins."""
    return _REASONS.get(code, words(code).capitalize())


def is_owed(amount: str | None) -> bool:
    """Whether an amount is known and not nothing."""
    return amount is not None and Decimal(amount) != 0


def amount(number: float) -> str:
    """A measured amount, two decimals where it has any."""
    return _fixed(number, 0 if number == int(number) else 2)


def malus(settlement: dict[str, Any]) -> str:
    """What is owed; of a guarantee without an agreed malus nothing can be."""
    return money(settlement["malus"], settlement["currency"]) if settlement["agreed"] else NONE


def unknown(document: dict[str, Any]) -> str | None:
    """The share of the elapsed machine time of which nothing is known, in whole percent; None where it is small."""
    hours_by_category = document["hours_by_category"]
    gaps = hours_by_category.get("IU", 0.0)
    share = gaps / sum(hours_by_category.values()) if gaps else 0.0
    if share <= _UNKNOWN_WORTH_SAYING:
        return None
    return f"100{_SPACE}%" if share == 1 else _whole_percent(share)


def probability(forecast: dict[str, Any] | None, *, over: bool) -> str:
    """P(miss) of a running period; whole percent, as nothing finer is known."""
    if over or forecast is None:
        return NONE
    if forecast["certainty"] in _CERTAIN:
        return _CERTAIN[forecast["certainty"]]
    p_miss = forecast["p_miss"]
    if p_miss is None:
        return "not known"
    return chance(p_miss)


def chance(ratio: float | None) -> str:
    """A probability in whole percent."""
    return NONE if ratio is None else _whole_percent(ratio)


def is_likely_miss(document: dict[str, Any]) -> bool:
    """Whether a running period is more likely missed than met."""
    return not document["period"]["complete"] and ((document["forecast"] or {}).get("p_miss") or 0.0) >= 0.5


def verdict(document: dict[str, Any]) -> str:
    """The outcome in words: of a running period what holds so far."""
    outcome = document["verdict"]
    if document["period"]["complete"]:
        return _OVER[outcome]
    if outcome == "missed" and document["kind"] == "energy_intensity":
        return "Above the limit"
    return _RUNNING[outcome]


def urgency(kind: str) -> int:
    """The place of a kind of alert in a list, 0 first."""
    return _URGENCY.index(kind) if kind in _URGENCY else len(_URGENCY)


def moment(at: datetime | str | None) -> str:
    """A time to the minute with its offset."""
    if at is None:
        return NONE
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    offset = when.strftime("%z")
    zone = "UTC" if offset in {"+0000", ""} else f"UTC{offset[:3].replace('-', _MINUS)}:{offset[3:]}"
    return f"{when:%Y-%m-%d %H:%M}{_SPACE}{zone}"


def day(at: datetime | str) -> str:
    """The date of a time, in the zone it is given in."""
    return (datetime.fromisoformat(at) if isinstance(at, str) else at).strftime("%Y-%m-%d")


def period(document: dict[str, Any]) -> str:
    """The period by its name where it is a calendar month, else by its first and last day."""
    return " to ".join(period_ends(document))


def period_ends(document: dict[str, Any]) -> tuple[str, ...]:
    """The period's words, none of which is to be broken: its name, or its first and last day."""
    first = datetime.fromisoformat(document["period"]["start"]).date()
    last = (datetime.fromisoformat(document["period"]["end"]) - timedelta(microseconds=1)).date()
    if first.day == 1 and last == first.replace(day=monthrange(first.year, first.month)[1]):
        return (f"{first:%B %Y}",)
    return str(first), str(last)


def words(slug: str) -> str:
    """A slug as words."""
    return slug.replace("_", " ")


def _whole_percent(ratio: float) -> str:
    if ratio < 0.005:
        return f"< 1{_SPACE}%"
    if ratio > 0.995:
        return f"> 99{_SPACE}%"
    return f"{ratio * 100:.0f}{_SPACE}%"


def _fixed(number: float, digits: int) -> str:
    text = f"{number:,.{digits}f}"
    return _dressed(text if float(text.replace(",", "")) else text.lstrip("-"))


def _signed(number: float, digits: int) -> str:
    text = _fixed(number, digits)
    return text if text.startswith(_MINUS) or not text.strip("0.,") else f"+{text}"


def _dressed(text: str) -> str:
    return text.replace("-", _MINUS)
