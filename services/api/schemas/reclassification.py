"""What people say a machine was, and what was done about it."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.api.schemas.query import MAX_BIGINT
from services.api.schemas.times import Instant, UtcTime
from shared.model.facts import Category, Party
from shared.model.reclassification import Side, Status

Words = Annotated[str, Field(min_length=1, max_length=4_000, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
Cause = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9_-]+$", examples=["grid_outage"])]
Url = Annotated[str, Field(max_length=2_000, pattern=r"^https?://[\x21-\x7e]+$")]
# Nobody proposes that a party be disputed: it is while both disagree.
Answerable = Annotated[
    Party, Field(description="who answers for it", json_schema_extra={"not": {"const": Party.DISPUTED}})
]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Proposal(_Asked):
    """What a stretch was: a whole event, a part of one (`event_id` with `from` and `to`), or any other time."""

    event_id: int | None = Field(default=None, ge=1, le=MAX_BIGINT, description="null: none; `from` and `to` say when")
    from_: Instant | None = Field(default=None, alias="from", description="default: as the event")
    to: Instant | None = Field(default=None, description="default: as the event, which must be over then")
    category: Category
    cause: Cause
    party: Answerable
    evidence: Words = Field(description="why; what shows it")
    urls: list[Url] = Field(default=[], max_length=20, description="where the evidence is")

    @model_validator(mode="after")
    def _names_a_party(self) -> Self:
        _check(self.party)
        return self


class Reason(_Asked):
    """Why it is accepted, disputed or withdrawn."""

    why: Words


class Ruling(_Asked):
    """What an expert says: the stretch was as proposed, as reported (`upheld` false), or what is given here."""

    why: Words
    upheld: bool = Field(default=True, description="false: it stays as the machine reported it")
    category: Category | None = Field(default=None, description="null: as proposed")
    cause: Cause | None = Field(default=None, description="null: as proposed")
    party: Answerable | None = Field(default=None, description="null: as proposed")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if not self.upheld and (self.category or self.cause or self.party):
            raise ValueError("what is not upheld stays as it was reported: name no category, cause or party")
        _check(self.party)
        return self


def _check(party: Party | None) -> None:
    if party is Party.DISPUTED:
        raise ValueError("party: it is disputed while both disagree, and nobody proposes that")


class _FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Step(_FromRow):
    """What somebody did about it. `category`, `cause` and `party` are what holds by it; null: as reported."""

    status: Status
    at: UtcTime
    by: str = Field(description="who")
    side: Side = Field(description="for whom")
    why: str
    category: Category | None
    cause: str | None
    party: Party | None


class Reclassification(_FromRow):
    """What a stretch of a machine's time was, by somebody's word.

    Proposed it changes nothing. Disputed, the category stays and the party is `disputed`. Accepted or ruled, it goes
    before everything the machine reported.
    """

    id: int
    asset_id: int
    asset: str = Field(examples=["lechtal/kempten/c1"])
    event_id: int | None
    from_: UtcTime = Field(validation_alias="start_at", serialization_alias="from")
    to: UtcTime = Field(validation_alias="end_at")
    category: Category = Field(description="as proposed")
    cause: str
    party: Party
    evidence: str
    urls: list[str]
    status: Status
    steps: list[Step] = Field(description="the proposal first")
