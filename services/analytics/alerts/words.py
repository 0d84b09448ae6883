"""The words of an alert, for an account team: what, by how much, what it costs, and what is still to come."""

from fractions import Fraction

from services.analytics.judged import Judged
from shared.contracts.assessment import Budget, Certainty, Settlement
from shared.instant import HOUR_US, MINUTE_US, SECOND_US, from_us
from shared.model.alert import Hearing, Machine, Watching

Words = tuple[str, str]


def of_guarantee(judged: Judged, *, opened: bool) -> Words:
    """Title and body of a guarantee at risk, or no longer at risk."""
    assessment, contract = judged.assessment, judged.contract
    name = f"{contract.id}: guarantee {judged.guarantee.id} of {percent(assessment.level)} for {judged.period.label}"
    lines = [
        f"Customer {contract.customer}, contract {contract.id} version {contract.version}.",
        f"Target {percent(assessment.level)}, so far {percent(assessment.measured)}.",
        *_budget(assessment.budget),
        _outlook(judged),
        _money(assessment.settlement),
    ]
    if opened:
        return f"{name} is at risk", "\n".join(lines)
    if assessment.complete:
        return f"{name}: period over, {assessment.outcome.value}", "\n".join(lines)
    return f"{name} is no longer at risk", "\n".join(lines)


def of_silence(hearing: Hearing, now_us: int, *, opened: bool) -> Words:
    """Title and body of a machine that is silent, or heard again."""
    machine = hearing.machine
    if hearing.silent_after_us is None:
        return f"{name_of(machine)} may be silent now", f"{place_of(machine)} Its silence is no longer watched."
    if not opened:
        return f"{name_of(machine)} is heard again", f"{place_of(machine)} Last heard {time_of(hearing.last_heard_us)}."
    silent_us = now_us - (hearing.last_heard_us or now_us)
    lines = [
        f"{place_of(machine)} Nothing heard since {time_of(hearing.last_heard_us)}, for {_duration(silent_us)}; it is "
        f"expected every {_duration(hearing.silent_after_us)}.",
        "As soon as its last reading no longer vouches for it, its time counts as information unavailable, and once "
        "the contract's allowance for that is used up, against the guarantee."
        if hearing.contracts
        else "No contract covers it today, so no money depends on it.",
    ]
    if hearing.contracts:
        lines.append(f"Contracts that depend on it: {', '.join(hearing.contracts)}.")
    return f"{name_of(machine)} is silent", "\n".join(lines)


def of_anomaly(watching: Watching, *, opened: bool) -> Words:
    """Title and body of a machine that behaves unlike its healthy time, or does so no longer."""
    machine = watching.machine
    if not opened and watching.is_dismissed:
        return (
            f"{name_of(machine)} behaves as it may",
            f"{place_of(machine)} An engineer judged the finding to be none.",
        )
    if not opened:
        return f"{name_of(machine)} behaves as usual again", f"{place_of(machine)} The finding has ended."
    lines = [
        f"{place_of(machine)} Since {time_of(watching.since_us)} it behaves unlike its healthy time, "
        f"up to {watching.peak_score or 0:.1f} times the threshold.",
        f"Most unusual: {', '.join(watching.sensors[:3])}.",
    ]
    return f"{name_of(machine)} behaves unusually", "\n".join(lines)


def _outlook(judged: Judged) -> str:
    forecast = judged.assessment.forecast
    if forecast is None:
        return f"The period is over: {judged.assessment.outcome.value}."
    if forecast.certainty is Certainty.CERTAIN_MISS:
        return f"It will be missed as the facts stand; {forecast.remaining_h:.0f} machine hours remain."
    chance = "unknown" if forecast.p_miss is None else f"{forecast.p_miss:.0%}"
    seen = f"{forecast.failures} failure(s) seen"
    if forecast.mtbf_h is not None and forecast.mttr_h is not None:
        seen += f", one every {forecast.mtbf_h:.1f} h, back after {forecast.mttr_h:.1f} h"
    return f"Probability of missing it: {chance}, with {forecast.remaining_h:.0f} machine hours to go ({seen})."


def _budget(budget: Budget | None) -> list[str]:
    if budget is None:
        return []
    used, total = _hours(budget.used_us), _hours(budget.total_us)
    return [f"Unavailable time: {used} used of {total} allowed, {_left(budget.left_us)}."]


def _money(settlement: Settlement) -> str:
    if settlement.malus is None:
        return "Malus: not known yet, a quantity of its formula is missing."
    capped = " (the cap)" if settlement.capped else ""
    hour = f" One more unavailable hour costs {settlement.marginal_hour:,.2f}." if settlement.marginal_hour else ""
    return f"Malus as things stand: {settlement.malus:,.2f} {settlement.currency}{capped}.{hour}"


def percent(ratio: Fraction | None) -> str:
    """A ratio in percent, to two decimals."""
    return "unknown" if ratio is None else f"{float(ratio):.2%}"


def _hours(us: Fraction) -> str:
    return f"{float(us / HOUR_US):.1f} h"


def _left(us: Fraction) -> str:
    return f"{_hours(us)} left" if us >= 0 else f"{_hours(-us)} over"


def name_of(machine: Machine) -> str:
    """A machine and whose it is."""
    return f"{machine.name} ({machine.customer})"


def place_of(machine: Machine) -> str:
    """A machine, where it stands and whose it is, as a sentence."""
    return f"{machine.name} at {machine.site}, {machine.customer}."


def time_of(us: int | None) -> str:
    """An instant to the second."""
    return "never" if us is None else f"{from_us(us):%Y-%m-%d %H:%M:%S} UTC"


def _duration(us: int) -> str:
    if us < 2 * MINUTE_US:
        return f"{us // SECOND_US} s"
    if us < 2 * HOUR_US:
        return f"{us // MINUTE_US} min"
    return f"{us / HOUR_US:.1f} h"
