"""What each kind of guarantee measures, and by which rules: one value a kind, read by the judge of that kind."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from shared.contracts.condition import Condition
from shared.contracts.formula import Formula
from shared.model.facts import Category


class Verdict(StrEnum):
    """What a stretch of time counts as under one version of one contract."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    EXCLUDED = "excluded"
    DEEMED_AVAILABLE = "deemed_available"


class Form(StrEnum):
    """Excluded hours leave the denominator, or count as available in it."""

    EXCLUDED_FROM_DENOMINATOR = "excluded_from_denominator"
    DEEMED_AVAILABLE = "deemed_available"


class Notice(StrEnum):
    """What planned work is that nobody is known to have announced."""

    PRESUMED = "presumed"
    REQUIRED = "required"


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """A CEL condition over `category`, `cause` and `party` that changes the verdict; the first that holds wins.

    `needs_acceptance`: only where both parties agree who answers for it (the party is neither unknown nor disputed).
    """

    when: Condition
    verdict: Verdict
    needs_acceptance: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Contribution:
    """What the customer contributed to: this `share` of the unavailable time that a condition meets is excluded."""

    when: Condition
    share: Decimal


class Per(StrEnum):
    """What an allowance is granted for."""

    PERIOD = "period"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """Time of a category, of causes, or both, that counts as `within`, and beyond what is granted as `beyond`.

    Granted to each asset alone: `hours` for each `per` (a stub of a period is granted its share if `prorate`, the
    settlement year's hours are used up in the order of time), or a `fraction` of the window's clock time; neither:
    without limit. Work counts within only when announced `notice_days` ahead and outside the daily hours
    `not_between` (minutes of the local day); `unannounced` says what holds where nobody recorded an announcement.
    `rolls`: what a year leaves is granted in the next one on top. `responsible` names who answers beyond it.
    """

    category: Category | None = None
    causes: frozenset[str] = frozenset()
    hours: Decimal | Fraction | None = None
    per: Per = Per.PERIOD
    fraction: Decimal | None = None
    within: Verdict
    beyond: Verdict
    prorate: bool = True
    rolls: bool = False
    notice_days: int | None = None
    unannounced: Notice = Notice.PRESUMED
    not_between: tuple[tuple[int, int], ...] = ()
    responsible: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """How time is charged: time whose party is disputed as `disputed` (None: as if it were not), then by the first
    override that holds, then by the first allowance that names it, then by the category's verdict.

    Information unavailable of at most `interpolate_us` between two known stretches is what was before it. An event
    shorter than `min_event_us` does not count as a stop. Of what is unavailable then the first of `contributions` that
    holds takes its share out. Excluded time beyond `max_excluded_fraction` of the window
    counts as unavailable.
    """

    form: Form
    verdicts: dict[Category, Verdict]
    overrides: tuple[Override, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    interpolate_us: int = 0
    min_event_us: int = 0
    max_excluded_fraction: Decimal | None = None
    contributions: tuple[Contribution, ...] = ()
    disputed: Verdict | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeMeasure:
    """Hours by verdict: time availability. `root_stop`: of a line, the first machine to stop gives the cause."""

    policy: Policy
    root_stop: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdMeasure:
    """A minute is bad while the signal is (`bad_below` or `bad_above`), for at least `min_duration_us` on end.

    Without the signal, what events say by `policy` counts.
    """

    policy: Policy
    signal: str
    bad_below: Decimal | None = None
    bad_above: Decimal | None = None
    min_duration_us: int = 0
    resolution_us: int = 60_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductionMeasure:
    """Energy or pieces made against those that could have been: actual / (actual + lost), lost by category.

    `policy` says of which categories the loss is charged. Lost production comes as the quantity `lost`, with its
    category (and cause) behind colons, or without: then it falls on the stops under its rows. `uncertainty` is the
    relative one of all losses.
    """

    policy: Policy
    actual: str = "actual_output_mwh"
    lost: str = "lost_output_mwh"
    uncertainty: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class IntensityMeasure:
    """Actual energy against what the formula expects of the drivers, each stretch of drivers alone, then summed.

    `valid_range` by driver (or `driver_per_h`): a stretch outside is left out on both sides, and listed.
    """

    expected: Formula
    constants: dict[str, Decimal] = field(default_factory=dict)
    actual: str = "actual_kwh"
    valid_range: dict[str, tuple[Decimal | None, Decimal | None]] = field(default_factory=dict)


class SavingsDecision(StrEnum):
    """What must reach the level: the estimate, its lower bound (two-sided confidence), or a probability."""

    POINT_ESTIMATE = "point_estimate"
    LOWER_BOUND = "lower_bound"
    PROBABILITY = "probability"


@dataclass(frozen=True, kw_only=True, slots=True)
class SavingsMeasure:
    """Baseline by straight line on one driver, at reporting conditions (IPMVP), summed over calendar months.

    `x_mean` and `sxx` of the baseline's driver make the uncertainty exact; without them only a point estimate stands.
    `at` is the confidence (lower bound) or the probability that decides.
    """

    driver: str
    intercept: Decimal
    slope: Decimal
    n: int
    s: Decimal
    x_mean: Decimal | None = None
    sxx: Decimal | None = None
    decision: SavingsDecision = SavingsDecision.POINT_ESTIMATE
    at: Decimal | None = None
    actual: str = "actual_mwh"
    non_routine: tuple[str, ...] = ()
    method: str = "ipmvp_B"


@dataclass(frozen=True, kw_only=True, slots=True)
class OeeMeasure:
    """Sum of ideal time of the good pieces by planned busy time (ISO 22400); `ideal_per_h` by product."""

    ideal_per_h: dict[str, Decimal]
    policy: Policy | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputMeasure:
    """Good pieces for each required hour."""

    policy: Policy | None = None
    good: str = "good_units"


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerCurveMeasure:
    """Energy made against the reference power curve's, at reference conditions, while the machine could run."""

    actual: str = "actual_output_mwh"
    reference: str = "reference_mwh"
    reference_conditions: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceHours:
    """When the clock runs: each weekday (0 Monday) its minutes of the local day; empty: always. None on holidays."""

    name: str
    weekly: tuple[tuple[int, int, int], ...] = ()
    holidays: frozenset[date] = frozenset()
    holiday_region: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Priority:
    """How fast a ticket is to be answered and mended, in service hours; None: not promised."""

    name: str
    respond_us: int | None
    restore_us: int | None
    hours: ServiceHours


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseMeasure:
    """The share of promised times that was kept; `pauses` name what stops the clock."""

    priorities: tuple[Priority, ...]
    pauses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MtbfMeasure:
    """Operating hours by failures, proven at `confidence` (one-sided); `months`: over a window that rolls.

    A failure within `same_failure_us` after a repair is the same one.
    """

    confidence: Decimal
    policy: Policy
    months: int | None = None
    same_failure_us: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeMeasure:
    """The share of failures announced at least `days` ahead.

    `max_false_share`: announcements that no failure followed. `zone_d_max_us`: the longest run in vibration zone D.
    """

    days: int
    policy: Policy
    max_false_share: Decimal | None = None
    vibration_group: int | None = None
    vibration_support: str | None = None
    zone_d_max_us: int | None = None


Measure = (
    TimeMeasure
    | ThresholdMeasure
    | ProductionMeasure
    | IntensityMeasure
    | SavingsMeasure
    | OeeMeasure
    | OutputMeasure
    | PowerCurveMeasure
    | ResponseMeasure
    | MtbfMeasure
    | NoticeMeasure
)
