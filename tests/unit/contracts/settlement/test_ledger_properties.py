"""What holds for every ledger (domain/contracts.md 3.3): order, caps, refunds, and the price of an hour."""

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.assessment import Settlement
from shared.contracts.money import (
    BandKind,
    Caps,
    CarryOver,
    DeadBand,
    StepMoney,
    StepRule,
    TrueUp,
    TrueUpBasis,
)
from shared.contracts.periods import periods
from shared.contracts.settlement.entry import Entry, case_of
from shared.contracts.settlement.ledger import fold
from shared.contracts.settlement.settle import settle_case
from shared.contracts.terms import Contract, Guarantee
from tests.unit.contracts.money_terms import contract, formula, guarantee, money, ratios

YEAR_END = TrueUp(basis=TrueUpBasis.RATIO_OF_SUMS, refund_if_met=True)
BY_PP = StepMoney(step_pp=Decimal(1), amount=Decimal(1000), rule=None)
_FORMS = st.sampled_from(
    [
        BY_PP,
        StepMoney(step_pp=Decimal("0.1"), amount=Decimal(600), rule=StepRule.FULL),
        formula("(level - measured) * 999"),
    ]
)
_caps = st.none() | st.integers(min_value=0, max_value=20_000).map(Decimal)
_terms = st.builds(
    guarantee,
    malus=st.tuples(_FORMS),
    bonus=st.just((BY_PP,)),
    caps=st.builds(Caps, malus_per_period=_caps, malus_per_year=_caps, malus_lifetime=_caps, bonus_per_year=_caps),
    carry_over=st.none() | st.builds(CarryOver, periods=st.integers(1, 3), max_pp=st.none() | st.just(Decimal(1))),
    true_up=st.none() | st.just(YEAR_END),
    dead_band=st.none() | st.just(DeadBand(kind=BandKind.DEDUCTIBLE, pp=Decimal("0.5"))),
)
_all_caps = st.builds(Caps, malus_per_period=_caps, malus_per_year=_caps, malus_lifetime=_caps)
_values = st.lists(st.none() | st.decimals(min_value="0.9", max_value=1, places=4).map(str), min_size=1, max_size=12)


@settings(max_examples=50)
@given(_terms, _terms, _all_caps, _values, _values, st.randoms(use_true_random=False))
def test_the_order_of_entries_and_later_ones_change_nothing_and_caps_hold(
    one: Guarantee,
    two: Guarantee,
    caps: Caps,
    first: list[str | None],
    second: list[str | None],
    shuffle: random.Random,
) -> None:
    terms = [_named(one, "A", ()), _named(two, "B", ("A",))]
    whole = contract(*terms, caps=caps)
    entries = [*ratios(whole, *first, terms=terms[0]), *ratios(whole, *second, terms=terms[1])]
    folded = fold(whole, entries)
    mixed = list(entries)
    shuffle.shuffle(mixed)
    assert fold(whole, mixed) == folded
    until_us = shuffle.choice(entries).period_end_us
    known = [entry for entry in entries if entry.period_end_us <= until_us]
    assert fold(whole, known).items() <= folded.items()
    for given_entry in entries:
        settlement = folded[given_entry.guarantee_id, given_entry.period_start_us]
        _holds(whole, given_entry, settlement)
    _caps_hold(whole, entries, folded)


def _named(terms: Guarantee, name: str, exclusive_of: tuple[str, ...]) -> Guarantee:
    return replace(terms, id=name, exclusive_of=exclusive_of)


def _holds(whole: Contract, one: Entry, settlement: Settlement) -> None:
    terms = next(terms for terms in whole.guarantees if terms.id == one.guarantee_id)
    alone = settle_case(case_of(whole, terms, one))
    if settlement.malus is not None:
        assert settlement.malus >= 0
        assert alone.malus is None or settlement.malus <= alone.malus
        assert not (settlement.malus and settlement.bonus)
        assert settlement.malus.as_tuple().exponent == -2
    assert settlement.steps


def _caps_hold(whole: Contract, entries: list[Entry], folded: dict[tuple[str, int], Settlement]) -> None:
    years: dict[tuple[str, int], Decimal] = {}
    for number, period in enumerate(periods(whole)):
        for terms in whole.guarantees:
            settlement = folded.get((terms.id, period.start_us))
            if settlement is None:
                continue
            key = terms.id, number // 4
            years[key] = years.get(key, Decimal(0)) + (settlement.malus or 0)
            if settlement.refund is not None:
                assert 0 <= settlement.refund <= years[key]
    for terms in whole.guarantees:
        cap = terms.caps.malus_per_year
        assert cap is None or all(paid <= cap for (name, _), paid in years.items() if name == terms.id)
    for number in range(3):
        cap = whole.caps.malus_per_year
        assert cap is None or sum(paid for (_, year), paid in years.items() if year == number) <= cap


@settings(max_examples=50)
@given(_terms, _values, _values.map(lambda values: values[:1]), _values.map(lambda values: values[:1]))
def test_with_all_that_earlier_periods_left_less_availability_never_owes_less(
    terms: Guarantee, before: list[str | None], one: list[str | None], other: list[str | None]
) -> None:
    if one == [None] or other == [None]:
        return
    whole = contract(terms)
    low, high = sorted([str(one[0]), str(other[0])], key=Fraction)
    worse, better = (money(whole, ratios(whole, *before[:11], value))[-1] for value in (low, high))
    if worse.malus is not None and better.malus is not None:
        assert worse.malus >= better.malus
    if worse.bonus is not None and better.bonus is not None:
        assert worse.bonus <= better.bonus


@settings(max_examples=50)
@given(_terms, _all_caps, _values)
def test_an_hours_price_is_what_the_ledger_would_add(terms: Guarantee, caps: Caps, values: list[str | None]) -> None:
    whole = contract(terms, caps=caps)
    entries = ratios(whole, *values)
    last = entries[-1]
    worse = last.finding.one_hour_worse()
    now = money(whole, entries)[-1]
    if worse is None or now.marginal_hour is None:
        return
    then = money(whole, [*entries[:-1], replace(last, finding=worse, measured=worse.value)])[-1]
    if None not in {now.malus, now.bonus, then.malus, then.bonus}:
        assert now.marginal_hour == then.malus - then.bonus - now.malus + now.bonus  # pyright: ignore
