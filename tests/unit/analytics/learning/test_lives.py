"""From a timeline to the lives of components."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.learning.lives import Line, line
from shared.instant import HOUR_US
from shared.model.facts import Category, Interval, Party
from shared.model.foretelling import Component

BEARING = Component(name="bearing", causes=frozenset({"bearing_failure"}), limits={})
SEAL = Component(name="seal", causes=frozenset({"seal_leaking"}), limits={})


def stretch(start_h: float, end_h: float, category: Category, cause: str = "running") -> Interval:
    return Interval(
        start_us=round(start_h * HOUR_US),
        end_us=round(end_h * HOUR_US),
        category=category,
        cause=cause,
        party=Party.SUPPLIER,
    )


def known(*stretches: Interval) -> Line:
    return line(stretches, (BEARING, SEAL), stretches[-1].end_us)


def lives(of: Line, component: str, at_h: float) -> list[tuple[float, float, bool, bool]]:
    found = of.lives(component, round(at_h * HOUR_US))
    return [(each.start_us / HOUR_US, each.end_us / HOUR_US, each.failed, each.is_new) for each in found]


def test_a_life_ends_with_the_failure_and_the_next_begins_when_the_machine_runs_again() -> None:
    machine = known(
        stretch(0, 10, Category.FP),
        stretch(10, 14, Category.FO, "bearing_failure"),
        stretch(14, 16, Category.TS, "idle"),
        stretch(16, 30, Category.FP),
    )
    assert lives(machine, "bearing", 30) == [(0, 10, True, False), (16, 30, False, True)]
    assert lives(machine, "seal", 30) == [(0, 30, False, False)]


def test_nothing_of_the_time_after_an_instant_is_looked_at() -> None:
    machine = known(
        stretch(0, 10, Category.FP), stretch(10, 14, Category.FO, "bearing_failure"), stretch(14, 30, Category.FP)
    )
    assert lives(machine, "bearing", 10) == [(0, 10, False, False)]
    assert lives(machine, "bearing", 12) == [(0, 10, True, False)]
    assert lives(machine, "bearing", 14) == [(0, 10, True, False)]
    assert lives(machine, "bearing", 15) == [(0, 10, True, False), (14, 15, False, True)]


def test_stops_of_one_cause_without_a_run_between_are_one_failure() -> None:
    machine = known(
        stretch(0, 10, Category.FP),
        stretch(10, 12, Category.FO, "bearing_failure"),
        stretch(12, 13, Category.TS, "idle"),
        stretch(13, 15, Category.FO, "bearing_failure"),
        stretch(15, 20, Category.PP),
    )
    assert machine.failures_us("bearing") == [10 * HOUR_US]
    assert lives(machine, "bearing", 20)[-1][0] == 15


def test_planned_work_of_its_cause_replaces_a_component_and_of_no_cause_may_have_seen_to_any() -> None:
    machine = known(
        stretch(0, 10, Category.FP),
        stretch(10, 12, Category.SM, "bearing_failure"),
        stretch(12, 20, Category.FP),
        stretch(20, 21, Category.PCA, "planned_repair"),
        stretch(21, 30, Category.FP),
    )
    assert lives(machine, "bearing", 30) == [(0, 10, False, False), (12, 30, False, True)]
    assert machine.planned_us("bearing") == [10 * HOUR_US, 20 * HOUR_US]
    assert machine.planned_us("seal") == [20 * HOUR_US]
    assert machine.seen_by("bearing", 15 * HOUR_US) == 12 * HOUR_US
    assert machine.seen_by("seal", 30 * HOUR_US) == 21 * HOUR_US
    assert machine.seen_by("seal", 5 * HOUR_US) == 0


def test_a_machine_of_which_nothing_is_known_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is known"):
        line((), (BEARING,), 0)


def test_an_hour_counts_if_the_machine_ran_for_nearly_all_of_it() -> None:
    machine = known(stretch(0, 2.05, Category.FP), stretch(2.05, 3.5, Category.RS), stretch(3.5, 6, Category.FP))
    ran = machine.has_run(np.arange(6, dtype=np.int64) * HOUR_US)
    assert ran.tolist() == [True, True, False, False, True, True]


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["run", "fail", "repair", "idle"])), min_size=1))
def test_lives_are_ordered_apart_and_within_what_is_known(parts: list[tuple[int, str]]) -> None:
    kinds = {
        "run": (Category.FP, "running"),
        "fail": (Category.FO, "bearing_failure"),
        "repair": (Category.PCA, "bearing_failure"),
        "idle": (Category.TS, "idle"),
    }
    ends = np.cumsum([length for length, _ in parts])
    machine = known(
        *(
            stretch(float(end - length), float(end), *kinds[kind])
            for end, (length, kind) in zip(ends, parts, strict=True)
        )
    )
    for at in range(1, int(ends[-1]) + 1):
        found = lives(machine, "bearing", at)
        edges = [edge for start, end, _, _ in found for edge in (start, end)]
        assert edges == sorted(edges)
        assert all(start < end <= at for start, end, _, _ in found)
        assert sum(failed for _, _, failed, _ in found) <= sum(kind == "fail" for _, kind in parts)
    hours = machine.hours_run(np.array([0, int(ends[-1]) * HOUR_US], np.int64))
    assert hours[1] - hours[0] == pytest.approx(sum(length for length, kind in parts if kind == "run"))
