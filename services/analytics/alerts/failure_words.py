"""The words of a failure foretold and of a finding confirmed: what, when, why, what to do, and what contracts lose."""

from collections.abc import Sequence
from typing import Final

from services.analytics.alerts.consequence import Consequence
from services.analytics.alerts.words import Words, name_of, percent, place_of, time_of
from shared.contracts.assessment import Certainty, Forecast
from shared.instant import HOUR_US, from_us
from shared.model.alert import Confirmed, Noticed, Repair, RepairSource
from shared.model.prognosis import HORIZONS_H, Method, NoticeState, Prediction

_METHODS: Final = {
    Method.RUN_TO_FAILURE: "learnt from machines that ran until they failed",
    Method.EVENTS: "learnt from the events and ages of machines of this model",
    Method.WEIBULL: "lifetimes of the component on machines of this model",
    Method.HEALTH_TREND: "trend of its sensors to their limits",
    Method.NONE: "not enough data",
}
_BECAME: Final = {
    NoticeState.CONFIRMED: "has failed as foretold",
    NoticeState.AVERTED: "was seen to before it failed",
    NoticeState.FALSE: "has not failed as foretold",
    NoticeState.OPEN: "is expected to fail",
}
_SENSORS_SAID = 3
_TWO_DAYS_H = 48


def of_notice(noticed: Noticed, found: Sequence[Consequence], now_us: int, *, opened: bool) -> Words:
    """Title and body of a failure that is predicted, or of what became of the prediction."""
    component = noticed.component.replace("_", " ")
    if not opened:
        return (
            f"{name_of(noticed.machine)}: {component} {_BECAME[noticed.state]}",
            f"{place_of(noticed.machine)} Notice was given {_day(noticed.given_us)}{_and(noticed.reason)}",
        )
    expected = "" if noticed.expected_us is None else f" {_in_time(noticed.expected_us - now_us)}"
    lines = [
        f"{place_of(noticed.machine)} {_expected(noticed, component)}",
        *_risk(noticed.prediction),
        *_to_do(noticed, component, now_us),
        f"Notice was given {_day(noticed.given_us)}; the window it names ends {_day(noticed.window_end_us)}.",
        f"Method: {_METHODS[noticed.prediction.method]}{_trends(noticed.prediction)}.",
        *consequences(found, "fails then"),
    ]
    return f"{name_of(noticed.machine)}: {component} is expected to fail{expected}", "\n".join(lines)


def of_confirmation(confirmed: Confirmed, found: Sequence[Consequence], *, opened: bool) -> Words:
    """Title and body of a finding that an engineer says is real, or that is over."""
    machine = confirmed.machine
    if not opened and confirmed.since_us is None:
        return f"{name_of(machine)}: the confirmed fault is over", f"{place_of(machine)} The finding has ended."
    if not opened:
        return f"{name_of(machine)}: the fault is no longer confirmed", f"{place_of(machine)} The finding goes on."
    label = f": {confirmed.label}" if confirmed.label else ""
    note = [f"Note: {confirmed.note}"] if confirmed.note else []
    lines = [
        f"{place_of(machine)} Confirmed by {confirmed.reviewed_by}{label}.",
        f"Since {time_of(confirmed.since_us)} it behaves unlike its healthy time ({confirmed.severity}), up to "
        f"{confirmed.peak_score:.1f} times the threshold: {_sensors(confirmed)}.",
        *note,
        *consequences(found, "fails"),
    ]
    return f"{name_of(machine)} has a fault{label}", "\n".join(lines)


def consequences(found: Sequence[Consequence], when: str) -> list[str]:
    """A line for each guarantee that depends on the machine, or that there is none."""
    if not found:
        return ["No contract that runs covers it, so no money depends on it."]
    return [_consequence(one, when) for one in found]


