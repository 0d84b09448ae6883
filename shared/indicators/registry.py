"""All indicators by `name@version`. Results name the version they were computed with, so none is ever removed."""

from typing import Final

from shared.errors import NotFoundError
from shared.indicators.catalog.baseline import ENERGY_BASELINE
from shared.indicators.catalog.en15341 import EN15341
from shared.indicators.catalog.energy import ENERGY_PERFORMANCE, SPECIFIC_ENERGY
from shared.indicators.catalog.failures import DEMONSTRATION, FAILURE_RATE, MTBF, RESTORATION
from shared.indicators.catalog.hours import CALENDAR_HOURS, RESPONSE_QUOTA, RESPONSE_TIMES
from shared.indicators.catalog.iec61400 import IEC61400_TIME, IEC61400_VARIANTS
from shared.indicators.catalog.iso22400 import ISO22400
from shared.indicators.catalog.life import CENSORED, REMAINING_LIFE, TREND
from shared.indicators.catalog.oee import OEE
from shared.indicators.catalog.outlook import BURN_RATE, MISS_PROBABILITY, VIBRATION_ZONE
from shared.indicators.catalog.policy import AVAILABILITY_BY_POLICY
from shared.indicators.catalog.production import LOST_PRODUCTION, PRODUCTION_AVAILABILITY
from shared.indicators.catalog.promised import (
    ENERGY_INTENSITY,
    FAILURE_NOTICE,
    OUTPUT,
    POWER_CURVE,
    RESPONSE_TIME,
    TECHNICAL_AVAILABILITY,
)
from shared.indicators.catalog.savings import ENERGY_SAVINGS
from shared.indicators.catalog.steady_state import DEPENDABILITY, INTERVAL, MARKOV, SPREAD
from shared.indicators.catalog.sums import FLEET, PERIODS, THRESHOLD_MINUTES
from shared.indicators.catalog.uncertainty import FSU
from shared.indicators.indicator import Indicator
from shared.indicators.time_availability import TIME_AVAILABILITY

INDICATORS: Final[dict[str, Indicator]] = {
    each.key: each
    for each in (
        TIME_AVAILABILITY,
        AVAILABILITY_BY_POLICY,
        PERIODS,
        FLEET,
        THRESHOLD_MINUTES,
        IEC61400_TIME,
        IEC61400_VARIANTS,
        PRODUCTION_AVAILABILITY,
        LOST_PRODUCTION,
        OEE,
        ISO22400,
        EN15341,
        DEPENDABILITY,
        MTBF,
        DEMONSTRATION,
        FAILURE_RATE,
        RESTORATION,
        TREND,
        CENSORED,
        REMAINING_LIFE,
        MARKOV,
        INTERVAL,
        SPREAD,
        MISS_PROBABILITY,
        BURN_RATE,
        SPECIFIC_ENERGY,
        ENERGY_PERFORMANCE,
        ENERGY_BASELINE,
        ENERGY_SAVINGS,
        FSU,
        CALENDAR_HOURS,
        RESPONSE_QUOTA,
        RESPONSE_TIMES,
        VIBRATION_ZONE,
        TECHNICAL_AVAILABILITY,
        ENERGY_INTENSITY,
        POWER_CURVE,
        OUTPUT,
        RESPONSE_TIME,
        FAILURE_NOTICE,
    )
}


def indicator(key: str) -> Indicator:
    """The indicator of a key like `time_availability@1`; NotFoundError when there is none."""
    found = INDICATORS.get(key)
    if found is None:
        raise NotFoundError(f"no indicator {key!r}; known: {', '.join(INDICATORS)}")
    return found


def newest(name: str) -> Indicator:
    """The indicator of a name with or without version, the newest without; NotFoundError when there is none."""
    if "@" in name:
        return indicator(name)
    versions = [each for each in INDICATORS.values() if each.name == name]
    if not versions:
        raise NotFoundError(f"no indicator {name!r}; known: {', '.join(each.name for each in INDICATORS.values())}")
    return max(versions, key=lambda each: each.version)
