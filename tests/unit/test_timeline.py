"""From events and telemetry to a timeline: what wins, what is merged, what stays unknown."""

import numpy as np
import pytest

from shared import timeline
from shared.instant import DAY_US, HOUR_US
from shared.model.facts import BUILT_IN, AssetEvent, Category, Condition, EventKind, Interval, Meaning, Party, StateRule

RUNNING = Meaning(category=Category.FP, cause="running", party=Party.NOBODY)
IDLE = Meaning(category=Category.TS, cause="idle", party=Party.NOBODY)
MEANINGS = {
    "run": RUNNING,
    "service": Meaning(category=Category.SM, cause="service", party=Party.SUPPLIER),
    "trip": Meaning(category=Category.FO, cause="trip", party=Party.SUPPLIER),
    "fire": Meaning(category=Category.FO, cause="fire", party=Party.CUSTOMER),
    "offline": Meaning(category=Category.IU, cause="offline", party=Party.CUSTOMER),
    **BUILT_IN,
}


def _interval(code: str, start_us: int, end_us: int | None, number: int = 0, seq: int = 0) -> AssetEvent:
    return AssetEvent(id=number, kind=EventKind.INTERVAL, code=code, text="", start_us=start_us, end_us=end_us, seq=seq)


def _state(code: str, start_us: int, number: int = 0, seq: int = 0) -> AssetEvent:
    return AssetEvent(id=number, kind=EventKind.STATE, code=code, text="", start_us=start_us, end_us=None, seq=seq)


def _said(intervals: list[Interval]) -> list[tuple[int, int, str]]:
    return [(interval.start_us, interval.end_us, interval.cause) for interval in intervals]


def _built(*events: AssetEvent, telemetry: list[Interval] | None = None) -> list[tuple[int, int, str]]:
    """The timeline of `[0, 100)`."""
    return _said(timeline.build(events, MEANINGS, telemetry or [], 0, 100))


def _told(start_us: int, end_us: int, meaning: Meaning = RUNNING) -> Interval:
    return Interval(
        start_us=start_us, end_us=end_us, category=meaning.category, cause=meaning.cause, party=meaning.party
    )


def test_a_state_holds_until_the_next_one_and_to_the_end_of_the_window() -> None:
    assert _built(_state("run", -50), _state("trip", 10), _state("run", 30)) == [
        (0, 10, "running"),
        (10, 30, "trip"),
        (30, 100, "running"),
    ]


def test_of_states_in_one_instant_the_highest_seq_holds() -> None:
    assert _built(_state("trip", 10, seq=2), _state("run", 10, seq=1)) == [(10, 100, "trip")]


def test_where_events_overlap_the_higher_priority_wins() -> None:
    assert _built(_state("run", 0), _interval("service", 20, 60), _interval("trip", 40, 80)) == [
        (0, 20, "running"),
        (20, 40, "service"),
        (40, 80, "trip"),
        (80, 100, "running"),
    ]


def test_of_one_priority_the_later_start_wins_and_then_the_higher_seq() -> None:
    assert _built(_interval("trip", 0, 50), _interval("fire", 10, 20)) == [
        (0, 10, "trip"),
        (10, 20, "fire"),
        (20, 50, "trip"),
    ]
    assert _built(_interval("trip", 0, 50, seq=1), _interval("fire", 0, 50)) == [(0, 50, "trip")]
    assert _built(_interval("trip", 0, 50), _interval("fire", 0, 50, seq=1)) == [(0, 50, "fire")]


def test_an_open_event_runs_to_the_end_of_the_window() -> None:
    assert _built(_interval("trip", 90, None)) == [(90, 100, "trip")]


def test_time_nobody_speaks_of_is_absent() -> None:
    assert _built(_interval("trip", 10, 20), _interval("trip", 30, 30), _interval("trip", 120, 140)) == [
        (10, 20, "trip")
    ]
    assert timeline.build([], MEANINGS, [], 0, 100) == []