def _consequence(one: Consequence, when: str) -> str:
    judged = one.judged
    assessment, currency = judged.assessment, judged.contract.currency
    level, period = percent(assessment.level), judged.period.label
    name = f"{judged.contract.id}, guarantee {judged.guarantee.id} of {level} for {period}"
    if one.is_excluded:
        return f"{name}: such a stop does not count against it."
    if one.repair is None:
        return f"{name}: P(miss) {_chance(one.before)} as it stands; how long a repair takes is not known."
    if not one.lost_h:
        return f"{name}: P(miss) {_chance(one.before)}, the same if it {when}, which is after the period's end."
    down = f"is down for {one.lost_h:.1f} h" + _whose(one.repair)
    risk = f"P(miss) {_chance(one.before)} as it stands, {_chance(one.after)} if it {when} and {down}."
    if one.before is None:
        risk = f"it {when} and {down}: no probability is named for a guarantee of this kind."
    return f"{name}: {risk} {_money(one, currency)}"


def _money(one: Consequence, currency: str) -> str:
    if one.malus_before is None or one.malus_after is None:
        return "Malus: not known yet, a quantity of its formula is missing."
    most = "" if one.cap is None else f" At most {one.cap:,.2f} {currency} a period."
    return (
        f"Malus as things stand {one.malus_before:,.2f} {currency}, with these hours {one.malus_after:,.2f} "
        f"{currency}.{most}"
    )


def _whose(repair: Repair) -> str:
    return {
        RepairSource.MACHINE: f" (median of {repair.count} such stops of this machine)",
        RepairSource.MODEL: f" (median of {repair.count} such stop(s) of the customer's machines of this model)",
        RepairSource.CONTRACT: f" (mean of all {repair.count} failures of the contract's machines)",
    }[repair.source]


def _chance(forecast: Forecast | None) -> str:
    if forecast is None or forecast.p_miss is None:
        return "not known"
    return "certain" if forecast.certainty is Certainty.CERTAIN_MISS else f"{forecast.p_miss:.0%}"


def _expected(noticed: Noticed, component: str) -> str:
    seen = noticed.prediction
    if seen.p10_h is None or seen.p50_h is None or seen.p90_h is None:
        return f"Its {component} is likely to fail before {_day(noticed.window_end_us)}."
    early, middle, late = (_day(seen.at_us + round(h * HOUR_US)) for h in (seen.p10_h, seen.p50_h, seen.p90_h))
    return (
        f"Its {component} is expected to fail about {middle}: one chance in ten before {early}, nine in ten before "
        f"{late} (as seen {_day(seen.at_us)})."
    )


def _risk(prediction: Prediction) -> list[str]:
    if prediction.risk is None:
        return []
    said = [f"{risk:.0%} within {_horizon(hours)}" for risk, hours in zip(prediction.risk, HORIZONS_H, strict=True)]
    return [f"Probability of a failure: {', '.join(said)}."]


def _to_do(noticed: Noticed, component: str, now_us: int) -> list[str]:
    if noticed.latest_us is None:
        return []
    if noticed.latest_us <= now_us:
        past = f"the latest sensible date, {_day(noticed.latest_us)}, is past"
        return [f"To do: see to the {component} at once; {past}."]
    return [f"To do: see to the {component} by {_day(noticed.latest_us)} at the latest."]


def _sensors(confirmed: Confirmed) -> str:
    most = sorted(confirmed.signature.items(), key=lambda item: (-abs(item[1]), item[0]))[:_SENSORS_SAID]
    return ", ".join(f"{sensor} {'high' if share > 0 else 'low'} ({abs(share):.0%})" for sensor, share in most)


def _trends(prediction: Prediction) -> str:
    """Its own sensors on their way; how often the component failed elsewhere is not for every customer to read."""
    own = [said for said in prediction.evidence.get("methods", ()) if said.get("method") == Method.HEALTH_TREND]
    return "".join(f"; {said['sensor']} on its way to its limit {said['limit']:g}" for said in own)


def _and(reason: str) -> str:
    reason = reason.strip().rstrip(".")
    return f"; {reason}." if reason else "."


def _horizon(hours: int) -> str:
    return f"{hours} h" if hours < _TWO_DAYS_H else f"{hours // 24} days"


def _in_time(us: int) -> str:
    hours = us / HOUR_US
    if hours < 1:
        return "any time now"
    return f"in {hours:.0f} h" if hours < _TWO_DAYS_H else f"in {hours / 24:.0f} days"


def _day(us: int) -> str:
    return f"{from_us(us):%Y-%m-%d %H:%M} UTC"
