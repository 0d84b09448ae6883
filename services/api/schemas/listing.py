"""A page of a list."""

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

_Item = TypeVar("_Item")


class Listing(BaseModel, Generic[_Item]):
    """Items in the order of the list; `next` leads to the following page and is null on the last."""

    items: list[_Item]
    next: str | None = Field(default=None, description="pass as `cursor` for the next page", examples=["WzQyXQ"])
