"""The parts every guarantee of a contract file may have, whatever its kind."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.spec.form_money import (
    CarryOverPart,
    IndexationForm,
    MakeGoodForm,
    TrueUpForm,
)
from shared.contracts.spec.form_scalars import (
    Amount,
    Days,
    Decimals,
    Level,
    Listed,
    Name,
    Part,
    Positive,
    Share,
    Text,
    Word,
    members,
    one_of,
)
from shared.contracts.terms import Weighting

OPEN_AT, CLOSE_BELOW = Decimal("0.5"), Decimal("0.4")
Quantity = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.:-]*$", max_length=100)]


class RoundingForm(Part):
    """`rounding:`; without decimals the value stays exact."""

    availability_decimals: Decimals | None = None
    """Decimals of the value before it meets the level."""
    value_decimals: Decimals | None = None
    """The same, for kinds that are no availability."""
    mode: Literal["half_up"] = "half_up"
    money_decimals: Decimals = 2


class AlertForm(Part):
    """`alert:` P(miss) that opens an alert, and below which it closes."""

    p_miss_open: Share = OPEN_AT
    p_miss_close: Share = CLOSE_BELOW


class SeasonForm(Part):
    """An entry of `seasons:`"""

    months: Listed[Annotated[int, Field(ge=1, le=12)]]
    level: Positive


class RampUpForm(Part):
    """`ramp_up:` the first days of the term."""

    first_days: Days
    level: Positive | None = None
    """The level in that time; of `output`, a level of at most 1 is a share of the level."""
    factor: Level | None = None
    """The share of the level that holds in that time."""


class FloorForm(Part):
    """`floor_per_asset:` no asset below `level`; `ld` is owed for each that is."""

    level: Level
    ld: Amount


class Promise(Part):
    """The parts every guarantee may have."""

    id: Name
    indicator: Annotated[str, Field(pattern=r"^[a-z_]+@[1-9][0-9]*$")] | None = None
    """Name and version of the formula; the kind's first version without it."""
    standard: Text | None = None
    """For the reader."""
    weighting: Annotated[Weighting, one_of(Weighting, "weighting"), members(Weighting)] | None = None
    """How the hours of the assets add up; the fleet's without it."""
    rounding: RoundingForm = RoundingForm()
    alert: AlertForm = AlertForm()
    quantities: dict[Quantity, Quantity] = Field(default_factory=dict)
    """What delivers a measured quantity, where it is not called as the kind calls it: `{actual_kwh: meter_7_kwh}`."""
    texts: dict[Word, Text] = Field(default_factory=dict)
    """Terms that nothing computes: what is not covered, evidence, boundaries."""
    by_contract_year: Listed[Positive] = ()
    """The levels of the first contract years; the last stays."""
    seasons: Listed[SeasonForm] = ()
    """Levels of calendar months; other months have the level of the year."""
    ramp_up: RampUpForm | None = None
    degradation_per_year: Share | None = None
    """The share of the level that goes off with each contract year after the first."""
    indexation: IndexationForm | None = None
    carry_over: CarryOverPart = None
    true_up: TrueUpForm | None = None
    make_good: MakeGoodForm | None = None
