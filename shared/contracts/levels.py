"""What levels a guarantee names: flat, by season, by contract year, in the ramp-up, and less as machines age."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Season:
    """A level of its own in some calendar months (1 to 12)."""

    months: frozenset[int]
    level: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class RampUp:
    """The first days of the term are held to `level`, or to `factor` of the level; one of them is given."""

    first_days: int
    level: Decimal | None = None
    factor: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Levels:
    """The level on a day: the ramp-up's, else the season's, else the contract year's, else `base`.

    `by_contract_year` holds the first years' levels, the last stays. `degradation_per_year`: a share of the level that
    goes off in each contract year after the first, compounding.
    """

    base: Decimal
    by_contract_year: tuple[Decimal, ...] = ()
    seasons: tuple[Season, ...] = ()
    ramp_up: RampUp | None = None
    degradation_per_year: Decimal | None = None
