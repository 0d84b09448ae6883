"""Invariants of availability by time (contracts.md 3.3), over any facts, policy and zone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.charging.policy import Key
from shared.contracts.facts import Facts, Window
from shared.contracts.finding import Finding
from shared.contracts.kinds.time import judge_time
from shared.contracts.measured import Allowance, Form, Per, Policy, Verdict
from shared.contracts.periods import Period
from shared.contracts.terms import Contract, PeriodKind
from shared.instant import HOUR_US, MINUTE_US
from shared.model.facts import Category, Interval, Party
from shared.timeline import durations
from tests.unit.contracts.charged_time import DOWN, REQUEST, UP, facts_of, policy_of, terms_of
from tests.unit.contracts.judging import by_party
from tests.unit.contracts.kinds.terms_made import window

ZONES = ("Etc/UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns")

_keys = st.tuples(st.sampled_from(Category), st.sampled_from(["a", "b"]), st.sampled_from(Party))
_allowances = st.builds(
    Allowance,
    category=st.sampled_from([Category.SM, Category.IU, Category.FO, Category.RS, None]),
    causes=st.sampled_from([frozenset({"a"}), frozenset({"b"}), frozenset[str]()]),
    hours=st.sampled_from([None, Decimal("0"), Decimal("3.7"), Decimal("50")]),
    per=st.sampled_from(Per),
    within=st.sampled_from([Verdict.EXCLUDED, Verdict.AVAILABLE, Verdict.DEEMED_AVAILABLE]),
    beyond=st.just(Verdict.UNAVAILABLE),
    notice_days=st.sampled_from([None, 1, 14]),
    not_between=st.sampled_from([(), ((330, 510),), ((1320, 360), (720, 780))]),
)
_policies = st.builds(
    Policy,
    form=st.sampled_from(Form),
    verdicts=st.fixed_dictionaries({category: st.sampled_from(Verdict) for category in Category}),
    allowances=st.lists(_allowances, max_size=3).map(tuple),
    interpolate_us=st.sampled_from([0, 45 * MINUTE_US]),
    min_event_us=st.sampled_from([0, 30 * MINUTE_US]),
    max_excluded_fraction=st.sampled_from([None, Decimal("0.05"), Decimal("0.5")]),
    disputed=st.sampled_from([None, *Verdict]),
)


@st.composite
def _lines(draw: st.DrawFn, span: Window) -> list[Interval]:
    """Ordered, disjoint intervals with gaps, some of them reaching over the window's edges."""
    minutes = (span.end_us - span.start_us) // MINUTE_US
    cuts = sorted(draw(st.sets(st.integers(-600, minutes + 600), max_size=14)))
    line: list[Interval] = []
    for first, last in pairwise(cuts):
        key = draw(st.none() | _keys)
        if key is None:
            continue
        start_us = span.start_us + first * MINUTE_US
        announced = draw(st.none() | st.integers(0, 40 * 24).map(lambda hours, at=start_us: at - hours * HOUR_US))
        line.append(
            Interval(
                start_us=start_us,
                end_us=span.start_us + last * MINUTE_US,
                category=key[0],
                cause=key[1],
                party=key[2],
                announced_us=announced,
            )
        )
    return line


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Contract, Window, dict[str, list[Interval]]]:
    terms = terms_of(draw(_policies), "A1", "A2", zone=draw(st.sampled_from(ZONES)))
    whole = window(terms, draw(st.sampled_from(["2026-03", "2026-04", "2026-10", "2028-02"])))
    as_of_us = draw(st.sampled_from([whole.end_us, whole.start_us, whole.start_us + 400 * HOUR_US + 1]))
    asked = replace(whole, as_of_us=as_of_us)
    return terms, asked, {asset: draw(_lines(asked)) for asset in terms.assets}


def _found(terms: Contract, asked: Window, known: Mapping[str, list[Interval]]) -> Finding:
    return judge_time(terms, terms.guarantees[0], facts_of(asked, known), asked)


