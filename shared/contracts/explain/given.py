"""Made-up facts that give a guarantee about a wanted value: what its worked examples take as given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final

from shared.contracts.assess import assess
from shared.contracts.assessment import Assessment
from shared.contracts.facts import Facts, Window
from shared.contracts.kinds.amounts import name_of, unit_of
from shared.contracts.measured import IntensityMeasure, OeeMeasure, ResponseMeasure, SavingsMeasure
from shared.contracts.periods import Period
from shared.contracts.rounding import down, half_up, plain
from shared.contracts.terms import Contract, Guarantee, Kind
from shared.instant import HOUR_US
from shared.model.facts import Category, Interval, Party
from shared.model.quantity import Quantity, Ticket

_THOUSAND: Final = Fraction(1_000)
# A month of a driver, where the baseline does not say what it is usually.
_USUAL: Final = Decimal(100)


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What an example takes as given: forced outage of each machine, quantities, tickets; in words.

    Kinds that look at each machine alone are given the quantities of `each`, others those of all together.
    """

    down_us: int = 0
    quantities: dict[str, Decimal] = field(default_factory=dict)
    tickets: tuple[Ticket, ...] = ()
    words: str = ""
    each: bool = False


def assessed(contract: Contract, guarantee: Guarantee, period: Period, given: Given) -> Assessment:
    return assess(
        contract, guarantee, _facts(contract, guarantee, period, given), Window(period=period, as_of_us=period.end_us)
    )


def _facts(contract: Contract, guarantee: Guarantee, period: Period, given: Given) -> Facts:
    timelines = {name: _timeline(period, given.down_us) for name in contract.assets}
    parts = {part: timelines[machine.name] for machine in contract.machines for part in machine.parts}
    return Facts(
        durations={
            name: {(each.category, each.cause, each.party): each.duration_us for each in timeline}
            for name, timeline in timelines.items()
        },
        timelines={**parts, **timelines},
        quantities=tuple(
            Quantity(
                asset=asset,
                name=name_of(guarantee, role),
                start_us=period.start_us,
                end_us=period.end_us,
                value=each,
                unit=unit_of(role) or "1",
            )
            for asset in (contract.assets if given.each else contract.assets[:1])
            for role, each in given.quantities.items()
        ),
        tickets=given.tickets,
    )


def _timeline(period: Period, down_us: int) -> list[Interval]:
    broken = Interval(
        start_us=period.start_us, end_us=period.start_us + down_us, category=Category.FO, cause="example",
        party=Party.SUPPLIER,
    )  # fmt: skip
    running = Interval(
        start_us=broken.end_us, end_us=period.end_us, category=Category.FP, cause="running", party=Party.NOBODY
    )
    return [running] if not down_us else [each for each in (broken, running) if each.duration_us]


