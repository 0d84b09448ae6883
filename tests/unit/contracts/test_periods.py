"""Measurement periods: true hours in the contract's zone. Golden case TIME-1 (zoneinfo)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.periods import Period, midnight_us, periods, periods_between, settlement_year
from shared.contracts.terms import Contract
from shared.instant import HOUR_US, to_us

Make = Callable[..., Contract]


def _period(contract_of: Make, tz: str, kind: str, label: str) -> Period:
    contract = contract_of(tz=tz, term={"start": date(2024, 4, 1), "end": date(2027, 3, 31), "period": kind})
    return next(period for period in periods(contract) if period.label == label)


@pytest.mark.parametrize(
    ("tz", "kind", "label", "hours"),
    [
        ("Europe/Berlin", "calendar_month", "2026-03", 743),
        ("Europe/Berlin", "calendar_month", "2025-10", 745),
        ("Europe/Berlin", "calendar_quarter", "2026-Q1", 2159),
        ("Europe/Berlin", "calendar_quarter", "2025-Q4", 2209),
        ("Europe/Paris", "contract_year", "Y2", 8760),
        ("Australia/Lord_Howe", "calendar_month", "2026-04", 720.5),
        ("Etc/UTC", "calendar_month", "2026-03", 744),
    ],
)
def test_a_period_has_the_hours_its_clock_shows(
    contract_of: Make, tz: str, kind: str, label: str, hours: float
) -> None:
    assert _period(contract_of, tz, kind, label).duration_us == hours * HOUR_US


@pytest.mark.parametrize("tz", ["Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"])
def test_a_leap_year_has_8784_hours_anywhere(contract_of: Make, tz: str) -> None:
    contract = contract_of(
        tz=tz, term={"start": date(2024, 1, 1), "end": date(2024, 12, 31), "period": "calendar_year"}
    )
    assert [(p.label, p.duration_us) for p in periods(contract)] == [("2024", 8784 * HOUR_US)]


def test_the_edges_of_the_term_cut_stub_periods_that_know_their_full_length(contract_of: Make) -> None:
    contract = contract_of(
        tz="Etc/UTC", term={"start": date(2014, 4, 24), "end": date(2015, 4, 28), "period": "calendar_month"}
    )
    found = periods(contract)
    assert [found[0].label, found[-1].label, len(found)] == ["2014-04", "2015-04", 13]
    assert (found[0].duration_us, found[0].full_us) == (7 * 24 * HOUR_US, 30 * 24 * HOUR_US)
    assert (found[-1].duration_us, found[-1].full_us) == (28 * 24 * HOUR_US, 30 * 24 * HOUR_US)
    assert found[1].duration_us == found[1].full_us == 31 * 24 * HOUR_US


def test_the_term_as_one_period_is_never_a_stub(contract_of: Make) -> None:
    contract = contract_of(tz="Etc/UTC", term={"start": date(2014, 4, 24), "end": date(2015, 4, 28), "period": "term"})
    (whole,) = periods(contract)
    assert (whole.label, whole.duration_us, whole.full_us) == ("term", 370 * 24 * HOUR_US, 370 * 24 * HOUR_US)


def test_a_contract_year_from_29_february_starts_on_1_march_in_other_years(contract_of: Make) -> None:
    contract = contract_of(
        tz="Etc/UTC", term={"start": date(2024, 2, 29), "end": date(2028, 12, 31), "period": "contract_year"}
    )
    starts = [datetime.fromtimestamp(p.start_us / 1e6, UTC).date() for p in periods(contract)]
    assert starts == [date(2024, 2, 29), date(2025, 3, 1), date(2026, 3, 1), date(2027, 3, 1), date(2028, 2, 29)]


def test_where_the_clock_skips_midnight_the_day_begins_when_it_is_moved(contract_of: Make) -> None:
    contract = contract_of(tz="America/Sao_Paulo")
    # 2018-11-04: 00:00 -03 became 01:00 -02, at 03:00 UTC.
    assert midnight_us(date(2018, 11, 4), contract.zone) == to_us(datetime(2018, 11, 4, 3, tzinfo=UTC))


@given(
    tz=st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Etc/UTC"]),
    kind=st.sampled_from(["calendar_month", "calendar_quarter", "calendar_year", "contract_year", "term"]),
    start=st.dates(date(2010, 1, 1), date(2030, 1, 1)),
    days=st.integers(min_value=0, max_value=2000),
)
def test_periods_tile_the_term_without_gap_or_overlap(
    contract_of: Make, tz: str, kind: str, start: date, days: int
) -> None:
    contract = contract_of(
        tz=tz, term={"start": start, "end": date.fromordinal(start.toordinal() + days), "period": kind}
    )
    found = periods(contract)
    assert found[0].start_us == midnight_us(contract.start, contract.zone)
    assert found[-1].end_us == midnight_us(date.fromordinal(contract.end.toordinal() + 1), contract.zone)
    assert all(one.end_us == other.start_us for one, other in pairwise(found))
    assert all(0 < period.duration_us <= period.full_us for period in found)
    assert len({period.label for period in found}) == len(found)


def test_the_grid_goes_on_before_and_after_the_term(contract_of: Make) -> None:
    contract = contract_of(
        tz="Europe/Paris", term={"start": date(2025, 4, 1), "end": date(2027, 3, 31), "period": "contract_year"}
    )
    found = periods_between(contract, date(2023, 10, 1), date(2028, 4, 1))
    assert [period.label for period in found] == ["Y-1", "Y0", "Y1", "Y2", "Y3"]
    assert [period.duration_us == period.full_us for period in found] == [False, True, True, True, True]
    assert found[0].start_us == midnight_us(date(2023, 10, 1), contract.zone)


def test_a_part_of_a_term_of_one_period_is_a_stub_and_time_outside_is_a_period_of_its_own(contract_of: Make) -> None:
    contract = contract_of(tz="Etc/UTC", term={"start": date(2026, 1, 1), "end": date(2026, 12, 31), "period": "term"})
    ((within,), (outside,)) = (
        periods_between(contract, date(2026, 1, 1), date(2026, 2, 1)),
        periods_between(contract, date(2024, 1, 1), date(2024, 2, 1)),
    )
    assert (within.duration_us, within.full_us) == (31 * 24 * HOUR_US, 365 * 24 * HOUR_US)
    assert outside.duration_us == outside.full_us == 31 * 24 * HOUR_US


def test_no_days_are_no_periods(contract_of: Make) -> None:
    assert periods_between(contract_of(), date(2026, 1, 1), date(2026, 1, 1)) == []


@given(
    kind=st.sampled_from(["calendar_month", "calendar_quarter", "calendar_year", "contract_year"]),
    start=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    days=st.integers(min_value=1, max_value=800),
    cut=st.integers(min_value=1, max_value=799),
)
def test_asking_in_two_parts_gives_the_same_grid(
    contract_of: Make, kind: str, start: date, days: int, cut: int
) -> None:
    contract = contract_of(term={"start": date(2024, 2, 29), "end": date(2026, 6, 30), "period": kind})
    end = start + timedelta(days=days)
    middle = min(start + timedelta(days=cut), end)
    whole = periods_between(contract, start, end)
    parts = [*periods_between(contract, start, middle), *periods_between(contract, middle, end)]
    assert {period.label: period.full_us for period in parts} == {period.label: period.full_us for period in whole}
    assert sum(period.duration_us for period in parts) == sum(period.duration_us for period in whole)


@given(
    kind=st.sampled_from(["calendar_year", "contract_year"]),
    at_us=st.integers(to_us(datetime(2015, 1, 1, tzinfo=UTC)), to_us(datetime(2035, 1, 1, tzinfo=UTC))),
)
def test_every_instant_lies_in_its_settlement_year(contract_of: Make, kind: str, at_us: int) -> None:
    contract = contract_of(term={"start": date(2024, 2, 29), "end": date(2026, 6, 30), "period": kind})
    year = settlement_year(contract, at_us)
    assert year.start_us <= at_us < year.end_us
    assert 365 * 24 * HOUR_US <= year.full_us <= 366 * 24 * HOUR_US
