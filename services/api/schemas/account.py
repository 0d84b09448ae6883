"""Who asks."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from services.api.security import Right
from shared.db.principals import Role


class Customer(BaseModel):
    """A customer the asker may see."""

    model_config = ConfigDict(from_attributes=True)

    slug: str = Field(examples=["northridge"])
    name: str = Field(examples=["Northridge Wind SAS"])


class Account(BaseModel):
    """The principal a key belongs to."""

    name: str = Field(examples=["anna"])
    role: Role
    rights: list[Right]
    customers: list[Customer] = Field(description="whose rows this key sees")


class Health(BaseModel):
    """The process answers."""

    status: str = Field(examples=["ok"])


class Part(BaseModel):
    """Something the process needs."""

    ok: bool
    since: datetime = Field(description="since when it is so, as far as was asked", examples=["2026-03-01T12:00:00Z"])
    detail: str = Field(description="what is wrong; empty when nothing is", examples=[""])


class Readiness(BaseModel):
    """Whether the process can do its work, part by part."""

    status: str = Field(examples=["ready", "unavailable"])
    database: Part