def test_events_outrank_telemetry_whatever_it_says() -> None:
    fault = Meaning(category=Category.FM, cause="flood", party=Party.NOBODY)
    assert _built(_interval("run", 20, 40), telemetry=[_told(0, 100, fault)]) == [
        (0, 20, "flood"),
        (20, 40, "running"),
        (40, 100, "flood"),
    ]


def test_a_code_without_meaning_is_information_unavailable_and_loses_to_telemetry() -> None:
    unmapped = _interval("E4711", 10, 60, number=3)
    found = timeline.build([unmapped], MEANINGS, [_told(0, 20), _told(50, 70)], 0, 100)
    assert _said(found) == [(0, 20, "running"), (20, 50, "unmapped_code"), (50, 70, "running")]
    assert (found[1].category, found[1].party, found[1].event_id) == (Category.IU, Party.UNKNOWN, 3)


def test_an_event_that_means_information_unavailable_loses_against_any_fact() -> None:
    assert _built(_state("run", 0), _interval("offline", 20, 40)) == [(0, 100, "running")]
    assert _built(_interval("offline", 20, 40), telemetry=[_told(0, 30, IDLE)]) == [
        (0, 30, "idle"),
        (30, 40, "offline"),
    ]


def test_neighbours_of_one_event_are_one_and_of_two_events_stay_two() -> None:
    found = timeline.build(
        [_interval("trip", 0, 20, number=1), _interval("trip", 20, 40, number=2)], MEANINGS, [], 0, 100
    )
    assert [(i.start_us, i.end_us, i.event_id) for i in found] == [(0, 20, 1), (20, 40, 2)]
    same = timeline.build([], MEANINGS, [_told(0, 20), _told(20, 40)], 0, 100)
    assert _said(same) == [(0, 40, "running")]


# Telemetry.

RULES = (
    StateRule(when=(Condition(sensor="power", low=5.0),), meaning=RUNNING),
    StateRule(when=(Condition(sensor="power", low=-1.0, high=5.0), Condition(sensor="ready", low=1.0)), meaning=IDLE),
)


def _telemetry(
    at_us: list[int], power: list[float], ready: list[float], hold_us: int = 10
) -> list[tuple[int, int, str]]:
    values = {"power": np.array(power), "ready": np.array(ready)}
    return _said(timeline.from_telemetry(np.array(at_us, dtype=np.int64), values, RULES, hold_us))


NAN = float("nan")


def test_a_sample_vouches_until_the_next_or_as_long_as_it_holds() -> None:
    assert _telemetry([0, 10, 13, 40], [9, 9, 9, 9], [1, 1, 1, 1]) == [(0, 23, "running"), (40, 50, "running")]


def test_the_first_rule_whose_conditions_all_hold_names_the_category() -> None:
    assert _telemetry([0, 10, 20, 30], [5, 4.9, 4.9, -2], [1, 1, 0, 1]) == [(0, 10, "running"), (10, 20, "idle")]


def test_a_missing_value_satisfies_no_condition() -> None:
    assert _telemetry([0, 10, 20], [NAN, 9, 2], [1, NAN, NAN]) == [(10, 20, "running")]
    only = np.array([9.0])
    open_sided = StateRule(when=(Condition(sensor="power"),), meaning=RUNNING)
    at_us = np.array([0], dtype=np.int64)
    assert _said(timeline.from_telemetry(at_us, {"power": only}, [open_sided], 5)) == [(0, 5, "running")]
    assert timeline.from_telemetry(at_us, {"power": only * NAN}, [open_sided], 5) == []
    assert timeline.from_telemetry(at_us, {"other": only}, [open_sided], 5) == []


def test_rules_of_one_meaning_make_one_stretch() -> None:
    rules = [
        StateRule(when=(Condition(sensor="power", low=50.0),), meaning=RUNNING),
        StateRule(when=(Condition(sensor="power", low=5.0),), meaning=RUNNING),
    ]
    found = timeline.from_telemetry(np.array([0, 10]), {"power": np.array([60.0, 6.0])}, rules, 10)
    assert _said(found) == [(0, 20, "running")]


def test_samples_that_do_not_ascend_are_an_error() -> None:
    with pytest.raises(ValueError, match="ascend"):
        _telemetry([0, 10, 10], [9, 9, 9], [1, 1, 1])


