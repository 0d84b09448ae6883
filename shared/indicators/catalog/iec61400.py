"""IEC 61400-26 time availability: one year of categories, several honest answers; sets as data."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final

from shared.indicators.given import Given, Input, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, ratio

CATEGORIES: Final = ("FP", "PP", "RDS", "TS", "OEN", "RS", "OEL", "SM", "PCA", "FO", "S", "FM", "IU")
# Name -> (available, unavailable); what is in neither is not considered. The standard prescribes no formula: these are
# its annexes' examples as the acwa package states them (time_formulas). RDS is ready standby, new in 2019: as full.
VIEWS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "operation_I": (
        frozenset({"FP", "PP", "RDS"}),
        frozenset({"TS", "OEN", "RS", "OEL", "SM", "PCA", "FO", "S", "FM"}),
    ),
    "operation_II": (
        frozenset({"FP", "PP", "RDS", "OEN"}),
        frozenset({"TS", "RS", "OEL", "SM", "PCA", "FO", "S", "FM"}),
    ),
    "operation_III": (frozenset({"FP", "PP", "RDS", "OEN"}), frozenset({"TS", "SM", "PCA", "FO", "S", "FM"})),
    "technical": (frozenset({"FP", "PP", "RDS", "TS", "OEN", "RS", "OEL"}), frozenset({"PCA", "FO"})),
}


_DURATIONS: Final = (
    ("full_performance_h", "full performance"),
    ("partial_performance_h", "partial performance"),
    ("not_operating_h", "able to operate, but outside its specification or not asked to"),
    ("maintenance_h", "scheduled maintenance"),
    ("forced_outage_h", "forced outage"),
)


def view(name: str, hours: Mapping[str, Fraction]) -> Fraction | Reason:
    """The availability of a view of `VIEWS` over hours by category; a Reason when none of them counts."""
    up, down = VIEWS[name]
    available, unavailable = _sum(hours, up), _sum(hours, down)
    return ratio(available, available + unavailable)


def _sum(hours: Mapping[str, Fraction], categories: Iterable[str]) -> Fraction:
    return sum((hours.get(category, Fraction(0)) for category in categories), Fraction(0))


def _views(given: Given) -> Answer:
    hours = given.table("hours")
    return Answer(values={"total": _sum(hours, hours), **{name: view(name, hours) for name in VIEWS}})


def _variants(given: Given) -> Answer:
    full, partial, other, maintenance, failed = (given.number(name) for name, _ in _DURATIONS)
    up = full + partial + other
    return Answer(
        values={
            "full_only": ratio(full, full + failed),
            "excl_maint": ratio(up, up + failed),
            "incl_maint": ratio(up, up + maintenance + failed),
        }
    )


IEC61400_TIME = Indicator(
    name="iec61400_time",
    version=1,
    question="a turbine's time availability by the users' views (operation I to III) and the maker's (technical)",
    grade=Grade.DIRECT,
    kind=Kind.OUTPUT,
    inputs=(
        Input(
            name="hours",
            unit="h",
            meaning="hours by IEC 61400-26-1 category; one not named has none",
            shape=Shape.TABLE,
            choices=CATEGORIES,
        ),
    ),
    results=(
        Result(name="total", unit="h", meaning="sum of all categories"),
        Result(name="operation_I", unit="1", meaning="users' view B.2.2: only performance is available"),
        Result(name="operation_II", unit="1", meaning="B.2.3: out of environmental specification is available too"),
        Result(name="operation_III", unit="1", meaning="B.2.4: requested shutdown and electrical not considered"),
        Result(name="technical", unit="1", meaning="manufacturer's view B.3.2: planned correction and forced outage"),
    ),
    formula="available / (available + unavailable) over each view's sets of categories",
    standard="IEC 61400-26-1:2019",
    source="annex B gives examples, no prescription; sets as in the acwa package (time_formulas), checked on real logs",
    rules=(
        "each instant in one category: overlaps are resolved by priority before",
        "information unavailable (IU) is considered by none of the views",
        "undefined: nothing of what a view considers",
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
        }
    },
    compute=_views,
)

IEC61400_VARIANTS = Indicator(
    name="iec61400_variants",
    version=1,
    question="how far the treatment of partial performance and maintenance moves one availability",
    grade=Grade.DIRECT,
    kind=Kind.OUTPUT,
    inputs=tuple(
        Input(name=name, unit="h", meaning=meaning, aliases=(f"T{number}",))
        for number, (name, meaning) in enumerate(_DURATIONS, start=1)
    ),
    results=(
        Result(name="full_only", unit="1", meaning="full performance against forced outage only"),
        Result(name="excl_maint", unit="1", meaning="all up time, maintenance not considered"),
        Result(name="incl_maint", unit="1", meaning="all up time, maintenance unavailable"),
    ),
    formula="T1/(T1+T5); (T1+T2+T3)/(T1+T2+T3+T5); (T1+T2+T3)/(T1+T2+T3+T4+T5)",
    standard="IEC 61400-26-1:2019",
    source="the variants a public source prints for one example: 98.04, 98.15 and 97.03 %",
    rules=("undefined: no time on either side",),
    example={"T1": 8000, "T2": 300, "T3": 200, "T4": 100, "T5": 160},
    compute=_variants,
)
