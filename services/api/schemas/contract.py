"""Contracts and what they say of the facts."""

from pydantic import BaseModel, ConfigDict, Field

from services.api.schemas.document import Document
from services.api.schemas.times import UtcTime
from shared.contracts.assessment import Outcome
from shared.contracts.terms import Kind, PeriodKind


class _FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Contract(_FromRow):
    """A contract in the version that is in force: the last that has begun, before that the first."""

    id: str = Field(validation_alias="slug", serialization_alias="id", examples=["WIND-1"])
    version: int = Field(examples=[1])
    customer: str = Field(examples=["northridge"])
    customer_name: str = Field(examples=["Northridge Wind SAS"])
    valid_from: UtcTime
    valid_to: UtcTime = Field(description="first instant after the term")
    stored_at: UtcTime
    sha256: str = Field(description="of the file as it was stored")
    assets: int = Field(description="how many machines it is about")


class ContractAsset(_FromRow):
    """A machine the contract is about."""

    id: int
    slug: str
    name: str
    site: str


class Guarantee(BaseModel):
    """What is promised."""

    id: str = Field(examples=["TBA"])
    kind: Kind
    indicator: str = Field(examples=["time_availability@1"])
    level: str = Field(description="the base; seasons, ramp-up and ageing are in `source`", examples=["0.97"])


class Version(_FromRow):
    """A version that was stored."""

    version: int
    stored_at: UtcTime
    sha256: str


class ContractDetail(Contract):
    """A contract with its terms; `source` is the file as it was stored."""

    zone: str = Field(examples=["Europe/Berlin"])
    currency: str = Field(examples=["EUR"])
    period: PeriodKind
    guarantees: list[Guarantee]
    machines: list[ContractAsset]
    versions: list[Version]
    source: str = Field(description="YAML")


class StoredAssessment(_FromRow):
    """What was judged of one guarantee and one period; `sha256` is over the document's canonical JSON."""

    id: int
    version: int = Field(description="the version of the contract that is the law of this period")
    guarantee: str = Field(validation_alias="guarantee_id", serialization_alias="guarantee", examples=["TBA"])
    period_start: UtcTime
    period_end: UtcTime
    as_of: UtcTime
    verdict: Outcome
    sha256: str
    document: Document = Field(validation_alias="result", serialization_alias="document")


class Judged(BaseModel):
    """Value in use of one guarantee. `sha256` is over the canonical JSON of `document`: keys sorted, no spaces."""

    guarantee: str = Field(examples=["TBA"])
    computed: str = Field(pattern="^(stored|on_request)$", description="by analytics, or now for the window asked for")
    sha256: str
    document: Document


class ValueInUse(BaseModel):
    """Value in use of a contract: one entry a guarantee and period."""

    contract: str = Field(examples=["WIND-1"])
    items: list[Judged]


class Standing(BaseModel):
    """How a guarantee of a contract stands in its current period."""

    contract: str = Field(examples=["WIND-1"])
    version: int
    customer: str = Field(examples=["northridge"])
    customer_name: str = Field(examples=["Northridge Wind SAS"])
    assets: int = Field(description="how many machines the contract is about")
    guarantee: str = Field(examples=["TBA"])
    sha256: str
    document: Document
