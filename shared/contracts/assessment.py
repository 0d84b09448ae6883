"""What a contract says of a period: the achieved value against the level, with money, bounds and forecast."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from shared.contracts.terms import Verdict
from shared.model.facts import Category, Party


class Outcome(StrEnum):
    """Of a closed period `met` or `missed`; of a running one what is so far.

    `inconclusive` only of a running period: data may still arrive, and the gaps could turn the answer either way. Once
    the period is over the contract's own rule for missing information decides; the bounds stay visible beside it.
    """

    MET = "met"
    MISSED = "missed"
    INCONCLUSIVE = "inconclusive"
    NOT_ASSESSABLE = "not_assessable"


class Reason(StrEnum):
    """Why the outcome is what it is."""

    AT_OR_ABOVE_LEVEL = "at_or_above_level"
    BELOW_LEVEL = "below_level"
    DATA_GAPS_DECIDE = "data_gaps_decide"
    NO_DENOMINATOR = "no_denominator"


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

    @property
    def duration_us(self) -> Fraction:
        return self.available_us + self.unavailable_us + self.excluded_us


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
    """Money owed by the supplier for the period so far; None where a quantity is missing, which `steps` says.

    `agreed`: the contract has a malus for this guarantee; without one, an amount of nothing was never in question.
    """

    agreed: bool
    malus: Decimal | None
    currency: str
    capped: bool
    steps: tuple[str, ...]


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
    """

    contract_id: str
    contract_version: int
    guarantee_id: str
    kind: str
    formula: str
    period_start_us: int
    period_end_us: int
    as_of_us: int
    level: Decimal
    value: Fraction | None
    value_rounded: Decimal | None
    outcome: Outcome
    reason: Reason
    numerator_us: Fraction
    denominator_us: Fraction
    bound_low: Fraction | None
    bound_high: Fraction | None
    tallies: tuple[Tally, ...]
    by_verdict_us: dict[Verdict, Fraction]
    unavailable_by_party_us: dict[Party, Fraction]
    budget: Budget
    settlement: Settlement
    forecast: Forecast | None

    @property
    def measured(self) -> Fraction | None:
        """The value the contract compares with the level: rounded where it has a rule, else exact."""
        return self.value if self.value_rounded is None else Fraction(self.value_rounded)

    @property
    def complete(self) -> bool:
        return self.as_of_us >= self.period_end_us
