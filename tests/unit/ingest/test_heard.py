"""Signs of life wait a moment, and nothing about them is lost by it."""

from services.ingest.heard import HeardAssets
from shared.db.telemetry import Heard
from shared.instant import SECOND_US

NOW_US = 1_772_366_400_000_000


def test_all_that_was_heard_is_due_a_second_after_the_last_note() -> None:
    heard = HeardAssets()
    heard.add({1: 9}, {1: 50}, NOW_US)
    assert heard.due(NOW_US) == [Heard(1, 9, NOW_US, 50)]
    heard.noted_due(NOW_US)
    heard.add({1: 9, 2: 9}, {}, NOW_US + 1)
    assert heard.due(NOW_US + SECOND_US - 1) == []
    assert heard.due(NOW_US + SECOND_US) == [Heard(1, 9, NOW_US + 1, None), Heard(2, 9, NOW_US + 1, None)]


def test_many_machines_are_noted_less_often() -> None:
    heard = HeardAssets()
    heard.noted_due(NOW_US)
    heard.add(dict.fromkeys(range(20_000), 9), {}, NOW_US)
    assert heard.due(NOW_US + 4 * SECOND_US) == []
    assert len(heard.due(NOW_US + 5 * SECOND_US)) == 20_000


def test_the_latest_fact_survives_messages_without_one_and_older_ones() -> None:
    heard = HeardAssets()
    for newest_us in ({1: 50}, {}, {1: 40}):
        heard.add({1: 9}, newest_us, NOW_US)
    assert heard.all() == [Heard(1, 9, NOW_US, 50)]


def test_what_was_heard_again_meanwhile_still_waits() -> None:
    heard = HeardAssets()
    heard.add({1: 9, 2: 9}, {}, NOW_US)
    taken = heard.of({1, 2, 3})
    heard.add({1: 9}, {}, NOW_US + 1)
    heard.noted(taken)
    assert heard.all() == [Heard(1, 9, NOW_US + 1, None)]
