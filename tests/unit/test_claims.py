"""Which fact is believed: the order of trust, what is too short to count, and what a code meant at the time."""

from hypothesis import given
from hypothesis import strategies as st

from shared import timeline
from shared.model.facts import (
    BUILT_IN,
    OFFLINE,
    USUAL_TRUST,
    AssetEvent,
    Category,
    Change,
    EventKind,
    Interpretation,
    Interval,
    Meaning,
    Party,
    Source,
)

RUNNING = Meaning(category=Category.FP, cause="running", party=Party.NOBODY)
TRIP = Meaning(category=Category.FO, cause="trip", party=Party.SUPPLIER)
GRID = Meaning(category=Category.OEL, cause="grid", party=Party.THIRD_PARTY)
SERVICE = Meaning(category=Category.SM, cause="service", party=Party.SUPPLIER)
UNKNOWN = Meaning(category=Category.IU, cause="log_end", party=Party.UNKNOWN)
MEANINGS = {"run": RUNNING, "trip": TRIP, "service": SERVICE, "end": UNKNOWN, "Execute": RUNNING, **BUILT_IN}
STRICT = (
    (Source.MANUAL,),
    (Source.PACKML,),
    (Source.EVENT,),
    (Source.STATE,),
    (Source.TELEMETRY,),
)


def interval(code: str, start_us: int, end_us: int | None, number: int = 1) -> AssetEvent:
    return AssetEvent(id=number, kind=EventKind.INTERVAL, code=code, text="", start_us=start_us, end_us=end_us)


def state(code: str, start_us: int, number: int = 2) -> AssetEvent:
    return AssetEvent(id=number, kind=EventKind.STATE, code=code, text="", start_us=start_us, end_us=None)


def told(start_us: int, end_us: int, meaning: Meaning) -> Interval:
    return Interval(
        start_us=start_us, end_us=end_us, category=meaning.category, cause=meaning.cause, party=meaning.party
    )


def said(
    *events: AssetEvent, telemetry: tuple[Interval, ...] = (), read: Interpretation | None = None
) -> list[tuple[int, int, str]]:
    """The timeline of `[0, 100)`."""
    built = timeline.build(events, MEANINGS, telemetry, 0, 100, interpretation=read or Interpretation())
    return [(one.start_us, one.end_us, one.cause) for one in built]


def test_usually_whatever_was_reported_goes_before_readings_and_the_worse_of_two_reports_before_the_better() -> None:
    running = told(0, 100, RUNNING)
    assert said(state("run", 0), interval("trip", 20, 30), telemetry=(told(0, 100, SERVICE),)) == [
        (0, 20, "running"),
        (20, 30, "trip"),
        (30, 100, "running"),
    ]
    assert said(interval("trip", 20, 30), telemetry=(running,)) == [
        (0, 20, "running"),
        (20, 30, "trip"),
        (30, 100, "running"),
    ]


def test_a_source_that_is_trusted_more_wins_against_a_worse_category_of_another() -> None:
    read = Interpretation(trust=STRICT, packml=frozenset({"Execute"}))
    events = state("Execute", 0), interval("trip", 20, 30)
    assert said(*events, read=Interpretation(packml=frozenset({"Execute"})))[1] == (20, 30, "trip")
    assert said(*events, read=read) == [(0, 100, "running")]


def test_readings_may_be_trusted_before_the_log() -> None:
    read = Interpretation(trust=(USUAL_TRUST[0], (Source.TELEMETRY,), USUAL_TRUST[1]))
    assert said(interval("trip", 20, 60), telemetry=(told(40, 80, RUNNING),), read=read) == [
        (20, 40, "trip"),
        (40, 80, "running"),
    ]


def test_information_unavailable_loses_against_any_source_that_knows_however_little_it_is_trusted() -> None:
    read = Interpretation(trust=STRICT)
    assert said(interval("end", 0, 100), telemetry=(told(40, 80, RUNNING),), read=read) == [
        (0, 40, "log_end"),
        (40, 80, "running"),
        (80, 100, "log_end"),
    ]


