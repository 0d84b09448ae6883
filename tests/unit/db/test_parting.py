"""What becomes of the parts of a quarantined message when it is read again: each fault that remains has one row."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from shared.db.quarantine import Rejection
from shared.db.replays import HeldPart, part
from shared.model.facts import QuarantineReason

_REASON = QuarantineReason.UNKNOWN_SENSOR


def _fault(detail: str) -> Rejection:
    return Rejection(
        customer_id=1, asset_id=1, topic="t", payload=b"x", reason=_REASON, detail=detail, redelivered=True
    )


def _held(*details: str) -> list[HeldPart]:
    return [HeldPart(id=number, reason=_REASON, detail=detail) for number, detail in enumerate(details, start=1)]


def test_without_a_fault_every_part_is_resolved() -> None:
    parting = part(_held("a", "b"), [])
    assert (parting.resolved, parting.kept, parting.added) == ((1, 2), (), ())


def test_a_fault_that_was_there_before_keeps_its_row_and_the_others_are_resolved() -> None:
    fault = _fault("b")
    parting = part(_held("a", "b", "c"), [fault])
    assert (parting.resolved, parting.kept, parting.added) == ((1, 3), ((2, fault),), ())


def test_another_fault_than_before_takes_over_a_row_and_says_the_new_reason() -> None:
    parting = part(_held("a", "b"), [_fault("new"), _fault("b")])
    assert parting.resolved == ()
    assert {row: fault.detail for row, fault in parting.kept} == {1: "new", 2: "b"}


def test_more_faults_than_before_get_rows_of_their_own() -> None:
    parting = part(_held("a"), [_fault("x"), _fault("y")])
    assert [row for row, _ in parting.kept] == [1]
    assert [fault.detail for fault in parting.added] == ["y"]


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abcd")))
def test_no_row_is_forgotten_and_no_fault_is_lost(before: list[str], now: list[str]) -> None:
    held = _held(*before)
    parting = part(held, [_fault(detail) for detail in now])
    assert sorted([*parting.resolved, *(row for row, _ in parting.kept)]) == [row.id for row in held]
    said = [fault.detail for _, fault in parting.kept] + [fault.detail for fault in parting.added]
    assert Counter(said) == Counter(now)
    assert not (parting.resolved and parting.added)
