"""Money formulas: exact arithmetic and nothing else."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import formula


def test_a_formula_gives_exact_fractions() -> None:
    parsed = formula.parse("(level/measured - 1) * output * 62.00")
    assert parsed.names == {"level", "measured", "output"}
    values = {"level": Fraction(97, 100), "measured": Fraction(9427, 10000), "output": Fraction(4812)}
    assert parsed.evaluate(values) == (Fraction(9700, 9427) - 1) * 4812 * 62


def test_literals_are_read_as_written_never_as_binary_floats() -> None:
    assert formula.parse("0.1 + 0.2").evaluate({}) == Fraction(3, 10)
    assert formula.parse("0.3 / 0.1").evaluate({}) == 3
    assert formula.parse("0.12345678901234567890123456789").evaluate({}) == Fraction(
        12345678901234567890123456789, 10**29
    )


def test_precedence_and_unary_minus_are_those_of_arithmetic() -> None:
    assert formula.parse("-2 * (3 - 5) - 4 / 2 - 1").evaluate({}) == 1
    assert formula.parse("1 -\n - 1").evaluate({}) == 2


def test_division_by_zero_has_no_result() -> None:
    assert formula.parse("1 / (a - a)").evaluate({"a": Fraction(5)}) is None
    assert formula.parse("0 / 0 * 0").evaluate({}) is None


@pytest.mark.parametrize(
    "source",
    [
        "", " ", "2 ** 3", "7 // 2", "7 % 2", "abs(1)", "1e5", "0x10", "1_000", "007", "1.", ".5", "1 2", "+1", "~1",
        "a < b", "a, b", "a if b else c", "lambda: 1", "True", "None", "'x'", "a.b", "a[0]", "a := 1", "1if 2else 3",
        "(" * 240 + "1" + ")" * 240, "1" * 501, "1 \N{MULTIPLICATION SIGN} 2", "a" * 400 + "!", " " * 400 + "!",
    ],
)  # fmt: skip
def test_everything_else_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="malformed formula"):
        formula.parse(source)


@given(st.text(alphabet="0123456789.+-*/() ab_e\n'", max_size=40))
def test_any_text_is_either_read_or_refused_with_a_value_error(source: str) -> None:
    try:
        parsed = formula.parse(source)
    except ValueError:
        return
    result = parsed.evaluate(dict.fromkeys(parsed.names, Fraction(1)))
    assert result is None or isinstance(result, Fraction)


_expressions = st.recursive(
    st.one_of(
        st.decimals(min_value=0, max_value=1000, places=3).map(lambda number: f"{number:f}"),
        st.sampled_from(["a", "b"]),
    ),
    lambda inner: (
        st.builds(lambda x, op, y: f"({x} {op} {y})", inner, st.sampled_from("+-*/"), inner)
        | inner.map(lambda x: f"-{x}")
    ),
    max_leaves=12,
)


@given(_expressions)
def test_the_result_is_that_of_pythons_fractions(source: str) -> None:
    names = {"a": Fraction(3, 2), "b": Fraction(-7)}
    result = formula.parse(source).evaluate(names)
    exact = re.sub(r"\d+\.\d+", lambda literal: f"Fraction('{literal[0]}')", source)
    try:
        assert result == eval(exact, {**names, "Fraction": Fraction})
    except ZeroDivisionError:
        assert result is None
