"""`vouch backtest` as a command: the same facts give the same bytes, faults stop it, assumptions are said."""

import json
import random
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from services.cli import app
from shared.errors import SpecError, VouchError

FILES = Path(__file__).parents[3] / "deploy" / "contracts"
WIND, PUMPS = FILES / "A_wind_turbine.yaml", FILES / "D_pump_drive.yaml"
HEADER = "asset,start,end,category,cause,party,note"
# 2026-01-01 in Berlin.
BEGUN = datetime(2025, 12, 31, 23, tzinfo=UTC)
Row = tuple[str, datetime, datetime, str, str, str]


def run(path: Path, rows: list[Row], *options: str, contract: Path = PUMPS) -> str:
    lines = [f"{name},{a.isoformat()},{b.isoformat()},{','.join(meaning)}," for name, a, b, *meaning in rows]
    path.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    span = [] if "--from" in options else ["--from", "2026-01-01", "--to", "2026-04-01"]
    command = ["backtest", str(contract), "--events", str(path), *span, *options]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def ask(path: Path, rows: list[Row], *options: str, contract: Path = PUMPS) -> dict[str, Any]:
    return json.loads(run(path, rows, "--json", *options, contract=contract))


def hours(document: dict[str, Any], period: int = 0, guarantee: int = 0) -> dict[str, float]:
    return document["periods"][period]["guarantees"][guarantee]["hours"]


def after(hours_: float) -> datetime:
    return BEGUN + timedelta(hours=hours_)


stop = st.tuples(
    st.sampled_from(["P01", "P02"]),
    st.integers(0, 3_000),
    st.integers(1, 200),
    st.sampled_from([("FO", "seal", "supplier"), ("SM", "service", "supplier"), ("IU", "lost", "unknown")]),
)


@given(stops=st.lists(stop, min_size=1, max_size=8), seed=st.integers(0, 10**6))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_splitting_permuting_and_other_offsets_give_the_same_bytes(
    tmp_path: Path, stops: list[tuple[str, int, int, tuple[str, str, str]]], seed: int
) -> None:
    # One stop at a time of each asset and category: a later start would win among equals.
    rows: list[Row] = []
    reached: dict[tuple[str, str], int] = {}
    for name, start, length, meaning in sorted(stops):
        begun = max(start, reached.get((name, meaning[0]), 0))
        reached[name, meaning[0]] = begun + length
        rows.append((name, after(begun), after(begun + length), *meaning))
    chance = random.Random(seed)
    other: list[Row] = []
    for name, start, end, category, cause, party in rows:
        zone = timezone(timedelta(minutes=chance.randrange(-720, 720)))
        middle = start + (end - start) * chance.random()
        cuts = [start, middle, end] if chance.random() < 0.5 and start < middle < end else [start, end]
        spans = [(a.astimezone(zone), b.astimezone(zone)) for a, b in pairwise(cuts)]
        other += [(name, a, b, category, cause, party) for a, b in spans]
    chance.shuffle(other)
    one, two = ask(tmp_path / "a.csv", rows), ask(tmp_path / "b.csv", other)
    assert one.pop("inputs") is not None
    assert two.pop("inputs") is not None
    assert json.dumps(one) == json.dumps(two)


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    rows: list[Row] = [("P01", after(5), after(9), "FO", "seal", "supplier")]
    assert run(tmp_path / "a.csv", rows, "--json") == run(tmp_path / "a.csv", rows, "--json")


def test_a_log_that_does_not_say_when_machines_ran_lists_stops_only_and_one_that_does_leaves_gaps(
    tmp_path: Path,
) -> None:
    stopped: Row = ("P01", after(0), after(10), "FO", "seal", "supplier")
    # 12 machines of 2159 h each; half of what is not FO are 12 949 h.
    ran: list[Row] = [(f"P{number:02}", after(10), after(2159), "FP", "", "") for number in range(1, 8)]
    assert hours(ask(tmp_path / "a.csv", [stopped])) == {"FO": 10.0, "FP": 12 * 2159.0 - 10}
    document = ask(tmp_path / "a.csv", [stopped, *ran])
    assert hours(document) == {"FO": 10.0, "FP": 7 * 2149.0, "IU": 12 * 2159.0 - 10 - 7 * 2149}
    assert document["assumptions"][0].startswith("Time that no event speaks of is information unavailable (IU)")
    running = ask(tmp_path / "a.csv", [stopped, *ran], "--unreported", "FP")
    assert hours(running) == {"FO": 10.0, "FP": 12 * 2159.0 - 10}
    assert hours(ask(tmp_path / "a.csv", [stopped], "--unreported", "IU")) == {"FO": 10.0, "IU": 12 * 2159.0 - 10}


