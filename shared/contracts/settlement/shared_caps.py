"""The caps that periods and guarantees share: what is left of each, also while some amount is not known yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from shared.contracts.rounding import down, half_up
from shared.contracts.terms import Contract, Guarantee

_ZERO = Decimal(0)


class Scope(StrEnum):
    """What a cap is over, in the order in which caps are applied after that of the guarantee's period."""

    YEAR = "year"
    CONTRACT_PERIOD = "contract_period"
    CONTRACT_YEAR = "contract_year"
    LIFETIME = "lifetime"
    CONTRACT_LIFETIME = "contract_lifetime"


_WORDS: dict[Scope, str] = {
    Scope.YEAR: "cap of the settlement year",
    Scope.CONTRACT_PERIOD: "cap of the period over all guarantees",
    Scope.CONTRACT_YEAR: "cap of the settlement year over all guarantees",
    Scope.LIFETIME: "cap of the term",
    Scope.CONTRACT_LIFETIME: "cap of the term over all guarantees",
}


class Side(StrEnum):
    """Who is paid: the customer a malus, the supplier a bonus."""

    MALUS = "malus"
    BONUS = "bonus"


@dataclass(frozen=True, slots=True)
class Range:
    """An amount between two bounds, alike where it is known; `high` None: nothing bounds it."""

    low: Decimal
    high: Decimal | None

    @property
    def known(self) -> Decimal | None:
        return self.low if self.low == self.high else None

    def plus(self, other: "Range") -> "Range":
        high = None if self.high is None or other.high is None else self.high + other.high
        return Range(self.low + other.low, high)

    def within(self, cap: Decimal, used: "Range") -> "Range":
        """What `cap` leaves of it after `used`."""
        least = _ZERO if used.high is None else max(_ZERO, cap - used.high)
        most = max(_ZERO, cap - used.low)
        return Range(min(self.low, least), most if self.high is None else min(self.high, most))


NOTHING = Range(_ZERO, _ZERO)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an amount is booked: a guarantee, the period by its end, the settlement year by its start."""

    guarantee_id: str
    period_end_us: int
    year_start_us: int

    def key(self, scope: Scope) -> tuple[str | int, ...]:
        """What an amount at this place shares its cap with."""
        match scope:
            case Scope.YEAR:
                return self.guarantee_id, self.year_start_us
            case Scope.CONTRACT_PERIOD:
                return (self.period_end_us,)
            case Scope.CONTRACT_YEAR:
                return (self.year_start_us,)
            case Scope.LIFETIME:
                return (self.guarantee_id,)
            case Scope.CONTRACT_LIFETIME:
                return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Limited:
    """An amount after the shared caps; `cap`: the last that bit."""

    amount: Range
    cap: str | None
    steps: tuple[str, ...]


@dataclass(slots=True)
class Used:
    """What has been booked under each cap so far."""

    _sums: dict[tuple[Side, Scope, tuple[str | int, ...]], Range] = field(default_factory=dict)

    def book(self, side: Side, place: Place, amount: Range, scopes: Sequence[Scope] = tuple(Scope)) -> None:
        for scope in scopes:
            key = (side, scope, place.key(scope))
            self._sums[key] = self._sums.get(key, NOTHING).plus(amount)

    def of(self, side: Side, place: Place, scope: Scope) -> Range:
        return self._sums.get((side, scope, place.key(scope)), NOTHING)


def limit(contract: Contract, guarantee: Guarantee, amount: Range, *, side: Side, place: Place, used: Used) -> Limited:
    """The amount under each shared cap in turn, with a step for each."""
    places, currency = guarantee.rounding.money_decimals, contract.currency
    steps: list[str] = []
    bit: str | None = None
    for scope, cap in _caps(contract, guarantee, side):
        before = used.of(side, place, scope)
        left = amount.within(down(Fraction(cap), places), before)
        said = f"{_WORDS[scope]} {cap} {currency}: "
        if left == amount:
            steps.append(f"{said}not reached")
        elif left.known is None:
            steps.append(f"{said}what is left of it is not known yet")
        else:
            spent, owed = (half_up(Fraction(one), places) for one in (before.low, left.known))
            steps.append(f"{said}{spent} {currency} used before, {owed} {currency} is owed")
            bit = scope.value
        amount = left
    return Limited(amount=amount, cap=bit, steps=tuple(steps))


def _caps(contract: Contract, guarantee: Guarantee, side: Side) -> list[tuple[Scope, Decimal]]:
    own, whole = guarantee.caps, contract.caps
    if side is Side.MALUS:
        caps = {
            Scope.YEAR: own.malus_per_year,
            Scope.CONTRACT_PERIOD: whole.malus_per_period,
            Scope.CONTRACT_YEAR: whole.malus_per_year,
            Scope.LIFETIME: own.malus_lifetime,
            Scope.CONTRACT_LIFETIME: whole.malus_lifetime,
        }
    else:
        caps = {
            Scope.YEAR: own.bonus_per_year,
            Scope.CONTRACT_PERIOD: whole.bonus_per_period,
            Scope.CONTRACT_YEAR: whole.bonus_per_year,
        }
    return [(scope, cap) for scope, cap in caps.items() if cap is not None]
