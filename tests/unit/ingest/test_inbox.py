"""The inbox between paho's thread and the writer."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from services.ingest.inbox import MAX_BATCH_BYTES, Inbox, Message

LONG_S = 30.0
LARGE = 1 << 30


def message(mid: int | None, payload: bytes = b"x") -> Message:
    return Message("topic", payload, mid)


def put(inbox: Inbox, messages: list[Message]) -> None:
    inbox.put(messages, sum(len(each.payload) for each in messages))


def mids(messages: list[Message]) -> list[int | None]:
    return [each.mid for each in messages]


def test_a_full_batch_is_taken_at_once_and_in_order() -> None:
    inbox = Inbox(LARGE)
    for mid in range(5):
        put(inbox, [message(mid)])
    assert mids(inbox.take(most=3, linger_s=LONG_S, idle_s=LONG_S)) == [0, 1, 2]
    assert mids(inbox.take(most=2, linger_s=LONG_S, idle_s=LONG_S)) == [3, 4]


def test_a_batch_that_does_not_fill_is_taken_after_the_linger_time() -> None:
    inbox = Inbox(LARGE)
    put(inbox, [message(1)])
    assert mids(inbox.take(most=3, linger_s=0.01, idle_s=LONG_S)) == [1]


def test_an_idle_inbox_gives_nothing_after_a_while() -> None:
    inbox = Inbox(LARGE)
    assert inbox.take(most=1, linger_s=LONG_S, idle_s=0.01) == []
    assert not inbox.is_closed


def test_a_waiting_writer_is_woken_by_the_message_that_fills_its_batch() -> None:
    inbox = Inbox(LARGE)
    with ThreadPoolExecutor(max_workers=1) as executor:
        taken = executor.submit(inbox.take, most=3, linger_s=LONG_S, idle_s=LONG_S)
        for mid in range(3):
            put(inbox, [message(mid)])
        assert mids(taken.result(timeout=5)) == [0, 1, 2]


def test_large_payloads_end_a_batch_and_the_largest_goes_alone() -> None:
    inbox = Inbox(LARGE)
    half = bytes(MAX_BATCH_BYTES // 2)
    for mid, payload in enumerate([half, half, half, bytes(2 * MAX_BATCH_BYTES), b"x"]):
        put(inbox, [message(mid, payload)])
    batches = [mids(inbox.take(most=5, linger_s=0, idle_s=LONG_S)) for _ in range(4)]
    assert batches == [[0, 1], [2], [3], [4]]


def test_a_full_inbox_has_no_room_until_something_is_taken_or_discarded() -> None:
    inbox = Inbox(1_000)
    assert inbox.has_room()
    put(inbox, [message(1, bytes(800))])
    assert not inbox.has_room()
    assert mids(inbox.take(most=1, linger_s=0, idle_s=LONG_S)) == [1]
    assert inbox.has_room()
    put(inbox, [message(mid, b"") for mid in range(5)])
    assert not inbox.has_room()
    inbox.discard()
    assert inbox.has_room()


def test_what_is_discarded_is_not_taken() -> None:
    inbox = Inbox(LARGE)
    put(inbox, [message(1)])
    inbox.discard()
    put(inbox, [message(2)])
    assert mids(inbox.take(most=1, linger_s=0, idle_s=LONG_S)) == [2]


def test_what_nobody_sends_again_is_not_forgotten_with_its_connection() -> None:
    inbox = Inbox(LARGE)
    put(inbox, [message(1), message(None), message(2)])
    inbox.discard()
    inbox.close()
    assert mids(inbox.rest_of_qos_0()) == [None]


def test_a_closed_inbox_gives_nothing_and_wakes_who_waits() -> None:
    inbox = Inbox(LARGE)
    with ThreadPoolExecutor(max_workers=2) as executor:
        started = threading.Barrier(3)

        def wait(what: Callable[[], object]) -> object:
            started.wait()
            return what()

        taking = executor.submit(wait, lambda: inbox.take(most=1, linger_s=LONG_S, idle_s=LONG_S))
        resting = executor.submit(wait, lambda: inbox.rest(LONG_S))
        started.wait()
        inbox.close()
        assert taking.result(timeout=5) == []
        assert resting.result(timeout=5)
    put(inbox, [message(1)])
    assert inbox.take(most=1, linger_s=0, idle_s=LONG_S) == []
