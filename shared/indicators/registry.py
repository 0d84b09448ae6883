"""All indicators by `name@version`. Results name the version they were computed with, so none is ever removed."""

from shared.errors import NotFoundError
from shared.indicators.indicator import Indicator
from shared.indicators.time_availability import TIME_AVAILABILITY

INDICATORS: dict[str, Indicator] = {indicator.key: indicator for indicator in (TIME_AVAILABILITY,)}


def indicator(key: str) -> Indicator:
    """The indicator of a key like `time_availability@1`; NotFoundError when there is none."""
    found = INDICATORS.get(key)
    if found is None:
        raise NotFoundError(f"no indicator {key!r}; known: {', '.join(INDICATORS)}")
    return found
