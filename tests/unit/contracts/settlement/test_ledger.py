"""What periods and guarantees share: year and term caps, carry-over, exclusivity, true-up."""

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from shared.contracts.finding import AssetFinding, Finding, Outcome, Reason
from shared.contracts.money import (
    BandKind,
    Caps,
    CountMoney,
    DeadBand,
    MakeGood,
    StepMoney,
    StepRule,
    TrueUp,
    TrueUpBasis,
    UnitMoney,
)
from shared.contracts.periods import periods, periods_between
from shared.contracts.settlement.ledger import fold, from_plain, to_plain
from shared.contracts.terms import FloorPerAsset, Kind, PeriodKind
from tests.unit.contracts.money_terms import (
    contract,
    entry,
    formula,
    guarantee,
    hours,
    maluses,
    money,
    ratio,
    ratios,
    unknown,
)

YEAR_END = TrueUp(basis=TrueUpBasis.RATIO_OF_SUMS, refund_if_met=True)
BY_PP = StepMoney(step_pp=Decimal(1), amount=Decimal(1000), rule=None)
LINE_C = guarantee(
    "TECH",
    "0.92",
    kind=Kind.TECHNICAL_AVAILABILITY,
    dead_band=DeadBand(kind=BandKind.DEDUCTIBLE, pp=Decimal("0.5")),
    malus=(StepMoney(step_pp=Decimal("0.1"), amount=Decimal(600), rule=StepRule.FULL),),
    caps=Caps(malus_per_year=Decimal(12000)),
    true_up=YEAR_END,
)


def test_line_c_owes_three_steps_and_gets_them_back_at_the_years_end() -> None:
    # Contract C 2026 (golden LINE-C).
    whole = contract(LINE_C)
    rows = [("1094.4", "1200"), ("1161.25", "1250"), ("1058.0", "1150"), ("1166.76", "1260")]
    entries = [entry(whole, LINE_C, hours(*row), number) for number, row in enumerate(rows)]
    assert [one.outcome for one in entries] == [Outcome.MISSED, Outcome.MET, Outcome.MET, Outcome.MET]
    found = money(whole, entries)
    assert [str(one.malus) for one in found] == ["1800.00", "0.00", "0.00", "0.00"]
    assert [one.refund for one in found] == [None, None, None, Decimal("1800.00")]
    assert found[3].steps[-1] == (
        "true-up of 2026: 4480.41 / 4860 h = about 0.921895 against level 0.92: met, "
        "the year's malus of 1800.00 EUR goes back"
    )


def test_the_year_is_judged_by_its_sums_not_by_the_mean_of_its_quarters() -> None:
    # Mean of the quarters .92125, ratio of the sums .9185: nothing goes back.
    whole = contract(LINE_C)
    rows = [("1820", "2000"), ("461.25", "500"), ("463", "500"), ("463", "500")]
    entries = [entry(whole, LINE_C, hours(*row), number) for number, row in enumerate(rows)]
    assert sum((one.finding.value or Fraction(0)) for one in entries) / 4 > Fraction("0.92")
    found = money(whole, entries)
    assert (str(found[0].malus), found[3].refund) == ("3000.00", Decimal("0.00"))
    assert found[3].steps[-1].endswith("against level 0.92: missed, nothing goes back")


def test_a_year_that_runs_or_misses_a_period_has_no_true_up() -> None:
    whole = contract(LINE_C)
    values = ["0.91", "0.93", "0.93"]
    running = [*ratios(whole, *values), entry(whole, LINE_C, ratio("0.93"), 3, complete=False)]
    assert money(whole, running)[3].refund is None
    gap = [one for one in ratios(whole, *values, "0.93") if one.period_start_us != periods(whole)[1].start_us]
    assert money(whole, gap)[2].refund is None
    assert "periods of the year are missing" in money(whole, gap)[2].steps[-1]


def test_a_term_that_begins_and_ends_within_a_year_is_trued_up_over_its_part() -> None:
    whole = contract(LINE_C, start=date(2026, 5, 10), end=date(2026, 11, 20))
    assert [one.refund for one in money(whole, ratios(whole, "0.91", "0.93", "0.93"))] == [
        None,
        None,
        Decimal("3000.00"),
    ]


def test_a_period_across_the_years_end_closes_the_year_it_ends_in_the_next() -> None:
    whole = contract(
        LINE_C, start=date(2026, 1, 15), period=PeriodKind.CALENDAR_MONTH, settlement_year=PeriodKind.CONTRACT_YEAR
    )
    found = money(whole, ratios(whole, "0.91", *["0.93"] * 24))
    assert [number for number, one in enumerate(found) if one.refund is not None] == [11, 23]
    assert found[11].refund == Decimal("3000.00")


def test_a_period_cut_short_by_the_question_closes_no_year() -> None:
    whole = contract(LINE_C)
    asked = periods_between(whole, date(2026, 1, 1), date(2026, 12, 10))
    entries = [entry(whole, LINE_C, ratio("0.93"), period) for period in asked]
    assert money(whole, entries)[-1].refund is None


