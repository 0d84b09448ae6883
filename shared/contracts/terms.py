"""A contract as the kernel sees it: exact numbers, no YAML. Built by `shared.contracts.spec` only."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from shared.contracts.condition import Condition
from shared.contracts.formula import Formula
from shared.model.facts import Category


class Verdict(StrEnum):
    """What a stretch of time counts as under one version of one contract."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    EXCLUDED = "excluded"


class PeriodKind(StrEnum):
    """How the term is cut into measurement periods, in the contract's zone."""

    CALENDAR_MONTH = "calendar_month"
    CALENDAR_QUARTER = "calendar_quarter"
    CALENDAR_YEAR = "calendar_year"
    CONTRACT_YEAR = "contract_year"
    TERM = "term"


class Form(StrEnum):
    """Excluded hours leave the denominator, or count as available in it."""

    EXCLUDED_FROM_DENOMINATOR = "excluded_from_denominator"
    DEEMED_AVAILABLE = "deemed_available"


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """Time of a category that counts as `within`, and beyond the allowance as `beyond`; one of the amounts is given.

    Both are for each asset alone. Hours are for a whole measurement period: a stub period at the edge of the term, or
    any other window, is allowed its share of them. A fraction is of the window's clock time.
    """

    category: Category
    hours_per_asset_per_period: Decimal | None
    fraction_of_period: Decimal | None
    within: Verdict
    beyond: Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """A CEL condition over `category`, `cause` and `party` that changes the verdict; the first that holds wins."""

    when: Condition
    verdict: Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Malus:
    """`formula` gives money over the named quantities; never paid when the guarantee is met. `cap` is of one period."""

    formula: Formula
    constants: dict[str, Decimal]
    cap: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertPolicy:
    """P(miss) at which an alert opens and below which it closes (hysteresis)."""

    open_at: float
    close_below: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Guarantee:
    """A guarantee on one indicator, named with its version: the formula a contract was signed with never changes."""

    id: str
    indicator: str = "time_availability@1"
    level: Decimal
    form: Form
    verdicts: dict[Category, Verdict]
    allowances: tuple[Allowance, ...]
    overrides: tuple[Override, ...]
    availability_decimals: int | None
    money_decimals: int
    malus: Malus | None
    alert: AlertPolicy


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """One immutable version of a contract. `start` and `end` are the first and the last day, both included."""

    id: str
    version: int
    customer: str
    currency: str
    zone: ZoneInfo
    start: date
    end: date
    period: PeriodKind
    assets: tuple[str, ...]
    guarantees: tuple[Guarantee, ...]
    source: str
    sha256: str
