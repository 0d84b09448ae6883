"""The parts of service guarantees in the contract file: hours, priorities, tests of MTBF, notice, vibration."""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from shared.contracts.spec.form_scalars import (
    Amount,
    Confidence,
    Day,
    Listed,
    LocalTime,
    Part,
    Positive,
    Word,
)


class HoursForm(Part):
    """`hours:` when the clock of a ticket runs."""

    days: Listed[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]
    between: Annotated[tuple[LocalTime, LocalTime], Field(strict=False)]
    """`["08:00", "17:00"]`, in the contract's zone."""
    holidays: Word | None = None
    """The region whose public holidays stand still: `DE`, `DE_BY`, `DE_BY_CATHOLIC`."""
    closed: Listed[Day] = ()
    """Further days that stand still."""


ALWAYS: Final = "24x7"
BUSINESS_HOURS: Final = "business_hours_"


def _hours(value: Any) -> Any:
    """`24x7`, and `business_hours_REGION`: Monday to Friday 08:00 to 17:00 without the region's holidays."""
    if value == ALWAYS:
        return {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "between": ["00:00", "24:00"]}
    if isinstance(value, str) and value.startswith(BUSINESS_HOURS):
        region = value.removeprefix(BUSINESS_HOURS)
        return {"days": ["mon", "tue", "wed", "thu", "fri"], "between": ["08:00", "17:00"], "holidays": region}
    return value


class PriorityForm(Part):
    """An entry of `priorities:`"""

    respond_h: Positive | None = None
    restore_h: Positive | None = None
    hours: Annotated[HoursForm, BeforeValidator(_hours, json_schema_input_type=str | HoursForm)]
    """`24x7`, `business_hours_DE_BY`, or days and times."""


class ClockForm(Part):
    """`clock:` of a ticket."""

    start: Literal["ticket_received"] = "ticket_received"
    stop: Literal["technician_on_site"] = "technician_on_site"
    pauses: Listed[Word] = ()


class MtbfTest(Part):
    """`test:` what proves an MTBF."""

    one_sided_conf: Confidence
    window: Annotated[str, Field(pattern=r"^(period|rolling_[1-9]\d?_months)$")] = "period"
    fleet_pooled: Literal[True] = True


class VibrationForm(Part):
    """`vibration:` zones of ISO 20816-3."""

    standard: Literal["iso20816_3"] = "iso20816_3"
    group: Annotated[int, Field(ge=1, le=2)]
    support: Literal["rigid", "flexible"]
    no_operation_in_zone_d_longer_than_h: Amount = Field(alias="no_operation_in_zone_D_longer_than_h")


SHARE_BY_NOTICE: Final = "share_of_failures_with_notice_days_ge_"


def _notice_level(value: Any) -> tuple[Decimal, int | None]:
    """The level and, if the key of a mapping says them, the days."""
    days = None
    if isinstance(value, dict) and len(value) == 1:
        [(key, value)] = value.items()
        days = key.removeprefix(SHARE_BY_NOTICE)
        if days == key or not days.isdecimal() or len(days) > 4:
            raise ValueError(f"{key!r} is not {SHARE_BY_NOTICE} and a number of days")
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 < value <= 1:
        raise ValueError(f"{value!r} is no share above 0 and up to 1")
    return Decimal(value), None if days is None else int(days)


NoticeLevel = Annotated[
    tuple[Decimal, int | None],
    PlainValidator(_notice_level),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                {
                    "type": "object",
                    "patternProperties": {
                        rf"^{SHARE_BY_NOTICE}\d{{1,4}}$": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
                    },
                    "additionalProperties": False,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
            ]
        }
    ),
]
