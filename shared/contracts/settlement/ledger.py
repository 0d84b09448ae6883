"""All periods of a contract together: carry-over, exclusivity, the caps they share, and the year's true-up.

The order is fixed: each guarantee's money alone (rounded, under its period's cap) with earlier surplus carried in,
exclusivity within the period, then the caps of the guarantee's year, the contract's period, the contract's year and
the term, then the true-up. The money of a period depends on the entries up to it, never on later ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from shared.contracts.assessment import Settlement
from shared.contracts.periods import Period, settlement_year
from shared.contracts.rounding import half_up
from shared.contracts.settlement.carry_over import Kept, settle_with_surplus
from shared.contracts.settlement.entry import Entry, case_of, entry_of, from_plain, to_plain
from shared.contracts.settlement.settle import floor_malus
from shared.contracts.settlement.shared_caps import NOTHING, Limited, Place, Range, Scope, Side, Used, limit
from shared.contracts.settlement.true_up import YearEnd, closes_year, year_end
from shared.contracts.terms import Contract, Guarantee

__all__ = ["Entry", "entry_of", "fold", "from_plain", "to_plain"]

_TERM = (Scope.LIFETIME, Scope.CONTRACT_LIFETIME)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draft:
    """A guarantee's money in a period on its way through the stages; the ranges bound what is not known.

    `worse`: malus and bonus had one more hour been unavailable, None where that means nothing.
    """

    entry: Entry
    place: Place
    settlement: Settlement
    malus: Range
    bonus: Range
    worse: tuple[Range, Range] | None


@dataclass(slots=True)
class _Books:
    """What the periods so far have left: surplus by guarantee, amounts under caps, each guarantee's final money."""

    surplus: dict[str, list[Kept]] = field(default_factory=dict)
    used: Used = field(default_factory=Used)
    booked: dict[str, list[_Draft]] = field(default_factory=dict)


def fold(contract: Contract, entries: Sequence[Entry]) -> dict[tuple[str, int], Settlement]:
    """The final money of each entry by (guarantee, start of the period), whatever order the entries come in.

    ValueError for a guarantee the contract does not have, and for two entries of the same guarantee and period.

    A period counts in the settlement year in which it ends. An amount that is not known makes those that depend on it
    unknown, unless the bounds of what it may be leave but one answer.
    """
    guarantees = {guarantee.id: guarantee for guarantee in contract.guarantees}
    _check(guarantees, entries)
    order = {name: index for index, name in enumerate(guarantees)}
    books = _Books()
    settled: dict[tuple[str, int], Settlement] = {}
    in_time = sorted(entries, key=lambda entry: (entry.period_end_us, order[entry.guarantee_id]))
    for _, together in groupby(in_time, key=lambda entry: entry.period_end_us):
        for draft in _period(contract, guarantees, list(together), books):
            settled[draft.entry.guarantee_id, draft.entry.period_start_us] = draft.settlement
    return settled


def _check(guarantees: Mapping[str, Guarantee], entries: Sequence[Entry]) -> None:
    if unknown := {entry.guarantee_id for entry in entries} - guarantees.keys():
        raise ValueError(f"no such guarantee: {', '.join(sorted(unknown))}")
    starts = {(entry.guarantee_id, entry.period_start_us) for entry in entries}
    ends = {(entry.guarantee_id, entry.period_end_us) for entry in entries}
    if not len(starts) == len(ends) == len(entries):
        raise ValueError("two entries of the same guarantee and period")


def _period(
    contract: Contract, guarantees: Mapping[str, Guarantee], entries: Sequence[Entry], books: _Books
) -> list[_Draft]:
    """All guarantees of one period, in the contract's order."""
    year = settlement_year(contract, entries[0].period_end_us - 1)
    drafts = {
        entry.guarantee_id: _alone(contract, guarantees[entry.guarantee_id], entry, year, books) for entry in entries
    }
    claims: dict[str, _Draft] = {}
    for name in drafts:
        _exclude(guarantees, drafts, name, claims, above=frozenset())
    final: list[_Draft] = []
    for name in drafts:
        guarantee = guarantees[name]
        limited = _limited(contract, guarantee, claims[name], books)
        final.append(_trued_up(contract, guarantee, limited, year, books))
        books.booked.setdefault(name, []).append(final[-1])
    return final


