"""The connection of a machine as its device states it, and when it was lost: pure, one statement after the other.

A last will is written when the device connects, so its time says nothing about the loss. It is told apart from a
farewell (offline, said by the device itself as it leaves) by its time: no later than that of the last online.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from shared.instant import MINUTE_US

# How far a device's clock may be behind ours and still be followed.
_BEHIND_US: Final = 5 * MINUTE_US


class ConnectionState(StrEnum):
    """What a device last said of its connection."""

    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """A status as it came. `at_us` is the device's time, None when it is one that cannot be.

    `is_retained`: the last word of its topic, said at some time before we listened. `is_redelivered`: it may have been
    here before.
    """

    asset_id: int
    customer_id: int
    is_online: bool
    at_us: int | None
    topic: str
    payload: bytes
    is_retained: bool = False
    is_redelivered: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """Time without a connection; `end_us` None: it goes on. `stored_us`: its start as stored, None while it is not."""

    start_us: int
    end_us: int | None
    opened_by: Statement | None = None
    stored_us: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """What is known of a connection. `online_us`: the device's time of its last online; `loss`: the one that goes on.

    `known_to_us` is how far the machine's facts reach, `heard_us` its last sign of life and `watched_to_us` when
    somebody last listened before the present listeners came, None where there is no such time.
    """

    state: ConnectionState | None = None
    stated_us: int | None = None
    online_us: int | None = None
    loss: Loss | None = None
    known_to_us: int | None = None
    heard_us: int | None = None
    watched_to_us: int | None = None
    # Payloads by which losses were opened lately.
    opened_by: frozenset[bytes] = frozenset()


def follow(
    known: Connection, statements: Sequence[Statement], received_us: int
) -> tuple[Connection, tuple[Loss, ...], bool]:
    """Take statements of one device in order: what is known then, the losses that began or ended, whether any counted.

    A repetition changes nothing, nor does another offline. A loss begins after every fact that was known, so that it
    ends what they say.
    """
    losses: list[Loss] = []
    has_changed = False
    for statement in statements:
        if _is_repeated(known, statement):
            continue
        if statement.is_online:
            if known.loss is not None:
                losses = [loss for loss in losses if loss is not known.loss]
                losses.append(_ended(known.loss, statement.at_us, received_us))
            known = replace(
                known, state=ConnectionState.ONLINE, stated_us=statement.at_us, online_us=statement.at_us, loss=None
            )
            has_changed = True
        elif known.state is not ConnectionState.OFFLINE:
            loss = Loss(start_us=_lost_us(known, statement, received_us), end_us=None, opened_by=statement)
            losses.append(loss)
            known = replace(known, state=ConnectionState.OFFLINE, stated_us=statement.at_us, loss=loss)
            has_changed = True
    return known, tuple(losses), has_changed


def _is_repeated(known: Connection, statement: Statement) -> bool:
    """Whether this very statement was followed before: its retained copy, or the same message after a crash."""
    if not statement.is_online:
        return statement.is_redelivered and statement.payload in known.opened_by
    if statement.at_us is None or known.online_us is None:
        return False
    if statement.is_redelivered:
        is_of_this_batch = known.loss is not None and known.loss.stored_us is None
        return statement.at_us <= known.online_us and not is_of_this_batch
    return statement.is_retained and statement.at_us == known.online_us


def _lost_us(known: Connection, statement: Statement, received_us: int) -> int:
    """When a connection was lost; never before or at the last fact."""
    stated_us = statement.at_us or 0
    after_facts_us = 0 if known.known_to_us is None else known.known_to_us + 1
    if statement.is_retained:
        return max(stated_us, known.heard_us or 0, known.watched_to_us or 0, after_facts_us) or received_us
    is_farewell = known.online_us is not None and stated_us > known.online_us and stated_us >= after_facts_us - 1
    return max(stated_us if is_farewell else received_us, after_facts_us)


def _ended(loss: Loss, online_us: int | None, received_us: int) -> Loss:
    """The loss as it ended.

    A device that says it came online shortly before the loss, as we clocked it, has a slower clock than ours and goes
    on to state facts by that clock: the loss moves there, lest it ends what is said after it.
    """
    if online_us is None or online_us < loss.start_us - _BEHIND_US:
        return replace(loss, end_us=max(loss.start_us, received_us))
    return replace(loss, start_us=min(loss.start_us, online_us), end_us=online_us)
