"""Which periods of a contract a pass assesses."""

from dataclasses import replace

import pytest

from services.analytics.judge import due_periods
from shared.contracts.needs import undecided_us
from shared.contracts.periods import Period
from shared.contracts.spec import parse
from shared.db.contracts import StoredContract
from shared.db.dirty import Window
from shared.instant import DAY_US, HOUR_US

TEXT = """
contract: {id: LF-1, version: 1, customer: lechtal, offering: AES, currency: EUR, tz: Etc/UTC}
term: {start: 2026-01-01, end: 2026-12-31, period: calendar_month}
assets: [{id: kempten/c1}]
guarantees:
  - id: TBA
    kind: time_availability
    level: 0.97
    form: excluded_from_denominator
    category_model: iec61400_26_2019
    verdicts:
      available: [FP, PP, TS, OEN]
      excluded: [RS, OEL, FM, IU]
      unavailable: [SM, PCA, FO, S]
"""
DAYS = tuple(Period(start_us=n * DAY_US, end_us=(n + 1) * DAY_US, full_us=DAY_US, label=f"day {n}") for n in range(5))
STORED = StoredContract(
    id=1,
    customer_id=1,
    contract=parse(TEXT, "contract"),
    periods=DAYS,
    reach_us={day: day.start_us for day in DAYS},
    assets={"kempten/c1": 7},
)
# A guarantee of these looks a day further back.
REACHING = replace(STORED, reach_us={day: day.start_us - DAY_US for day in DAYS})
NOON_OF_DAY_2 = 2 * DAY_US + 12 * HOUR_US
BEFORE = frozenset({0, DAY_US})


def _window(start_h: int, end_h: int) -> Window:
    return Window(start_us=start_h * HOUR_US, end_us=end_h * HOUR_US)


@pytest.mark.parametrize(
    ("windows", "final", "now_us", "expected"),
    [
        ([], BEFORE, NOON_OF_DAY_2, [2]),
        ([], frozenset(), NOON_OF_DAY_2, [0, 1, 2]),
        ([], frozenset({0}), NOON_OF_DAY_2, [1, 2]),
        ([_window(5, 6)], BEFORE, NOON_OF_DAY_2, [0, 2]),
        ([_window(23, 25)], BEFORE, NOON_OF_DAY_2, [0, 1, 2]),
        ([_window(0, 24)], BEFORE, NOON_OF_DAY_2, [0, 2]),
        ([], BEFORE, 2 * DAY_US, []),
        ([], BEFORE, 3 * DAY_US, [2]),
        ([], frozenset(n * DAY_US for n in range(5)), 9 * DAY_US, []),
    ],
)
def test_the_running_period_the_unfinished_and_the_touched_are_due(
    windows: list[Window], final: frozenset[int], now_us: int, expected: list[int]
) -> None:
    assert [DAYS.index(period) for period in due_periods(STORED, windows, final, now_us)] == expected


def test_a_period_is_due_for_what_its_guarantees_look_back_on() -> None:
    every = frozenset(day.start_us for day in DAYS)
    due = due_periods(REACHING, [_window(5, 6)], every, 9 * DAY_US)
    assert [DAYS.index(period) for period in due] == [0, 1]


def test_a_period_stays_due_while_a_promise_given_in_it_may_run_out() -> None:
    response = """
  - id: RESP
    kind: response_time
    priorities: {P1: {respond_h: 4, restore_h: 24, hours: "24x7"}}
"""
    promised = replace(STORED, contract=parse(TEXT + response.lstrip("\n"), "contract"))
    every = frozenset(day.start_us for day in DAYS)
    last = DAYS[-1]
    undecided = undecided_us(promised.contract)
    assert undecided >= 24 * HOUR_US
    assert last in due_periods(promised, [], every, last.end_us + 24 * HOUR_US)
    assert due_periods(promised, [], every, last.end_us + undecided) == []
    assert due_periods(STORED, [], every, last.end_us + HOUR_US) == []