def _alone(contract: Contract, guarantee: Guarantee, entry: Entry, year: Period, books: _Books) -> _Draft:
    kept = books.surplus.get(guarantee.id, [])
    case = case_of(contract, guarantee, entry)
    worse_case = case.one_hour_worse()
    worse = None if worse_case is None else _ranges(guarantee, settle_with_surplus(worse_case, kept)[0])
    settlement, takes = settle_with_surplus(case, kept)
    for earlier, take in zip(kept, takes, strict=True):
        earlier.left -= take
    if guarantee.carry_over is not None:
        new = Kept(start_us=entry.period_start_us, end_us=entry.period_end_us, left=settlement.surplus)
        books.surplus[guarantee.id] = [*kept, new][-guarantee.carry_over.periods :]
    malus, bonus = _ranges(guarantee, settlement)
    place = Place(guarantee_id=guarantee.id, period_end_us=entry.period_end_us, year_start_us=year.start_us)
    return _Draft(entry=entry, place=place, settlement=settlement, malus=malus, bonus=bonus, worse=worse)


def _ranges(guarantee: Guarantee, settlement: Settlement) -> tuple[Range, Range]:
    caps = guarantee.caps
    return _range(settlement.malus, caps.malus_per_period), _range(settlement.bonus, caps.bonus_per_period)


def _range(amount: Decimal | None, most: Decimal | None) -> Range:
    return Range(Decimal(0), most) if amount is None else Range(amount, amount)


def _exclude(
    guarantees: Mapping[str, Guarantee],
    drafts: Mapping[str, _Draft],
    name: str,
    claims: dict[str, _Draft],
    *,
    above: frozenset[str],
) -> None:
    """Add to `claims` what a guarantee claims once those that go before it have claimed theirs.

    What counts is their malus before shared caps: a loss whose malus a cap has cut is settled all the same.
    """
    if name in claims:
        return
    above |= {name}
    before = [other for other in guarantees[name].exclusive_of if other in drafts and other not in above]
    for other in before:
        _exclude(guarantees, drafts, other, claims, above=above)
    owing = {other: claims[other].settlement.computed_malus for other in before if other in claims}
    claims[name] = _beside(guarantees[name], drafts[name], owing)


def _beside(guarantee: Guarantee, draft: _Draft, owing: Mapping[str, Decimal | None]) -> _Draft:
    """What a guarantee claims beside the malus of those that go before it."""
    claims = draft.settlement.computed_malus != 0
    if paid := [other for other, malus in owing.items() if malus]:
        draft = replace(draft, worse=None if draft.worse is None else (NOTHING, draft.worse[1]))
        step = f"{', '.join(paid)} owes malus for the period, and nothing is owed beside it"
        nothing = half_up(Fraction(0), guarantee.rounding.money_decimals)
        return _claiming(draft, NOTHING, nothing, step) if claims else draft
    if unknown := [other for other, malus in owing.items() if malus is None]:
        draft = replace(draft, worse=None)
        step = f"malus of {', '.join(unknown)}, which goes before, is not known: nor is this one"
        return _claiming(draft, Range(Decimal(0), draft.malus.high), None, step) if claims else draft
    return draft


def _claiming(draft: _Draft, malus: Range, amount: Decimal | None, step: str) -> _Draft:
    """The draft with another malus, by which no cap has bitten and no service is owed in its place."""
    settlement = replace(
        draft.settlement,
        malus=amount,
        computed_malus=amount,
        capped=False,
        cap=None,
        instead=None,
        steps=(*draft.settlement.steps, step),
    )
    return replace(draft, malus=malus, settlement=settlement)


