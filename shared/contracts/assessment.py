"""What a contract says of a period: the achieved value against the level, with money, bounds and forecast."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from shared.contracts.finding import Finding, Outcome, Reason
from shared.contracts.terms import Kind

__all__ = ["Assessment", "Budget", "Certainty", "Forecast", "Outcome", "Reason", "Settlement"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """Unavailable time the period allows, what is used, and what is left (negative: overspent)."""

    total_us: Fraction
    used_us: Fraction

    @property
    def left_us(self) -> Fraction:
        return self.total_us - self.used_us


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """Money for one guarantee and period; None where a quantity is missing, which `steps` says.

    `agreed`: the contract has money for this guarantee; without, an amount of nothing was never in question.
    `malus` is owed by the supplier, `bonus` by the customer, after rounding and caps; `computed_*` before the caps that
    other periods and guarantees share. `cap`: the one that bit. `surplus` (in percentage points, or the guarantee's
    unit) is what this period leaves to carry over, `carried_in` what it used of earlier ones. `refund` is what a
    true-up at this period's end gives back of the year's malus. `instead` is service owed in place of the malus.
    `marginal_hour`: what one more unavailable hour would cost.
    """

    agreed: bool
    currency: str
    malus: Decimal | None
    bonus: Decimal | None
    computed_malus: Decimal | None
    computed_bonus: Decimal | None
    capped: bool = False
    cap: str | None = None
    surplus: Fraction = Fraction(0)
    carried_in: Fraction = Fraction(0)
    refund: Decimal | None = None
    instead: str | None = None
    marginal_hour: Decimal | None = None
    steps: tuple[str, ...] = ()


class Certainty(StrEnum):
    """What arithmetic alone says of the end of the period (statistics 4.1, level 0)."""

    CERTAIN_MISS = "certain_miss"
    IMPOSSIBLE_MISS = "impossible_miss"
    OPEN = "open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """P(miss at the period's end); None where the evidence does not carry one. `method` names what gave it.

    `remaining_h` sums over assets. `budget_h` is the unavailable time that may still come before the value, rounded
    by the contract's rule, falls below the level.
    """

    p_miss: float | None
    certainty: Certainty
    method: str
    remaining_h: float
    budget_h: float
    failures: int
    mtbf_h: float | None
    mttr_h: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessment:
    """One guarantee over one window. Ratios are exact; `value_rounded` follows the contract's rule, None without one.

    `as_of_us` is the end of the facts used: never after the period's end, so that a closed period keeps its bytes.
    `level` is that of the whole period, in `finding.unit`; of energy saved, while the period runs, that of the time
    passed. `answers`: unavailable microseconds by who answers for them.
    """

    contract_id: str
    contract_version: int
    guarantee_id: str
    kind: Kind
    formula: str
    period_start_us: int
    period_end_us: int
    as_of_us: int
    level: Fraction
    finding: Finding
    value_rounded: Decimal | None
    outcome: Outcome
    reason: Reason
    settlement: Settlement
    answers: Mapping[str, Fraction] = field(default_factory=dict)
    budget: Budget | None = None
    forecast: Forecast | None = None

    @property
    def value(self) -> Fraction | None:
        return self.finding.value

    @property
    def measured(self) -> Fraction | None:
        """The value the contract compares with the level: rounded where it has a rule, else exact."""
        return self.value if self.value_rounded is None else Fraction(self.value_rounded)

    @property
    def margin(self) -> Fraction | None:
        """How much better than the level the value is, in its own unit; below 0 when worse."""
        if self.measured is None:
            return None
        return self.level - self.measured if self.kind.lower_is_better else self.measured - self.level

    @property
    def complete(self) -> bool:
        return self.as_of_us >= self.period_end_us
