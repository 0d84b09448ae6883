"""The document of an assessment, key by key as `shared.contracts.document` makes it: its SHA-256 holds on the wire.

Hours are floats for reading; what decides money is exact: decimal strings, and a fraction in lowest terms.
"""

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.assessment import Certainty, Outcome, Reason
from shared.contracts.terms import Kind
from shared.model.facts import Category, Party

_DECIMAL = r"^-?\d+(\.\d+)?$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ContractVersion(_Part):
    """The contract version that judged."""

    id: str = Field(examples=["WIND-1"])
    version: int = Field(examples=[1])


class Period(_Part):
    """`[start, end)` in the contract's zone; facts up to `as_of` were used."""

    start: str = Field(json_schema_extra={"format": "date-time"}, examples=["2026-03-01T00:00:00+01:00"])
    end: str = Field(json_schema_extra={"format": "date-time"}, examples=["2026-04-01T00:00:00+02:00"])
    as_of: str = Field(json_schema_extra={"format": "date-time"}, examples=["2026-03-14T12:00:00+01:00"])
    complete: bool = Field(description="the period is over and judged to its end")


class Value(_Part):
    """What was achieved, in the document's `unit`."""

    exact: str | None = Field(
        pattern=r"^-?\d+/\d+$",
        description="a fraction in lowest terms; null where it has more than 60 digits above or below",
        examples=["381/453"],
    )
    decimal: float = Field(examples=[0.8410596026490066])


class Bounds(_Part):
    """The value when everything unknown or disputed is counted as down, and as up."""

    low: float = Field(examples=[0.961])
    high: float = Field(examples=[0.984])


class Hours(_Part):
    """Hours of one (category, cause, party), summed over the machines, and what the contract counts them as."""

    category: Category
    cause: str = Field(examples=["emergency_stop"])
    party: Party
    hours: float
    available_h: float
    unavailable_h: float
    excluded_h: float
    deemed_h: float = Field(description="counted as available by agreement")


class Asset(_Part):
    """One machine's own value."""

    asset: str = Field(examples=["kempten/c1"])
    value: Value | None


class Budget(_Part):
    """Unavailable hours the period allows, what is used, and what is left (negative: overspent)."""

    total_h: float
    used_h: float
    left_h: float


class Settlement(_Part):
    """What is owed for the period so far: the malus by the supplier, the bonus by the customer."""

    agreed: bool = Field(description="false: the contract has no money for this guarantee")
    malus: str | None = Field(
        pattern=_DECIMAL,
        description="null: cannot be computed yet, or the window is not a contract period; see `steps`",
    )
    bonus: str | None = Field(pattern=_DECIMAL, description="null as for the malus")
    computed_malus: str | None = Field(
        pattern=_DECIMAL, description="before the caps that other periods and guarantees share"
    )
    computed_bonus: str | None = Field(pattern=_DECIMAL, description="before the caps that others share")
    refund: str | None = Field(pattern=_DECIMAL, description="what the year's true-up gives back of earlier malus")
    currency: str = Field(examples=["EUR"])
    capped: bool
    cap: str | None = Field(description="the cap that was reached")
    surplus: str = Field(pattern=_DECIMAL, description="what the period leaves to carry over")
    carried_in: str = Field(pattern=_DECIMAL, description="what it used of earlier periods")
    instead: str | None = Field(description="service owed in place of the malus")
    marginal_hour: str | None = Field(pattern=_DECIMAL, description="what one more unavailable hour would cost")
    steps: list[str] = Field(description="how the amounts come about, in words")


class Forecast(_Part):
    """How likely the guarantee is missed at the end of the period."""

    p_miss: float | None = Field(description="0 to 1; null: the evidence does not carry one")
    certainty: Certainty = Field(description="what arithmetic alone says")
    method: str = Field(examples=["takacs"])
    remaining_h: float = Field(description="hours still to come, summed over the machines")
    budget_h: float
    failures: int
    mtbf_h: float | None
    mttr_h: float | None


class Document(_Part):
    """One guarantee over one period: target, achieved, margin, hours, money, bounds and forecast."""

    contract: ContractVersion
    guarantee: str = Field(examples=["TBA"])
    kind: Kind
    formula: str = Field(examples=["time_availability@1"])
    period: Period
    unit: str = Field(description="of level, value, margin and bounds; `1` is a ratio", examples=["1"])
    level: str = Field(pattern=_DECIMAL, description="the target of this period", examples=["0.97"])
    value: Value | None = Field(description="achieved so far; null: there is none, `reason` says why")
    value_rounded: str | None = Field(
        pattern=_DECIMAL, description="by the contract's rounding rule; null: the contract rounds nothing"
    )
    margin: float | None = Field(description="how much better than the target", examples=[0.0042])
    verdict: Outcome
    reason: Reason
    sum_unit: str = Field(description="of numerator and denominator", examples=["h"])
    numerator: float
    denominator: float
    bounds: Bounds | None
    interval: list[float | None] | None = Field(description="lower and upper statistical limit, where the kind has any")
    hours: list[Hours]
    hours_by_category: dict[str, float]
    unavailable_hours_by_party: dict[str, float] = Field(
        description="by the party, or by whom the contract names for what is beyond an allowance"
    )
    assets: list[Asset]
    measures: dict[str, float] = Field(description="what money may depend on beside the value, each in its name's unit")
    notes: list[str] = Field(description="what must be known about how the value came about")
    budget: Budget | None = Field(description="null: the guarantee is not about hours")
    settlement: Settlement
    forecast: Forecast | None