def _limited(contract: Contract, guarantee: Guarantee, draft: _Draft, books: _Books) -> _Draft:
    """The draft under the shared caps, booked."""

    def under_caps(side: Side, amount: Range) -> Limited:
        return limit(contract, guarantee, amount, side=side, place=draft.place, used=books.used)

    malus, bonus = under_caps(Side.MALUS, draft.malus), under_caps(Side.BONUS, draft.bonus)
    worse = None
    if draft.worse is not None:
        worse = under_caps(Side.MALUS, draft.worse[0]).amount, under_caps(Side.BONUS, draft.worse[1]).amount
    books.used.book(Side.MALUS, draft.place, malus.amount)
    books.used.book(Side.BONUS, draft.place, bonus.amount)
    cap = malus.cap or bonus.cap or draft.settlement.cap
    said = [
        step
        for limited, was in ((malus, draft.malus), (bonus, draft.bonus))
        if was != NOTHING
        for step in limited.steps
    ]
    settlement = replace(
        draft.settlement,
        malus=_as_paid(guarantee, malus.amount.known),
        bonus=_as_paid(guarantee, bonus.amount.known),
        capped=cap is not None,
        cap=cap,
        marginal_hour=None if worse is None else _price(guarantee, (malus.amount, bonus.amount), worse),
        steps=(*draft.settlement.steps, *said),
    )
    return replace(draft, malus=malus.amount, bonus=bonus.amount, settlement=settlement)


def _price(guarantee: Guarantee, now: tuple[Range, Range], then: tuple[Range, Range]) -> Decimal | None:
    """How much more malus and less bonus; None while one of them is not known."""
    malus, bonus, more, less = (*(one.known for one in now), *(one.known for one in then))
    if malus is None or bonus is None or more is None or less is None:
        return None
    return _as_paid(guarantee, (more - less) - (malus - bonus))


def _as_paid(guarantee: Guarantee, amount: Decimal | None) -> Decimal | None:
    return None if amount is None else half_up(Fraction(amount), guarantee.rounding.money_decimals)


def _trued_up(contract: Contract, guarantee: Guarantee, draft: _Draft, year: Period, books: _Books) -> _Draft:
    """The draft with what its settlement year gives back, if it closes the year."""
    if guarantee.true_up is None or not closes_year(contract, draft.entry, year):
        return draft
    earlier = [one for one in books.booked.get(guarantee.id, []) if one.place.year_start_us == year.start_us]
    found = year_end(contract, guarantee, [one.entry for one in (*earlier, draft)], year)
    refund, said = _refund(contract, guarantee, [*earlier, draft], found)
    if refund:
        books.used.book(Side.MALUS, draft.place, Range(-refund, -refund), _TERM)
    settlement = draft.settlement
    return replace(
        draft,
        settlement=replace(settlement, refund=_as_paid(guarantee, refund), steps=(*settlement.steps, said)),
    )


def _refund(
    contract: Contract, guarantee: Guarantee, drafts: Sequence[_Draft], found: YearEnd
) -> tuple[Decimal | None, str]:
    """What goes back of the year's malus, None where that is not known; what is for floors only if the year met them.

    Where a cap has cut the malus of a period, what is for floors counts as the last that is cut.
    """
    terms = guarantee.true_up
    if found.met is None:
        return None, found.step
    owed, kept = NOTHING, Decimal(0)
    for one in drafts:
        given_back = one.settlement.refund or Decimal(0)
        owed = owed.plus(one.malus).plus(Range(-given_back, -given_back))
        if not found.floors_met:
            kept += min(one.malus.low, floor_malus(case_of(contract, guarantee, one.entry)))
    if terms is None or not (found.met and terms.refund_if_met) or owed == Range(kept, kept):
        return Decimal(0), f"{found.step}, nothing goes back"
    if owed.known is None:
        return None, f"{found.step}, but the year's malus is not known: what goes back is open"
    whole = f"the year's malus of {owed.known} {contract.currency}"
    part = f", without {kept} {contract.currency} for floors," if kept else ""
    return owed.known - kept, f"{found.step}, {whole}{part} goes back"