def test_an_interval_shorter_than_the_least_does_not_count_and_one_as_long_does() -> None:
    read = Interpretation(min_event_us=10)
    events = state("run", 0), interval("trip", 20, 29, 3), interval("trip", 50, 60, 4)
    assert said(*events, read=read) == [(0, 50, "running"), (50, 60, "trip"), (60, 100, "running")]


def test_what_is_too_short_is_decided_by_the_events_own_length_and_not_by_what_the_window_shows_of_it() -> None:
    read = Interpretation(min_event_us=10)
    assert said(interval("trip", -20, 5), interval("trip", 95, None, 3), read=read) == [
        (0, 5, "trip"),
        (95, 100, "trip"),
    ]


def test_a_lost_connection_counts_however_short_it_was() -> None:
    events = state("run", 0), interval(OFFLINE, 20, 21, 3)
    assert said(*events, read=Interpretation(min_event_us=10)) == [(0, 20, "running"), (20, 21, "connection_lost")]


def test_at_each_instant_a_code_means_what_it_meant_then() -> None:
    read = Interpretation(changes={"trip": (Change(from_us=30, meaning=GRID), Change(from_us=60, meaning=SERVICE))})
    assert said(interval("trip", 10, 80), read=read) == [(10, 30, "trip"), (30, 60, "grid"), (60, 80, "service")]
    assert said(interval("trip", 40, 50), read=read) == [(40, 50, "grid")]
    assert said(interval("trip", 70, 80), read=read) == [(70, 80, "service")]
    assert said(interval("trip", 10, 30), read=read) == [(10, 30, "trip")]


def test_what_was_announced_goes_with_the_stretch() -> None:
    event = AssetEvent(
        id=1, kind=EventKind.INTERVAL, code="service", text="", start_us=10, end_us=20, announced_us=-500
    )
    [built] = timeline.build([event], MEANINGS, [], 0, 100)
    assert (built.event_id, built.announced_us) == (1, -500)


_at = st.integers(0, 99)
_changes = st.lists(st.tuples(_at, st.sampled_from([RUNNING, TRIP, GRID])), max_size=4, unique_by=lambda c: c[0]).map(
    lambda found: tuple(Change(from_us=at, meaning=meaning) for at, meaning in sorted(found, key=lambda c: c[0]))
)


@given(_changes, _at, st.integers(1, 60), st.integers(0, 60))
def test_each_instant_of_an_event_has_the_meaning_of_the_last_change_before_it(
    changes: tuple[Change, ...], start_us: int, length_us: int, least_us: int
) -> None:
    read = Interpretation(changes={"service": changes}, min_event_us=least_us)
    built = timeline.build(
        [interval("service", start_us, start_us + length_us)], MEANINGS, [], 0, 100, interpretation=read
    )
    for us in range(100):
        expected = None
        if start_us <= us < start_us + length_us and length_us >= least_us:
            expected = next((c.meaning for c in reversed(changes) if c.from_us <= us), SERVICE)
        found = [one.meaning for one in built if one.start_us <= us < one.end_us]
        assert found == ([] if expected is None else [expected])


@given(_changes, st.integers(0, 100))
def test_a_timeline_built_in_two_windows_is_the_one_built_in_one(changes: tuple[Change, ...], at_us: int) -> None:
    read = Interpretation(changes={"service": changes, "trip": changes}, trust=STRICT, min_event_us=15)
    events = [state("run", -5), interval("service", 3, 60, 3), interval("trip", 40, 54, 4), interval("trip", 50, 80, 5)]
    whole = timeline.build(events, MEANINGS, [], 0, 100, interpretation=read)
    left = timeline.build(events, MEANINGS, [], 0, at_us, interpretation=read)
    right = timeline.build(events, MEANINGS, [], at_us, 100, interpretation=read)
    assert timeline.splice(left, right, at_us, 100) == whole
