"""What a device sends again: what a killed broker may have forgotten, and what nobody was subscribed to."""

from services.devices.kept import Kept, Note

FIRST, SECOND, THIRD = (Note("vouch/v1/a/b/c/telemetry", payload) for payload in (b"1", b"2", b"3"))


def again(kept: Kept) -> list[Note]:
    return list(iter(kept.next, None))


def test_after_a_reconnect_all_that_was_acknowledged_within_the_time_goes_again_in_its_order() -> None:
    kept = Kept(10)
    for mid, (note, at_s) in enumerate([(FIRST, 0.0), (SECOND, 95.0), (THIRD, 99.0)], start=1):
        kept.sent(mid, note)
        kept.acknowledged(mid, is_heard=True, now_s=at_s)
    kept.repeat_recent(100)
    assert again(kept) == [SECOND, THIRD]
    assert kept.waiting == 0


def test_what_goes_again_is_kept_anew_from_its_new_acknowledgement_on() -> None:
    kept = Kept(10)
    kept.sent(1, FIRST)
    kept.acknowledged(1, is_heard=True, now_s=0)
    kept.repeat_recent(5)
    assert again(kept) == [FIRST]
    kept.repeat_recent(6)
    assert again(kept) == [], "it is under way, and the client sends it again itself"
    kept.sent(2, FIRST)
    kept.acknowledged(2, is_heard=True, now_s=7)
    kept.repeat_recent(16)
    assert again(kept) == [FIRST]


def test_an_acknowledgement_that_comes_before_the_sender_knows_the_id_is_not_lost() -> None:
    kept = Kept(10)
    kept.acknowledged(7, is_heard=True, now_s=0)
    kept.sent(7, FIRST)
    kept.repeat_recent(1)
    assert again(kept) == [FIRST]


def test_what_nobody_was_subscribed_to_goes_again_however_old_it_is() -> None:
    kept = Kept(10)
    kept.sent(1, FIRST)
    kept.acknowledged(1, is_heard=False, now_s=0)
    kept.repeat_recent(1_000)
    assert again(kept) == []
    assert kept.waiting == 1
    kept.repeat_unheard()
    assert again(kept) == [FIRST]