def test_one_row_of_running_in_a_log_of_stops_does_not_make_all_other_time_unknown(tmp_path: Path) -> None:
    rows: list[Row] = [("P01", after(0), after(10), "FO", "", "supplier"), ("P02", after(0), after(1), "PP", "", "")]
    document = ask(tmp_path / "a.csv", rows)
    assert hours(document) == {"FO": 10.0, "PP": 1.0, "FP": 12 * 2159.0 - 11}
    assert document["assumptions"][0] == (
        "Time that no event speaks of is full performance (FP), as FP and PP are named for 1 of the 25898 h that "
        "events name nothing else, not for more than half, so the log lists stops only: 25897 h over all machines."
    )


def test_a_period_that_is_mostly_unknown_is_warned_of(tmp_path: Path) -> None:
    rows: list[Row] = [("P01", after(0), after(10), "FO", "", "supplier")]
    said = ask(tmp_path / "a.csv", rows, "--unreported", "IU")["assumptions"]
    assert said[0].endswith("is information unavailable (IU), as asked: 25898 h over all machines.")
    assert said[1].startswith("WARNING: more than half of 2026-Q1 is information unavailable (IU)")
    assert not any("WARNING" in sentence for sentence in ask(tmp_path / "a.csv", rows)["assumptions"])


def test_an_as_of_time_after_the_days_asked_about_is_the_one_asked_for(tmp_path: Path) -> None:
    document = ask(tmp_path / "a.csv", [], "--as-of", "2026-09-01T00:00:00+02:00")
    assert document["as_of"] == "2026-09-01T00:00:00+02:00"
    assert "Facts are those known at 2026-09-01T00:00:00+02:00, after the days asked about." in document["assumptions"]


def test_a_file_of_codes_without_the_map_names_the_options_that_bring_it(tmp_path: Path) -> None:
    events = tmp_path / "e.csv"
    events.write_text("asset,start,end,code\n")
    command = ["backtest", str(PUMPS), "--events", str(events), "--from", "2026-01-01", "--to", "2026-04-01"]
    with pytest.raises(SpecError) as refused:
        CliRunner().invoke(app, command, catch_exceptions=False)
    assert "e.csv, line 1: column 'code' is read with --codes FLEET.yaml and --model MODEL" in [
        str(fault) for fault in refused.value.faults
    ]


@pytest.mark.parametrize(("declared", "category"), [("IU", "IU"), ("FP", "FP")])
def test_what_the_contract_says_of_unreported_time_goes_before_the_log(
    tmp_path: Path, declared: str, category: str
) -> None:
    contract = tmp_path / "c.yaml"
    contract.write_text(f"{PUMPS.read_text()}\ndata: {{unreported: {declared}}}\n")
    document = ask(tmp_path / "a.csv", [("P01", after(0), after(10), "FO", "", "")], contract=contract)
    assert hours(document)[category] == 12 * 2159.0 - 10
    assert "as the contract says" in document["assumptions"][0]


def test_the_higher_priority_wins_where_events_overlap(tmp_path: Path) -> None:
    rows: list[Row] = [
        ("P01", after(0), after(10), "SM", "service", ""),
        ("P01", after(5), after(20), "FO", "seal", "supplier"),
        ("P01", after(8), after(9), "FM", "flood", ""),
        ("P01", after(0), after(30), "IU", "lost", ""),
    ]
    found = hours(ask(tmp_path / "a.csv", rows))
    assert (found["SM"], found["FO"], found["FM"], found["IU"]) == (5.0, 14.0, 1.0, 10.0)


