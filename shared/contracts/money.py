"""What a miss costs and a success earns, as the contract says it; `settle` turns it into amounts."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from shared.contracts.formula import Formula


class BandKind(StrEnum):
    """Pay only what lies beyond the band, or all of it once it is beyond."""

    DEDUCTIBLE = "deductible"
    FRANCHISE = "franchise"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadBand:
    """A shortfall within the band costs nothing. One of: `pp` percentage points, `fraction` of what was expected."""

    kind: BandKind
    pp: Decimal | None = None
    fraction: Decimal | None = None


class StepRule(StrEnum):
    """Which steps of a shortfall are paid: those that are full, or each that has begun."""

    FULL = "full_steps"
    STARTED = "started_steps"


@dataclass(frozen=True, kw_only=True, slots=True)
class FormulaMoney:
    """An amount by formula; `above`: only for a value above this (a bonus)."""

    formula: Formula
    constants: dict[str, Decimal]
    above: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tier:
    """Below this value, this share of the amount the tiers are of."""

    below: Decimal
    fraction: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class TieredMoney:
    """The share of the lowest tier the value is in, of `of` (the amount, and its name for people)."""

    tiers: tuple[Tier, ...]
    of: Decimal | Fraction
    of_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StepMoney:
    """`amount` for each step of `step_pp` percentage points of shortfall (malus) or above `above` (bonus).

    `rule` None: in proportion, also of a part of a step.
    """

    step_pp: Decimal
    amount: Decimal
    rule: StepRule | None
    above: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitMoney:
    """`price` for each `per` units of shortfall in the guarantee's own quantity: kWh too much, MWh too little, pieces.

    `share` of it is paid (a bonus for what is better than promised: half of it). `rule` as in `StepMoney`.
    """

    price: Decimal
    per: Decimal = Decimal(1)
    share: Decimal = Decimal(1)
    rule: StepRule | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CountMoney:
    """`amount` for each breach beyond what the guarantee allows."""

    amount: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class CapacityMoney:
    """Payment for capacity `amount`, as the availability is: over the target it earns, below it costs twice.

    Availability EA, target T: EA > T pays amount * (1 + (EA - T) / T), else amount * min(1, 1 - 2 (T - EA) / T);
    what is more than the amount is bonus, what is less malus. `target` None: the level of the period.
    """

    amount: Decimal
    target: Decimal | None = None


Money = FormulaMoney | TieredMoney | StepMoney | UnitMoney | CountMoney | CapacityMoney


@dataclass(frozen=True, kw_only=True, slots=True)
class Caps:
    """The most that is paid; amounts, None for no cap. In this order: period, settlement year, lifetime."""

    malus_per_period: Decimal | None = None
    malus_per_year: Decimal | None = None
    malus_lifetime: Decimal | None = None
    bonus_per_period: Decimal | None = None
    bonus_per_year: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CarryOver:
    """What is better than promised in one period makes good for the next `periods`.

    `share` of it is kept, at most `max_pp` percentage points where the value is a ratio.
    """

    periods: int
    share: Decimal = Decimal(1)
    max_pp: Decimal | None = None


class TrueUpBasis(StrEnum):
    """How a year's value comes from its periods'."""

    RATIO_OF_SUMS = "ratio_of_sums"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrueUp:
    """At the settlement year's end the year is looked at as a whole; if it meets the level, its malus is refunded."""

    basis: TrueUpBasis
    refund_if_met: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MakeGood:
    """Service instead of money, within days; when it is not rendered the money is owed."""

    by: str
    within_days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Indexation:
    """Rates and fees follow an index: value of the period's year by the base value. `values` by `YYYY` or `YYYY-MM`.

    A period whose index is not given is settled at the base, and says so.
    """

    index: str
    base: str
    values: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fees:
    """What the customer pays: by year, by month, by unit of a quantity with a least take a month."""

    annual: Decimal | None = None
    monthly: Decimal | None = None
    per_unit: Decimal | None = None
    unit_quantity: str | None = None
    minimum_take_per_month: Decimal | None = None
