"""The parts of a guarantee that say what is measured, to the Measure of its kind."""

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from shared.contracts.measured import (
    IntensityMeasure,
    Measure,
    MtbfMeasure,
    NoticeMeasure,
    OeeMeasure,
    OutputMeasure,
    Policy,
    PowerCurveMeasure,
    Priority,
    ProductionMeasure,
    ResponseMeasure,
    SavingsDecision,
    SavingsMeasure,
    ServiceHours,
    ThresholdMeasure,
    TimeMeasure,
)
from shared.contracts.spec.form import ContractForm
from shared.contracts.spec.form_kinds import (
    EnergyIntensity,
    EnergySavings,
    FailureNotice,
    Mtbf,
    Oee,
    Output,
    PowerCurve,
    ProductionAvailability,
    ResponseTime,
    TechnicalAvailability,
    ThresholdAvailability,
    TimeAvailability,
)
from shared.contracts.spec.form_policy import Policed
from shared.contracts.spec.form_service import HoursForm, PriorityForm
from shared.contracts.spec.policy import outside, policy, seconds_us

HOUR_S: Final = 3_600
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WHOLE_DAY: Final = (0, 24 * 60)


def measure(form: Any, contract: ContractForm) -> Measure:
    """What the guarantee measures, with the contract's rules for gaps, disputes and duties in its policy."""
    return _MEASURES[type(form)](form, contract)


def _policy(form: Any, contract: ContractForm) -> Policy:
    return policy(form, form.kind, contract.data, contract.customer_duties)


def _own_policy(form: Any, contract: ContractForm) -> Policy | None:
    """The policy of a kind that counts quantities: only where its file says anything of time."""
    return _policy(form, contract) if form.model_fields_set & set(Policed.model_fields) else None


def _time(form: TimeAvailability, contract: ContractForm) -> TimeMeasure:
    return TimeMeasure(policy=_policy(form, contract))


def _technical(form: TechnicalAvailability, contract: ContractForm) -> TimeMeasure:
    ruled = _policy(form, contract)
    ruled = replace(ruled, overrides=(*ruled.overrides, *outside(form.external_stops)))
    if form.own_fault_min_stop_s is not None:
        ruled = replace(ruled, min_event_us=seconds_us(form.own_fault_min_stop_s))
    return TimeMeasure(policy=ruled, root_stop=form.root_stop_rule == "first_machine_to_stop")


def _threshold(form: ThresholdAvailability, contract: ContractForm) -> ThresholdMeasure:
    condition = form.bad_when.strip()
    limit = Decimal(condition[1:].strip())
    return ThresholdMeasure(
        policy=_policy(form, contract),
        signal=form.signal,
        bad_below=limit if condition.startswith("<") else None,
        bad_above=limit if condition.startswith(">") else None,
        min_duration_us=seconds_us(form.min_duration_s),
        resolution_us=(contract.data.resolution or 60) * 1_000_000,
    )


def _production(form: ProductionAvailability, contract: ContractForm) -> ProductionMeasure:
    return ProductionMeasure(policy=_policy(form, contract), uncertainty=form.potential_uncertainty)


def _intensity(form: EnergyIntensity, contract: ContractForm) -> IntensityMeasure:
    del contract
    return IntensityMeasure(
        expected=form.expected_kwh, constants=dict(form.constants), valid_range=dict(form.valid_range)
    )


def _savings(form: EnergySavings, contract: ContractForm) -> SavingsMeasure:
    del contract
    decision, at = _decision(form.decision)
    line = form.baseline
    return SavingsMeasure(
        driver=line.driver,
        intercept=line.b0,
        slope=line.b1,
        n=line.n,
        s=line.s,
        x_mean=line.x_mean,
        sxx=line.sxx,
        decision=decision,
        at=at,
        non_routine=form.non_routine,
        method=form.method,
    )


def _decision(text: str) -> tuple[SavingsDecision, Decimal | None]:
    if found := re.fullmatch(r"lower_bound_(\d{2})", text):
        return SavingsDecision.LOWER_BOUND, Decimal(found[1]) / 100
    if found := re.fullmatch(r"probability_ge_(0\.\d+)", text):
        return SavingsDecision.PROBABILITY, Decimal(found[1])
    return SavingsDecision.POINT_ESTIMATE, None


def _oee(form: Oee, contract: ContractForm) -> OeeMeasure:
    return OeeMeasure(ideal_per_h=dict(form.ideal_rate), policy=_own_policy(form, contract))


def _output(form: Output, contract: ContractForm) -> OutputMeasure:
    return OutputMeasure(policy=_own_policy(form, contract))


def _power_curve(form: PowerCurve, contract: ContractForm) -> PowerCurveMeasure:
    del contract
    return PowerCurveMeasure(reference_conditions=dict(form.reference_conditions))


def _response(form: ResponseTime, contract: ContractForm) -> ResponseMeasure:
    del contract
    return ResponseMeasure(
        priorities=tuple(_priority(name, each) for name, each in form.priorities.items()),
        pauses=form.clock.pauses,
    )


def _priority(name: str, form: PriorityForm) -> Priority:
    return Priority(
        name=name,
        respond_us=_hours_us(form.respond_h),
        restore_us=_hours_us(form.restore_h),
        hours=_service_hours(form.hours),
    )


def _hours_us(hours: Decimal | None) -> int | None:
    return None if hours is None else seconds_us(hours * HOUR_S)


def _service_hours(form: HoursForm) -> ServiceHours:
    always = len(set(form.days)) == len(_WEEKDAYS) and form.between == _WHOLE_DAY and not form.holidays
    if always and not form.closed:
        return ServiceHours(name="around the clock")
    return ServiceHours(
        name=f"{', '.join(form.days)} {_clock(form.between[0])} to {_clock(form.between[1])}",
        weekly=tuple((_WEEKDAYS.index(day), *form.between) for day in dict.fromkeys(form.days)),
        holidays=frozenset(form.closed),
        holiday_region=form.holidays,
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _mtbf(form: Mtbf, contract: ContractForm) -> MtbfMeasure:
    found = re.fullmatch(r"rolling_(\d+)_months", form.test.window)
    return MtbfMeasure(
        confidence=form.test.one_sided_conf,
        policy=_policy(form, contract),
        months=int(found[1]) if found else None,
        same_failure_us=seconds_us(form.same_failure_h * HOUR_S),
    )


def _notice(form: FailureNotice, contract: ContractForm) -> NoticeMeasure:
    days = form.notice_days if form.notice_days is not None else form.level[1]
    assert days is not None
    seen = form.vibration
    return NoticeMeasure(
        days=days,
        policy=_policy(form, contract),
        max_false_share=form.max_false_alarm_share,
        vibration_group=seen.group if seen else None,
        vibration_support=seen.support if seen else None,
        zone_d_max_us=_hours_us(seen.no_operation_in_zone_d_longer_than_h) if seen else None,
    )


_MEASURES: Final[dict[type, Callable[[Any, ContractForm], Measure]]] = {
    TimeAvailability: _time,
    TechnicalAvailability: _technical,
    ThresholdAvailability: _threshold,
    ProductionAvailability: _production,
    EnergyIntensity: _intensity,
    EnergySavings: _savings,
    Oee: _oee,
    Output: _output,
    PowerCurve: _power_curve,
    ResponseTime: _response,
    Mtbf: _mtbf,
    FailureNotice: _notice,
}
