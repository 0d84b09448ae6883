"""The YAML form of a contract as pydantic models: names, types and ranges of each field, nothing across fields."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StringConstraints

from shared.contracts import condition, formula
from shared.contracts.condition import Condition
from shared.contracts.formula import Formula
from shared.contracts.terms import Form, PeriodKind, Verdict
from shared.model.facts import Category

FIRST_YEAR, LAST_YEAR = 1990, 2199
OPEN_AT, CLOSE_BELOW = Decimal("0.5"), Decimal("0.4")


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{value!r} is not a number")
    return Decimal(value)


def _named(kind: type[Category] | type[Verdict] | type[Form] | type[PeriodKind], what: str) -> PlainValidator:
    def read(value: Any) -> Any:
        try:
            return kind(value)
        except ValueError as error:
            raise ValueError(f"unknown {what} {value!r}") from error

    return PlainValidator(read)


def _text_as(read: Callable[[str], Any]) -> PlainValidator:
    def checked(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is not a text")
        return read(value)

    return PlainValidator(checked)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown zone {name!r}") from error


def _day(value: date) -> date:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return value


Number = Annotated[Decimal, BeforeValidator(_number)]
Share = Annotated[Number, Field(ge=0, le=1)]
Level = Annotated[Number, Field(gt=0, le=1)]
Amount = Annotated[Number, Field(ge=0)]
Decimals = Annotated[int, Field(ge=0, le=12)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
AssetName = Annotated[str, StringConstraints(pattern=r"^[^/\s+#]+/[^/\s+#]+$", max_length=200)]
Day = Annotated[date, AfterValidator(_day)]
CategoryName = Annotated[Category, _named(Category, "category")]
VerdictName = Annotated[Verdict, _named(Verdict, "verdict")]


class Part(BaseModel):
    """A mapping of the form: no key it does not know, no value of another type."""

    model_config = ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True, frozen=True)


class Head(Part):
    """`contract:`"""

    id: Name
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    customer: Name
    offering: Annotated[str, StringConstraints(min_length=1)] | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    tz: Annotated[ZoneInfo, _text_as(_zone)]


class Term(Part):
    """`term:`, both days included."""

    start: Day
    end: Day
    period: Annotated[PeriodKind, _named(PeriodKind, "period")]


class Asset(Part):
    """An entry of `assets:`, `site/asset` below the customer."""

    id: AssetName


class AllowanceForm(Part):
    """An entry of `verdicts.allowance`."""

    category: CategoryName
    hours_per_asset_per_period: Amount | None = None
    fraction_of_period: Share | None = None
    within: VerdictName
    beyond: VerdictName


class Verdicts(Part):
    """`verdicts:`, each category once."""

    available: tuple[CategoryName, ...] = Field(default=(), strict=False)
    excluded: tuple[CategoryName, ...] = Field(default=(), strict=False)
    unavailable: tuple[CategoryName, ...] = Field(default=(), strict=False)
    allowance: tuple[AllowanceForm, ...] = Field(default=(), strict=False)


class OverrideForm(Part):
    """An entry of `overrides:`, the first that holds wins."""

    when: Annotated[Condition, _text_as(condition.parse)]
    verdict: VerdictName


class Rounding(Part):
    """`rounding:`; without decimals the availability stays exact."""

    availability_decimals: Decimals | None = None
    mode: Literal["half_up"] = "half_up"
    money_decimals: Decimals = 2


class MalusForm(Part):
    """`malus:`; every further key with a number is a constant of the formula."""

    model_config = ConfigDict(strict=True, extra="allow", arbitrary_types_allowed=True, frozen=True)
    __pydantic_extra__: dict[str, Number]  # pyright: ignore[reportIncompatibleVariableOverride]

    formula: Annotated[Formula, _text_as(formula.parse)]
    unit: str | None = None


class Cap(Part):
    """`cap:` of one period, given as an amount or as a share of the annual fee."""

    malus_per_period: Amount | None = None
    malus_fraction_of_annual_fee: Share | None = None
    annual_fee: Amount | None = None


class SettlementForm(Part):
    """`settlement:`"""

    malus: MalusForm
    cap: Cap | None = None


class Alert(Part):
    """`alert:` P(miss) that opens an alert, and below which it closes."""

    p_miss_open: Share = OPEN_AT
    p_miss_close: Share = CLOSE_BELOW


class GuaranteeForm(Part):
    """An entry of `guarantees:`"""

    id: Name
    kind: Literal["time_availability"]
    level: Level
    form: Annotated[Form, _named(Form, "form")]
    category_model: Literal["iec61400_26_2019"]
    verdicts: Verdicts
    overrides: tuple[OverrideForm, ...] = Field(default=(), strict=False)
    rounding: Rounding = Rounding()
    settlement: SettlementForm | None = None
    alert: Alert = Alert()


class ContractForm(Part):
    """A contract file."""

    contract: Head
    term: Term
    assets: tuple[Asset, ...] = Field(strict=False)
    guarantees: tuple[GuaranteeForm, ...] = Field(strict=False)
