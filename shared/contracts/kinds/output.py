"""Output: good pieces for each hour in which the line was asked to run."""

from dataclasses import dataclass
from fractions import Fraction

from shared.contracts.charging.policy import charge
from shared.contracts.facts import Facts, Window
from shared.contracts.finding import AssetFinding, Finding, Reason
from shared.contracts.kinds.amounts import Series, accounts, distinct, formula_quantities, missing, products, read
from shared.contracts.kinds.planned_hours import Planned, Planner
from shared.contracts.level import level_of
from shared.contracts.measured import OutputMeasure
from shared.contracts.terms import Contract, Guarantee

# What the hours are called, in the order in which they are looked for.
HOURS = ("required_h", "planned_busy_h")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """Good pieces of all products and required hours of one account."""

    asset: str | None
    series: tuple[Series, ...]
    planned: Planned

    @property
    def good(self) -> Fraction:
        return sum((each.value or Fraction(0) for each in self.series), Fraction(0))

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self.planned.notes, *(note for each in self.series for note in each.notes))

    @property
    def hours(self) -> Fraction:
        return self.planned.required_h or Fraction(0)


def judge_output(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Finding:
    """Good pieces by required hours (1/h), from sums over assets and products.

    The hours are delivered (`required_h`, else `planned_busy_h`), or the time the policy does not exclude. `shortfall`
    is what is missing of the pieces the level asks for in these hours, `expected` all of those.
    """
    measure = guarantee.measure
    assert isinstance(measure, OutputMeasure)
    charged = None if measure.policy is None else charge(contract, measure.policy, facts, window)
    hours = Planner(guarantee=guarantee, facts=facts, window=window, roles=HOURS, charged=charged)
    lines = [
        _Line(
            asset=asset,
            series=_good(guarantee, measure, facts, window, asset),
            planned=hours.of(contract.assets, asset),
        )
        for asset in accounts(contract)
    ]
    for line in lines:
        absent = [] if any(each.rows for each in line.series) else list(line.series)
        if line.planned.lacking is not None:
            absent.append(line.planned.lacking)
        if absent:
            return missing(absent, window)
    good, required = (sum(each, Fraction(0)) for each in ([o.good for o in lines], [o.hours for o in lines]))
    asked = level_of(contract, guarantee, window.period) * required
    return Finding(
        value=good / required if required else None,
        numerator=good,
        denominator=required,
        unit="1/h",
        sum_unit="pieces",
        shortfall=asked - good,
        expected=asked,
        reason=None if required else Reason.NO_DENOMINATOR,
        assets=tuple(_of_asset(line) for line in lines if line.asset is not None),
        measures={**formula_quantities(guarantee, facts, window), measure.good: good, HOURS[0]: required},
        notes=distinct(note for line in lines for note in line.notes),
    )


def _good(
    guarantee: Guarantee, measure: OutputMeasure, facts: Facts, window: Window, asset: str | None
) -> tuple[Series, ...]:
    """The good pieces of each product, or without products."""
    roles = [each for each in products(guarantee, facts, measure.good) if each != measure.good] or [measure.good]
    return tuple(read(guarantee, facts, window, role, asset=asset) for role in roles)


def _of_asset(line: _Line) -> AssetFinding:
    return AssetFinding(
        asset=line.asset or "",
        value=line.good / line.hours if line.hours else None,
        numerator=line.good,
        denominator=line.hours,
    )
