"""The files of `vouch backtest`: what is wrong is named with its place, and what is right is read exactly."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.backtest.amounts import QuantityReader
from services.backtest.assets import Assets
from services.backtest.cells import instant_us, number
from services.backtest.events import ALWAYS, CodeMap, EventReader
from services.backtest.table import Faults
from services.backtest.tickets import TicketReader
from shared.contracts.terms import Contract
from shared.errors import SpecError, VouchError
from shared.instant import HOUR_US, from_us
from shared.model.facts import Category, Meaning, Party

Write = Callable[..., Path]
EVENTS = "asset,start,end,category,cause,party,note"
QUANTITIES = "asset,name,start,end,value,unit"
TICKETS = "id,asset,priority,received,on_site,restored,paused_s"
MARCH_US = instant_us("2026-03-01T00:00:00+01:00")


def events_of(line: Contract, path: Path, codes: CodeMap | None = None, as_of_us: int | None = None) -> EventReader:
    faults = Faults()
    reader = EventReader(Assets(line), codes, as_of_us, faults)
    reader.read(path)
    faults.refuse("the files")
    return reader


def quantities_of(line: Contract, path: Path, as_of_us: int | None = None) -> QuantityReader:
    faults = Faults()
    reader = QuantityReader(line, Assets(line), as_of_us, faults)
    reader.read(path)
    faults.refuse("the files")
    return reader


def tickets_of(line: Contract, path: Path, as_of_us: int | None = None) -> TicketReader:
    faults = Faults()
    reader = TicketReader(line, Assets(line), as_of_us, faults)
    reader.read(path)
    faults.refuse("the files")
    return reader


def refusal(read: Callable[[], object]) -> list[str]:
    with pytest.raises(SpecError) as refused:
        read()
    return [str(fault) for fault in refused.value.faults]


def test_a_row_is_an_event_with_its_meaning_and_an_empty_end_is_open(line: Contract, file: Write) -> None:
    reader = events_of(line, file(EVENTS, "P01,2026-03-01T00:00:00+01:00,,FO,seal,supplier,leaks"))
    (event,) = reader.events["P01"]
    assert (event.start_us, event.end_us, event.text) == (MARCH_US, None, "leaks")
    assert reader.meanings[event.code] == Meaning(category=Category.FO, cause="seal", party=Party.SUPPLIER)
    assert reader.notes == ["file.csv: 1 event(s) without an end; they last as far as is looked"]


def test_an_empty_party_is_unknown_and_an_empty_cause_unspecified(line: Contract, file: Write) -> None:
    reader = events_of(line, file(EVENTS, "P01,2026-03-01T00:00Z,2026-03-02T00:00Z,FO,,,"))
    assert list(reader.meanings.values()) == [Meaning(category=Category.FO, cause="unspecified", party=Party.UNKNOWN)]


@pytest.mark.parametrize("start", ["2026-03-01T00:00:00+01:00", "2026-02-28T23:00:00Z", "2026-02-28T18:00-05:00"])
def test_the_same_instant_is_the_same_however_its_offset_is_written(line: Contract, file: Write, start: str) -> None:
    reader = events_of(line, file(EVENTS, f"P01,{start},,FO,,,"))
    assert reader.events["P01"][0].start_us == MARCH_US


def test_a_byte_order_mark_windows_line_ends_quotes_and_another_order_of_columns_are_fine(
    line: Contract, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    text = 'note,asset,start,end,category,cause,party\r\n"a, ""b""\r\nc",P01,2026-03-01T00:00Z,,FO,,supplier\r\n\r\n'
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert events_of(line, path).events["P01"][0].text == 'a, "b"\r\nc'


def test_every_fault_is_named_with_file_line_and_column_and_nothing_is_computed(line: Contract, file: Write) -> None:
    path = file(
        EVENTS,
        "P99,2026-03-01T00:00Z,,FO,,,",
        "P01,2026-03-01T00:00,,FO,,,",
        'P01,2026-03-02T00:00Z,2026-03-01T00:00Z,FO,,,"two\nlines"',
        "P01,2026-03-02T00:00Z,,XX,,them,",
        "P01,2026-03-02T00:00Z,,FO",
        "labeler,yesterday,,FO,,,",
    )
    assert refusal(lambda: events_of(line, path)) == [
        "file.csv, line 2, column asset: 'P99' is no machine of contract HALL, nor a part of one",
        "file.csv, line 3, column start: '2026-03-01T00:00' has no offset from UTC: nobody can say when that was",
        "file.csv, line 4, column end: '2026-03-01T00:00Z' is before the start '2026-03-02T00:00Z'",
        "file.csv, line 6, column party: 'them' is none of supplier, customer, third_party, nobody, unknown, disputed",
        "file.csv, line 6, column category: 'XX' is none of FP, PP, TS, OEN, RS, OEL, SM, PCA, FO, S, FM, IU",
        "file.csv, line 7: 4 cell(s) below a header of 7",
        "file.csv, line 8, column asset: 'labeler' is a part of more than one machine; write machine/part",
        "file.csv, line 8, column start: 'yesterday' is no time in ISO 8601",
    ]


def test_a_header_with_a_missing_a_doubled_and_an_unknown_column_is_refused(line: Contract, file: Write) -> None:
    found = refusal(lambda: events_of(line, file("asset,start,start,category,reason", "P01,x,y,FO,z")))
    assert [fault.split(": ")[1][:24] for fault in found] == [
        "column 'end' is missing",
        "column 'reason' is none ",
        "column 'start' stands tw",
    ]


def test_a_thousand_faults_are_counted_not_listed(line: Contract, file: Write) -> None:
    found = refusal(lambda: events_of(line, file(EVENTS, *["P01,x,,FO,,,"] * 1000)))
    assert len(found) == 101
    assert found[-1] == "further: 900 fault(s) not listed here"


def test_what_is_no_utf_8_is_refused(line: Contract, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(EVENTS.encode() + b"\nP01,\xff")
    with pytest.raises(VouchError, match="byte 46 is no UTF-8"):
        events_of(line, path)


@pytest.mark.parametrize(
    ("cell", "name"), [("L7", "L7"), ("L7/filler", "L7/filler"), ("filler", "L7/filler"), ("L8/labeler", "L8/labeler")]
)
def test_a_part_of_a_line_may_be_named_alone_where_only_one_line_has_it(line: Contract, cell: str, name: str) -> None:
    assert Assets(line).named(cell) == name


def test_exact_repetitions_of_a_row_count_once(line: Contract, file: Write) -> None:
    row = "P01,2026-03-01T00:00Z,2026-03-02T00:00Z,FO,,supplier,"
    reader = events_of(line, file(EVENTS, row, row.replace("00:00Z,2026", "00:00+00:00,2026"), row))
    assert len(reader.events["P01"]) == 1
    assert reader.notes == ["file.csv: 2 exact repetition(s) of a row dropped"]


def test_an_event_without_duration_says_nothing(line: Contract, file: Write) -> None:
    reader = events_of(line, file(EVENTS, "P01,2026-03-01T00:00Z,2026-03-01T01:00+01:00,FO,,,"))
    assert (reader.events, reader.notes) == ({}, ["file.csv: 1 event(s) that end when they start left out"])


def test_a_row_recorded_after_the_as_of_time_is_not_known(line: Contract, file: Write) -> None:
    path = file(
        f"{EVENTS},recorded",
        "P01,2026-03-01T00:00Z,,FO,,,,2026-03-05T00:00Z",
        "P01,2026-03-02T00:00Z,,SM,,,,2026-03-07T00:00Z",
    )
    reader = events_of(line, path, as_of_us=instant_us("2026-03-06T00:00Z"))
    assert [event.start_us for event in reader.events["P01"]] == [MARCH_US + HOUR_US]


def test_an_event_has_the_meaning_its_code_had_at_the_time(line: Contract, file: Write) -> None:
    change_us = MARCH_US + 24 * HOUR_US
    stopped = Meaning(category=Category.FO, cause="stop", party=Party.SUPPLIER)
    planned = Meaning(category=Category.SM, cause="service", party=Party.NOBODY)
    path = file(
        "asset,start,end,code,cause,party,note",
        "P01,2026-03-01T00:00+01:00,2026-03-03T00:00+01:00,E7,,,",
        "P01,2026-03-04T00:00+01:00,2026-03-05T00:00+01:00,E8,,,",
        "P01,2026-03-06T00:00+01:00,,E7,,customer,",
    )
    reader = events_of(line, path, {"E7": ((ALWAYS, stopped), (change_us, planned))})
    found = [(event.start_us, event.end_us, reader.meanings[event.code]) for event in reader.events["P01"]]
    assert found[:2] == [(MARCH_US, change_us, stopped), (change_us, MARCH_US + 48 * HOUR_US, planned)]
    assert found[2][2] == Meaning(category=Category.IU, cause="unmapped_code", party=Party.UNKNOWN)
    assert found[3][2] == Meaning(category=Category.SM, cause="service", party=Party.CUSTOMER)
    assert "file.csv: 1 code(s) without meaning, unknown time: E8" in reader.notes


def row(name: str, value: str, unit: str, asset: str = "P01", start: str = "01", end: str = "02") -> str:
    return f"{asset},{name},2026-03-{start}T00:00Z,2026-03-{end}T00:00Z,{value},{unit}"


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("actual_kwh", "1.5", "MWh", Decimal(1500)),
        ("meter", "1.5", "MWh", Decimal(1500)),
        ("volume_m3", "250", "l", Decimal("0.25")),
        ("volume_m3", "2", "1000 m3", Decimal(2000)),
        ("required_h", "90", "min", Decimal("1.5")),
        ("required_h", "20", "min", Fraction(1, 3)),
        ("inlet_c", "299.15", "K", Decimal(26)),
        ("header_pressure_bar_g", "6.8", "bar(g)", Decimal("6.8")),
        ("good_units:SKU-A", "7", "pcs", Decimal(7)),
        ("spare_parts", "-3.5", "EUR", Decimal("-3.5")),
    ],
)
def test_a_quantity_comes_in_the_unit_of_its_name_exactly(
    line: Contract, file: Write, name: str, value: str, unit: str, expected: Decimal | Fraction
) -> None:
    (found,) = quantities_of(line, file(QUANTITIES, row(name, value, unit))).quantities
    assert found.value == expected
    assert type(found.value) is type(expected)


def test_what_a_quantity_cannot_be_is_refused_with_both_units(line: Contract, file: Write) -> None:
    path = file(
        QUANTITIES,
        row("actual_kwh", "5", "m3"),
        row("volume_m3", "5", ""),
        row("actual_kwh", "-5", "kWh", start="03", end="04"),
        row("good_units:SKU-Z", "5", "1"),
        row("actual_kwh", "1,000", "kWh").replace("1,000", '"1,000"'),
        row("actual_kwh", "NaN", "kWh"),
        row("actual_kwh", "1", "kWh", start="05", end="05"),
    )
    found = refusal(lambda: quantities_of(line, path))
    assert found[0].startswith("file.csv, line 2, column unit: 'm3' is no unit of actual_kwh, which is in 'kWh': ")
    assert found[1].startswith("file.csv, line 3, column unit: 'none' is no unit of volume_m3, which is in 'm3': ")
    assert found[2:] == [
        "file.csv, line 4, column value: -5 is negative; actual_kwh is an amount",
        "file.csv, line 5, column name: product 'SKU-Z' has no ideal rate; known: SKU-A",
        "file.csv, line 6, column value: '1,000' is no number",
        "file.csv, line 7, column value: 'NaN' is no number",
        "file.csv, line 8, column end: '2026-03-05T00:00Z' is not after the start '2026-03-05T00:00Z'",
    ]


def test_an_amount_that_stands_twice_in_other_rows_is_refused_and_a_repeated_row_counts_once(
    line: Contract, file: Write
) -> None:
    one = row("actual_kwh", "5", "kWh", end="03")
    assert len(quantities_of(line, file(QUANTITIES, one, one.replace(",5,", ",5.0,"))).quantities) == 1
    path = file(QUANTITIES, one, row("actual_kwh", "3", "kWh", start="02"), row("actual_kwh", "3", "kWh", asset="L7"))
    assert refusal(lambda: quantities_of(line, path))[0] == (
        "file.csv, line 3, column end: '2026-03-02T00:00Z' is not after the start '2026-03-02T00:00Z'"
    )
    path = file(QUANTITIES, one, row("actual_kwh", "3", "kWh", start="02", end="04"))
    assert refusal(lambda: quantities_of(line, path)) == [
        "file.csv, line 3, column start: shares time with line 2: actual_kwh twice"
    ]


def test_an_amount_without_asset_is_the_contracts(line: Contract, file: Write) -> None:
    path = file(QUANTITIES, row("actual_kwh", "5", "kWh", asset=""), row("actual_kwh", "5", "kWh", asset="P01"))
    assert [each.asset for each in quantities_of(line, path).quantities] == ["HALL", "P01"]


def test_what_was_not_over_at_the_as_of_time_is_not_known_unless_it_was_recorded(line: Contract, file: Write) -> None:
    path = file(
        f"{QUANTITIES},recorded",
        f"{row('required_h', '4', 'h', end='20')},",
        f"{row('planned_busy_h', '4', 'h', end='20')},2026-02-01T00:00Z",
    )
    reader = quantities_of(line, path, instant_us("2026-03-10T00:00Z"))
    assert [each.name for each in reader.quantities] == ["planned_busy_h"]
    assert reader.notes == ["file.csv: 1 row(s) not known at the as-of time left out"]


def test_a_ticket_is_read_and_at_an_earlier_time_its_end_has_not_come(line: Contract, file: Write) -> None:
    path = file(
        TICKETS,
        "t1,P01,P1,2026-03-01T00:00+01:00,2026-03-01T02:00+01:00,2026-03-02T00:00+01:00,1800.5",
        "t2,,P1,2026-03-03T00:00+01:00,,,",
    )
    whole = tickets_of(line, path).tickets
    assert [(each.id, each.asset, each.paused_us) for each in whole] == [
        ("t1", "P01", 1_800_500_000),
        ("t2", "HALL", 0),
    ]
    (then,) = tickets_of(line, path, MARCH_US + 3 * HOUR_US).tickets
    assert (then.on_site_us, then.restored_us) == (MARCH_US + 2 * HOUR_US, None)


def test_what_a_ticket_cannot_be_is_refused(line: Contract, file: Write) -> None:
    path = file(
        TICKETS,
        "t1,P01,P9,2026-03-02T00:00Z,2026-03-01T00:00Z,,-5",
        "t2,P01,P1,,,,",
        ",P01,P1,2026-03-02T00:00Z,,,",
        "t3,P01,P1,2026-03-02T00:00Z,,,",
        "t3,P01,P1,2026-03-03T00:00Z,,,",
    )
    assert refusal(lambda: tickets_of(line, path)) == [
        "file.csv, line 2, column priority: 'P9' is none of P1",
        "file.csv, line 2, column paused_s: '-5' is no duration in seconds, to the microsecond",
        "file.csv, line 2, column on_site: is before the ticket was received",
        "file.csv, line 3, column received: '' is no time in ISO 8601",
        "file.csv, line 4, column id: is empty",
        "file.csv, line 6, column id: 't3' stands in line 5 with other times",
    ]


@given(st.integers(-62_000_000_000_000_000, 250_000_000_000_000_000), st.integers(-14 * 60, 14 * 60))
def test_an_instant_survives_being_written_with_any_offset(us: int, minutes: int) -> None:
    from datetime import timedelta, timezone

    assert instant_us(from_us(us).astimezone(timezone(timedelta(minutes=minutes))).isoformat()) == us


@given(st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=6))
def test_a_number_is_read_exactly(value: Decimal) -> None:
    assert number(f"{value:f}") == value


@given(st.text(max_size=30))
def test_a_cell_is_read_or_refused_with_a_reason(cell: str) -> None:
    for read in (instant_us, number):
        try:
            read(cell)
        except ValueError as error:
            assert str(error)  # noqa: PT017


_CELL = st.sampled_from(["P01", "2026-03-01T00:00Z", "2026-03-02T00:00Z", "FO", "", "-1", '"', "1e99", "\x00", "0x1"])
_ROW = st.lists(_CELL | st.text(max_size=5), max_size=8).map(",".join)


@pytest.mark.parametrize("header", [EVENTS, QUANTITIES, TICKETS, ""])
@given(rows=st.lists(_ROW, max_size=6), junk=st.binary(max_size=10))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_whatever_makes_a_reader_fail_otherwise_than_with_a_message(
    line: Contract, tmp_path: Path, header: str, rows: list[str], junk: bytes
) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes("\n".join([header, *rows]).encode("utf-8", "replace") + junk)
    for read in (events_of, quantities_of, tickets_of):
        try:
            read(line, path)
        except VouchError as error:
            assert str(error)  # noqa: PT017
