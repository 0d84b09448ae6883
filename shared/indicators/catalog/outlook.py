"""What is still to come: probability of a miss, burn of the budget; and the state now by vibration."""

from fractions import Fraction
from typing import Final

from shared.indicators import vibration
from shared.indicators.forecast import p_miss_takacs
from shared.indicators.given import ANY, POSITIVE, SHARE, Given, Input, InputError, Range, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, Value

# SRE workbook table 5-8: 30 days; the short window is a twelfth of the long one.
_LONG_H: Final = (Fraction(1), Fraction(6), Fraction(72))
_BUDGET: Final = (Fraction(2, 100), Fraction(5, 100), Fraction(10, 100))
_SHORT: Final = Fraction(1, 12)
_TRUE: Final = Range(low=Fraction(0), high=Fraction(1))


def _miss(given: Given) -> Answer:
    remaining, budget, mttr = (float(given.number(name)) for name in ("remaining_h", "budget_h", "mttr"))
    if given.has("mtbf") == given.has("true_availability"):
        raise InputError("mtbf", "give mtbf or A_true, one of them")
    if given.has("mtbf"):
        mtbf = float(given.number("mtbf"))
        return Answer(
            values={
                "p_miss_up": p_miss_takacs(remaining, budget, mtbf, mttr, 0),
                "p_miss_down_now": p_miss_takacs(remaining, budget, mtbf, mttr, 1),
            }
        )
    found: list[Value] = [_p_at(remaining, budget, mttr, share) for share in given.numbers("true_availability")]
    return Answer(values={"p_miss": found})


def _p_at(remaining: float, budget: float, mttr: float, share: Fraction) -> float:
    if share == 1:
        return float(budget < 0)
    if not share:
        return float(remaining > budget)
    return p_miss_takacs(remaining, budget, mttr * float(share / (1 - share)), mttr, 0)


def _burn(given: Given) -> Answer:
    period = given.number("period_h")
    long = given.numbers("long_h") if given.has("long_h") else list(_LONG_H)
    budget = given.numbers("budget") if given.has("budget") else list(_BUDGET)
    if len(long) != len(budget):
        raise InputError("budget", f"has {len(budget)} entries, long_h has {len(long)}")
    burn = [share * period / window for share, window in zip(budget, long, strict=True)]
    values: dict[str, Value] = {
        "burn": list(burn),
        "long_h": list(long),
        "short_h": [window * _SHORT for window in long],
        "budget": list(budget),
    }
    level = given.maybe("level")
    if level is not None:
        allowed = 1 - level
        values["budget_h"] = allowed * period
        values["unavail_threshold"] = [each * allowed for each in burn]
        values["max_burn"] = 1 / allowed if allowed else Reason.ZERO_DENOMINATOR
        values["reachable"] = [each * allowed <= 1 for each in burn]
        values["detects_stop_after_h"] = [window * each * allowed for window, each in zip(long, burn, strict=True)]
    return Answer(values=values)


def _vibration(given: Given) -> Answer:
    v, group, support = given.number("velocity"), given.count("group"), given.text("support")
    bounds = vibration.limits(group, support)
    change = vibration.significant_change(group, support)
    values: dict[str, Value] = {
        "zone": vibration.zone(v, group, support),
        "threshold_change": change,
        "limit_a_b": bounds.a_b,
        "limit_b_c": bounds.b_c,
        "limit_c_d": bounds.c_d,
        "trip_at_most": Fraction(5, 4) * bounds.c_d,
    }
    baseline = given.maybe("baseline")
    if baseline is None:
        values |= dict.fromkeys(("significant_change", "alarm"), Reason.INPUT_NOT_GIVEN)
    else:
        values["significant_change"] = abs(v - baseline) > change
        values["alarm"] = vibration.alarm(baseline, group, support)
    return Answer(values=values)


MISS_PROBABILITY = Indicator(
    name="miss_probability",
    version=1,
    question="how likely a guarantee is missed in the time left, or at some true availability (Takacs forecast)",
    grade=Grade.INDIRECT,
    kind=Kind.LEADING,
    inputs=(
        Input(name="remaining_h", unit="h", meaning="hours to come that count", aliases=("H",)),
        Input(
            name="budget_h",
            unit="h",
            meaning="down time still allowed; negative: overspent",
            within=ANY,
            aliases=("B",),
        ),
        Input(name="mttr", unit="h", meaning="mean time to restoration", within=POSITIVE),
        Input(name="mtbf", unit="h", meaning="mean up time between failures", within=POSITIVE, required=False),
        Input(
            name="true_availability",
            unit="1",
            meaning="instead of mtbf: long-run availability, one or a list",
            shape=Shape.NUMBERS,
            within=_TRUE,
            aliases=("A_true",),
            required=False,
            or_one=True,
            longest=100,
        ),
    ),
    results=(
        Result(name="p_miss_up", unit="1", meaning="probability of more down time than allowed, up now"),
        Result(name="p_miss_down_now", unit="1", meaning="the same, down now with the repair just begun"),
        Result(name="p_miss", unit="1", meaning="for each true availability, up now"),
    ),
    formula="sum over k of Pois(k; (H-B)/MTBF) P(Gamma(k + j, MTTR) > B), j = 1 if down now",
    standard="Takacs 1957",
    source="alternating renewal process, exponential up and down times; checked by simulation",
    rules=("one machine: of a fleet recompute with summed hours and budget", "overspent is certain, H <= B impossible"),
    example={"H": 2190, "B": 82.8, "mtbf": 730, "mttr": 24},
    compute=_miss,
)

