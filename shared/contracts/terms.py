"""A contract as the kernel sees it: exact numbers, no YAML. Built by `shared.contracts.spec.contract` only.

What each kind of guarantee measures is in `measured`, what a miss costs in `money`.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from shared.contracts.levels import Levels
from shared.contracts.measured import Measure
from shared.contracts.money import Caps, CarryOver, DeadBand, Fees, Indexation, MakeGood, Money, TrueUp


class PeriodKind(StrEnum):
    """How the term is cut into measurement periods, in the contract's zone."""

    CALENDAR_MONTH = "calendar_month"
    CALENDAR_QUARTER = "calendar_quarter"
    CALENDAR_YEAR = "calendar_year"
    CONTRACT_YEAR = "contract_year"
    TERM = "term"


class Kind(StrEnum):
    """What a guarantee is about."""

    TIME_AVAILABILITY = "time_availability"
    PRODUCTION_AVAILABILITY = "production_availability"
    THRESHOLD_AVAILABILITY = "threshold_availability"
    TECHNICAL_AVAILABILITY = "technical_availability"
    ENERGY_INTENSITY = "energy_intensity"
    ENERGY_SAVINGS = "energy_savings"
    OEE = "oee"
    OUTPUT = "output"
    POWER_CURVE = "power_curve"
    RESPONSE_TIME = "response_time"
    MTBF = "mtbf"
    FAILURE_NOTICE = "failure_notice"

    @property
    def lower_is_better(self) -> bool:
        """Whether the guarantee is kept by staying at or below its level."""
        return self is Kind.ENERGY_INTENSITY


class Weighting(StrEnum):
    """How the assets of a fleet add up: their hours as they are, or weighted by rated power."""

    EQUAL_HOURS = "equal_hours"
    RATED_POWER = "rated_power"


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """An asset of the contract. `parts` are the machines of a line; `bottleneck` the one whose stop stops the line."""

    name: str
    rated_kw: Decimal | None = None
    parts: tuple[str, ...] = ()
    bottleneck: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FloorPerAsset:
    """No asset below `level` either; `amount` is owed for each that is."""

    level: Decimal
    amount: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounding:
    """Half up, the value before it meets the level (None: exact), and the money."""

    value_decimals: int | None = None
    money_decimals: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertPolicy:
    """P(miss) at which an alert opens and below which it closes (hysteresis)."""

    open_at: float
    close_below: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Guarantee:
    """A promise about one indicator, named with its version: the formula a contract was signed with never changes.

    `exclusive_of`: guarantees whose malus goes before this one's, so that one loss is never paid twice.
    `quantities` names what delivers a measured quantity where it is not called as the kind calls it.
    """

    id: str
    kind: Kind
    indicator: str
    levels: Levels
    measure: Measure
    rounding: Rounding
    alert: AlertPolicy
    weighting: Weighting = Weighting.EQUAL_HOURS
    floor: FloorPerAsset | None = None
    dead_band: DeadBand | None = None
    malus: tuple[Money, ...] = ()
    bonus: tuple[Money, ...] = ()
    caps: Caps = field(default_factory=Caps)
    carry_over: CarryOver | None = None
    true_up: TrueUp | None = None
    make_good: MakeGood | None = None
    indexation: Indexation | None = None
    exclusive_of: tuple[str, ...] = ()
    quantities: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statements:
    """What is agreed of statements, in days from the period's end; said by `explain`, nothing computes it.

    A period is judged anew whenever facts of it arrive, also after `late_data_cutoff_days`.
    """

    late_data_cutoff_days: int | None = None
    due_days: int | None = None
    customer_review_days: int | None = None
    escalation: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """One immutable version of a contract. `start` and `end` are the first and the last day, both included.

    `settlement_year` is what year caps, yearly allowances and true-ups count in: calendar or contract years.
    `unreported` names what time is that no source speaks of: `FP` for a log of stops, `IU` information unavailable;
    None where the contract does not say, and then it is information unavailable too.
    """

    id: str
    version: int
    customer: str
    currency: str
    zone: ZoneInfo
    start: date
    end: date
    period: PeriodKind
    settlement_year: PeriodKind
    machines: tuple[Machine, ...]
    guarantees: tuple[Guarantee, ...]
    fees: Fees
    caps: Caps
    statements: Statements
    unreported: str | None
    offering: str | None
    texts: dict[str, str]
    source: str
    sha256: str

    @property
    def assets(self) -> tuple[str, ...]:
        """The names of the machines."""
        return tuple(machine.name for machine in self.machines)
