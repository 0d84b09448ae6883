"""A contract in plain words, for the people who sold it: what counts how, what it costs, and an example computed."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import groupby
from textwrap import wrap
from typing import Final

from shared.contracts.explain.example import examples
from shared.contracts.explain.measure import measured
from shared.contracts.explain.money import caps, money
from shared.contracts.explain.policy import counted
from shared.contracts.explain.words import amount, listed, number, value
from shared.contracts.level import level_of
from shared.contracts.periods import Period, periods
from shared.contracts.terms import Contract, Guarantee, Kind, Machine, PeriodKind, Weighting
from shared.instant import from_us

WIDTH: Final = 110
_LABEL: Final = 22
_PERIODS: Final[dict[PeriodKind, str]] = {
    PeriodKind.CALENDAR_MONTH: "calendar month",
    PeriodKind.CALENDAR_QUARTER: "calendar quarter",
    PeriodKind.CALENDAR_YEAR: "calendar year",
    PeriodKind.CONTRACT_YEAR: "contract year",
    PeriodKind.TERM: "whole term",
}
_SHOWN: Final = 4
# Kinds of which each machine has a ratio of its own, so that it matters how they add up.
_SUMMED: Final = frozenset(Kind) - {Kind.ENERGY_SAVINGS, Kind.RESPONSE_TIME, Kind.MTBF, Kind.FAILURE_NOTICE}


def explain(contract: Contract, as_of_us: int) -> str:
    """The contract as text of lines up to `WIDTH`; `as_of_us` chooses the periods whose levels are shown.

    Each guarantee ends with worked examples: made-up facts of one whole period, judged and settled by the same code
    as real ones.
    """
    lines: list[str] = [*_head(contract), ""]
    shown = _shown(contract, as_of_us)
    for guarantee in contract.guarantees:
        lines += [*_guarantee(contract, guarantee, shown), ""]
    lines += _common(contract)
    return "\n".join(lines).rstrip() + "\n"


def _head(contract: Contract) -> Iterator[str]:
    title = f"{contract.id}, version {contract.version}: a contract with {contract.customer}"
    yield from (title, "=" * len(title))
    if contract.offering:
        yield from _said("Offering", [contract.offering])
    whole = (
        f"{_day(contract.start)} to {_day(contract.end)}, both included; days begin at midnight in {contract.zone.key}"
    )
    yield from _said("Term", [whole])
    yield from _said("Settled by", [_PERIODS[contract.period], *_year(contract)])
    yield from _said("Machines", list(_machines(contract)))
    yield from _said("Fee", list(_fees(contract)))


def _year(contract: Contract) -> list[str]:
    return [f"year caps, yearly allowances and true-ups count by {_PERIODS[contract.settlement_year]}"]


def _machines(contract: Contract) -> Iterator[str]:
    """Those of which only the name is known together, the others each."""
    plain = [each.name for each in contract.machines if each.rated_kw is None and not each.parts]
    if plain:
        yield listed(plain)
    for machine in contract.machines:
        if machine.name not in plain:
            yield _machine(machine)


def _machine(machine: Machine) -> str:
    rated = f" of {number(machine.rated_kw)} kW" if machine.rated_kw is not None else ""
    parts = f", made of {listed(machine.parts)}" if machine.parts else ""
    bottleneck = f"; it stands when {machine.bottleneck} stands" if machine.bottleneck else ""
    return f"{machine.name}{rated}{parts}{bottleneck}"


def _fees(contract: Contract) -> Iterator[str]:
    fees, currency = contract.fees, contract.currency
    if fees.monthly is not None:
        yield f"{amount(fees.monthly, currency)} a month"
    elif fees.annual is not None:
        yield f"{amount(fees.annual, currency)} a year"
    if fees.per_unit is not None:
        least = fees.minimum_take_per_month
        take = f", at least {number(least)} a month" if least is not None else ""
        yield f"{number(fees.per_unit)} {currency} for each unit of {fees.unit_quantity}{take}"


def _guarantee(contract: Contract, guarantee: Guarantee, shown: Sequence[Period]) -> Iterator[str]:
    title = f"{guarantee.id}: {guarantee.kind.value.replace('_', ' ')}, {_promise(guarantee)}"
    yield from (title, "-" * len(title))
    yield from _said("What is measured", [*measured(guarantee), *_fleet(contract, guarantee)])
    yield from _said("Formula", [guarantee.indicator])
    for label, sentences in counted(guarantee):
        yield from _said(label, sentences)
    yield from _said("Level", list(_levels(contract, guarantee, shown)))
    yield from _said("Rounding", [_rounding(guarantee)])
    yield from _said("Money", list(money(contract, guarantee)))
    yield from _said("Also agreed", [f"{name.replace('_', ' ')}: {text}" for name, text in guarantee.texts.items()])
    for title, sentences in examples(contract, guarantee, shown[0]):
        yield from _said(title, sentences)


def _promise(guarantee: Guarantee) -> str:
    side = "at most" if guarantee.kind.lower_is_better else "at least"
    return f"{side} {value(guarantee.kind, Fraction(guarantee.levels.base))}"


def _fleet(contract: Contract, guarantee: Guarantee) -> Iterator[str]:
    if len(contract.machines) > 1 and guarantee.kind in _SUMMED:
        weighted = "weighted by rated power" if guarantee.weighting is Weighting.RATED_POWER else "as they are"
        yield f"the sums of all {len(contract.machines)} machines count ({weighted}), never a mean of their ratios"
    if guarantee.floor is not None:
        floor = guarantee.floor
        yield (
            f"no machine alone below {value(guarantee.kind, Fraction(floor.level))}: "
            f"{amount(floor.amount, contract.currency)} for each that is"
        )


def _levels(contract: Contract, guarantee: Guarantee, shown: Sequence[Period]) -> Iterator[str]:
    levels = guarantee.levels
    if levels.by_contract_year:
        yield f"by contract year: {listed([number(each) for each in levels.by_contract_year])}, and so on"
    for season in levels.seasons:
        yield f"months {listed([str(month) for month in sorted(season.months)])}: {number(season.level)}"
    if levels.ramp_up is not None:
        held = levels.ramp_up
        share = f"{number(held.factor)} of the level" if held.factor is not None else f"{number(held.level)}"
        yield f"in the first {held.first_days} days: {share}"
    if levels.degradation_per_year is not None:
        yield f"each contract year less by {number(levels.degradation_per_year * 100)} % of it"
    exact = [(level_of(contract, guarantee, period), period) for period in shown]
    for level, same in groupby(exact, key=lambda each: each[0]):
        named = [f"{period.label} ({_first(contract, period)} to {_last(contract, period)})" for _, period in same]
        yield f"{value(guarantee.kind, level)} in {named[0]}{_until(named[1:])}"


def _first(contract: Contract, period: Period) -> date:
    return from_us(period.start_us).astimezone(contract.zone).date()


def _last(contract: Contract, period: Period) -> date:
    return from_us(period.end_us).astimezone(contract.zone).date() - timedelta(days=1)


def _until(named: Sequence[str]) -> str:
    return f", and on to {named[-1]}" if named else ""


def _rounding(guarantee: Guarantee) -> str:
    decimals = guarantee.rounding.value_decimals
    exact = (
        "the value is not rounded"
        if decimals is None
        else f"the value to {decimals} decimals, before it meets the level"
    )
    return f"{exact}; money to {guarantee.rounding.money_decimals} decimals; halves go up"


def _common(contract: Contract) -> Iterator[str]:
    """What holds for all guarantees together."""
    sentences = list(caps(contract, contract.caps, "all guarantees together"))
    title = "For all guarantees"
    yield from (title, "-" * len(title))
    order = (
        "each guarantee's form, index, rounding, its period cap, its year cap, the contract's caps, lifetime caps, "
        "true-up"
    )
    yield from _said("Order of the money", [order])
    yield from _said("Caps", sentences)
    yield from _said("Data and statements", list(_statements(contract)))
    yield from _said("Also agreed", [f"{name.replace('_', ' ')}: {text}" for name, text in contract.texts.items()])


def _statements(contract: Contract) -> Iterator[str]:
    terms = contract.statements
    if contract.unreported == "FP":
        yield "time that no source speaks of is full performance: the log lists stops only"
    else:
        yield "time that no source speaks of is unknown (IU)"
    if terms.late_data_cutoff_days is not None:
        yield (
            f"data later than {terms.late_data_cutoff_days} days after the period's end corrects in a later statement, "
            "as agreed between the parties: the assessments of vouch follow the data whenever it comes"
        )
    if terms.due_days is not None:
        yield f"a statement is due {terms.due_days} days after the period's end"
    if terms.customer_review_days is not None:
        yield f"the customer has {terms.customer_review_days} days to review it"
    if terms.escalation is not None:
        yield f"where the parties do not agree: {terms.escalation.replace('_', ' ')}"


def _shown(contract: Contract, as_of_us: int) -> list[Period]:
    """The period of `as_of_us` and the next ones; outside the term the first, or the last."""
    every = periods(contract)
    now = next((index for index, period in enumerate(every) if as_of_us < period.end_us), len(every) - 1)
    return every[now : now + _SHOWN]


def _said(label: str, sentences: Sequence[str]) -> Iterator[str]:
    """A label and its sentences beside it; nothing without any."""
    for index, sentence in enumerate(sentences):
        first = f"  {label if index == 0 else '':<{_LABEL}}"
        yield from wrap(
            sentence, WIDTH, initial_indent=first, subsequent_indent=" " * (_LABEL + 4), break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
