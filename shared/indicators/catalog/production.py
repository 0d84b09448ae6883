"""Production-based availability: which share of what could have been made was made."""

from fractions import Fraction
from typing import Final

from shared.indicators import production
from shared.indicators.given import ANY, NOT_NEGATIVE, SHARE, Given, Input, InputError, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, Value, ratio

# What a full-service contract charges: forced outage, planned correction, suspended, maintenance beyond its allowance.
CHARGEABLE: Final = ("FO", "PCA", "S", "SMx")


def _production(given: Given) -> Answer:
    actual, lost = given.number("actual"), given.table("lost")
    charged = given.texts("chargeable") if given.has("chargeable") else list(CHARGEABLE)
    chargeable = sum((loss for category, loss in lost.items() if category in charged), Fraction(0))
    total = sum(lost.values(), Fraction(0))
    values: dict[str, Value] = {
        "contract": ratio(actual, actual + chargeable),
        "deemed": ratio(actual + total - chargeable, actual + total),
        "lost_sum": total,
        "chargeable": chargeable,
        "all_losses": ratio(actual, actual + total),
    }
    share = given.maybe("loss_uncertainty")
    if share is not None:
        values["contract_low"] = ratio(actual, actual + chargeable * (1 + share))
        values["contract_high"] = ratio(actual, actual + chargeable * (1 - share))
    unknown = sorted(set(charged) - set(lost) - set(CHARGEABLE))
    notes = (f"charged, but not among the losses: {', '.join(unknown)}",) if unknown else ()
    return Answer(values=values, notes=notes)


def _lost(given: Given) -> Answer:
    actual, possible = given.numbers("actual"), _possible(given)
    if len(actual) != len(possible):
        raise InputError("actual", f"has {len(actual)} slots, the potential {len(possible)}")
    gone, made = production.lost(possible, actual), sum(actual, Fraction(0))
    share = given.maybe("uncertainty") or Fraction(0)
    worst = production.lost([one * (1 + share) for one in possible], actual)
    best = production.lost([one * (1 - share) for one in possible], actual)
    found = {"pba": gone, "pba_low": worst, "pba_high": best}
    values: dict[str, Value] = {"actual": made, "lost": gone, "lost_low": best, "lost_high": worst}
    for name, loss in found.items():
        value = production.by_production(made, loss)
        values[name] = Reason.ZERO_DENOMINATOR if value is None else value
    return Answer(values=values)


def _possible(given: Given) -> list[Fraction]:
    if given.has("potential"):
        return given.numbers("potential")
    if given.has("ideal_rate"):
        return [given.number("ideal_rate")] * len(given.numbers("actual"))
    if not (given.has("driver") and given.has("curve_x") and given.has("curve_y")):
        raise InputError("potential", "missing: give potential, ideal_rate, or driver with curve_x and curve_y")
    if len(given.numbers("curve_x")) != len(given.numbers("curve_y")):
        raise InputError("curve_y", "must be as long as curve_x")
    curve = list(zip(given.numbers("curve_x"), given.numbers("curve_y"), strict=True))
    return [production.potential(curve, at) for at in given.numbers("driver")]


def _slots(name: str, unit: str, meaning: str, *, required: bool = False) -> Input:
    within = ANY if name in {"actual", "driver", "curve_x"} else NOT_NEGATIVE
    return Input(name=name, unit=unit, meaning=meaning, shape=Shape.NUMBERS, required=required, within=within)


PRODUCTION_AVAILABILITY = Indicator(
    name="production_availability",
    version=1,
    question="which share of the possible production was made, of losses by category (PBA)",
    grade=Grade.ECONOMIC,
    kind=Kind.OUTPUT,
    inputs=(
        Input(name="actual", unit="MWh", meaning="production, or any unit of output"),
        Input(name="lost", unit="MWh", meaning="lost production by category, same unit", shape=Shape.TABLE),
        Input(
            name="chargeable",
            unit="category",
            meaning=f"categories charged to the supplier; {', '.join(CHARGEABLE)} if absent",
            shape=Shape.TEXTS,
            required=False,
        ),
        Input(
            name="loss_uncertainty",
            unit="1",
            meaning="uncertainty of the lost production as a share of it, for bounds",
            within=SHARE,
            required=False,
        ),
    ),
    results=(
        Result(name="contract", unit="1", meaning="losses not charged left out"),
        Result(name="deemed", unit="1", meaning="losses not charged deemed produced"),
        Result(name="lost_sum", unit="MWh", meaning="all losses"),
        Result(name="chargeable", unit="MWh", meaning="losses charged"),
        Result(name="all_losses", unit="1", meaning="every loss charged"),
        Result(name="contract_low", unit="1", meaning="if losses are understated by their uncertainty"),
        Result(name="contract_high", unit="1", meaning="if they are overstated by it"),
    ),
    formula="contract: actual/(actual + charged); deemed: 1 - charged/(actual + all losses)",
    standard="IEC 61400-26-1:2019 (was -2)",
    source="production-based availability of IEC TS 61400-26-2; which losses are charged is the contract's",
    rules=("SMx: maintenance beyond its allowance", "nothing made and nothing lost: undefined"),
    example={"actual": 4812, "lost": {"FO": 168, "PCA": 14, "S": 9, "SMx": 6, "OEL": 31, "RS": 22, "FM": 12, "SM": 25}},
    compute=_production,
)

LOST_PRODUCTION = Indicator(
    name="lost_production",
    version=1,
    question="what was lost against a potential (power curve, potential series or ideal rate), and the PBA from it",
    grade=Grade.ECONOMIC,
    kind=Kind.OUTPUT,
    inputs=(
        _slots("actual", "kWh", "output of each slot", required=True),
        _slots("potential", "kWh", "what each slot could have made"),
        Input(name="ideal_rate", unit="kWh", meaning="instead: what every slot could have made", required=False),
        _slots("driver", "driver", "instead: the driver in each slot, e.g. wind speed in m/s, with a curve"),
        _slots("curve_x", "driver", "drivers of the curve, ascending"),
        _slots("curve_y", "kWh", "output of a slot at each of them; linear between, 0 outside"),
        Input(
            name="uncertainty",
            unit="1",
            meaning="uncertainty of the potential as a share of it, common to all slots",
            within=SHARE,
            required=False,
        ),
    ),
    results=(
        Result(name="actual", unit="kWh", meaning="output"),
        Result(name="lost", unit="kWh", meaning="what slots made less than their potential"),
        Result(name="lost_low", unit="kWh", meaning="the same with the potential lower by its uncertainty"),
        Result(name="lost_high", unit="kWh", meaning="the same with the potential higher by it"),
        Result(name="pba", unit="1", meaning="output by output and loss"),
        Result(name="pba_low", unit="1", meaning="at the higher potential"),
        Result(name="pba_high", unit="1", meaning="at the lower potential"),
    ),
    formula="lost = sum max(0, potential - actual); pba = actual/(actual + lost)",
    standard="IEC 61400-26-1:2019 (was -2)",
    source="potential by own curve, neighbours' mean or met mast; store the method with the value",
    rules=("slots above their potential give nothing back", "give one of potential, ideal_rate, driver with curve"),
    example={
        "driver": [3, 6, 9],
        "curve_x": [3, 5, 9, 12],
        "curve_y": [0, 20, 90, 100],
        "actual": [0, 0, 88],
        "uncertainty": 0.05,
    },
    compute=_lost,
)
