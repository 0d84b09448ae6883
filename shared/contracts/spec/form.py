"""The YAML form of a contract as pydantic models: names, types and ranges of each field, nothing across fields."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, StringConstraints

from shared.contracts.spec.form_kinds import GuaranteeForm
from shared.contracts.spec.form_money import CapsForm, Fee
from shared.contracts.spec.form_policy import Data, DutyForm
from shared.contracts.spec.form_scalars import (
    AssetName,
    Day,
    Days,
    Listed,
    Name,
    Part,
    Positive,
    Text,
    Word,
    Zone,
    members,
    one_of,
)
from shared.contracts.terms import PeriodKind, Weighting

SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
PeriodName = Annotated[PeriodKind, one_of(PeriodKind, "period"), members(PeriodKind)]


def _named(value: Any) -> Any:
    """A plain name stands for an entry that only names it."""
    return {"id": value} if isinstance(value, str) else value


class Head(Part):
    """`contract:`"""

    id: Name
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    customer: Text
    """Slug or name of the customer."""
    offering: Text | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    tz: Zone
    """IANA zone in which days, months and years are counted."""


class Term(Part):
    """`term:`, both days included."""

    start: Day
    end: Day
    period: PeriodName
    """What is measured and settled."""
    first_period: Day | None = None
    """The first day of the first period: the start, said again."""
    true_up: PeriodName | None = None
    """The settlement year of year caps, yearly allowances and true-ups: `calendar_year` or `contract_year`."""


class AssetForm(Part):
    """An entry of `assets:`; as `site/asset` below the customer, or alone where that is unambiguous."""

    id: AssetName
    rated_kw: Positive | None = None
    machines: Listed[AssetName] = ()
    """The parts of a line."""
    bottleneck: AssetName | None = None
    """The part whose stop stops the line; without it, whichever stops."""


class StationForm(Part):
    """`station:` one asset of several machines that answer for it together."""

    id: AssetName
    compressors: Listed[AssetName] = ()
    machines: Listed[AssetName] = ()
    redundancy: Text | None = None
    """For the reader."""
    boundary: Text | None = None
    """Where it is measured; for the reader."""


class FleetAsset(Part):
    """An entry of `fleet.assets`; a plain name stands for one without rated power."""

    id: AssetName
    rated_kw: Positive | None = None


class FleetForm(Part):
    """`fleet:` assets that are looked at as one."""

    assets: Listed[Annotated[FleetAsset, BeforeValidator(_named, json_schema_input_type=AssetName | FleetAsset)]]
    weighting: Annotated[Weighting, one_of(Weighting, "weighting"), members(Weighting)] = Weighting.EQUAL_HOURS


class CalendarForm(Part):
    """`calendar:` of planned busy time; for the reader."""

    source: Word
    locked_before_period: bool | None = None


class StatementForm(Part):
    """`statement:` days count from the period's end; for the reader."""

    due_days: Days | None = None
    customer_review_days: Days | None = None
    escalation: Text | None = None
    """Who decides where the parties do not agree."""


class ContractForm(Part):
    """A contract file."""

    contract: Head
    term: Term
    assets: Listed[AssetForm] = ()
    station: StationForm | None = None
    fleet: FleetForm | None = None
    fee: Fee | None = None
    data: Data = Data()
    calendar: CalendarForm | None = None
    customer_duties: Listed[DutyForm] = ()
    guarantees: Listed[GuaranteeForm]
    caps: CapsForm | None = None
    """Over all guarantees together."""
    statement: StatementForm = StatementForm()
    texts: dict[Word, Text] = Field(default_factory=dict)
    """Terms that nothing computes: VAT, what is not covered, liability."""


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a contract file, with the meaning of each key."""
    return {
        "$schema": SCHEMA_DIALECT,
        **ContractForm.model_json_schema(by_alias=True, mode="validation"),
        "title": "vouch contract",
    }