def test_a_running_period_is_judged_so_far_and_one_not_begun_is_left_out(tmp_path: Path) -> None:
    rows: list[Row] = [("P01", after(0), after(4_000), "FO", "seal", "supplier")]
    document = ask(
        tmp_path / "a.csv", rows, "--from", "2026-01-01", "--to", "2027-01-01", "--as-of", "2026-05-01T00:00:00+02:00"
    )
    assert [(each["label"], each["complete"]) for each in document["periods"]] == [
        ("2026-Q1", True), ("2026-Q2", False),
    ]  # fmt: skip
    assert hours(document, 1)["FO"] == 720.0
    assert document["as_of"] == "2026-05-01T00:00:00+02:00"
    assert any("2026-05-01T00:00:00+02:00" in sentence for sentence in document["assumptions"])


def test_a_closed_period_keeps_its_numbers_when_more_time_is_asked_about(tmp_path: Path) -> None:
    rows: list[Row] = [("P01", after(100), after(3_000), "FO", "seal", "supplier")]
    short = ask(tmp_path / "a.csv", rows)
    long = ask(tmp_path / "a.csv", rows, "--from", "2026-01-01", "--to", "2026-10-01")
    assert long["periods"][0] == short["periods"][0]


def test_days_outside_the_term_and_stubs_are_said(tmp_path: Path) -> None:
    document = ask(tmp_path / "a.csv", [], "--from", "2024-02-15", "--to", "2024-07-01")
    assert [each["label"] for each in document["periods"]] == ["2024-Q1", "2024-Q2"]
    said = " ".join(document["assumptions"])
    assert "reaches outside the term of PUMP-D (2026-01-01 to 2033-12-31)" in said
    assert "2024-Q1" in said


@pytest.mark.parametrize(
    ("tz", "first", "last", "expected"),
    [
        # golden.json TIME-1
        ("Europe/Berlin", "2026-03-01", "2026-04-01", 743),
        ("Europe/Berlin", "2025-10-01", "2025-11-01", 745),
        ("Australia/Lord_Howe", "2026-04-01", "2026-05-01", 720.5),
    ],
)
def test_a_period_has_the_hours_of_its_clock(tmp_path: Path, tz: str, first: str, last: str, expected: float) -> None:
    contract = tmp_path / "c.yaml"
    contract.write_text(PUMPS.read_text().replace("Europe/Berlin", tz))
    document = ask(tmp_path / "a.csv", [], "--from", first, "--to", last, contract=contract)
    (period,) = document["periods"]
    assert (period["hours"], hours(document)) == (expected, {"FP": 12 * expected})


def test_a_years_allowance_is_used_up_in_the_order_of_time(tmp_path: Path) -> None:
    # Contract D: 24 h of planned work for each pump and year, in windows outside 05:30 to 08:30.
    rows: list[Row] = [
        ("P01", after(9), after(9 + 18), "SM", "planned_window", "supplier"),
        ("P01", after(24 * 120 + 9), after(24 * 120 + 9 + 18), "SM", "planned_window", "supplier"),
    ]
    document = ask(tmp_path / "a.csv", rows, "--from", "2026-01-01", "--to", "2026-07-01")
    second = document["periods"][1]["guarantees"][0]
    without = ask(tmp_path / "a.csv", rows[1:], "--from", "2026-01-01", "--to", "2026-07-01")["periods"][1]
    assert second["measures"]["unavailable_h"] > without["guarantees"][0]["measures"]["unavailable_h"]