def test_no_samples_or_no_rules_say_nothing() -> None:
    assert _telemetry([], [], []) == []
    assert timeline.from_telemetry(np.array([0]), {"power": np.array([9.0])}, [], 10) == []


# What a lost connection ends.


def test_states_and_open_intervals_end_when_the_connection_is_lost_and_nothing_is_claimed_after_it() -> None:
    assert _built(_state("run", 0), _interval("$offline", 40, 60)) == [(0, 40, "running"), (40, 60, "connection_lost")]
    assert _built(_interval("trip", 10, None), _interval("$offline", 40, None)) == [
        (10, 40, "trip"),
        (40, 100, "connection_lost"),
    ]


def test_what_is_stated_of_the_time_without_a_connection_holds_until_the_next_loss() -> None:
    assert _built(
        _state("run", 0), _interval("$offline", 40, 60), _state("trip", 50), _interval("$offline", 80, 80)
    ) == [
        (0, 40, "running"),
        (40, 50, "connection_lost"),
        (50, 80, "trip"),
    ]


def test_an_interval_with_an_end_and_what_begins_at_the_loss_are_not_ended_by_it() -> None:
    assert _built(_interval("trip", 10, 70), _interval("$offline", 40, 60)) == [(10, 70, "trip")]
    assert _built(_state("run", 40), _interval("$offline", 40, 60)) == [(40, 100, "running")]


def test_silence_says_nothing() -> None:
    assert _built(_state("run", 50), _interval("$silent", 10, 90)) == [(50, 100, "running")]


def test_a_sample_vouches_no_longer_than_the_connection_lasts() -> None:
    values = {"power": np.array([9.0, 9.0]), "ready": np.array([1.0, 1.0])}
    at_us = np.array([0, 30], np.int64)
    assert _said(timeline.from_telemetry(at_us, values, RULES, 20, [4, 8, 30])) == [
        (0, 4, "running"),
        (30, 50, "running"),
    ]


# Completing, splicing, summing.


def test_what_is_absent_becomes_information_unavailable() -> None:
    assert _said(timeline.complete([_told(10, 20), _told(30, 40)], 0, 50)) == [
        (0, 10, "no_data"),
        (10, 20, "running"),
        (20, 30, "no_data"),
        (30, 40, "running"),
        (40, 50, "no_data"),
    ]
    assert _said(timeline.complete([_told(10, 90)], 20, 50)) == [(20, 50, "running")]
    assert timeline.complete([], 0, 0) == []


def test_a_fresh_window_replaces_what_stood_in_it_and_joins_its_neighbours() -> None:
    existing = [_told(0, 40), _told(40, 60, IDLE), _told(60, 100)]
    fresh = [_told(-5, 30), _told(30, 50), _told(50, 120, IDLE)]
    assert _said(timeline.splice(existing, fresh, 20, 55)) == [
        (0, 50, "running"),
        (50, 60, "idle"),
        (60, 100, "running"),
    ]
    assert _said(timeline.splice(existing, [], 20, 55)) == [(0, 20, "running"), (55, 60, "idle"), (60, 100, "running")]


def test_the_cube_has_one_row_a_day_and_fact() -> None:
    intervals = [
        _told(0, 36 * HOUR_US),
        _told(36 * HOUR_US, 40 * HOUR_US, IDLE),
        _told(40 * HOUR_US, 3 * DAY_US),
    ]
    assert timeline.days(intervals) == [
        (0, Category.FP, "running", Party.NOBODY, DAY_US),
        (DAY_US, Category.FP, "running", Party.NOBODY, 20 * HOUR_US),
        (DAY_US, Category.TS, "idle", Party.NOBODY, 4 * HOUR_US),
        (2 * DAY_US, Category.FP, "running", Party.NOBODY, DAY_US),
    ]


def test_days_before_1970_are_whole_too() -> None:
    assert timeline.days([_told(-DAY_US - 1, 0)]) == [
        (-2 * DAY_US, Category.FP, "running", Party.NOBODY, 1),
        (-DAY_US, Category.FP, "running", Party.NOBODY, DAY_US),
    ]
