"""Which judge is whose, what it must be given, and how far it looks back."""

from collections.abc import Callable
from typing import Final

from shared.contracts.charging import policy
from shared.contracts.facts import Facts, Window
from shared.contracts.finding import Finding
from shared.contracts.kinds import mtbf
from shared.contracts.kinds.energy_intensity import judge_energy_intensity
from shared.contracts.kinds.energy_savings import judge_energy_savings
from shared.contracts.kinds.failure_notice import judge_failure_notice
from shared.contracts.kinds.mtbf import judge_mtbf
from shared.contracts.kinds.oee import judge_oee
from shared.contracts.kinds.output import judge_output
from shared.contracts.kinds.power_curve import judge_power_curve
from shared.contracts.kinds.production import judge_production
from shared.contracts.kinds.response_time import judge_response_time
from shared.contracts.kinds.threshold import judge_threshold
from shared.contracts.kinds.time import judge_technical, judge_time
from shared.contracts.measured import OeeMeasure, OutputMeasure, Policy, TimeMeasure
from shared.contracts.periods import Period
from shared.contracts.terms import Contract, Guarantee, Kind

Judge = Callable[[Contract, Guarantee, Facts, Window], Finding]

JUDGES: Final[dict[Kind, Judge]] = {
    Kind.TIME_AVAILABILITY: judge_time,
    Kind.TECHNICAL_AVAILABILITY: judge_technical,
    Kind.THRESHOLD_AVAILABILITY: judge_threshold,
    Kind.PRODUCTION_AVAILABILITY: judge_production,
    Kind.ENERGY_INTENSITY: judge_energy_intensity,
    Kind.ENERGY_SAVINGS: judge_energy_savings,
    Kind.OEE: judge_oee,
    Kind.OUTPUT: judge_output,
    Kind.POWER_CURVE: judge_power_curve,
    Kind.RESPONSE_TIME: judge_response_time,
    Kind.MTBF: judge_mtbf,
    Kind.FAILURE_NOTICE: judge_failure_notice,
}
# Kinds whose judge asks for intervals whatever the policy says.
_INTERVALS: Final = {
    Kind.TECHNICAL_AVAILABILITY, Kind.THRESHOLD_AVAILABILITY, Kind.PRODUCTION_AVAILABILITY, Kind.POWER_CURVE, Kind.MTBF,
    Kind.FAILURE_NOTICE,
}  # fmt: skip


def needs_timelines(guarantee: Guarantee) -> bool:
    """Whether `Facts.timelines` must hold the intervals of the window; else sums of time are enough."""
    if guarantee.kind in _INTERVALS:
        return True
    measure = guarantee.measure
    if isinstance(measure, TimeMeasure):
        return measure.root_stop or policy.needs_timelines(measure.policy)
    if isinstance(measure, OeeMeasure | OutputMeasure):
        return measure.policy is not None and policy.needs_timelines(measure.policy)
    return False


def policy_of(guarantee: Guarantee) -> Policy | None:
    """How the guarantee charges time; None where time is not what it is about."""
    return getattr(guarantee.measure, "policy", None)


def window_of(contract: Contract, guarantee: Guarantee, period: Period) -> Period:
    """The stretch whose facts decide about `period`: itself, or the months before its end where the test rolls."""
    return mtbf.window_of(contract, guarantee, period) if guarantee.kind is Kind.MTBF else period
