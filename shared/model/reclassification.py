"""What people say a machine was, instead of what it reported: who may do what about it, and what then holds. Pure.

One party proposes, with evidence; the other accepts or disputes, an expert rules. What is accepted or ruled goes before
everything a machine said; while it is disputed the category stays, and the responsible party is open.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.model.facts import Category, Interval, Meaning, Party


class Side(StrEnum):
    """For whom somebody acts."""

    SUPPLIER = "supplier"
    CUSTOMER = "customer"
    EXPERT = "expert"


class Status(StrEnum):
    """How a reclassification stands."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DISPUTED = "disputed"
    RULED = "ruled"
    WITHDRAWN = "withdrawn"


class Refusal(StrEnum):
    """Why something may not be done to a reclassification."""

    CLOSED = "it is settled already"
    OWN = "whoever proposed it cannot accept or dispute it: the other side does"
    NOT_OWN = "only the side that proposed it can withdraw it"
    DISPUTED_ALREADY = "it is disputed already"
    NOT_AN_EXPERT = "only an expert rules"
    EXPERT_RULES = "an expert neither accepts nor disputes, but rules"
    CHANGED = "something else was done about it meanwhile: look at it again"


_OPEN = frozenset({Status.PROPOSED, Status.DISPUTED})


def refusal(current: Status, proposed_by: Side, wanted: Status, side: Side) -> Refusal | None:
    """Why `side` may not bring what stands at `current` to `wanted`; None: it may."""
    if current not in _OPEN:
        return Refusal.CLOSED
    if wanted is Status.RULED:
        return None if side is Side.EXPERT else Refusal.NOT_AN_EXPERT
    if wanted is Status.WITHDRAWN:
        return None if side is proposed_by else Refusal.NOT_OWN
    if side is Side.EXPERT:
        return Refusal.EXPERT_RULES
    if side is proposed_by:
        return Refusal.OWN
    return Refusal.DISPUTED_ALREADY if wanted is current else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A reclassification as it stands, in force over `[start_us, end_us)`.

    `meaning`: what was accepted or ruled; None while it is disputed.
    """

    id: int
    start_us: int
    end_us: int
    meaning: Meaning | None


def overrule(intervals: Sequence[Interval], standing: Iterable[Standing], start_us: int, end_us: int) -> list[Interval]:
    """The timeline in `[start_us, end_us)`, ordered and disjoint, with what people agreed or quarrel upon laid over it.

    `standing` in the order they came into force: the later goes before the earlier. Each stretch keeps its event, and
    what had been reported. Disputed time nobody speaks of is information unavailable, cause `no_data`.
    """
    laid = list(intervals)
    for one in standing:
        first_us, last_us = max(one.start_us, start_us), min(one.end_us, end_us)
        if first_us < last_us:
            laid = _laid(laid, one, first_us, last_us)
    return laid


def as_reported(interval: Interval) -> Interval | None:
    """The interval as it was before people gave it another meaning; None where nothing was known."""
    if interval.reclassification_id is None:
        return interval
    was = interval.reported
    if was is None:
        return None
    return replace(
        interval, category=was.category, cause=was.cause, party=was.party, reclassification_id=None, reported=None
    )


def _laid(intervals: Sequence[Interval], one: Standing, start_us: int, end_us: int) -> list[Interval]:
    found: list[Interval] = []
    reached_us = start_us
    for interval in intervals:
        if interval.end_us <= start_us or interval.start_us >= end_us:
            continue
        first_us, last_us = max(interval.start_us, start_us), min(interval.end_us, end_us)
        if reached_us < first_us:
            found.append(_unknown(one, reached_us, first_us))
        found.append(_given(replace(interval, start_us=first_us, end_us=last_us), one))
        reached_us = last_us
    if reached_us < end_us:
        found.append(_unknown(one, reached_us, end_us))
    before = [replace(i, end_us=min(i.end_us, start_us)) for i in intervals if i.start_us < start_us]
    after = [replace(i, start_us=max(i.start_us, end_us)) for i in intervals if i.end_us > end_us]
    return [*before, *found, *after]


def _given(interval: Interval, one: Standing) -> Interval:
    reported = interval.meaning if interval.reclassification_id is None else interval.reported
    meaning = one.meaning or replace(interval.meaning, party=Party.DISPUTED)
    return replace(
        interval,
        category=meaning.category,
        cause=meaning.cause,
        party=meaning.party,
        reclassification_id=one.id,
        reported=reported,
    )


def _unknown(one: Standing, start_us: int, end_us: int) -> Interval:
    meaning = one.meaning or Meaning(category=Category.IU, cause="no_data", party=Party.DISPUTED)
    return Interval(
        start_us=start_us,
        end_us=end_us,
        category=meaning.category,
        cause=meaning.cause,
        party=meaning.party,
        reclassification_id=one.id,
    )
