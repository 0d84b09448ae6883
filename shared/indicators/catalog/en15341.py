"""EN 15341: maintenance indicators from the hours of a required time."""

from fractions import Fraction

from shared.indicators.given import Given, Input, InputError, Shape
from shared.indicators.indicator import Answer, Grade, Indicator, Kind, Reason, Result, product, ratio


def _maintenance(given: Given) -> Answer:
    operating, idle = given.number("operating_h"), given.maybe("idle_up_h") or Fraction(0)
    failed, planned = given.number("failure_down_h"), given.maybe("planned_maint_down_h") or Fraction(0)
    failures = given.count("failures")
    total = operating + idle + failed + planned
    required = given.maybe("required_h")
    if required is not None and total > required:
        raise InputError("required_h", f"is below the sum of its parts, {float(total):g} h")
    required = total if required is None else required
    by_failures = ratio(operating, operating + failed)
    return Answer(
        values={
            "T1": ratio(operating, operating + failed + planned),
            "T2": ratio(operating + idle, required),
            "T6": by_failures,
            "T7": ratio(operating, operating + planned),
            "T17_MTBF_h": _each(operating, failures),
            "T21_MTTR_h": _each(failed, failures),
            "inherent_A": by_failures if failures else Reason.NO_FAILURES,
            "failure_rate_per_h": product(Fraction(failures), ratio(Fraction(1), operating)),
        },
        notes=_notes(required - total, failed, failures),
    )


def _each(hours: Fraction, failures: int) -> Fraction | Reason:
    return hours / failures if failures else Reason.NO_FAILURES


def _notes(unexplained: Fraction, failed: Fraction, failures: int) -> tuple[str, ...]:
    notes = []
    if unexplained:
        notes.append(f"{float(unexplained):g} h of the required time are in none of the states")
    if failed and not failures:
        notes.append("down by failure without a failure: it began before the time observed")
    return tuple(notes)


EN15341 = Indicator(
    name="en15341",
    version=1,
    question="how maintenance and failures used the required time: T1, T2, T6, T7, MTBF (T17), MTTR (T21)",
    grade=Grade.DIRECT,
    kind=Kind.PROCESS,
    inputs=(
        Input(name="operating_h", unit="h", meaning="operating time"),
        Input(name="idle_up_h", unit="h", meaning="up but not operating", required=False),
        Input(name="failure_down_h", unit="h", meaning="down by failures, to restoration"),
        Input(name="failures", unit="1", meaning="failures", shape=Shape.COUNT),
        Input(name="planned_maint_down_h", unit="h", meaning="down for planned maintenance", required=False),
        Input(name="required_h", unit="h", meaning="required time; the sum of the others if absent", required=False),
    ),
    results=(
        Result(name="T1", unit="1", meaning="operating by operating and down for maintenance, failures included"),
        Result(name="T2", unit="1", meaning="up time in the required time"),
        Result(name="T6", unit="1", meaning="operating by operating and down by failures"),
        Result(name="T7", unit="1", meaning="operating by operating and down for planned maintenance"),
        Result(name="T17_MTBF_h", unit="h", meaning="mean operating time between failures"),
        Result(name="T21_MTTR_h", unit="h", meaning="mean time to restoration"),
        Result(name="inherent_A", unit="1", meaning="MTBF by MTBF and MTTR"),
        Result(name="failure_rate_per_h", unit="1/h", meaning="failures by operating time"),
    ),
    formula="T1 = op/(op + failed + planned); T2 = (op + idle)/required; T6 = op/(op + failed); T17 = op/failures",
    standard="EN 15341:2007",
    source="numbering recalled from the 2007 edition; the edition of 2019 numbers anew",
    rules=(
        "EN 13306: external resources count as provided: lost utilities are no down time unless the contract says so",
        "without a failure MTBF, MTTR and inherent availability are undefined",
        "refused: parts above the required time",
    ),
    example={
        "operating_h": 650,
        "idle_up_h": 20,
        "failure_down_h": 30,
        "failures": 5,
        "planned_maint_down_h": 20,
        "required_h": 720,
    },
    compute=_maintenance,
)
