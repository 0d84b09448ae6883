"""Time availability by a contract's policy: allowances split hours, the rest is available, unavailable or excluded."""

from fractions import Fraction
from typing import Final

from shared.indicators.given import SHARE, Given, Input, InputError, Shape
from shared.indicators.half_up import half_up
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, Value, ratio

_UNAVAILABLE: Final = ("PCA", "FO", "S")
_EXCLUDED: Final = ("RS", "OEL", "FM")
_KNOWN: Final = ("FP", "PP", "RDS", "TS", "OEN", "RS", "OEL", "SM", "PCA", "FO", "S", "FM", "IU")


def _by_policy(given: Given) -> Answer:
    total = sum(given.table("hours").values(), Fraction(0))
    bad, out = _split(given, total)
    excluded_form = ratio(total - out - bad, total - out)
    values: dict[str, Value] = {
        "total_h": total,
        "unavailable_h": bad,
        "excluded_h": out,
        "denominator_h": total - out,
        "A_excluded": excluded_form,
        "A_deemed": ratio(total - bad, total),
    }
    return Answer(values={**values, **_damages(given, excluded_form)})


def _split(given: Given, total: Fraction) -> tuple[Fraction, Fraction]:
    """Unavailable and excluded hours: by the sets, then by the allowances of what no set names."""
    hours = given.table("hours")
    bad_set, out_set = (_named(given, name, default) for name, default in _SETS.items())
    for category in sorted(bad_set & out_set):
        raise InputError("excluded", f"{category} is unavailable already")
    bad, out = (
        sum((hours.get(category, Fraction(0)) for category in each), Fraction(0)) for each in (bad_set, out_set)
    )
    share = given.maybe("iu_allow_frac")
    allowances = {"SM": given.maybe("sm_allowance_h"), "IU": None if share is None else share * total}
    for category in allowances.keys() - bad_set - out_set:
        spent, allowance = hours.get(category, Fraction(0)), allowances[category]
        within = spent if allowance is None else min(spent, allowance)
        out, bad = out + within, bad + spent - within
    return bad, out


def _named(given: Given, name: str, default: tuple[str, ...]) -> frozenset[str]:
    return frozenset(given.texts(name) if given.has(name) else default)


def _damages(given: Given, achieved: Fraction | Reason) -> dict[str, Value]:
    values: dict[str, Value] = {}
    if given.has("annual_fee") and given.has("cap_frac"):
        values["cap"] = given.number("annual_fee") * given.number("cap_frac")
    if not (given.has("guarantee") and given.has("output_mwh") and given.has("rate")):
        return values
    names = ("LD_unrounded", "LD_A_rounded_4dp")
    if isinstance(achieved, Reason):
        return {**dict.fromkeys(names, achieved), **values}
    for name, value in zip(names, (achieved, half_up(achieved, 4)), strict=True):
        values[name] = _shortfall(given, value)
    return values


def _shortfall(given: Given, achieved: Fraction) -> Fraction | Reason:
    if not achieved:
        return Reason.ZERO_DENOMINATOR
    share = max(Fraction(0), given.number("guarantee") / achieved - 1)
    return share * given.number("output_mwh") * given.number("rate")


_SETS: Final = {"unavailable": _UNAVAILABLE, "excluded": _EXCLUDED}


def _money(name: str, unit: str, meaning: str) -> Input:
    return Input(name=name, unit=unit, meaning=meaning, required=False)


def _categories(name: str, meaning: str) -> Input:
    return Input(name=name, unit="category", meaning=meaning, shape=Shape.TEXTS, required=False, choices=_KNOWN)


AVAILABILITY_BY_POLICY = Indicator(
    name="availability_by_policy",
    version=1,
    question="a contract year's time availability from hours by category, with allowances, and its damages",
    grade=Grade.DIRECT,
    kind=Kind.OUTPUT,
    inputs=(
        Input(name="hours", unit="h", meaning="hours by category", shape=Shape.TABLE, choices=_KNOWN),
        _categories("unavailable", f"categories held against the supplier; {', '.join(_UNAVAILABLE)} if absent"),
        _categories("excluded", f"categories left out; {', '.join(_EXCLUDED)} if absent"),
        Input(
            name="sm_allowance_h",
            unit="h",
            meaning="scheduled maintenance (SM) excluded up to here, beyond unavailable; all excluded if absent",
            required=False,
        ),
        Input(
            name="iu_allow_frac",
            unit="1",
            meaning="unknown time (IU) excluded up to this share of all, beyond unavailable; all excluded if absent",
            within=SHARE,
            required=False,
        ),
        Input(name="guarantee", unit="1", meaning="level agreed, for damages", within=SHARE, required=False),
        _money("output_mwh", "MWh", "production of the period, for damages"),
        _money("rate", "money/MWh", "rate of damages"),
        _money("annual_fee", "money", "fee the cap is a share of"),
        _money("cap_frac", "1", "cap as a share of the fee"),
    ),
    results=(
        Result(name="total_h", unit="h", meaning="all hours"),
        Result(name="unavailable_h", unit="h", meaning="held against the supplier"),
        Result(name="excluded_h", unit="h", meaning="left out"),
        Result(name="denominator_h", unit="h", meaning="hours that count"),
        Result(name="A_excluded", unit="1", meaning="availability, excluded hours on neither side"),
        Result(name="A_deemed", unit="1", meaning="availability, excluded hours deemed available"),
        Result(name="LD_unrounded", unit="money", meaning="(guarantee/A - 1) output rate, before the cap"),
        Result(name="LD_A_rounded_4dp", unit="money", meaning="the same of A rounded half up to four places"),
        Result(name="cap", unit="money", meaning="the most that is paid"),
    ),
    formula="A = (total - excluded - unavailable)/(total - excluded); deemed: (total - unavailable)/total",
    standard="IEC 61400-26-1:2019 categories, contractual sets",
    source="ratio form of damages: a public annual time availability clause; `vouch contract` settles real contracts",
    rules=(
        "what is in no set is available; SM and IU follow their allowances unless a set names them",
        "nothing that counts: undefined, and no money",
    ),
    example={
        "hours": {
            "FP": 6900,
            "PP": 300,
            "TS": 40,
            "OEN": 600,
            "RS": 60,
            "OEL": 80,
            "SM": 95,
            "PCA": 40,
            "FO": 310,
            "S": 25,
            "FM": 48,
            "IU": 262,
        },
        "sm_allowance_h": 80,
        "iu_allow_frac": 0.02,
        "guarantee": 0.97,
        "output_mwh": 4812,
        "rate": 62,
        "annual_fee": 85000,
        "cap_frac": 0.35,
    },
    compute=_by_policy,
)
