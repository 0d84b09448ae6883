"""YAML read without guesses."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import strict_yaml


def test_scalars_are_what_they_look_like() -> None:
    text = "{a: 0.97, b: 80, c: 2026-03-01, d: true, e: null, f: no, g: 1:30, h: '0.97', i: 1e3, j: -2.50, k: [x, 1]}"
    plain, faults = strict_yaml.read(text)
    assert not faults
    assert plain == {
        "a": Decimal("0.97"), "b": 80, "c": date(2026, 3, 1), "d": True, "e": None, "f": "no", "g": "1:30",
        "h": "0.97", "i": "1e3", "j": Decimal("-2.50"), "k": ["x", 1],
    }  # fmt: skip
    assert str(plain["j"]) == "-2.50"


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("", "file", "empty"),
        ("null", "file", "empty"),
        ("a: [", "line 1, column 5", "not YAML"),
        ("a: 1\n b: 2", "line 2, column 3", "not YAML"),
        ("\x00", "file", "not YAML"),
        ("[" * 3000 + "]" * 3000, "line 1, column 21", "nested deeper than 20"),
        ("a: 1\n---\na: 2", "line 2, column 1", "not YAML"),
        ("a: &x 1\nb: *x", "line 1, column 4", "anchors"),
        ("a: !!python/object:os.system 1", "line 1, column 4", "tags"),
        ("{a: {b: 1, b: 2}}", "a.b", "given twice"),
        ("? [a]\n: 1", "file", "a key must be a name"),
        ("a: [x, 2025-02-30]", "a[1]", "no such date: 2025-02-30"),
        ("a: " + "9" * 101, "a", "more than 100 digits"),
        ("a: " + "[" * 20 + "]" * 20, "line 1, column 23", "nested deeper than 20"),
    ],
)
def test_what_is_not_plain_yaml_is_a_fault_with_its_place(text: str, path: str, reason: str) -> None:
    _, faults = strict_yaml.read(text)
    assert [fault.path for fault in faults] == [path]
    assert reason in faults[0].reason


@given(st.text(max_size=80))
def test_any_text_gives_a_value_or_faults(text: str) -> None:
    plain, faults = strict_yaml.read(text)
    assert faults or isinstance(plain, str | int | bool | Decimal | date | list | dict)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=9))
def test_a_decimal_keeps_every_digit(number: Decimal) -> None:
    plain, _ = strict_yaml.read(f"level: {number:f}")
    assert f"{plain['level']:f}" == f"{number:f}"
