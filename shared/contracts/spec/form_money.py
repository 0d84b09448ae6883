"""What a miss costs and a success earns, in the contract file: amounts, bands, caps, carry-over, true-up, index."""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from shared.contracts.money import BandKind, StepRule, TrueUpBasis
from shared.contracts.spec.form_scalars import (
    Amount,
    Days,
    Expression,
    Level,
    Listed,
    Name,
    Number,
    Part,
    Positive,
    Share,
    Text,
    Word,
    members,
    one_of,
)

FEES: Final = ("base_monthly", "annual_fee")


def _several(value: Any) -> Any:
    """One guarantee may stand without the list around it."""
    return [value] if isinstance(value, str) else value


def _nothing(value: Any) -> Any:
    """`none` and 0 say that there is none."""
    return None if value == "none" or (not isinstance(value, bool) and value == 0) else value


def _base(value: Any) -> Any:
    if value in FEES:
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0:
        raise ValueError(f"{value!r} is neither {' nor '.join(FEES)} nor an amount")
    return Decimal(value)


Base = Annotated[
    str | Decimal,
    PlainValidator(_base),
    WithJsonSchema({"anyOf": [{"enum": [*FEES]}, {"type": "number", "minimum": 0}]}),
]


class DeadBandForm(Part):
    """`dead_band:` a shortfall within it costs nothing."""

    pp: Positive | None = None
    """Percentage points."""
    fraction: Level | None = None
    """Share of what was expected."""
    type: Annotated[BandKind, one_of(BandKind, "type"), members(BandKind)] = BandKind.DEDUCTIBLE
    """`deductible`: only what lies beyond is paid. `franchise`: all of it, once it is beyond."""


DeadBandPart = Annotated[
    DeadBandForm | None, BeforeValidator(_nothing, json_schema_input_type=DeadBandForm | Literal[0] | None)
]


class CarryOverForm(Part):
    """`carry_over:` what is better than promised makes good for later periods."""

    periods: Annotated[int, Field(ge=1, le=1_000)]
    """For so many periods after it."""
    share: Share | None = None
    """So much of it is kept; all, without."""
    max_pp: Positive | None = None
    """At most so many percentage points, of a value that is a share."""


CarryOverPart = Annotated[
    CarryOverForm | None, BeforeValidator(_nothing, json_schema_input_type=CarryOverForm | Literal["none"] | None)
]


class TrueUpForm(Part):
    """`true_up:` the settlement year as a whole."""

    basis: Annotated[TrueUpBasis, one_of(TrueUpBasis, "basis"), members(TrueUpBasis)] = TrueUpBasis.RATIO_OF_SUMS
    refund_if_met: bool
    """Whether the year's malus is given back when the year meets the level."""


class MakeGoodForm(Part):
    """`make_good:` service in place of money."""

    by: Word
    within_days: Days


class IndexationForm(Part):
    """`indexation:` rates and amounts follow an index: value of the period's year (or month) by the base's."""

    index: Text
    base: Text
    """The year, or year and month, of the base."""
    values: dict[str, Positive] = Field(default_factory=dict)
    """By `YYYY` or `YYYY-MM`; a period without a value is settled at the base, and says so."""


class Constants(Part):
    """A formula and, as every further key with a number, its constants."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Number]  # pyright: ignore[reportIncompatibleVariableOverride]

    formula: Expression | None = None
    """Amount in the contract's currency."""
    unit: Text | None = None
    """Of the constants; for the reader."""
    price: Amount | None = None
    """For each unit of the guarantee's own quantity that is missing or too much."""
    per: Positive | None = None
    """The price is for so many units; 1 without."""


class MalusForm(Constants):
    """`malus:` exactly one form: a `formula`, a `price`, or steps of percentage points."""

    per_pp: Amount | None = None
    """For each percentage point of shortfall, parts in proportion."""
    per_tenth_pp_started: Amount | None = None
    """For each tenth of a percentage point that has begun."""
    per_step_pp: Positive | None = None
    """The step, in percentage points."""
    step_rule: Annotated[StepRule, one_of(StepRule, "rule"), members(StepRule)] | None = None
    """Full steps only, or each that has begun; without it in proportion."""
    amount_per_step: Amount | None = None
    fraction_of_fee: Share | None = None
    """Of the annual fee, for each step."""


