"""ISO 22400-2: time elements of a work unit and the ratios made of them."""

from fractions import Fraction
from typing import Final

from shared.indicators.given import Given, Input, InputError, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, product, ratio

_PARTS: Final = (
    ("AUPT", "AUBT"),
    ("APT", "AUPT"),
    ("AUST", "AUPT"),
    ("ADET", "AUBT"),
    ("GQ", "PQ"),
    ("SQ", "PQ"),
    ("RQ", "PQ"),
    ("GP", "IP"),
)
_QUOTIENTS: Final = {
    "availability": ("APT", "PBT", "actual production by planned busy time; no dependability availability"),
    "quality_ratio": ("GQ", "PQ", "good by produced quantity"),
    "allocation_efficiency": ("AUBT", "PBT", "busy time by planned busy time"),
    "utilisation_efficiency": ("APT", "AUBT", "production by busy time"),
    "setup_ratio": ("AUST", "AUPT", "setup by processing time"),
    "scrap_ratio": ("SQ", "PQ", "scrap by produced quantity"),
    "rework_ratio": ("RQ", "PQ", "rework by produced quantity"),
    "allocation_ratio": ("AUBT", "AOET", "busy by order execution time"),
    "production_process_ratio": ("APT", "AOET", "production by order execution time"),
    "throughput_rate": ("PQ", "AOET", "produced quantity per time unit of order execution"),
    "actual_to_planned_scrap_ratio": ("SQ", "PSQ", "scrap by planned scrap"),
    "first_pass_yield": ("GP", "IP", "good by inspected at the first pass"),
}


def _ratios(given: Given) -> Answer:
    _check(given)
    time = {each.name: given.maybe(each.name) for each in _INPUTS if each.shape is Shape.NUMBER}
    values: dict[str, Fraction | Reason] = {
        name: ratio(time[upper], time[lower]) for name, (upper, lower, _) in _QUOTIENTS.items()
    }
    ideal = given.number("PRI") * given.number("PQ")
    values["effectiveness"] = ratio(ideal, time["APT"])
    values["technical_efficiency"] = ratio(time["APT"], _sum(time["APT"], time["ADET"]))
    values["OEE"] = ratio(given.number("PRI") * given.number("GQ"), time["PBT"])
    values["NEE"] = product(ratio(time["AUPT"], time["PBT"]), values["effectiveness"], values["quality_ratio"])
    values["corrective_maintenance_ratio"] = ratio(time["CMT"], _sum(time["CMT"], time["PMT"]))
    return Answer(values=values, notes=_notes(time))


def _sum(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    return None if one is None or other is None else one + other


def _check(given: Given) -> None:
    for part, whole in _PARTS:
        if given.has(part) and given.has(whole) and given.number(part) > given.number(whole):
            raise InputError(part, f"must not exceed {whole}")
    if given.has("APT") and given.has("AUBT") and given.number("APT") > given.number("AUBT"):
        raise InputError("APT", "must not exceed AUBT")
    if given.number("GQ") + (given.maybe("SQ") or 0) > given.number("PQ"):
        raise InputError("GQ", "good and scrap together must not exceed PQ")


def _notes(time: dict[str, Fraction | None]) -> tuple[str, ...]:
    notes = []
    for whole, parts in (("AUPT", ("APT", "AUST")), ("AUBT", ("AUPT", "ADET"))):
        total = _sum(time[parts[0]], time[parts[1]])
        if total is not None and time[whole] is not None and total != time[whole]:
            notes.append(f"{whole} is not {' + '.join(parts)}: time is missing or counted twice")
    return tuple(notes)


def _time(name: str, meaning: str, *, required: bool = False) -> Input:
    return Input(name=name, unit="time", meaning=meaning, required=required)


def _quantity(name: str, meaning: str, *, required: bool = False) -> Input:
    return Input(name=name, unit="quantity", meaning=meaning, required=required)


_INPUTS: Final = (
    _time("PBT", "planned busy time: operating time less planned downtime", required=True),
    _time("AUBT", "actual unit busy time"),
    _time("AUPT", "actual unit processing time, setup included"),
    _time("AUST", "actual unit setup time"),
    _time("APT", "actual production time, value adding only", required=True),
    _time("ADET", "actual unit delay time: malfunctions and minor stops"),
    Input(
        name="PRI", unit="time/quantity", meaning="planned run time an item, in the same unit of time", aliases=("PRU",)
    ),
    _quantity("PQ", "produced quantity", required=True),
    _quantity("GQ", "good quantity", required=True),
    _quantity("SQ", "scrap quantity"),
    _quantity("RQ", "rework quantity"),
    _time("AOET", "actual order execution time"),
    _quantity("PSQ", "planned scrap quantity"),
    _quantity("GP", "good parts at the first pass"),
    _quantity("IP", "inspected parts"),
    _time("CMT", "corrective maintenance time"),
    _time("PMT", "planned maintenance time"),
    Input(name="unit", unit="text", meaning="the unit of all times, for the record", shape=Shape.TEXT, required=False),
)

ISO22400 = Indicator(
    name="iso22400",
    version=1,
    question="how a work unit used its planned time, by the ratios of ISO 22400-2 (OEE and NEE index, efficiencies)",
    grade=Grade.DIRECT,
    kind=Kind.PROCESS,
    inputs=_INPUTS,
    results=(
        *(Result(name=name, unit="1", meaning=meaning) for name, (_, _, meaning) in _QUOTIENTS.items()),
        Result(name="effectiveness", unit="1", meaning="planned time of what was produced by production time"),
        Result(name="technical_efficiency", unit="1", meaning="production by production and delay time"),
        Result(name="OEE", unit="1", meaning="OEE index, exactly PRI * GQ / PBT"),
        Result(name="NEE", unit="1", meaning="NEE index: as OEE, setup is no loss"),
        Result(name="corrective_maintenance_ratio", unit="1", meaning="corrective by all maintenance time"),
    ),
    formula="OEE = APT/PBT * PRI*PQ/APT * GQ/PQ; NEE = AUPT/PBT * PRI*PQ/APT * GQ/PQ",
    standard="ISO 22400-2:2014",
    source="formulas as in OPC 40501-1 C.2.4 and the ISO22400-2 ontology of hsu-aut",
    rules=(
        "all times in one unit; a period's ratios come from its sums, never from a mean of shifts",
        "undefined: no time or quantity to divide by; effectiveness above 1 means a soft planned time",
        "refused: parts above their wholes (AUPT above AUBT, GQ above PQ, ...)",
    ),
    example={
        "PBT": 450,
        "AUBT": 420,
        "AUPT": 400,
        "AUST": 25,
        "APT": 375,
        "ADET": 20,
        "PRI": 0.5,
        "PQ": 690,
        "GQ": 668,
        "SQ": 15,
        "RQ": 7,
        "unit": "min",
    },
    compute=_ratios,
)
