"""What the judge of a kind finds: a value with the sums and time it comes from; no level, no money yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction

from shared.contracts.measured import Verdict
from shared.instant import HOUR_US
from shared.model.facts import Category, Party


class Outcome(StrEnum):
    """Of a closed period `met` or `missed`; of a running one what is so far.

    `inconclusive`: the bounds of a running period lie on both sides of the level, or the guarantee's own test proves
    neither. Once a period is over the contract's rule for missing information decides; the bounds stay visible.
    """

    MET = "met"
    MISSED = "missed"
    INCONCLUSIVE = "inconclusive"
    NOT_ASSESSABLE = "not_assessable"


class Reason(StrEnum):
    """Why the outcome is what it is."""

    AT_OR_ABOVE_LEVEL = "at_or_above_level"
    BELOW_LEVEL = "below_level"
    AT_OR_BELOW_LEVEL = "at_or_below_level"
    ABOVE_LEVEL = "above_level"
    FLOOR_MISSED = "floor_missed"
    DATA_GAPS_DECIDE = "data_gaps_decide"
    NO_DENOMINATOR = "no_denominator"
    MISSING_QUANTITY = "missing_quantity"
    NO_TICKETS = "no_tickets"
    NO_FAILURES = "no_failures"
    PROVEN_ABOVE = "proven_above"
    PROVEN_BELOW = "proven_below"
    NOT_PROVEN = "not_proven"
    UNCERTAINTY_UNKNOWN = "uncertainty_unknown"
    OUTSIDE_TERM = "outside_term"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Time of one (category, cause, party) and how much of it counts as what; microseconds, summed over assets.

    The parts are fractions where an allowance is shared among the causes of its category; their sum is whole.
    """

    category: Category
    cause: str
    party: Party
    available_us: Fraction
    unavailable_us: Fraction
    excluded_us: Fraction
    deemed_us: Fraction = Fraction(0)

    @property
    def duration_us(self) -> Fraction:
        return self.available_us + self.unavailable_us + self.excluded_us + self.deemed_us


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetFinding:
    """One asset's own value, for floors and for people."""

    asset: str
    value: Fraction | None
    numerator: Fraction
    denominator: Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The value of a guarantee over a window.

    `numerator` and `denominator` are in `sum_unit` (`us` of time kinds, else kWh, MWh, pieces, tickets), `value` in
    `unit`; `low` and `high` bound it by data gaps and open disputes, `interval` is a statistical one. `shortfall` is
    what is missing in the guarantee's own quantity, above 0 when worse than promised at `level` (set by kinds whose
    money is by unit), `expected` what it is a fraction of, `breaches` how many are beyond what is allowed.
    `decided`: kinds with a test of their own. `measures`: more names for money formulas, in the unit of their name.
    `reason`: why there is no value. `notes`: what people must know (rows left out, presumed notice, missing names).
    """

    value: Fraction | None
    numerator: Fraction
    denominator: Fraction
    unit: str = "1"
    sum_unit: str = "us"
    low: Fraction | None = None
    high: Fraction | None = None
    interval: tuple[float | None, float | None] | None = None
    shortfall: Fraction | None = None
    expected: Fraction | None = None
    breaches: int | None = None
    decided: tuple[Outcome, Reason] | None = None
    reason: Reason | None = None
    tallies: tuple[Tally, ...] = ()
    assets: tuple[AssetFinding, ...] = ()
    measures: Mapping[str, Fraction] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def by_verdict(self) -> dict[Verdict, Fraction]:
        """Microseconds by verdict."""
        return {
            Verdict.AVAILABLE: sum((tally.available_us for tally in self.tallies), Fraction(0)),
            Verdict.UNAVAILABLE: sum((tally.unavailable_us for tally in self.tallies), Fraction(0)),
            Verdict.EXCLUDED: sum((tally.excluded_us for tally in self.tallies), Fraction(0)),
            Verdict.DEEMED_AVAILABLE: sum((tally.deemed_us for tally in self.tallies), Fraction(0)),
        }

    def one_hour_worse(self) -> "Finding | None":
        """The finding had one asset been unavailable for an hour it was not; None where time is not what counts."""
        if self.sum_unit != "us" or not self.denominator or self.numerator < HOUR_US:
            return None
        numerator = self.numerator - HOUR_US
        measures = dict(self.measures)
        if "unavailable_h" in measures:
            measures["unavailable_h"] += 1
        if "available_h" in measures:
            measures["available_h"] -= 1
        return replace(self, numerator=numerator, value=numerator / self.denominator, measures=measures)
