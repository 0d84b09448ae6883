"""What a log's silence means: by the share of time it names running, over all machines at once."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.backtest.log import Log
from shared.backtest.silence import Silence, silence_of, spoken_of
from shared.backtest.timelines import Timelines
from shared.contracts.terms import Contract
from shared.model.facts import AssetEvent, Category, EventKind, Meaning, Party

SPAN = 1_000
MEANINGS = {str(each): Meaning(category=each, cause="", party=Party.UNKNOWN) for each in Category}
Rows = Mapping[str, Sequence[tuple[int, int, str]]]


def silence(rows: Rows) -> Silence:
    events = {
        name: [
            AssetEvent(id=None, kind=EventKind.INTERVAL, code=code, text="", start_us=start, end_us=end)
            for start, end, code in own
        ]
        for name, own in rows.items()
    }
    names = ["P01", "P02"]
    return silence_of(Timelines(Log(events=events, meanings=MEANINGS), names, 0, SPAN), names, 0, SPAN)


@pytest.mark.parametrize(
    ("rows", "lists_stops_only"),
    [
        ({}, True),
        ({"P01": [(0, 10, "FO")]}, True),
        ({"P01": [(0, 10, "FO")], "P02": [(0, 1, "PP")]}, True),
        # Technical standby is no running: real logs of stops list it.
        ({"P01": [(0, SPAN, "TS")], "P02": [(0, SPAN, "TS")]}, True),
        # 1980 are not named otherwise: half of it, and more.
        ({"P01": [(0, 20, "FO"), (20, SPAN, "FP")], "P02": [(0, 10, "FP")]}, True),
        ({"P01": [(0, 20, "FO"), (20, SPAN, "FP")], "P02": [(0, 11, "PP")]}, False),
        # Where nothing is open to be named, a single hour of running is all of it.
        ({"P01": [(0, SPAN, "FO")], "P02": [(0, 999, "IU"), (999, SPAN, "FP")]}, False),
    ],
)
def test_a_log_says_when_machines_ran_if_it_does_so_for_most_of_what_it_names_nothing_else(
    rows: Rows, lists_stops_only: bool
) -> None:
    assert silence(rows).lists_stops_only is lists_stops_only


stretches = st.lists(
    st.tuples(st.integers(0, SPAN - 1), st.integers(1, SPAN), st.sampled_from(sorted(MEANINGS))).map(
        lambda each: (each[0], each[0] + each[1], each[2])
    ),
    max_size=6,
)


@given(stretches, stretches)
def test_running_other_and_unnamed_time_sum_to_the_clock(
    one: list[tuple[int, int, str]], other: list[tuple[int, int, str]]
) -> None:
    found = silence({"P01": one, "P02": other})
    assert found.clock_us == 2 * SPAN == found.running_us + found.other_us + found.unnamed_us
    assert min(found.running_us, found.other_us, found.unnamed_us) >= 0


def test_a_line_of_which_parts_alone_are_listed_is_looked_at_by_its_parts(line: Contract) -> None:
    assert spoken_of(line, ["L7/filler", "L7/labeler"]) == ["L7/filler", "L7/labeler", "L8", "P01"]
    assert spoken_of(line, ["L7", "L7/filler"]) == ["L7", "L7/filler", "L8", "P01"]
