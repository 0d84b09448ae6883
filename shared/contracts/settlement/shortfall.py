"""How far a value is from its level, as the money of a guarantee sees it: after the dead band."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from shared.contracts.finding import Finding
from shared.contracts.money import BandKind
from shared.contracts.rounding import plain
from shared.contracts.terms import Guarantee


@dataclass(frozen=True, kw_only=True, slots=True)
class Shortfall:
    """What a money form may read. `missing` is the shortfall in the guarantee's own quantity (`missing_unit`).

    Above 0 is worse than promised, below 0 better, for `missing` as for `pp`.
    """

    level: Fraction
    measured: Fraction
    lower_is_better: bool
    missing: Fraction | None
    missing_unit: str
    breaches: int | None
    measures: Mapping[str, Fraction]

    @property
    def pp(self) -> Fraction:
        """Percentage points by which the value is worse than the level."""
        return self.beyond(self.level) * 100

    def beyond(self, limit: Fraction) -> Fraction:
        """By how much the value is worse than `limit`, in its own unit."""
        return self.measured - limit if self.lower_is_better else limit - self.measured

    @property
    def unit(self) -> str:
        """What a surplus to carry over is in: the guarantee's own quantity, else percentage points."""
        return "pp" if self.missing is None else self.missing_unit

    def better_by(self, amount: Fraction) -> "Shortfall":
        """As if the value were better by `amount` of its unit."""
        return replace(self, measured=self.measured - amount if self.lower_is_better else self.measured + amount)


def shortfall_of(guarantee: Guarantee, finding: Finding, level: Fraction, measured: Fraction) -> Shortfall:
    """The shortfall of a value against its level, with no band taken off.

    Of a value that is no ratio, the difference to the level is what is missing unless the finding says otherwise.
    """
    whole = Shortfall(
        level=level,
        measured=measured,
        lower_is_better=guarantee.kind.lower_is_better,
        missing=finding.shortfall,
        missing_unit=finding.sum_unit,
        breaches=finding.breaches,
        measures=finding.measures,
    )
    if finding.shortfall is not None or finding.unit == "1":
        return whole
    return replace(whole, missing=whole.beyond(level), missing_unit=finding.unit)


def band_of(guarantee: Guarantee, finding: Finding, level: Fraction) -> tuple[Fraction, Fraction | None]:
    """The width of the dead band in the value's unit, and in the guarantee's own quantity (None: not known).

    Percentage points are those of a ratio; of any other value they are hundredths of the level.
    """
    band = guarantee.dead_band
    if band is None:
        return Fraction(0), Fraction(0)
    share = Fraction(band.fraction) if band.fraction is not None else Fraction(band.pp or 0) / 100
    absolute = band.fraction is None and finding.unit == "1"
    width = share if absolute else share * level
    if finding.expected is not None:
        return width, share * (finding.denominator if absolute else finding.expected)
    return width, width if finding.shortfall is None and finding.unit != "1" else None


def after_band(guarantee: Guarantee, finding: Finding, whole: Shortfall) -> tuple[Shortfall | None, tuple[str, ...]]:
    """The shortfall that is paid, None when it lies within the band, with the steps in words.

    Where both are known the guarantee's own quantity decides, else the value. A deductible band makes both better by
    its width; hours and quantities that a formula names stay as they are.
    """
    band = guarantee.dead_band
    if band is None:
        return whole, ()
    width, own = band_of(guarantee, finding, whole.level)
    in_own = whole.missing is not None and own is not None
    if whole.missing is not None and own is not None:
        missing, limit, unit = whole.missing, own, whole.missing_unit
    else:
        missing, limit, unit = whole.pp, width * 100, "pp"
    said = f"{plain(missing)} {unit}", f"{plain(limit)} {unit}"
    if missing <= limit:
        return None, (f"shortfall {said[0]} within the dead band of {said[1]}: nothing is owed",)
    if band.kind is BandKind.FRANCHISE:
        return whole, (f"shortfall {said[0]} beyond the dead band of {said[1]}: all of it counts",)
    left = replace(whole.better_by(width), missing=missing - limit if in_own else whole.missing)
    return left, (f"shortfall {said[0]} - dead band {said[1]} = {plain(missing - limit)} {unit}",)
