"""One cell to an instant or an exact number; a ValueError says why not."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Final

from shared.instant import to_us

_NUMBER: Final = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?", re.ASCII)
_TOO_FINE: Final = re.compile(r"[.,]\d{6}0*[1-9]", re.ASCII)


def instant_us(cell: str) -> int:
    """ISO 8601 with offset or `Z`, to the microsecond."""
    try:
        at = datetime.fromisoformat(cell)
    except ValueError as error:
        raise ValueError(f"{cell!r} is no time in ISO 8601") from error
    if at.tzinfo is None:
        raise ValueError(f"{cell!r} has no offset from UTC: nobody can say when that was")
    if _TOO_FINE.search(cell):
        raise ValueError(f"{cell!r} is finer than a microsecond")
    return to_us(at)


def number(cell: str) -> Decimal:
    """A decimal number, exact; no thousands separators, no NaN."""
    if not _NUMBER.fullmatch(cell):
        raise ValueError(f"{cell!r} is no number" if cell else "is empty; a number is needed")
    return Decimal(cell)