class BonusForm(Constants):
    """`bonus:` exactly one form: a `formula`, a `price`, or `per_pp`."""

    above: Positive | None = None
    """Only above this value."""
    per_pp: Amount | None = None
    """For each percentage point above it."""
    share: Share | None = None
    """So much of it is paid; a formula may name it."""
    cap: Amount | None = None
    """The most for one period."""


class TierForm(Part):
    """An entry of `tiers:`"""

    below: Positive
    credit_fraction: Share


class CapacityForm(Part):
    """`capacity:` payment for capacity by availability EA and target T (see `CapacityMoney`)."""

    amount: Amount
    target: Level | None = None
    """Without it the level of the period."""


class CapForm(Part):
    """`cap:` by amount, or by share of the annual fee."""

    malus_per_period: Amount | None = None
    malus_per_year: Amount | None = None
    malus_lifetime: Amount | None = None
    bonus_per_period: Amount | None = None
    bonus_per_year: Amount | None = None
    malus_fraction_of_annual_fee: Share | None = None
    """Of one measurement period's malus."""
    bonus_fraction_of_annual_fee: Share | None = None
    """Of one measurement period's bonus."""
    malus_year_fraction_of_annual_fee: Share | None = None
    """Of one settlement year's malus."""
    annual_fee: Amount | None = None
    """The fee the shares are of, if it is not the contract's."""


class CapsForm(CapForm):
    """`caps:` of the whole contract: over all guarantees together."""

    lifetime_cap_fraction_of_fees: Share | None = None
    """Of all fees of the term."""


class SettlementForm(Part):
    """`settlement:` the parts every kind may have."""

    malus: MalusForm | None = None
    bonus: BonusForm | None = None
    cap: CapForm | None = None
    cap_per_period: Amount | None = None
    """The most malus of a measurement period."""
    cap_per_month: Amount | None = None
    """The same, where the period is a calendar month."""
    cap_per_quarter: Amount | None = None
    """The same, where the period is a calendar quarter."""
    cap_per_year: Amount | None = None
    """The most malus of a settlement year."""
    cap_fraction: Share | None = None
    """The same, as a share of the annual fee."""
    cap_fraction_month: Share | None = None
    """The most malus of a month, as a share of the month's fee."""
    cap_fraction_quarter: Share | None = None
    """The most malus of a quarter, as a share of the quarter's fee."""
    cap_fraction_year: Share | None = None
    """The most malus of a settlement year, as a share of the annual fee."""
    lifetime_cap_fraction_of_fees: Share | None = None
    """The most malus of the whole term, as a share of all its fees."""
    annual_fee: Amount | None = None
    """The fee the shares are of, if it is not the contract's."""
    indexation: IndexationForm | None = None
    exclusive_of: Annotated[Listed[Name], BeforeValidator(_several, json_schema_input_type=Name | Listed[Name])] = ()
    """Guarantees whose malus goes before: in a period in which one owes, this one owes nothing."""
    carry_over: CarryOverPart = None
    make_good: MakeGoodForm | None = None
    action: Word | None = None
    """Service in place of money, due `within_days`: the short form of `make_good`."""
    within_days: Days | None = None


class RatioSettlement(SettlementForm):
    """`settlement:` of a guarantee whose value is a share."""

    tiers: Listed[TierForm] = ()
    """Below each value, a share of `of`; the lowest that holds is paid."""
    of: Base | None = None
    """`base_monthly`, `annual_fee`, or an amount."""
    capacity: CapacityForm | None = None


class UnitSettlement(SettlementForm):
    """`settlement:` of a guarantee with a quantity of its own."""

    else_per_1000_units: Amount | None = None
    """For each 1,000 missing pieces, where the service in place of money is not rendered."""


class TicketSettlement(SettlementForm):
    """`settlement:` of response times."""

    per_breach: Amount | None = None
    """For each promise that was broken."""


class NoticeSettlement(SettlementForm):
    """`settlement:` of announced failures."""

    per_unannounced_failure_beyond_quota: Amount | None = None


class Tariff(Part):
    """`tariff:` what a missing unit is worth."""

    value: Amount
    unit: Text


class Fee(Part):
    """`fee:` what the customer pays."""

    annual: Amount | None = None
    base_monthly: Amount | None = None
    per_m3: Amount | None = None
    """By cubic metre of `volume_m3`; as all fees by quantity for the reader."""
    minimum_take_m3_per_month: Amount | None = None
    per_unit: Amount | None = None
    """By unit of another quantity, `unit_quantity`."""
    unit_quantity: Word | None = None
    minimum_take_per_month: Amount | None = None
    """Units paid for in each month, taken or not."""
