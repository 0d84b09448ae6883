"""Who asks."""

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
