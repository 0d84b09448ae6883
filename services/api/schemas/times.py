"""Times at the edge: RFC 3339 with an offset in, RFC 3339 in UTC out."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _rfc3339(text: object) -> object:
    if isinstance(text, str) and not _RFC3339.fullmatch(text):
        raise ValueError("must be an RFC 3339 time with offset, like 2026-03-01T00:00:00Z (in a URL, write + as %2B)")
    return text


def _plausible(at: datetime) -> datetime:
    if not _EARLIEST <= at <= _LATEST:
        raise ValueError("must lie between the years 1970 and 2200")
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_rfc3339), AfterValidator(_plausible)]
"""A time in a request."""

UtcTime = Annotated[datetime, Field(description="RFC 3339, UTC", examples=["2026-03-01T12:00:00Z"])]
"""A time in an answer."""
