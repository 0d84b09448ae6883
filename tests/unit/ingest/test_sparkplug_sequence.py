"""`seq` of an edge node: round and round, a gap waits, and what never comes costs a rebirth."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.sparkplug import sequence
from shared.model.sparkplug import Node

WAIT_US = 2_000_000
numbers = st.integers(0, 255)


def heard(node: Node, seqs: Iterable[int], *, at_us: int = 1_000, redelivered: bool = False) -> Node:
    for seq in seqs:
        node = sequence.advance(node, seq, at_us, wait_us=WAIT_US, redelivered=redelivered)
    return node


@given(numbers, st.integers(0, 700))
def test_numbers_in_order_leave_nothing_open(first: int, count: int) -> None:
    node = heard(Node(expected=first), [(first + step) % 256 for step in range(count)])
    assert node == Node(expected=(first + count) % 256)


@given(numbers, st.integers(2, 100).flatmap(lambda count: st.permutations(range(count))))
def test_any_order_within_the_wait_is_the_right_one(first: int, order: list[int]) -> None:
    node = heard(Node(expected=first), [(first + place) % 256 for place in order])
    assert node == Node(expected=(first + len(order)) % 256)


@given(numbers, st.integers(1, 99), st.integers(101, 200))
def test_a_missing_number_is_waited_for_and_then_a_birth_is_due(first: int, missing: int, count: int) -> None:
    sent = [(first + place) % 256 for place in range(count) if place != missing]
    node = heard(Node(expected=first), sent)
    assert sequence.rebirth_due_us(node, WAIT_US) == 1_000 + WAIT_US
    assert node.expected == (first + missing) % 256


def test_the_missing_number_in_time_takes_the_birth_back() -> None:
    node = heard(Node(expected=5), [6, 7, 5])
    assert node == Node(expected=8)
    assert sequence.rebirth_due_us(node, WAIT_US) is None


def test_the_missing_number_too_late_does_not() -> None:
    node = heard(heard(Node(expected=5), [6]), [5, 7], at_us=1_000 + WAIT_US)
    assert sequence.rebirth_due_us(node, WAIT_US) == 1_000
    assert node.gap_us is None


def test_a_gap_that_stays_open_a_whole_round_is_still_a_gap() -> None:
    node = heard(Node(expected=0), [1])
    node = heard(node, [seq % 256 for seq in range(2, 600)], at_us=1_000 + WAIT_US)
    assert sequence.rebirth_due_us(node, WAIT_US) == 1_000


def test_messages_delivered_again_open_no_gap() -> None:
    assert heard(Node(expected=3), [0, 1, 2], redelivered=True) == Node(expected=3)
    assert heard(Node(expected=3), [0, 1, 2]).gap_us is not None
    assert heard(Node(expected=3), [5], redelivered=True).gap_us is not None


def test_a_node_of_which_nothing_is_known_may_begin_anywhere() -> None:
    assert heard(Node(), [77, 78]) == Node(expected=79)


@given(st.lists(st.tuples(numbers, st.integers(0, 3 * WAIT_US), st.booleans()), max_size=60))
def test_any_numbers_at_any_time_keep_the_state_small_and_sound(sent: list[tuple[int, int, bool]]) -> None:
    node = Node()
    for seq, at_us, redelivered in sent:
        node = sequence.advance(node, seq, at_us, wait_us=WAIT_US, redelivered=redelivered)
        assert node.expected in range(256)
        assert node.expected not in node.early
        assert (node.gap_us is None) == (not node.early)