def test_codes_are_read_by_the_fleet_file(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(
        """
models:
  - slug: pump
    name: Pump
    telemetry_hold_s: 60
    codes:
      E7: {category: FO, cause: seal, party: supplier, changes: [
        {from: 2026-02-01T00:00:00+01:00, category: SM, cause: service, party: nobody}]}
"""
    )
    events = tmp_path / "events.csv"
    lines = ["asset,start,end,code,cause,party,note", f"P01,{after(0).isoformat()},{after(1000).isoformat()},E7,,,"]
    events.write_text("\n".join([*lines, ""]))
    span = ["--from", "2026-01-01", "--to", "2026-04-01", "--json"]
    command = ["backtest", str(PUMPS), "--events", str(events), *span, "--codes", str(fleet), "--model"]
    result = CliRunner().invoke(app, [*command, "pump"], catch_exceptions=False)
    found = hours(json.loads(result.stdout))
    assert (found["FO"], found["SM"]) == (31 * 24.0, 1000 - 31 * 24.0)
    with pytest.raises(VouchError, match="'valve' is none of pump"):
        CliRunner().invoke(app, [*command, "valve"], catch_exceptions=False)


def test_faults_of_all_files_are_listed_together_and_nothing_is_printed(tmp_path: Path) -> None:
    events, quantities = tmp_path / "e.csv", tmp_path / "q.csv"
    events.write_text(f"{HEADER}\nP99,2026-01-01,,FO,,,\n")
    quantities.write_text("asset,name,start,end,value,unit\nP01,actual_mwh,x,y,z,m\n")
    command = ["backtest", str(PUMPS), "--events", str(events), "--quantities", str(quantities)]
    with pytest.raises(SpecError) as refused:
        CliRunner().invoke(app, [*command, "--from", "2026-01-01", "--to", "2026-04-01"], catch_exceptions=False)
    places = [str(fault).split(": ", maxsplit=1)[0] for fault in refused.value.faults]
    assert places == [
        "e.csv, line 2, column asset", "e.csv, line 2, column start", "q.csv, line 2, column start",
        "q.csv, line 2, column end", "q.csv, line 2, column value",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--to", "2026-01-01"], "--to: 2026-01-01 is not after 2026-01-01"),
        (["--as-of", "2026-02-01"], "--as-of: '2026-02-01' has no offset"),
        (["--unreported", "SM"], "--unreported: 'SM' is neither FP nor IU"),
        (["--levels", "0.9"], "--levels: '0.9' is not LOW:HIGH:STEP"),
        (["--levels", "0.9:0.99:0.0001"], "901 levels; at most 200"),
        (["--codes", str(PUMPS)], "--codes and --model go together"),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_its_name(tmp_path: Path, options: list[str], named: str) -> None:
    with pytest.raises(VouchError, match=named.replace("(", r"\(")):
        run(tmp_path / "a.csv", [], "--from", "2026-01-01", "--to", "2026-04-01", *options)


def test_without_json_a_stranger_sees_periods_totals_and_what_was_assumed(tmp_path: Path) -> None:
    rows: list[Row] = [("P01", after(0), after(500), "FO", "seal", "supplier")]
    shown = run(tmp_path / "a.csv", rows, "--levels", "0.97:0.99:0.01")
    for words in (
        "2026-Q1",
        "FLEET_AVAIL",
        "missed",
        "Totals, EUR",
        "The price of a promise",
        "lists stops only",
        "scaled",
    ):
        assert words in shown


def test_without_a_period_that_has_begun_the_answer_is_empty_and_says_so(tmp_path: Path) -> None:
    options = ["--as-of", "2025-01-01T00:00:00+01:00"]
    document = ask(tmp_path / "a.csv", [], *options)
    assert (document["periods"], document["totals"]["net"]) == ([], "0.00")
    assert "No period had begun." in run(tmp_path / "a.csv", [], *options)


def test_a_turbine_that_nobody_heard_of_all_year_is_decided_by_the_contracts_own_rule(tmp_path: Path) -> None:
    ran: Row = ("T01", after(-24 * 275), after(-24 * 275 + 1), "FP", "", "")
    document = ask(
        tmp_path / "a.csv", [ran], "--from", "2025-04-01", "--to", "2026-04-01", "--unreported", "IU", contract=WIND
    )
    found = document["periods"][0]["guarantees"][0]
    assert found["verdict"] == "missed"
    assert found["bounds"]["high"] == 1.0
    # The formula needs the year's output, which no file gives: the money is not known, and that is said.
    assert found["settlement"]["malus"] is None
    assert "TBA Y2" in document["totals"]["not_known"]