@settings(deadline=None, max_examples=60)
@given(_cases())
def test_every_microsecond_counts_once_and_the_value_lies_between_its_bounds(
    case: tuple[Contract, Window, dict[str, list[Interval]]],
) -> None:
    terms, asked, known = case
    found = _found(terms, asked, known)
    clock = (asked.until_us - asked.start_us) * len(terms.assets)
    assert sum((tally.duration_us for tally in found.tallies), Fraction(0)) == clock
    assert all(min(t.available_us, t.unavailable_us, t.excluded_us, t.deemed_us) >= 0 for t in found.tallies)
    assert sum(by_party(found).values(), Fraction(0)) == found.denominator - found.numerator
    if found.value is not None:
        assert found.low is not None
        assert found.high is not None
        assert 0 <= found.low <= found.value <= found.high <= 1


@settings(deadline=None, max_examples=60)
@given(_cases(), st.data())
def test_cutting_intervals_apart_changes_nothing(
    case: tuple[Contract, Window, dict[str, list[Interval]]], data: st.DataObject
) -> None:
    """Parts of one event are told by its id, as notice is counted from when it began."""
    terms, asked, known = case
    whole, parts = {}, {}
    for asset, line in known.items():
        whole[asset] = [replace(interval, event_id=number) for number, interval in enumerate(line)]
        parts[asset] = [part for interval in whole[asset] for part in _cut(interval, data.draw(st.integers(1, 59)))]
    assert _found(terms, asked, parts) == replace(
        _found(terms, asked, whole), notes=_found(terms, asked, parts).notes
    ), "only how many stretches were presumed announced may differ"


def _cut(interval: Interval, minute: int) -> list[Interval]:
    at_us = interval.start_us + minute * MINUTE_US
    if at_us >= interval.end_us:
        return [interval]
    return [replace(interval, end_us=at_us), replace(interval, start_us=at_us)]


@settings(deadline=None, max_examples=60)
@given(_cases())
def test_the_order_of_assets_changes_nothing(case: tuple[Contract, Window, dict[str, list[Interval]]]) -> None:
    terms, asked, known = case
    turned = replace(terms, machines=terms.machines[::-1])
    one, other = _found(terms, asked, known), _found(turned, asked, dict(reversed(known.items())))
    assert (one.value, one.low, one.high, one.tallies) == (other.value, other.low, other.high, other.tallies)


_sums = st.dictionaries(_keys, st.integers(0, 90 * HOUR_US), max_size=6)
_plain = st.builds(
    Policy,
    form=st.just(Form.EXCLUDED_FROM_DENOMINATOR),
    verdicts=st.fixed_dictionaries(
        {
            category: st.sampled_from(Verdict)
            for category in Category
            if category not in {Category.FP, Category.FO, Category.RS}
        }
    ).map(lambda verdicts: {**policy_of("FP", "RS").verdicts, **verdicts}),
    max_excluded_fraction=st.sampled_from([None, Decimal("0.05"), Decimal("0.5")]),
)


def _by_sums(terms: Contract, sums: Mapping[Key, int], elapsed_us: int | None = None) -> Finding:
    month = window(terms)
    asked = month if elapsed_us is None else replace(month, as_of_us=month.start_us + elapsed_us)
    return judge_time(terms, terms.guarantees[0], Facts(durations={"A1": sums}), asked)


@given(_plain, _sums, st.integers(0, 100 * HOUR_US))
def test_turning_unavailable_time_into_excluded_never_lowers_the_value(
    policy: Policy, sums: dict[Key, int], moved_us: int
) -> None:
    terms = terms_of(policy)
    before = _by_sums(terms, {**sums, DOWN: 100 * HOUR_US, REQUEST: 0})
    after = _by_sums(terms, {**sums, DOWN: 100 * HOUR_US - moved_us, REQUEST: moved_us})
    assert after.value is None or before.value is None or after.value >= before.value