def test_a_refund_leaves_room_under_the_cap_of_the_term() -> None:
    terms = guarantee("TBA", "0.92", malus=(BY_PP,), caps=Caps(malus_lifetime=Decimal(3000)), true_up=YEAR_END)
    whole = contract(terms)
    found = money(whole, ratios(whole, "0.9", "0.93", "0.93", "0.93", "0.88", "0.88"))
    assert [str(one.malus) for one in found] == ["2000.00", "0.00", "0.00", "0.00", "3000.00", "0.00"]
    assert found[4].cap == "lifetime"
    assert found[5].steps[-1] == "cap of the term 3000 EUR: 3000.00 EUR used before, 0.00 EUR is owed"


def test_the_years_cap_leaves_what_earlier_periods_did_not_take() -> None:
    terms = guarantee(malus=(BY_PP,), caps=Caps(malus_per_year=Decimal(5000)))
    whole = contract(terms)
    found = money(whole, ratios(whole, "0.94", "0.95", "0.95", "0.97", "0.95"))
    assert [str(one.malus) for one in found] == ["3000.00", "2000.00", "0.00", "0.00", "2000.00"]
    assert [one.cap for one in found] == [None, None, "year", None, None]
    assert str(found[2].computed_malus) == "2000.00"
    assert [one.marginal_hour for one in found] == [10, 0, 0, 0, 10]
    assert found[0].steps[-1] == "cap of the settlement year 5000 EUR: not reached"


def test_caps_over_all_guarantees_are_used_up_in_the_contracts_order() -> None:
    first, second = guarantee("A", malus=(BY_PP,)), guarantee("B", malus=(BY_PP,))
    whole = contract(first, second, caps=Caps(malus_per_period=Decimal(4000), malus_per_year=Decimal(5000)))
    entries = [*ratios(whole, "0.94", "0.94", terms=second), *ratios(whole, "0.94", "0.94", terms=first)]
    assert maluses(whole, entries, "A") == ["3000.00", "1000.00"]
    assert maluses(whole, entries, "B") == ["1000.00", "0.00"]
    assert [one.cap for one in money(whole, entries, "B")] == ["contract_period", "contract_year"]


def test_bonuses_are_capped_alike() -> None:
    terms = guarantee(bonus=(BY_PP,), caps=Caps(bonus_per_year=Decimal(1500)))
    whole = contract(terms)
    found = money(whole, ratios(whole, "0.98", "0.98", "0.98"))
    assert [str(one.bonus) for one in found] == ["1000.00", "500.00", "0.00"]


def test_an_amount_that_is_not_known_leaves_open_only_what_depends_on_it() -> None:
    terms = guarantee(malus=(BY_PP,), caps=Caps(malus_per_period=Decimal(2500), malus_per_year=Decimal(5000)))
    whole = contract(terms)
    assert maluses(whole, ratios(whole, None, "0.95", "0.95", "0.95")) == [None, "2000.00", None, None]
    sure = ratios(whole, "0.94", "0.94", None, "0.95")
    assert maluses(whole, sure) == ["2500.00", "2500.00", "0.00", "0.00"]
    unbounded = contract(guarantee(malus=(BY_PP,), caps=Caps(malus_per_year=Decimal(5000))))
    found = money(unbounded, ratios(unbounded, None, "0.95"))
    assert found[1].malus is None
    assert found[1].marginal_hour is None
    assert found[1].steps[-1] == "cap of the settlement year 5000 EUR: what is left of it is not known yet"
    refunded = contract(guarantee(malus=(BY_PP,), true_up=YEAR_END))
    last = money(refunded, ratios(refunded, None, "0.98", "0.98", "0.98"))[3]
    assert last.refund is None
    assert "not known yet" in last.steps[-1]


def test_one_loss_is_paid_once() -> None:
    time = guarantee("TBA", malus=(BY_PP,), caps=Caps(malus_per_year=Decimal(1000)))
    curve = guarantee("PCURVE", malus=(BY_PP,), exclusive_of=("TBA",))
    whole = contract(curve, time)
    entries = [*ratios(whole, "0.96", "0.96", "0.97", terms=time), *ratios(whole, "0.95", "0.95", "0.95", terms=curve)]
    assert maluses(whole, entries, "TBA") == ["1000.00", "0.00", "0.00"]
    # In the second period TBA's malus falls to its cap: the loss is settled all the same.
    assert maluses(whole, entries, "PCURVE") == ["0.00", "0.00", "2000.00"]
    assert (
        money(whole, entries, "PCURVE")[0].steps[-1] == "TBA owes malus for the period, and nothing is owed beside it"
    )
    waiting = [*ratios(whole, None, terms=time), *ratios(whole, "0.95", terms=curve)]
    assert maluses(whole, waiting, "PCURVE") == [None]
    met = [*ratios(whole, None, terms=time), *ratios(whole, "0.97", terms=curve)]
    assert maluses(whole, met, "PCURVE") == ["0.00"]


