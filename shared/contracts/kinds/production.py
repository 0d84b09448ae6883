"""Production-based availability (IEC 61400-26-2): what was made against what could have been."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from shared.contracts.charging.policy import Charge, charge, is_open, total
from shared.contracts.facts import Facts, Window
from shared.contracts.finding import AssetFinding, Finding, Reason
from shared.contracts.kinds.amounts import distinct, formula_quantities, missing, products, read
from shared.contracts.kinds.hours import rows_by_asset, tallies
from shared.contracts.kinds.losses import Loss, losses
from shared.contracts.level import level_of
from shared.contracts.measured import Form, ProductionMeasure, Verdict
from shared.contracts.money import UnitMoney
from shared.contracts.rounding import plain
from shared.contracts.terms import Contract, Guarantee
from shared.indicators.indicator import Ratio
from shared.instant import HOUR_US
from shared.model.facts import Category

_NOTHING: Final = Fraction(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Output:
    """What each asset made, and what it lost."""

    form: Form
    made: Mapping[str, Fraction]
    lost: tuple[Loss, ...]

    def amount(self, verdict: Verdict) -> Fraction:
        """What was lost and is charged as `verdict`."""
        return sum((loss.amount * loss.shares.get(verdict, 0) for loss in self.lost), _NOTHING)

    @property
    def ratio(self) -> Ratio:
        as_made = self.amount(Verdict.DEEMED_AVAILABLE)
        if self.form is Form.DEEMED_AVAILABLE:
            as_made += self.amount(Verdict.EXCLUDED) + self.amount(Verdict.AVAILABLE)
        made = sum(self.made.values(), _NOTHING) + as_made
        return Ratio(numerator=made, denominator=made + self.amount(Verdict.UNAVAILABLE))

    def by_asset(self, assets: Iterable[str]) -> dict[str, "_Output"]:
        lost: dict[str, list[Loss]] = {}
        for loss in self.lost:
            lost.setdefault(loss.asset, []).append(loss)
        return {
            asset: replace(self, made={asset: self.made.get(asset, _NOTHING)}, lost=tuple(lost.get(asset, ())))
            for asset in assets
        }

    def bound(self, open_as: Verdict, factor: Fraction) -> Fraction | None:
        """The value with all losses `factor` times as large, and those of unknown or disputed time `open_as`."""
        lost = [
            replace(
                loss, amount=loss.amount * factor, shares={open_as: Fraction(1)} if is_open(loss.key) else loss.shares
            )
            for loss in self.lost
        ]
        return replace(self, lost=tuple(lost)).ratio.value


def judge_production(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Finding:
    """Actual / (actual + lost), of the loss what the policy calls unavailable, in the unit of the output.

    In the deemed form every other loss counts as if it had been made, in the excluded form it is left out; what is
    deemed available always counts as made. `low` and `high`: all losses are off by the measure's uncertainty, and
    those of unknown or disputed time are all charged, or none. Without any loss on record there is a value only if no
    time was unavailable.
    """
    measure = guarantee.measure
    assert isinstance(measure, ProductionMeasure)
    actual = read(guarantee, facts, window, measure.actual)
    roles = products(guarantee, facts, measure.lost) or (measure.lost,)
    series = [read(guarantee, facts, window, role) for role in roles]
    charged = charge(contract, measure.policy, facts, window)
    if not actual.rows or not (any(each.rows for each in series) or _never_down(charged)):
        return missing([actual, *series], window)
    lost, notes = losses(contract, measure, charged, facts, series)
    made = {
        asset: sum((row.value for row in rows), _NOTHING) for asset, rows in rows_by_asset(contract, actual).items()
    }
    output = _Output(form=measure.policy.form, made=made, lost=tuple(lost))
    whole, off = output.ratio, Fraction(measure.uncertainty or 0)
    promised = level_of(contract, guarantee, window.period) * whole.denominator
    return Finding(
        value=whole.value,
        numerator=whole.numerator,
        denominator=whole.denominator,
        sum_unit=actual.unit,
        low=output.bound(Verdict.UNAVAILABLE, 1 + off),
        high=output.bound(Verdict.DEEMED_AVAILABLE, max(_NOTHING, 1 - off)),
        shortfall=promised - whole.numerator if _is_by_unit(guarantee) else None,
        expected=promised,
        reason=None if whole.denominator else Reason.NO_DENOMINATOR,
        tallies=tallies(charged),
        assets=tuple(_of_asset(asset, each.ratio) for asset, each in output.by_asset(contract.assets).items()),
        measures={**_measures(measure, output), **formula_quantities(guarantee, facts, window)},
        notes=distinct([*charged.notes, *actual.notes, *notes, *_gaps(charged)]),
    )


def _never_down(charged: Charge) -> bool:
    return not any(total(split)[Verdict.UNAVAILABLE] for split in charged.assets.values())


def _is_by_unit(guarantee: Guarantee) -> bool:
    """Whether money asks for the output that is short; all else goes by the ratio."""
    return any(isinstance(money, UnitMoney) for money in (*guarantee.malus, *guarantee.bonus))


def _of_asset(asset: str, ratio: Ratio) -> AssetFinding:
    return AssetFinding(asset=asset, value=ratio.value, numerator=ratio.numerator, denominator=ratio.denominator)


def _measures(measure: ProductionMeasure, output: _Output) -> dict[str, Fraction]:
    return {
        measure.actual: sum(output.made.values(), _NOTHING),
        measure.lost: sum((loss.amount for loss in output.lost), _NOTHING),
        f"charged_{measure.lost}": output.amount(Verdict.UNAVAILABLE),
    }


def _gaps(charged: Charge) -> Iterable[str]:
    """Time of which nothing is known, for people: no loss of it is on record unless somebody estimated one."""
    gap_us = Fraction(
        sum(sum(by.values()) for split in charged.assets.values() for key, by in split.items() if key[0] is Category.IU)
    )
    if gap_us:
        yield f"nothing is known of {plain(gap_us / HOUR_US, 2)} h; only losses on record count in them"
