"""Conditions of a contract: what is compiled, what is refused, and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import condition
from shared.errors import VouchError
from shared.model.facts import Category, Party


def test_a_condition_holds_for_the_facts_it_names_only() -> None:
    grid = condition.parse("category == 'FO' && cause == 'grid'")
    assert grid.holds(Category.FO, "grid", Party.SUPPLIER)
    assert not grid.holds(Category.FO, "gearbox", Party.SUPPLIER)
    assert not grid.holds(Category.SM, "grid", Party.SUPPLIER)


def test_a_condition_may_ask_for_the_party_and_for_parts_of_the_cause() -> None:
    outside = condition.parse("party in ['customer', 'third_party'] || cause.startsWith('grid_')")
    assert outside.holds(Category.FO, "operator", Party.CUSTOMER)
    assert outside.holds(Category.FO, "grid_loss", Party.SUPPLIER)
    assert not outside.holds(Category.FO, "grid", Party.SUPPLIER)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("category = 'FO'", "malformed expression"),
        ("IU and cause == customer_network", "malformed expression"),
        ("", "malformed expression"),
        ("(" * 300 + "true" + ")" * 300, "malformed expression"),
        ("!" * 1001 + "true", "longer than"),
        ("month == 'FO'", "unknown variable 'month'"),
        ("category == 'FM' && month == '3'", "unknown variable 'month'"),
        ("['FO'].exists(c, c == category)", "unknown variable 'c'"),
        ("cause", "gives ''"),
        ("category == 'FO' ? cause : true", "gives ''"),
        ("category == 'FO' && cause", "cannot be answered"),
        ("cause == 'grid' ? 'yes' : true", "gives 'yes'"),
        ("category == 'FO' && cause.matches('(')", "cannot be answered"),
        ("size(cause) == 3", "function 'size' is not allowed"),
        ("timestamp('2026-01-01T00:00:00Z') == cause", "not allowed"),
        ("category == 'FOO'", "unknown category 'FOO'"),
        ("category in ['FO', \"XX\"]", "unknown category 'XX'"),
        ("party != 'vendor'", "unknown party 'vendor'"),
    ],
)
def test_what_is_no_true_or_false_question_about_a_fact_is_refused_when_parsed(source: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r".+") as refused:
        condition.parse(source)
    assert reason in str(refused.value)


def test_a_cause_that_breaks_an_expression_names_the_expression() -> None:
    by_cause = condition.parse("category.matches(cause)")
    with pytest.raises(VouchError, match=r"category\.matches"):
        by_cause.holds(Category.FO, "(", Party.NOBODY)


@given(st.text(max_size=60))
def test_any_text_is_either_compiled_or_refused_with_a_value_error(source: str) -> None:
    try:
        parsed = condition.parse(source)
    except ValueError:
        return
    assert isinstance(parsed.holds(Category.FP, "", Party.NOBODY), bool)


@given(st.sampled_from(Category), st.sampled_from(Party), st.sampled_from(["grid", "gearbox", ""]))
def test_equality_in_a_condition_is_equality(category: Category, party: Party, cause: str) -> None:
    source = f"category == '{category}' && party == '{party}' && cause == '{cause}'"
    parsed = condition.parse(source)
    matches = [
        (c, p, text) for c in Category for p in Party for text in ("grid", "gearbox", "") if parsed.holds(c, text, p)
    ]
    assert matches == [(category, party, cause)]
