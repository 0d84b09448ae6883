"""Cursors: the key of a page's last item, opaque to the caller and checked when it comes back."""

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from services.api.problems import InvalidParameterError
from services.api.schemas.query import MAX_BIGINT

Number = Annotated[int, Meta(ge=0, le=MAX_BIGINT)]
Text = Annotated[str, Meta(pattern=r"^[^\x00]*$")]
Moment = Annotated[datetime, Meta(tz=True)]

_Item = TypeVar("_Item")
_Key = TypeVar("_Key", bound=tuple[Any, ...])


def page(found: Sequence[_Item], limit: int, key: Callable[[_Item], tuple[Any, ...]]) -> tuple[list[_Item], str | None]:
    """The items of a page of which `limit + 1` were asked for, and the cursor of the next one, if there is one."""
    items = list(found[:limit])
    return items, cursor(key(items[-1])) if len(found) > limit else None


def cursor(key: tuple[Any, ...]) -> str:
    """The cursor of a key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def key(given: str | None, shape: type[_Key], first: _Key) -> _Key:
    """The key a cursor carries; without a cursor `first`. Raises InvalidParameterError for a cursor we never gave."""
    if given is None:
        return first
    try:
        padded = given.encode("ascii") + b"=" * (-len(given) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=shape)
    except ValueError as error:  # not ASCII, not base64, not JSON, not of the shape
        raise InvalidParameterError("cursor", "is not one that this list gave") from error