@given(_plain.map(lambda policy: replace(policy, max_excluded_fraction=None)), _sums, st.integers(0, 100 * HOUR_US))
def test_adding_excluded_time_never_lowers_the_value(policy: Policy, sums: dict[Key, int], added_us: int) -> None:
    terms = terms_of(policy)
    elapsed = sum(sums.values())
    before = _by_sums(terms, sums, elapsed)
    after = _by_sums(terms, {**sums, REQUEST: sums.get(REQUEST, 0) + added_us}, elapsed + added_us)
    assert after.value == before.value


@settings(deadline=None, max_examples=60)
@given(_plain.map(lambda policy: replace(policy, max_excluded_fraction=None)), st.data())
def test_parts_of_a_period_add_up_to_it(policy: Policy, data: st.DataObject) -> None:
    terms = terms_of(policy)
    month = window(terms)
    line = data.draw(_lines(month))
    cuts = sorted(data.draw(st.sets(st.integers(month.start_us + 1, month.end_us - 1), max_size=4)))
    found = _found(terms, month, {"A1": line})
    parts = [
        _found(terms, _window(start, end), {"A1": line})
        for start, end in pairwise([month.start_us, *cuts, month.end_us])
    ]
    assert sum((part.numerator for part in parts), Fraction(0)) == found.numerator
    assert sum((part.denominator for part in parts), Fraction(0)) == found.denominator


def _window(start_us: int, end_us: int) -> Window:
    return Window(
        period=Period(start_us=start_us, end_us=end_us, full_us=end_us - start_us, label="part"), as_of_us=end_us
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(_allowances.map(lambda each: replace(each, notice_days=None, not_between=())), max_size=3), st.data())
def test_intervals_and_their_sums_give_the_same_value(allowances: list[Allowance], data: st.DataObject) -> None:
    policy = replace(policy_of("FP PP", "RS", "FM"), allowances=tuple(allowances))
    month = window(terms_of(policy))
    known = {"A1": data.draw(_lines(month))}
    by_sums = _found(terms_of(policy), month, known)
    by_intervals = _found(terms_of(replace(policy, min_event_us=1)), month, known)
    assert by_sums == by_intervals


@pytest.mark.parametrize(
    ("zone", "start", "period", "label", "hours"),
    [
        # TIME-1: computed with zoneinfo.
        ("Europe/Berlin", date(2026, 1, 1), PeriodKind.CALENDAR_MONTH, "2026-03", Fraction(743)),
        ("Europe/Berlin", date(2025, 1, 1), PeriodKind.CALENDAR_MONTH, "2025-10", Fraction(745)),
        ("Europe/Berlin", date(2026, 1, 1), PeriodKind.CALENDAR_QUARTER, "2026-Q1", Fraction(2159)),
        ("Europe/Berlin", date(2025, 1, 1), PeriodKind.CALENDAR_QUARTER, "2025-Q4", Fraction(2209)),
        ("Europe/Paris", date(2025, 4, 1), PeriodKind.CONTRACT_YEAR, "Y1", Fraction(8760)),
        ("Australia/Lord_Howe", date(2026, 1, 1), PeriodKind.CALENDAR_MONTH, "2026-04", Fraction("720.5")),
        ("Asia/Kathmandu", date(2024, 1, 1), PeriodKind.CALENDAR_YEAR, "2024", Fraction(8784)),
    ],
)
def test_a_period_has_the_hours_its_clock_had(
    zone: str, start: date, period: PeriodKind, label: str, hours: Fraction
) -> None:
    terms = terms_of(policy_of("FP"), zone=zone, start=start, period=period)
    asked = window(terms, label)
    up = Interval(start_us=asked.start_us - 1, end_us=asked.end_us + 1, category=UP[0], cause=UP[1], party=UP[2])
    known = {"A1": durations([up], asked.start_us, asked.end_us)}
    found = judge_time(terms, terms.guarantees[0], Facts(durations=known), asked)
    assert (found.value, found.denominator, found.measures["period_h"]) == (1, hours * HOUR_US, hours)
    assert [tally.category for tally in found.tallies] == [Category.FP]
