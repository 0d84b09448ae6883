"""The connection of a machine, statement by statement: when it was lost, and what a repetition may not change."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.instant import MINUTE_US, SECOND_US
from shared.model.connection import Connection, ConnectionState, Loss, Statement, follow

NOW = 1_772_366_400_000_000
ONLINE_US = NOW - 600 * SECOND_US
ONLINE = Connection(
    state=ConnectionState.ONLINE,
    stated_us=ONLINE_US,
    online_us=ONLINE_US,
    known_to_us=NOW - 60 * SECOND_US,
    heard_us=NOW - 60 * SECOND_US,
)


def _said(*, online: bool, at_us: int | None, retained: bool = False, again: bool = False) -> Statement:
    return Statement(
        asset_id=1,
        customer_id=1,
        is_online=online,
        at_us=at_us,
        topic="t",
        payload=f"{online} {at_us}".encode(),
        is_retained=retained,
        is_redelivered=again,
    )


WILL = _said(online=False, at_us=ONLINE_US)


def _lost(known: Connection, *said: Statement) -> list[tuple[int, int | None]]:
    """Losses that began or ended, relative to now."""
    _, losses, _ = follow(known, said, NOW)
    return [(loss.start_us - NOW, None if loss.end_us is None else loss.end_us - NOW) for loss in losses]


def test_a_last_will_is_a_loss_when_it_comes_whatever_time_it_was_written() -> None:
    assert _lost(ONLINE, WILL) == [(0, None)]
    assert _lost(ONLINE, replace(WILL, at_us=None)) == [(0, None)]


def test_a_farewell_is_a_loss_at_its_own_time() -> None:
    assert _lost(ONLINE, _said(online=False, at_us=NOW - 5 * SECOND_US)) == [(-5 * SECOND_US, None)]


def test_a_loss_begins_after_every_fact_that_was_known() -> None:
    ahead = replace(ONLINE, known_to_us=NOW + 90 * SECOND_US)
    assert _lost(ahead, WILL) == [(90 * SECOND_US + 1, None)]
    in_one_instant = replace(ONLINE, known_to_us=NOW - SECOND_US)
    assert _lost(in_one_instant, _said(online=False, at_us=NOW - SECOND_US)) == [(-SECOND_US + 1, None)]


def test_online_again_ends_the_loss_and_says_when() -> None:
    offline = replace(ONLINE, state=ConnectionState.OFFLINE, loss=Loss(start_us=NOW - 99, end_us=None, stored_us=1))
    known, losses, has_changed = follow(offline, [_said(online=True, at_us=NOW - 9)], NOW)
    assert [(loss.start_us, loss.end_us, loss.stored_us) for loss in losses] == [(NOW - 99, NOW - 9, 1)]
    assert (known.state, known.online_us, known.loss, has_changed) == (ConnectionState.ONLINE, NOW - 9, None, True)


def test_a_blink_by_a_slower_clock_ends_nothing_that_is_said_after_it() -> None:
    """The will comes with the new connection, whose facts are timed by a clock two seconds behind ours."""
    online_us = NOW - 2 * SECOND_US
    assert _lost(ONLINE, WILL, _said(online=True, at_us=online_us)) == [(-2 * SECOND_US, -2 * SECOND_US)]


@pytest.mark.parametrize("online_us", [None, NOW - 6 * MINUTE_US])
def test_a_clock_that_cannot_be_followed_leaves_the_loss_where_we_clocked_it(online_us: int | None) -> None:
    assert _lost(ONLINE, WILL, _said(online=True, at_us=online_us)) == [(0, 0)]


def test_offline_said_twice_is_one_loss_and_online_said_twice_none() -> None:
    assert _lost(ONLINE, WILL, WILL) == [(0, None)]
    assert _lost(ONLINE, _said(online=True, at_us=NOW)) == []


def test_a_repeated_retained_status_changes_nothing() -> None:
    online = _said(online=True, at_us=ONLINE_US, retained=True)
    assert follow(ONLINE, [online], NOW) == (ONLINE, (), False)
    offline = replace(ONLINE, state=ConnectionState.OFFLINE)
    assert follow(offline, [replace(WILL, is_retained=True)], NOW) == (offline, (), False)


def test_what_comes_again_after_a_crash_is_no_second_loss() -> None:
    known = replace(ONLINE, opened_by=frozenset({WILL.payload}))
    again = [replace(WILL, is_redelivered=True), _said(online=True, at_us=ONLINE_US, again=True)]
    assert follow(known, again, NOW) == (known, (), False)


def test_a_retained_offline_of_unknown_age_is_a_loss_at_the_last_time_somebody_would_have_known() -> None:
    retained = replace(WILL, is_retained=True)
    assert _lost(ONLINE, retained) == [(-60 * SECOND_US + 1, None)]
    assert _lost(replace(ONLINE, watched_to_us=NOW - SECOND_US), retained) == [(-SECOND_US, None)]
    assert _lost(Connection(), retained) == [(-600 * SECOND_US, None)]
    assert _lost(Connection(), replace(retained, at_us=None)) == [(0, None)]


_statements = st.lists(
    st.builds(
        lambda online, ago, retained, again: _said(
            online=online, at_us=None if ago is None else NOW - ago, retained=retained, again=again
        ),
        st.booleans(),
        st.none() | st.integers(-10, 10 * MINUTE_US),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
)


@given(_statements, st.none() | st.integers(0, MINUTE_US))
def test_a_connection_has_at_most_one_loss_that_goes_on_and_each_ends_after_it_began(
    said: list[Statement], known_ago_us: int | None
) -> None:
    start = Connection(known_to_us=None if known_ago_us is None else NOW - known_ago_us)
    known, losses, _ = follow(start, said, NOW)
    open_ones = [loss for loss in losses if loss.end_us is None]
    assert open_ones == ([] if known.loss is None else [known.loss])
    assert (known.state is ConnectionState.OFFLINE) == bool(open_ones)
    assert all(loss.end_us >= loss.start_us for loss in losses if loss.end_us is not None)


@given(_statements)
def test_the_whole_batch_again_after_a_crash_leaves_the_connection_as_it_was(said: list[Statement]) -> None:
    """As long as every message of a device differs: a last will written with the time of its connection does."""
    said = [
        replace(s, at_us=NOW + n, payload=b"%d" % n, is_redelivered=False, is_retained=False)
        for n, s in enumerate(said)
    ]
    known, losses, _ = follow(Connection(), said, NOW)
    opened = frozenset(loss.opened_by.payload for loss in losses if loss.opened_by)
    stored = replace(known, opened_by=opened, loss=known.loss and replace(known.loss, stored_us=known.loss.start_us))
    after, more, _ = follow(stored, [replace(s, is_redelivered=True) for s in said], NOW)
    assert (after.state, after.loss) == (stored.state, stored.loss)
    assert [loss for loss in more if loss.end_us is None] == []
