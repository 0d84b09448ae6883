"""Each kind of guarantee in the contract file: a form of its own, of shared parts."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Discriminator, Field

from shared.contracts.spec.form_money import (
    DeadBandPart,
    NoticeSettlement,
    RatioSettlement,
    SettlementForm,
    Tariff,
    TicketSettlement,
    UnitSettlement,
)
from shared.contracts.spec.form_policy import Policed
from shared.contracts.spec.form_promise import FloorForm, Promise, Quantity
from shared.contracts.spec.form_scalars import (
    Amount,
    Cause,
    Days,
    Expression,
    HourlyRate,
    Level,
    Listed,
    Name,
    Number,
    Part,
    Positive,
    Share,
    Word,
)
from shared.contracts.spec.form_service import ClockForm, MtbfTest, NoticeLevel, PriorityForm, VibrationForm


class TimeAvailability(Promise, Policed):
    """Available hours by hours that count."""

    kind: Literal["time_availability"]
    level: Level
    floor_per_asset: FloorForm | None = None
    dead_band: DeadBandPart = None
    settlement: RatioSettlement | None = None


class TechnicalAvailability(Promise, Policed):
    """Required hours less hours of own faults, by required hours."""

    kind: Literal["technical_availability"]
    level: Level
    numerator: Literal["required_h - own_fault_h"] = "required_h - own_fault_h"
    denominator: Literal["required_h"] = "required_h"
    external_stops: Listed[Cause] = ()
    """Causes outside the machine: such time is not required."""
    own_fault_min_stop_s: Amount | None = None
    """A shorter stop of its own does not count; 0: micro stops count."""
    root_stop_rule: Literal["first_machine_to_stop", "own_events"] = "own_events"
    """Whose stop gives a line's stop its cause."""
    floor_per_asset: FloorForm | None = None
    dead_band: DeadBandPart = None
    settlement: RatioSettlement | None = None


class ThresholdAvailability(Promise, Policed):
    """Time a signal was good, by time that counts."""

    kind: Literal["threshold_availability"]
    level: Level
    signal: Quantity
    bad_when: Annotated[str, Field(pattern=r"^\s*[<>]\s*-?\d+(\.\d+)?\s*$")]
    """`"< 6.8"`, in the signal's unit."""
    min_duration_s: Amount = Decimal(0)
    """Only a stretch of at least so long is bad."""
    floor_per_asset: FloorForm | None = None
    dead_band: DeadBandPart = None
    settlement: RatioSettlement | None = None


class ProductionAvailability(Promise, Policed):
    """Output made, by output that could have been made."""

    kind: Literal["production_availability"]
    level: Level
    potential_uncertainty: Share | None = None
    """Relative uncertainty of the lost output."""
    floor_per_asset: FloorForm | None = None
    dead_band: DeadBandPart = None
    settlement: RatioSettlement | None = None


class EnergyIntensity(Promise):
    """Energy used, by energy expected for what was delivered; lower is better."""

    kind: Literal["energy_intensity"]
    level: Positive = Decimal(1)
    """Actual by expected energy."""
    expected_kwh: Expression
    """kWh of a stretch, of its `hours` and of measured quantities."""
    constants: dict[Word, Number] = Field(default_factory=dict)
    """Numbers the formula names."""
    valid_range: dict[Quantity, Annotated[tuple[Number | None, Number | None], Field(strict=False)]] = Field(
        default_factory=dict
    )
    """`[low, high]` by quantity, or by quantity an hour (`volume_m3_per_h`); stretches outside are left out, listed."""
    dead_band: DeadBandPart = None
    settlement: UnitSettlement | None = None


class BaselineForm(Part):
    """`baseline:` a straight line, MWh of a month = `b0 + b1 * driver`, from `n` months."""

    model: Literal["linear"]
    driver: Quantity
    n: Annotated[int, Field(ge=3, le=100_000)]
    b0: Number
    b1: Number
    s: Amount
    """Standard error of the regression, MWh."""
    x_mean: Number | None = None
    """Mean of the driver over the baseline; with `sxx` it makes the uncertainty exact."""
    sxx: Positive | None = None
    """Sum of squared differences of the driver from its mean."""


class EnergySavings(Promise):
    """Energy saved against a baseline, MWh of a period."""

    kind: Literal["energy_savings"]
    method: Literal["ipmvp_B", "ipmvp_C"] = "ipmvp_B"
    """For the reader."""
    baseline: BaselineForm
    level_mwh_per_period: Positive
    decision: Annotated[str, Field(pattern=r"^(point_estimate|lower_bound_\d{2}|probability_ge_0\.\d{1,4})$")] = (
        "point_estimate"
    )
    """What must reach the level: `point_estimate`, `lower_bound_90` (two-sided), `probability_ge_0.8`."""
    tariff: Tariff | None = None
    non_routine: Listed[Word] = ()
    """What makes an adjustment of the baseline due; for the reader."""
    settlement: UnitSettlement | None = None


class Oee(Promise, Policed):
    """Ideal time of the good pieces by planned busy time (ISO 22400-2)."""

    kind: Literal["oee"]
    level: Level
    ideal_rate: dict[Quantity, HourlyRate]
    """By product: `120/min`."""
    dead_band: DeadBandPart = None
    settlement: RatioSettlement | None = None


class Output(Promise, Policed):
    """Good pieces by required hour."""

    kind: Literal["output"]
    level_good_units_per_required_h: Positive
    dead_band: DeadBandPart = None
    settlement: UnitSettlement | None = None


class PowerCurve(Promise):
    """Energy made by energy of the reference power curve, while the machine could run."""

    kind: Literal["power_curve"]
    level: Positive
    reference_conditions: dict[Word, Number] = Field(default_factory=dict)
    """For the reader."""
    dead_band: DeadBandPart = None
    settlement: RatioSettlement | None = None


class ResponseTime(Promise):
    """Promised times kept, by promised times."""

    kind: Literal["response_time"]
    level: Level = Decimal(1)
    """The share of promised times that must be kept; all without."""
    priorities: Annotated[dict[Name, PriorityForm], Field(min_length=1)]
    clock: ClockForm = ClockForm()
    settlement: TicketSettlement | None = None


class Mtbf(Promise, Policed):
    """Operating hours by failures."""

    kind: Literal["mtbf"]
    level_h: Positive
    test: MtbfTest
    same_failure_h: Amount = Decimal(0)
    """A failure so soon after a repair is the same one."""
    settlement: SettlementForm | None = None


class FailureNotice(Promise, Policed):
    """Failures announced in time, by failures."""

    kind: Literal["failure_notice"]
    level: NoticeLevel
    """A share; or `{share_of_failures_with_notice_days_ge_14: 0.70}`, which says the days, too."""
    notice_days: Days | None = None
    """How many days ahead a failure must be announced."""
    max_false_alarm_share: Share | None = None
    """The share of announcements that no failure followed."""
    vibration: VibrationForm | None = None
    settlement: NoticeSettlement | None = None


GuaranteeForm = Annotated[
    TimeAvailability
    | TechnicalAvailability
    | ThresholdAvailability
    | ProductionAvailability
    | EnergyIntensity
    | EnergySavings
    | Oee
    | Output
    | PowerCurve
    | ResponseTime
    | Mtbf
    | FailureNotice,
    Discriminator("kind"),
]
