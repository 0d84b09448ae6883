"""Hours in which a line is asked to run, and those in which it did: as delivered, else by a policy from its time."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from shared.contracts.charging.policy import Charge
from shared.contracts.facts import Facts, Window
from shared.contracts.kinds.amounts import Series, is_delivered, read
from shared.contracts.measured import Verdict
from shared.contracts.terms import Guarantee
from shared.instant import HOUR_US


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """Hours of one account; None where neither a quantity nor a policy gives them, `lacking` is then what should."""

    required_h: Fraction | None
    operating_h: Fraction | None
    lacking: Series | None
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Planner:
    """What gives the hours: the first of `roles` that is delivered, else the `charged` time that is not excluded.

    Delivered is what there is of any time: in a window without it the hours are missing.
    """

    guarantee: Guarantee
    facts: Facts
    window: Window
    roles: tuple[str, ...]
    charged: Charge | None

    def of(self, assets: Sequence[str], asset: str | None) -> Planned:
        """The hours of `asset`, or of all there is of `assets` (None)."""
        series = [read(self.guarantee, self.facts, self.window, role, asset=asset) for role in self.roles]
        ran = read(self.guarantee, self.facts, self.window, "operating_h", asset=asset)
        delivered = next((each for each in series if self._is_delivered(each, asset)), None)
        notes = tuple(note for each in (*series, ran) for note in each.notes)
        if delivered is not None or self.charged is None:
            given = delivered or series[0]
            lacking = None if given.rows else given
            return Planned(required_h=given.value, operating_h=ran.value, lacking=lacking, notes=notes)
        required, operating = _charged_h(self.charged, assets if asset is None else (asset,))
        return Planned(
            required_h=required,
            operating_h=ran.value if self._is_delivered(ran, asset) else operating,
            lacking=None,
            notes=notes + self.charged.notes,
        )

    def _is_delivered(self, series: Series, asset: str | None) -> bool:
        return bool(series.rows) or is_delivered(self.guarantee, self.facts, series.role, asset=asset)


def _charged_h(charged: Charge, assets: Sequence[str]) -> tuple[Fraction, Fraction]:
    """Time that is not excluded, and that of it which is available, hours."""
    totals = [charged.total(asset) for asset in assets]
    available = sum((Fraction(each[Verdict.AVAILABLE]) for each in totals), Fraction(0))
    down = sum((Fraction(each[Verdict.UNAVAILABLE]) for each in totals), Fraction(0))
    deemed = sum((Fraction(each[Verdict.DEEMED_AVAILABLE]) for each in totals), Fraction(0))
    return (available + down + deemed) / HOUR_US, available / HOUR_US