def _hours_down(contract: Contract, guarantee: Guarantee, period: Period, target: Fraction) -> Given:
    """Forced outage of every machine, in whole hours."""
    del guarantee
    clock = period.end_us - period.start_us
    down_us = min(int(-(-(1 - target) * clock // HOUR_US)) * HOUR_US, clock)
    whose = "each machine" if len(contract.assets) > 1 else contract.machines[0].name
    return Given(
        down_us=down_us, words=f"{whose} is down (FO) for {down_us // HOUR_US} of {plain(Fraction(clock, HOUR_US))} h"
    )


def _of_thousand(role: str, whole: str) -> Callable[[Contract, Guarantee, Period, Fraction], Given]:
    """`role` as the wanted share of 1,000 `whole`."""

    def given(contract: Contract, guarantee: Guarantee, period: Period, target: Fraction) -> Given:
        del contract, guarantee, period
        return Given(quantities={role: _decimal(target * _THOUSAND), whole: Decimal(1_000)}, each=True)

    return given


def _required(contract: Contract, guarantee: Guarantee, period: Period, target: Fraction) -> Given:
    del contract, guarantee, period
    quantities = {"required_h": Decimal(1_000), "own_fault_h": _decimal((1 - target) * _THOUSAND)}
    return Given(quantities=quantities, each=True)


def _lost(contract: Contract, guarantee: Guarantee, period: Period, target: Fraction) -> Given:
    del contract, guarantee, period
    lost = (1 - target) * _THOUSAND
    quantities = {"actual_output_mwh": _decimal(_THOUSAND - lost), "lost_output_mwh:FO": _decimal(lost)}
    return Given(quantities=quantities, each=True)


def _energy(contract: Contract, guarantee: Guarantee, period: Period, target: Fraction) -> Given:
    """Drivers in the middle of their ranges; the energy follows from what the kernel expects of them."""
    measure = guarantee.measure
    assert isinstance(measure, IntensityMeasure)
    hours = Decimal((period.end_us - period.start_us) // HOUR_US)
    drivers = measure.expected.names - measure.constants.keys() - {"hours"}
    quantities = {name: _usual(measure, name, hours) for name in sorted(drivers)}
    trial = assessed(
        contract, guarantee, period, Given(quantities={**quantities, measure.actual: Decimal(1)}, each=True)
    )
    band = guarantee.dead_band
    allowed = target * (1 + Fraction((band.fraction if band else None) or 0) if target > trial.level else 1)
    used = half_up(allowed * trial.finding.denominator / len(contract.assets), 0)
    return Given(quantities={**quantities, measure.actual: used}, each=True)


def _usual(measure: IntensityMeasure, name: str, hours: Decimal) -> Decimal:
    for key, length in ((name, Decimal(1)), (f"{name}_per_h", hours)):
        low, high = measure.valid_range.get(key, (None, None))
        if low is not None and high is not None:
            return (low + high) / 2 * length
    return hours


def _saved(contract: Contract, guarantee: Guarantee, period: Period, target: Fraction) -> Given:
    measure = guarantee.measure
    assert isinstance(measure, SavingsMeasure)
    driver = (measure.x_mean or _USUAL) * _months(contract, period)
    trial = assessed(
        contract, guarantee, period, Given(quantities={measure.driver: driver, measure.actual: Decimal(0)})
    )
    saved = trial.value or Fraction(0)
    quantities = {measure.driver: driver, measure.actual: half_up(saved - target, 3)}
    return Given(quantities=quantities)


def _months(contract: Contract, period: Period) -> int:
    del contract
    return max(1, round((period.end_us - period.start_us) / (HOUR_US * 730)))


def _ideal(contract: Contract, guarantee: Guarantee, period: Period, target: Fraction) -> Given:
    """1,000 planned busy hours of the first product."""
    del contract, period
    measure = guarantee.measure
    assert isinstance(measure, OeeMeasure)
    product, rate = next(iter(measure.ideal_per_h.items()))
    good = down(target * _THOUSAND * Fraction(rate), 0)
    return Given(quantities={f"good_units:{product}": good, "planned_busy_h": Decimal(1_000)}, each=True)


def _tickets(contract: Contract, guarantee: Guarantee, period: Period, target: Fraction) -> Given:
    """Three tickets of the first priority on the tenth day; as many as it takes for a miss are not answered in time.

    One that is an hour late is enough where every promise must be kept and the clock always runs.
    """
    measure = guarantee.measure
    assert isinstance(measure, ResponseMeasure)
    priority = measure.priorities[0]
    received = period.start_us + 9 * 24 * HOUR_US
    count = -(-3 * (1 - target) // 1)
    narrow = priority.respond_us is not None and not priority.hours.weekly and target > Fraction(5, 6)
    late_us = received + (priority.respond_us or 0) + HOUR_US if narrow else None
    ends = [received] * (3 - count) + [late_us] * count
    tickets = tuple(
        Ticket(
            id=f"ticket {index + 1}", asset=contract.assets[0], priority=priority.name, received_us=received,
            on_site_us=end, restored_us=end,
        )
        for index, end in enumerate(ends)
    )  # fmt: skip
    late = "answered an hour too late" if narrow else "still open at the period's end"
    return Given(
        tickets=tickets,
        words=f"of three tickets of priority {priority.name} {count} {'is' if count == 1 else 'are'} {late}",
    )


def _failures(contract: Contract, guarantee: Guarantee, period: Period, target: Fraction) -> Given:
    """Ten failures at a third of the promised hours between them."""
    del contract, guarantee, period
    return Given(quantities={"operating_h": down(target * 10 / 3, 0), "failures": Decimal(10)})


def _announced(contract: Contract, guarantee: Guarantee, period: Period, target: Fraction) -> Given:
    del contract, guarantee, period
    return Given(quantities={"failures": Decimal(10), "failures_with_notice": down(target * 10, 0)})


def _output(contract: Contract, guarantee: Guarantee, period: Period, target: Fraction) -> Given:
    del contract, guarantee, period
    return Given(quantities={"good_units": down(target * _THOUSAND, 0), "required_h": Decimal(1_000)}, each=True)


def _decimal(exact: Fraction) -> Decimal:
    return half_up(exact, 4)


GIVEN: Final[dict[Kind, Callable[[Contract, Guarantee, Period, Fraction], Given]]] = {
    Kind.TIME_AVAILABILITY: _hours_down,
    Kind.THRESHOLD_AVAILABILITY: _hours_down,
    Kind.TECHNICAL_AVAILABILITY: _required,
    Kind.PRODUCTION_AVAILABILITY: _lost,
    Kind.POWER_CURVE: _of_thousand("actual_output_mwh", "reference_mwh"),
    Kind.ENERGY_INTENSITY: _energy,
    Kind.ENERGY_SAVINGS: _saved,
    Kind.OEE: _ideal,
    Kind.OUTPUT: _output,
    Kind.RESPONSE_TIME: _tickets,
    Kind.MTBF: _failures,
    Kind.FAILURE_NOTICE: _announced,
}
