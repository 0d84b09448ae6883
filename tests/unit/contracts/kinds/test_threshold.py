"""Availability by a signal: bad minutes, gaps, what events excuse, and the two ways to the same settlement."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.facts import Facts
from shared.contracts.finding import Finding
from shared.contracts.kinds.threshold import judge_threshold
from shared.contracts.measured import Allowance, Per, ThresholdMeasure, Verdict
from shared.contracts.terms import Contract, Kind, Machine, PeriodKind
from shared.instant import MINUTE_US
from shared.model.facts import Category, Interval, Party
from shared.model.quantity import Quantity
from shared.timeline import durations
from tests.unit.contracts.charged_time import override, policy_of
from tests.unit.contracts.judging import by_party
from tests.unit.contracts.kinds.terms_made import contract, guarantee, us, window

SIGNAL = "header_pressure_bar_g"
POLICY = replace(
    policy_of("FP PP TS OEN RS OEL FM"),
    overrides=(override("cause == 'customer_demand'", Verdict.EXCLUDED),),
    allowances=(
        Allowance(
            causes=frozenset({"planned_maintenance"}), hours=Decimal(3), per=Per.MONTH, notice_days=5,
            within=Verdict.EXCLUDED, beyond=Verdict.UNAVAILABLE,
        ),
        Allowance(
            category=Category.IU, fraction=Decimal("0.01"), within=Verdict.EXCLUDED, beyond=Verdict.UNAVAILABLE
        ),
    ),
    interpolate_us=5 * MINUTE_US,
)  # fmt: skip
JULY = us("2026-07-01T00:00+02:00")
MONTH_MIN = 44_640
TEN_DAYS_MIN = 14_400


def _terms(**parts: Any) -> Contract:
    settings: dict[str, Any] = {"bad_below": Decimal("6.8"), "min_duration_us": MINUTE_US, **parts}
    promise = guarantee(
        Kind.THRESHOLD_AVAILABILITY, ThresholdMeasure(policy=POLICY, signal=SIGNAL, **settings), "0.995"
    )
    return contract(promise, "AIR1", start=date(2026, 1, 1), period=PeriodKind.CALENDAR_MONTH)


def _rows(*runs: tuple[int, int, str | None], every_min: int = 1, until_min: int = TEN_DAYS_MIN) -> list[Quantity]:
    """Minute means of 7 bar over ten days, other values in `(first minute, minutes, value)`; None is a gap."""
    values: dict[int, str | None] = {}
    for first, count, value in runs:
        values |= dict.fromkeys(range(first, first + count), value)
    return [
        Quantity(
            asset="AIR1",
            name=SIGNAL,
            start_us=JULY + minute * MINUTE_US,
            end_us=JULY + (minute + every_min) * MINUTE_US,
            value=Decimal(value),
            unit="bar",
        )
        for minute in range(0, until_min, every_min)
        if (value := values.get(minute, "7")) is not None
    ]


def _event(first: int, count: int, category: Category, cause: str, **parts: Any) -> Interval:
    return Interval(
        start_us=JULY + first * MINUTE_US,
        end_us=JULY + (first + count) * MINUTE_US,
        category=category,
        cause=cause,
        party=parts.pop("party", Party.SUPPLIER),
        **parts,
    )


def _judged(rows: list[Quantity], *events: Interval, terms: Contract | None = None) -> Finding:
    terms = terms or _terms()
    july = window(terms, "2026-07", as_of_us=rows[-1].end_us if rows else None)
    ordered = sorted(events, key=lambda event: event.start_us)
    facts = Facts(
        durations={"AIR1": durations(ordered, july.start_us, july.until_us)},
        timelines={"AIR1": ordered},
        quantities=rows,
    )
    return judge_threshold(terms, terms.guarantees[0], facts, july)


def _minutes(found: Finding) -> dict[str, Fraction]:
    return {verdict.value: us / MINUTE_US for verdict, us in found.by_verdict.items() if us}


def _causes(found: Finding) -> dict[str, Fraction]:
    return {tally.cause: tally.unavailable_us / MINUTE_US for tally in found.tallies if tally.unavailable_us}


PLANNED = _event(5_000, 120, Category.SM, "planned_maintenance")
DEMAND = _event(9_000, 150, Category.PP, "customer_demand", party=Party.CUSTOMER)


def test_a_month_by_its_signal_is_the_golden_one() -> None:
    """COMP-B2, computed: 44,640 min, gap 360, planned 120, customer 150, bad 260."""
    rows = _rows(
        (1_000, 360, None),
        (5_010, 60, "6.1"),
        (9_000, 150, "6"),
        (20_000, 200, "6.79"),
        (30_000, 60, "0"),
        until_min=MONTH_MIN,
    )
    found = _judged(rows, PLANNED, DEMAND)
    assert found.value == 1 - Fraction(260, 44_010)
    assert float(1 - Fraction(260, 44_010)) == pytest.approx(0.9940922517609634, rel=1e-12)
    assert _minutes(found) == {"available": 43_750, "unavailable": 260, "excluded": 630}
    assert found.low == 1 - Fraction(260 + 360, 44_640 - 270)
    assert found.high == 1 - Fraction(260, 44_640 - 270)


def test_the_same_month_by_events_alone_is_the_same() -> None:
    """COMP-B2 by the other route: the rest of the month is on record as running, 360 min of it as unknown."""
    outages = [_event(20_000, 200, Category.FO, "compressor"), _event(30_000, 60, Category.FO, "dryer")]
    stops = sorted([PLANNED, DEMAND, *outages, _event(1_000, 360, Category.IU, "logger")], key=lambda e: e.start_us)
    running: list[Interval] = []
    reached = 0
    for stop in [*stops, _event(MONTH_MIN, 1, Category.FP, "")]:
        first = (stop.start_us - JULY) // MINUTE_US
        running.append(_event(reached, first - reached, Category.FP, "running"))
        reached = (stop.end_us - JULY) // MINUTE_US
    found = _judged([], *stops, *running)
    assert found.value == 1 - Fraction(260, 44_010)
    assert _causes(found) == {"compressor": 200, "dryer": 60}
    assert any("by events: AIR1" in note for note in found.notes)


@pytest.mark.parametrize(
    ("gap_min", "unavailable", "excluded"),
    [(5, 0, 0), (6, 0, 6), (446, 0, 446), (500, Fraction("53.6"), Fraction("446.4"))],
)
def test_gaps_are_bridged_then_excluded_then_held_against_the_supplier(
    gap_min: int, unavailable: Fraction, excluded: Fraction
) -> None:
    found = _minutes(_judged(_rows((1_000, gap_min, None))))
    assert (found.get("unavailable", 0), found.get("excluded", 0)) == (unavailable, excluded)


def test_a_bridged_gap_is_what_was_before_it() -> None:
    assert _minutes(_judged(_rows((1_000, 10, "6"), (1_010, 5, None), (1_015, 2, "7"))))["unavailable"] == 15


def test_below_is_bad_and_at_the_limit_is_not() -> None:
    assert _minutes(_judged(_rows((1_000, 10, "6.8"), (2_000, 10, "6.7999999"))))["unavailable"] == 10


def test_too_high_may_be_bad_as_well() -> None:
    terms = _terms(bad_below=None, bad_above=Decimal("7.5"))
    assert _minutes(_judged(_rows((1_000, 9, "7.51"), (2_000, 10, "1")), terms=terms))["unavailable"] == 9


def test_only_what_lasts_is_bad() -> None:
    terms = _terms(min_duration_us=3 * MINUTE_US)
    rows = _rows((1_000, 2, "6"), (2_000, 3, "6"), (3_000, 2, "6"), (3_002, 1, None), (3_003, 1, "6"))
    assert _minutes(_judged(rows, terms=terms))["unavailable"] == 3 + 4


def test_planned_work_beyond_its_hours_or_without_notice_is_left_to_the_signal() -> None:
    """N+1: the pressure holds through 240 min of work, of which 180 are excused; of the rest 20 are bad."""
    work = _event(5_000, 240, Category.SM, "planned_maintenance")
    found = _judged(_rows((5_100, 10, "6"), (5_200, 20, "6")), work)
    assert _minutes(found) == {"available": TEN_DAYS_MIN - 200, "unavailable": 20, "excluded": 180}
    late = replace(work, announced_us=work.start_us)
    assert _minutes(_judged(_rows((5_100, 10, "6"), (5_200, 20, "6")), late))["unavailable"] == 30


def test_events_do_not_make_a_minute_bad_that_has_good_pressure() -> None:
    assert "unavailable" not in _minutes(_judged(_rows(), _event(5_000, 100, Category.FO, "compressor")))


def test_events_name_the_cause_of_bad_minutes_and_speak_where_the_signal_does_not() -> None:
    outage = _event(5_000, 100, Category.FO, "compressor")
    found = _judged(_rows((4_990, 60, "6"), (5_050, 70, None)), outage)
    assert _causes(found) == {"compressor": 100, SIGNAL: 10}
    assert _minutes(found)["excluded"] == 20
    running = _event(5_050, 70, Category.FP, "running")
    assert _minutes(_judged(_rows((5_050, 70, None)), running))["excluded"] == 70, "running says nothing of pressure"


def test_a_stop_that_the_contract_calls_available_is_not_bad() -> None:
    asked = _event(5_000, 100, Category.RS, "weekend", party=Party.CUSTOMER)
    found = _judged(_rows((4_990, 120, "0")), asked)
    assert _minutes(found)["unavailable"] == 20


def test_means_over_longer_than_agreed_are_said_to_hide_short_dips() -> None:
    found = _judged(_rows(every_min=60))
    assert found.value == 1
    assert any("hide short dips" in note for note in found.notes)


def test_each_station_is_judged_by_what_there_is_of_it() -> None:
    terms = replace(_terms(), machines=(Machine(name="AIR1"), Machine(name="AIR2")))
    july = window(terms, "2026-07")
    other = {
        (Category.FP, "running", Party.NOBODY): 44_540 * MINUTE_US,
        (Category.FO, "dryer", Party.SUPPLIER): 100 * MINUTE_US,
    }
    facts = Facts(durations={"AIR1": {}, "AIR2": other}, quantities=_rows((1_000, 40, "6"), until_min=MONTH_MIN))
    found = judge_threshold(terms, terms.guarantees[0], facts, july)
    assert [each.value for each in found.assets] == [1 - Fraction(40, MONTH_MIN), 1 - Fraction(100, MONTH_MIN)]
    assert found.value == 1 - Fraction(140, 2 * MONTH_MIN)


def test_a_month_in_which_a_signal_that_is_delivered_is_silent_is_a_gap() -> None:
    """Not "by events": nothing on record would be a month without a fault. 1 % of it is excused."""
    terms = replace(_terms(), unreported="FP")
    july = window(terms, "2026-07")
    known = Facts(durations={"AIR1": {}}, known_names={SIGNAL: frozenset({"AIR1"})})
    found = judge_threshold(terms, terms.guarantees[0], known, july)
    excused = MONTH_MIN * Fraction(1, 100)
    assert (found.value, found.low, found.high) == (0, 0, 1)
    assert _minutes(found) == {"unavailable": MONTH_MIN - excused, "excluded": excused}
    assert {tally.category for tally in found.tallies} == {Category.IU}
    assert any("is delivered, but not of this period, which is a gap: AIR1" in note for note in found.notes)
    nowhere = judge_threshold(terms, terms.guarantees[0], replace(known, known_names={}), july)
    assert (nowhere.value, nowhere.notes) == (1, (f"without {SIGNAL}, by events: AIR1",))


def test_the_silence_of_one_stations_signal_is_no_gap_of_another_that_has_none() -> None:
    terms = replace(_terms(), machines=(Machine(name="AIR1"), Machine(name="AIR2")), unreported="FP")
    july = window(terms, "2026-07")
    known = Facts(durations={"AIR1": {}, "AIR2": {}}, known_names={SIGNAL: frozenset({"AIR1"})})
    found = judge_threshold(terms, terms.guarantees[0], known, july)
    assert [each.value for each in found.assets] == [0, 1]


def test_a_running_month_is_judged_as_far_as_it_has_passed() -> None:
    terms = _terms()
    half = window(terms, "2026-07", as_of_us=JULY + 10_000 * MINUTE_US)
    rows = _rows((1_000, 10, "6"), until_min=9_990)
    found = judge_threshold(terms, terms.guarantees[0], Facts(durations={"AIR1": {}}, quantities=rows), half)
    assert _minutes(found) == {"available": 9_980, "unavailable": 10, "excluded": 10}


_runs = st.lists(st.tuples(st.integers(0, 570), st.integers(1, 90), st.sampled_from([None, "6", "6.8"])), max_size=8)
_events = st.lists(
    st.tuples(
        st.integers(-100, 700),
        st.integers(1, 200),
        st.sampled_from(Category),
        st.sampled_from(["planned_maintenance", "customer_demand", "other"]),
        st.sampled_from(Party),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(_runs, _events)
def test_every_minute_counts_once_whatever_signal_and_events_say(
    runs: list[tuple[int, int, str | None]], events: list[tuple[int, int, Category, str, Party]]
) -> None:
    ordered: list[Interval] = []
    for first, count, category, cause, party in sorted(events):
        if not ordered or JULY + first * MINUTE_US >= ordered[-1].end_us:
            ordered.append(_event(first, count, category, cause, party=party))
    rows = _rows(*runs, until_min=600)
    found = _judged(rows or _rows(until_min=1), *ordered)
    clock = (rows[-1].end_us if rows else JULY + MINUTE_US) - JULY
    assert sum((tally.duration_us for tally in found.tallies), Fraction(0)) == clock
    assert sum(by_party(found).values(), Fraction(0)) == found.denominator - found.numerator
    if found.value is not None:
        assert found.low is not None
        assert found.high is not None
        assert 0 <= found.low <= found.value <= found.high <= 1


def test_planned_work_that_is_not_excused_counts_as_agreed_where_the_signal_is_not_known() -> None:
    """48 h of work with the logger off: 3 h are excused, 45 h are beyond; without notice all 48 h are."""
    work = _event(1_000, 48 * 60, Category.SM, "planned_maintenance")
    dark = _rows((1_000, 48 * 60, None))
    found = _judged(dark, work)
    assert _minutes(found) == {"available": TEN_DAYS_MIN - 48 * 60, "unavailable": 45 * 60, "excluded": 180}
    assert _causes(found) == {"planned_maintenance": 45 * 60}
    late = replace(work, announced_us=work.start_us)
    assert _minutes(_judged(dark, late))["unavailable"] == 48 * 60
