"""RFC 9457 problems: the one form of every error."""

from pydantic import BaseModel, Field


class FieldFault(BaseModel):
    """A part of the request that is wrong."""

    location: str = Field(description="path, query, header or body", examples=["query"])
    field: str = Field(examples=["limit"])
    reason: str = Field(examples=["Input should be less than or equal to 1000"])


class Problem(BaseModel):
    """`application/problem+json` (RFC 9457). `type` is stable: programs branch on it, people read the rest."""

    type: str = Field(description="stable relative URI of the kind of problem", examples=["/problems/not-found"])
    title: str = Field(examples=["Not found"])
    status: int = Field(description="the HTTP status code", examples=[404])
    detail: str = Field(examples=["there is no asset 7"])
    errors: list[FieldFault] = Field(default=[], description="what is wrong with the request, field by field")