BURN_RATE = Indicator(
    name="burn_rate",
    version=1,
    question="alert windows of an error budget: burn, thresholds of unavailability, and whether they can be reached",
    grade=Grade.INDIRECT,
    kind=Kind.LEADING,
    inputs=(
        Input(name="period_h", unit="h", meaning="length of the period", within=POSITIVE),
        Input(
            name="level",
            unit="1",
            meaning="availability guaranteed",
            within=SHARE,
            aliases=("G", "guarantee"),
            required=False,
        ),
        Input(
            name="long_h",
            unit="h",
            meaning="long windows; 1, 6 and 72 if absent",
            shape=Shape.NUMBERS,
            within=POSITIVE,
            required=False,
        ),
        Input(
            name="budget",
            unit="1",
            meaning="share of the budget burnt in each; 2, 5 and 10 % if absent",
            shape=Shape.NUMBERS,
            within=SHARE,
            required=False,
        ),
    ),
    results=(
        Result(name="burn", unit="1", meaning="how many times faster than the budget allows"),
        Result(name="long_h", unit="h", meaning="long windows: how much was burnt"),
        Result(name="short_h", unit="h", meaning="short windows, a twelfth: is it still burning"),
        Result(name="budget", unit="1", meaning="share of the budget"),
        Result(name="budget_h", unit="h", meaning="down time allowed in the period"),
        Result(name="unavail_threshold", unit="1", meaning="share of the long window down that alerts"),
        Result(name="max_burn", unit="1", meaning="burn of a machine that is always down"),
        Result(name="reachable", unit="flag", meaning="the alert can fire at all"),
        Result(name="detects_stop_after_h", unit="h", meaning="how long a full stop lasts before the alert"),
    ),
    formula="burn = budget period/window; threshold = burn (1 - G); max = 1/(1 - G)",
    standard="SRE workbook table 5-8",
    source="Google SRE workbook, chapter 5; mapped to machines",
    rules=("excluded time is in neither the numerator nor the denominator", "a level of 1 allows nothing: no max_burn"),
    example={"G": 0.97, "period_h": 8760, "long_h": [24, 168, 720], "budget": [0.05, 0.1, 0.2]},
    compute=_burn,
)

VIBRATION_ZONE = Indicator(
    name="vibration_zone",
    version=1,
    question="how severe a machine's vibration is (zones A to D), whether it changed, where to set the alarm",
    grade=Grade.DIRECT,
    kind=Kind.LEADING,
    inputs=(
        Input(name="velocity", unit="mm/s RMS", meaning="10 to 1,000 Hz", aliases=("v",)),
        Input(
            name="group",
            unit="1",
            meaning="1: above 300 kW; 2: 15 to 300 kW",
            shape=Shape.COUNT,
            within=Range(low=Fraction(1), high=Fraction(2)),
        ),
        Input(name="support", unit="text", meaning="of the machine", shape=Shape.TEXT, choices=("rigid", "flexible")),
        Input(name="baseline", unit="mm/s RMS", meaning="its usual velocity", required=False),
    ),
    results=(
        Result(name="zone", unit="zone", meaning="A new, B unrestricted, C limited time, D damaging"),
        Result(name="significant_change", unit="flag", meaning="differs from the baseline by more than the threshold"),
        Result(name="threshold_change", unit="mm/s", meaning="a quarter of B/C"),
        Result(name="alarm", unit="mm/s", meaning="baseline and a quarter of B/C, at most 1.25 B/C"),
        Result(name="trip_at_most", unit="mm/s", meaning="1.25 C/D"),
        Result(name="limit_a_b", unit="mm/s", meaning="boundary of A and B"),
        Result(name="limit_b_c", unit="mm/s", meaning="boundary of B and C"),
        Result(name="limit_c_d", unit="mm/s", meaning="boundary of C and D"),
    ),
    formula="zone by table; significant: |v - baseline| > 0.25 B/C",
    standard="ISO 20816-3:2022",
    source=vibration.SOURCE,
    rules=("a value on a boundary belongs to the better zone", "compare the table with the edition in the contract"),
    example={"v": 4.2, "group": 1, "support": "rigid", "baseline": 2.0},
    compute=_vibration,
)
