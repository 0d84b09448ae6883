"""The demo's detection table: what counts as found and foretold, what as false, and how it is printed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from services.demo import detected
from services.demo.detection import Found, Notice, Scorecard, scorecard
from shared.simulate.truth import Fault, FaultKind, Stop, Truth

HOUR_S, DAY_S = 3_600, 86_400
START_S = 1_772_323_200
BEGAN_S, FAILED_S = START_S + 30 * DAY_S, START_S + 44 * DAY_S
UNTIL_S = START_S + 60 * DAY_S
WEAR = Fault(
    machine="kempten/c2",
    kind=FaultKind.BEARING_WEAR,
    sensors=("vibration_mm_s", "oil_temperature_c"),
    start_s=BEGAN_S,
    full_s=FAILED_S,
    end_s=FAILED_S,
    growth=1.0,
)
FAILURE = Stop(machine="kempten/c2", code="F301", text="Bearing failure", start_s=FAILED_S, end_s=FAILED_S + DAY_S)
TRUTHS = {
    "kempten/c1": Truth(stops=(), faults=(), silences=()),
    "kempten/c2": Truth(stops=(FAILURE,), faults=(WEAR,), silences=()),
}
FOUND = Found(machine="kempten/c2", start_s=BEGAN_S + 30 * HOUR_S, end_s=FAILED_S, sensor="vibration_mm_s")
NOTICE = Notice(
    machine="kempten/c2",
    component="bearing",
    given_s=FAILED_S - 4 * DAY_S,
    p10_s=FAILED_S - 2 * DAY_S,
    p50_s=FAILED_S - DAY_S,
    p90_s=FAILED_S + 3 * DAY_S,
    state="confirmed",
)


def card(*found: Found, notices: tuple[Notice, ...] = (), until_s: int = UNTIL_S) -> Scorecard:
    return scorecard(TRUTHS, found, notices, watched_from_s=START_S + 15 * DAY_S, until_s=until_s)


def at(start_s: float, machine: str = "kempten/c2") -> Found:
    return Found(machine=machine, start_s=start_s, end_s=None, sensor="power_kw")


def text(of: Scorecard) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(detected.table(of))
        console.print(detected.summary(of))
    return " ".join(captured.get().split())


def test_a_fault_that_was_found_and_foretold_is_one_line_with_delay_and_lead():
    (line,) = card(FOUND, notices=(NOTICE,)).lines
    assert (line.delay_h, line.lead_h, line.is_within) == (30, 96, True)
    assert (line.ended_by, line.is_over, line.is_failure, line.state) == ("F301", True, True, "confirmed")
    assert line.sensor in line.moved


def test_the_first_finding_and_the_first_notice_within_a_fault_count():
    later = at(FOUND.start_s + DAY_S)
    (line,) = card(later, FOUND).lines
    assert line.found_s == FOUND.start_s


@pytest.mark.parametrize(
    ("found", "is_false"),
    [
        (at(BEGAN_S), False),
        (at(BEGAN_S - 1), True),
        (at(FAILED_S - 1), False),
        (at(FAILED_S), True),
        (at(BEGAN_S + DAY_S, "kempten/c1"), True),
    ],
)
def test_what_begins_outside_of_every_fault_of_its_machine_is_false(found: Found, is_false: bool):
    of = card(found)
    assert (len(of.false_findings) == 1) is is_false
    assert (of.lines[0].found_s is None) is is_false


def test_false_findings_are_counted_by_asset_month():
    of = card(at(START_S + 20 * DAY_S), at(START_S + 20 * DAY_S, "kempten/c1"))
    assert of.asset_months == 3.0
    assert of.false_per_asset_month == pytest.approx(2 / 3)


def test_a_fault_that_goes_on_is_shown_and_not_counted_yet():
    of = card(FOUND, until_s=FAILED_S - DAY_S)
    assert of.over == ()
    assert of.lines[0].is_within is None
    assert "to come" in text(of)
    assert "0 of 0 seeded faults that are over were found" in text(of)


def test_a_fault_that_has_not_begun_is_no_line():
    assert card(until_s=BEGAN_S).lines == ()


def test_the_table_and_its_summary_say_when_how_long_and_by_which_sensor():
    said = text(card(FOUND, at(START_S + 20 * DAY_S, "kempten/c1"), notices=(NOTICE,)))
    assert "c2 bearing wear 03-31 +30.0 h vibration mm s -4.0 d 04-12 to 04-17 04-14 failed" in said
    assert "1 of 1 seeded faults that are over were found, after 30.0 h at the median" in said
    assert "1 of 1 failures they ended in were foretold, 4.0 d ahead at the median; 1 came between P10 and P90" in said
    assert "without a seeded fault: 1 finding(s) in 3.0 asset-months (0.33 each) and 0 notice(s)" in said
    assert "kempten/c1: power_kw, 03-21, goes on" in said


def test_a_fault_that_was_missed_is_said_to_be():
    said = text(card())
    assert "c2 bearing wear 03-31 no - - - 04-14 failed" in said
    assert "0 of 1 failures they ended in were foretold" in said


def test_the_json_is_the_same_table(tmp_path: Path):
    file = detected.save(tmp_path, card(FOUND, notices=(NOTICE,)))
    document = json.loads(file.read_text(encoding="ascii"))
    assert document["faults"][0]["delay_h"] == 30
    assert document["faults"][0]["is_within"] is True
    assert (document["false_findings"], document["false_notices"]) == ([], [])


@given(st.lists(st.integers(START_S, UNTIL_S), max_size=20), st.sampled_from(["kempten/c1", "kempten/c2"]))
def test_each_finding_either_tells_of_the_fault_or_is_false(starts: list[int], machine: str):
    found = [at(start, machine) for start in starts]
    of = card(*found)
    telling = [one for one in found if machine == "kempten/c2" and BEGAN_S <= one.start_s < FAILED_S]
    assert len(of.false_findings) == len(found) - len(telling)
    assert (of.lines[0].found_s is not None) is bool(telling)