def test_what_is_excluded_itself_excludes_nothing() -> None:
    whole = contract(
        guarantee("A", malus=(BY_PP,), exclusive_of=("B",)),
        guarantee("B", malus=(BY_PP,), exclusive_of=("C",)),
        guarantee("C", malus=(BY_PP,), exclusive_of=("C",)),
    )
    entries = [one for terms in whole.guarantees for one in ratios(whole, "0.96", terms=terms)]
    assert [maluses(whole, entries, name) for name in "ABC"] == [["1000.00"], ["0.00"], ["1000.00"]]


def test_service_in_place_of_money_is_under_no_cap() -> None:
    served = guarantee("A", malus=(BY_PP,), make_good=MakeGood(by="extra_shift", within_days=30))
    whole = contract(served, guarantee("B", malus=(BY_PP,)), caps=Caps(malus_per_period=Decimal(3000)))
    entries = [one for terms in whole.guarantees for one in ratios(whole, "0.94", terms=terms)]
    assert maluses(whole, entries, "A") == ["0.00"]
    assert maluses(whole, entries, "B") == ["3000.00"]
    assert money(whole, entries, "A")[0].instead == "extra_shift within 30 days"


def test_pump_d_and_comp_b_come_to_their_sums() -> None:
    # contracts.md 3.2: D 1 200 + 2 500 and 800; B 490.00 + 197.34 + 250.00.
    p07 = AssetFinding(asset="P07", value=Fraction(2001, 2119), numerator=Fraction(2001), denominator=Fraction(2119))
    fleet = guarantee(
        "FLEET_AVAIL", "0.985",
        floor=FloorPerAsset(level=Decimal("0.95"), amount=Decimal(2500)),
        malus=(StepMoney(step_pp=Decimal("0.1"), amount=Decimal(1200), rule=StepRule.STARTED),),
        caps=Caps(malus_per_period=Decimal(12000)),
    )  # fmt: skip
    notice = guarantee("NOTICE", "0.70", kind=Kind.FAILURE_NOTICE, malus=(CountMoney(amount=Decimal(800)),))
    pumps = contract(fleet, notice)
    failures = Finding(value=Fraction(5, 8), numerator=Fraction(5), denominator=Fraction(8), sum_unit="1", breaches=1)
    entries = [
        entry(pumps, fleet, hours("25296", "25698", assets=(p07,)), 0),
        entry(pumps, notice, failures, 0),
    ]
    assert (maluses(pumps, entries, "FLEET_AVAIL"), maluses(pumps, entries, "NOTICE")) == (["3700.00"], ["800.00"])
    sec = guarantee(
        "SEC", "1", kind=Kind.ENERGY_INTENSITY, malus=(UnitMoney(price=Decimal("0.145")),),
        dead_band=DeadBand(kind=BandKind.DEDUCTIBLE, fraction=Decimal("0.02")),
    )  # fmt: skip
    supply = guarantee("SUPPLY", "0.995", malus=(formula("0.05 * 9800"),))
    resp = guarantee("RESP", "1", kind=Kind.RESPONSE_TIME, malus=(CountMoney(amount=Decimal(250)),))
    air = contract(supply, sec, resp, caps=Caps(malus_per_year=Decimal(11760)))
    used, due = Fraction(127900), Fraction("124057.908")
    energy = Finding(
        value=used / due, numerator=used, denominator=due, sum_unit="kWh", shortfall=used - due, expected=due
    )
    tickets = Finding(value=Fraction(2, 3), numerator=Fraction(2), denominator=Fraction(3), sum_unit="1", breaches=1)
    entries = [
        entry(air, supply, hours("43750", "44010"), 0), entry(air, sec, energy, 0), entry(air, resp, tickets, 0)
    ]  # fmt: skip
    credited = [one.malus for one in fold(air, entries).values()]
    assert credited == [Decimal("490.00"), Decimal("197.34"), Decimal("250.00")]
    assert sum(credit or Decimal(0) for credit in credited) == Decimal("937.34")


def test_what_the_contract_does_not_have_and_what_is_said_twice_is_refused() -> None:
    whole = contract(guarantee())
    with pytest.raises(ValueError, match="no such guarantee: B"):
        fold(whole, ratios(whole, "0.9", terms=guarantee("B")))
    with pytest.raises(ValueError, match="two entries"):
        fold(whole, [*ratios(whole, "0.9"), *ratios(whole, "0.8")])


def test_an_entry_survives_json() -> None:
    whole = contract(guarantee())
    p07 = AssetFinding(asset="P07", value=None, numerator=Fraction(1, 3), denominator=Fraction(0))
    rich = ratio(
        "1/3", shortfall=Fraction(1, 7), expected=Fraction(2), breaches=3, assets=(p07,), notes=("so",),
        decided=(Outcome.MISSED, Reason.PROVEN_BELOW), reason=Reason.NO_TICKETS,
        measures={"actual_kwh": Fraction(1, 9)},
    )  # fmt: skip
    for finding in (rich, unknown()):
        one = entry(whole, whole.guarantees[0], finding, 2)
        assert from_plain(json.loads(json.dumps(to_plain(one)))) == one
