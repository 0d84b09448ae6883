"""The business clock: hours, holidays, pauses and the nights on which the clock is moved; calendar hours; vibration."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.indicators import calendar_hours, vibration
from shared.indicators.business_hours import Calendar, elapsed_us, elapsed_without_us, holidays_for
from shared.indicators.evaluation import evaluate
from shared.indicators.holidays import easter
from shared.indicators.registry import newest
from shared.instant import DAY_US, HOUR_US, MINUTE_US, to_us

BERLIN = ZoneInfo("Europe/Berlin")
WORK = tuple((weekday, 8 * 60, 17 * 60) for weekday in range(5))
OFFICE = Calendar(zone=BERLIN, weekly=WORK, holidays=holidays_for("DE_BY", 2026))
ALWAYS = Calendar(zone=BERLIN, weekly=tuple((weekday, 0, 24 * 60) for weekday in range(7)))
_moments = st.integers(to_us(datetime(2026, 1, 1, tzinfo=UTC)), to_us(datetime(2026, 12, 31, tzinfo=UTC)))


def us(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=BERLIN))


def test_a_ticket_over_easter_runs_in_business_hours_only() -> None:
    """Thursday 16:00 to Tuesday 9:30: an hour, three days and Easter Monday nothing, an hour and a half."""
    assert elapsed_us(OFFICE, us("2026-04-02T16:00"), us("2026-04-07T09:30")) == 150 * MINUTE_US
    without_holidays = Calendar(zone=BERLIN, weekly=WORK)
    assert elapsed_us(without_holidays, us("2026-04-02T16:00"), us("2026-04-07T09:30")) == (150 + 18 * 60) * MINUTE_US


def test_a_pause_stops_the_clock_once_however_often_it_is_told() -> None:
    start, end = us("2026-03-02T08:00"), us("2026-03-02T16:00")
    pauses = [(us("2026-03-02T09:00"), us("2026-03-02T11:00")), (us("2026-03-02T10:00"), us("2026-03-02T12:00"))]
    assert elapsed_without_us(OFFICE, start, end, pauses) == 5 * HOUR_US
    assert elapsed_without_us(None, start, end, [*pauses, (end, start), (end, end + HOUR_US)]) == 5 * HOUR_US


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_has_the_hours_its_clock_shows(day: str, hours: int) -> None:
    start = us(f"{day}T00:00")
    end = us(f"{date.fromisoformat(day) + timedelta(days=1)}T00:00")
    assert elapsed_us(ALWAYS, start, end) == hours * HOUR_US


def test_hours_that_overlap_count_once() -> None:
    twice = Calendar(zone=BERLIN, weekly=((0, 480, 720), (0, 600, 780)))
    assert elapsed_us(twice, us("2026-03-02T00:00"), us("2026-03-03T00:00")) == 5 * HOUR_US


@given(_moments, _moments, _moments)
def test_the_clock_adds_up_and_never_runs_faster_than_time(one: int, two: int, three: int) -> None:
    start, middle, end = sorted((one, two, three))
    whole = elapsed_us(OFFICE, start, end)
    assert elapsed_us(OFFICE, start, middle) + elapsed_us(OFFICE, middle, end) == whole
    assert 0 <= whole <= elapsed_us(ALWAYS, start, end) == elapsed_us(None, start, end) == end - start


@given(_moments, st.integers(0, 20 * DAY_US), st.lists(st.tuples(_moments, _moments), max_size=4))
def test_pauses_never_make_a_ticket_longer(start: int, length: int, pauses: list[tuple[int, int]]) -> None:
    running = elapsed_without_us(OFFICE, start, start + length, pauses)
    assert 0 <= running <= elapsed_us(OFFICE, start, start + length)


def test_an_end_before_its_start_and_hours_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="before the start"):
        elapsed_us(None, 2, 1)
    for weekly in ((7, 0, 60), (0, 60, 60), (0, 0, 1441)):
        with pytest.raises(ValueError, match="no hours of a week"):
            Calendar(zone=BERLIN, weekly=(weekly,))


def test_the_holidays_of_bavaria_in_2026() -> None:
    """Bavarian state list for 2026 (FTG article 1); Assumption day only where Catholics are the majority."""
    expected = {
        (1, 1), (1, 6), (4, 3), (4, 6), (5, 1), (5, 14), (5, 25), (6, 4), (10, 3), (11, 1), (12, 25), (12, 26),
    }  # fmt: skip
    assert {(day.month, day.day) for day in holidays_for("DE_BY", 2026)} == expected
    assert holidays_for("DE_BY_CATHOLIC", 2026) - holidays_for("DE_BY", 2026) == {date(2026, 8, 15)}
    assert date(2017, 10, 31) in holidays_for("DE", 2017)
    assert len(holidays_for("DE", 2026)) == 9


def test_easter_falls_where_the_calendar_says() -> None:
    known = {1961: (4, 2), 2000: (4, 23), 2008: (3, 23), 2024: (3, 31), 2025: (4, 20), 2026: (4, 5), 2038: (4, 25)}
    assert {year: (easter(year).month, easter(year).day) for year in known} == known
    assert all(easter(year).weekday() == 6 for year in range(1995, 2200))


def test_regions_and_years_without_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="no holiday rules for 'XX'; known: DE, DE_BY"):
        holidays_for("XX", 2026)
    with pytest.raises(ValueError, match="1995 to 2199, not 1990"):
        holidays_for("DE", 1990)


@pytest.mark.parametrize(
    ("period", "hours"),
    [("2026-03", 743), ("2026Q1", 2159), ("2026-Q1", 2159), ("2024", 8784), ("2026-02..2026-03", 1415)],
)
def test_periods_in_berlin(period: str, hours: int) -> None:
    """kpi.md 2.10."""
    assert calendar_hours.hours(calendar_hours.zone("Berlin"), *calendar_hours.days(period)) == hours


def test_half_an_hour_of_summer_time_is_counted() -> None:
    """TIME-1: Lord Howe, April 2026, 720.5 h."""
    assert calendar_hours.hours(calendar_hours.zone("Lord_Howe"), date(2026, 4, 1), date(2026, 5, 1)) == Fraction(
        "720.5"
    )


@pytest.mark.parametrize("name", ["", "Mars", "../UTC", "Europe", "Europe/../UTC", "/etc/passwd"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="unknown zone"):
        calendar_hours.zone(name)


@pytest.mark.parametrize("period", ["", "2026-00", "2026Q5", "2026-03..", "26", "0026"])
def test_what_is_no_period_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match="is no period"):
        calendar_hours.days(period)


def test_response_times_of_contract_b_and_an_open_ticket() -> None:
    """Contract B, RESP: 2.5, 3.9 and 5.2 h against 4 h is one breach; an open ticket counts once beyond the limit."""
    start = datetime(2026, 3, 2, 8, tzinfo=UTC)
    tickets = [[start.isoformat(), (start + timedelta(hours=hours)).isoformat()] for hours in (2.5, 3.9, 5.2)]
    tickets += [[start.isoformat(), "open"], [(start + timedelta(hours=9)).isoformat(), "open"]]
    inputs = {"tickets": tickets, "limit_h": 4, "conf": 0.9, "as_of": "2026-03-02T18:00:00+00:00", "level": 0.5}
    values = evaluate(newest("response_times"), inputs).document()["values"]
    assert values["elapsed_h"] == [2.5, 3.9, 5.2, 10, 1]
    assert (values["kept"], values["total"], values["breaches"], values["met"]) == (2, 4, 2, True)


def test_business_hours_holidays_and_pauses_count_in_the_indicator_too() -> None:
    inputs = dict(newest("response_times").example)
    assert evaluate(newest("response_times"), inputs).document()["values"]["elapsed_h"] == [2.5]
    paused = ["2026-04-02T16:00:00+02:00", "2026-04-07T09:30:00+02:00", "2026-04-02T16:00:00+02:00",
              "2026-04-02T18:00:00+02:00"]  # fmt: skip
    answer = evaluate(newest("response_times"), {**inputs, "tickets": [paused], "holidays": ["2026-04-07"]})
    assert answer.document()["values"]["elapsed_h"] == [0]


@pytest.mark.parametrize(
    ("v", "group", "support", "expected"),
    [
        (2.3, 1, "rigid", "A"), (2.31, 1, "rigid", "B"), (4.5, 1, "rigid", "B"), (7.1, 1, "rigid", "C"),
        (7.11, 1, "rigid", "D"), (11.0, 1, "flexible", "C"), (1.4, 2, "rigid", "A"), (2.9, 2, "rigid", "C"),
        (0, 2, "flexible", "A"),
    ],
)  # fmt: skip
def test_a_velocity_on_a_boundary_belongs_to_the_better_zone(v: float, group: int, support: str, expected: str) -> None:
    """VIB-1's rule; boundaries of ISO 20816-3 as recalled in kpi.md 2.7."""
    assert vibration.zone(v, group, support) == expected


@given(st.floats(0, 50), st.floats(0, 50), st.sampled_from(sorted(vibration.TABLE)))
def test_more_vibration_is_never_a_better_zone(one: float, other: float, machine: tuple[int, str]) -> None:
    low, high = sorted((one, other))
    assert vibration.zone(low, *machine) <= vibration.zone(high, *machine)


def test_machines_that_are_not_in_the_table_and_negative_velocities_are_refused() -> None:
    with pytest.raises(ValueError, match="no limits for group 3"):
        vibration.zone(1, 3, "rigid")
    with pytest.raises(ValueError, match="not negative"):
        vibration.zone(-0.1, 1, "rigid")


def test_an_alarm_is_never_set_above_five_quarters_of_the_boundary_of_b_and_c() -> None:
    assert vibration.alarm(Fraction(2), 1, "rigid") == Fraction("3.125")
    assert vibration.alarm(Fraction(6), 1, "rigid") == Fraction("5.625")
