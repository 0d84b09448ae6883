"""Indicators: what a formula takes and gives, and what it gave."""

from typing import Any

from pydantic import BaseModel, Field

from shared.indicators.indicator import Grade, Kind, Reason


class IndicatorInput(BaseModel):
    """A quantity a formula is computed from."""

    name: str = Field(examples=["operating_h"])
    aliases: list[str] = Field(description="other names it is taken under", examples=[["T"]])
    unit: str = Field(examples=["h"])
    meaning: str
    shape: str = Field(description="what it looks like in JSON", examples=["number"])
    within: str | None = Field(description="where numbers may lie", examples=["at least 0"])
    choices: list[str] = Field(description="the texts or keys allowed; empty: any")
    required: bool


class IndicatorResult(BaseModel):
    """A named result; `<...>` in the name stands for one result for each of what is between."""

    name: str = Field(examples=["mtbf"])
    unit: str = Field(examples=["h"])
    meaning: str


class Indicator(BaseModel):
    """One version of one formula."""

    name: str = Field(examples=["mtbf"])
    version: int = Field(examples=[1])
    question: str = Field(description="what it answers")
    grade: Grade = Field(alias="class")
    kind: Kind
    standard: str = Field(examples=["ISO 22400-2:2014"])
    source: str
    formula: str
    rules: list[str] = Field(description="when it is valid, what is undefined, what is refused")
    inputs: list[IndicatorInput]
    results: list[IndicatorResult]
    example: dict[str, Any] = Field(description="inputs it accepts")


class NamedResult(BaseModel):
    """One result."""

    value: Any = Field(description="number, text, flag or list; null: undefined, see `reason`", examples=[4380])
    unit: str = Field(examples=["h"])
    exact: str | list[str | None] | None = Field(
        default=None, description="the fraction, where the result is rational", examples=["4380/1"]
    )
    reason: Reason | None = Field(default=None, description="why there is no value")


class Evaluation(BaseModel):
    """What an indicator gave for the inputs sent."""

    indicator: str = Field(examples=["mtbf"])
    version: int = Field(examples=[1])
    results: dict[str, NamedResult]
    values: dict[str, Any] = Field(description="the results' values alone")
    notes: list[str] = Field(description="what a reader must know of them")
