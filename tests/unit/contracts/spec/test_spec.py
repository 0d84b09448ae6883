"""A contract file to terms, and every fault of a bad one with its path."""

import copy
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import spec
from shared.contracts.measured import Form, TimeMeasure, Verdict
from shared.contracts.money import FormulaMoney
from shared.contracts.terms import Contract, Guarantee, PeriodKind
from shared.errors import SpecError
from shared.model.facts import Category


def _faults(text: str) -> dict[str, str]:
    with pytest.raises(SpecError) as refused:
        spec.parse(text, "bad.yaml")
    return {fault.path: fault.reason for fault in refused.value.faults}


def _with(plain: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(plain)
    part: Any = changed
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return changed


def _measure(guarantee: Guarantee) -> TimeMeasure:
    assert isinstance(guarantee.measure, TimeMeasure)
    return guarantee.measure


def test_a_contract_keeps_its_exact_numbers(contract_of: Callable[..., Contract]) -> None:
    contract = contract_of()
    guarantee = contract.guarantees[0]
    policy = _measure(guarantee).policy
    assert (contract.id, contract.version, contract.customer) == ("WIND-A", 3, "northridge")
    assert (contract.currency, contract.zone.key, contract.assets) == ("EUR", "Europe/Paris", ("ridge/t01",))
    assert (contract.start, contract.end, contract.period) == (
        date(2025, 4, 1),
        date(2035, 3, 31),
        PeriodKind.CONTRACT_YEAR,
    )
    assert str(guarantee.levels.base) == "0.97"
    assert policy.form is Form.EXCLUDED_FROM_DENOMINATOR
    assert policy.verdicts[Category.OEL] is Verdict.EXCLUDED
    assert {a.category for a in policy.allowances} == {Category.SM, Category.IU}
    [malus] = guarantee.malus
    assert isinstance(malus, FormulaMoney)
    assert malus.constants == {"rate": Decimal(62), "annual_fee": Decimal(85000)}
    assert guarantee.caps.malus_per_period == Decimal(29750)
    assert (guarantee.alert.open_at, guarantee.alert.close_below) == (0.5, 0.4)


def test_what_may_be_left_out_has_the_stated_default(contract_of: Callable[..., Contract]) -> None:
    guarantee = contract_of(rounding=None, settlement=None, overrides=None, alert={"p_miss_open": 0.7}).guarantees[0]
    assert (guarantee.rounding.value_decimals, guarantee.rounding.money_decimals) == (None, 2)
    assert (guarantee.malus, guarantee.bonus) == ((), ())
    assert _measure(guarantee).policy.overrides == ()
    assert (guarantee.alert.open_at, guarantee.alert.close_below) == (0.7, 0.4)
    assert guarantee.indicator == "time_availability@1"


def test_the_hash_is_of_the_text_as_it_was_given(wind_a: dict[str, Any]) -> None:
    text = yaml.safe_dump(wind_a)
    assert spec.parse(text, "one").sha256 == spec.parse(text, "other").sha256
    assert spec.parse(text, "one").sha256 != spec.parse(text + "# read\n", "one").sha256
    assert spec.parse(text, "one").source == text


_G = ("guarantees", 0)


@pytest.mark.parametrize(
    ("path", "value", "at", "reason"),
    [
        (("contract", "tz"), "Europe/Atlantis", "contract.tz", "unknown zone 'Europe/Atlantis'"),
        (("contract", "tz"), "Europe", "contract.tz", "unknown zone 'Europe'"),
        (("contract", "tz"), "/etc/passwd", "contract.tz", "unknown zone"),
        (("contract", "version"), 0, "contract.version", "greater than or equal to 1"),
        (("contract", "version"), True, "contract.version", "valid integer"),
        (("contract", "currency"), "euro", "contract.currency", "match pattern"),
        (("contract", "customer"), 7, "contract.customer", "valid string"),
        (("contract", "colour"), "red", "contract.colour", "unknown key"),
        (("term", "end"), date(2024, 1, 1), "term.end", "before the start"),
        (("term", "end"), "soon", "term.end", "valid date"),
        (("term", "end"), date(9999, 12, 31), "term.end", "outside the years"),
        (("term", "period"), "week", "term.period", "unknown period 'week'"),
        (("assets",), [], "assets", "at least one"),
        (("assets",), [{"id": "a/b"}, {"id": "a/b"}], "assets[1].id", "assets[0] already"),
        (("assets",), [{"id": "a b"}], "assets[0].id", "match pattern"),
        (("guarantees",), [], "guarantees", "at least one"),
        (("guarantees",), {"id": "TBA"}, "guarantees", "must be a list"),
        ((*_G, "kind"), "uptime", "guarantees[0].kind", "unknown kind 'uptime', only energy_intensity"),
        ((*_G, "kind"), None, "guarantees[0].kind", "unknown kind"),
        ((*_G, "level"), 1.01, "guarantees[0].level", "less than or equal to 1"),
        ((*_G, "level"), 0, "guarantees[0].level", "greater than 0"),
        ((*_G, "level"), "97 %", "guarantees[0].level", "not a number"),
        ((*_G, "level"), True, "guarantees[0].level", "not a number"),
        ((*_G, "form"), "both", "guarantees[0].form", "unknown form 'both'"),
        ((*_G, "bonus"), 1, "guarantees[0].bonus", "unknown key"),
        (
            (*_G, "verdicts", "available"),
            ["FP", "PP", "XX", "TS", "OEN"],
            "guarantees[0].verdicts.available[2]",
            "unknown category 'XX'",
        ),
        (
            (*_G, "verdicts", "unavailable"),
            ["PCA", "FO", "S", "FP"],
            "guarantees[0].verdicts.unavailable[3]",
            "'FP' has a verdict already (available[0])",
        ),
        (
            (*_G, "verdicts", "excluded"),
            ["RS", "OEL", "FM", "SM"],
            "guarantees[0].verdicts.allowance[0]",
            "'SM' has a verdict already (excluded[3])",
        ),
        ((*_G, "verdicts", "excluded"), ["RS", "OEL"], "guarantees[0].verdicts", "'FM' has no verdict"),
        ((*_G, "overrides"), "RS", "guarantees[0].overrides", "must be a list"),
        (
            (*_G, "verdicts", "allowance", 0, "fraction_of_period"),
            0.1,
            "guarantees[0].verdicts.allowance[0]",
            "needs one of",
        ),
        (
            (*_G, "verdicts", "allowance", 0, "hours_per_asset_per_period"),
            -1,
            "guarantees[0].verdicts.allowance[0].hours_per_asset_per_period",
            "greater than or equal to 0",
        ),
        (
            (*_G, "verdicts", "allowance", 1, "beyond"),
            "excluded",
            "guarantees[0].verdicts.allowance[1]",
            "the same verdict",
        ),
        (
            (*_G, "overrides", 0, "when"),
            "FO and cause == grid",
            "guarantees[0].overrides[0].when",
            "malformed expression",
        ),
        ((*_G, "overrides", 0, "when"), "cause", "guarantees[0].overrides[0].when", "gives"),
        ((*_G, "overrides", 0, "verdict"), "maybe", "guarantees[0].overrides[0].verdict", "unknown verdict 'maybe'"),
        ((*_G, "rounding", "mode"), "half_even", "guarantees[0].rounding.mode", "half_up"),
        (
            (*_G, "settlement", "malus", "formula"),
            "(level - 1",
            "guarantees[0].settlement.malus.formula",
            "malformed formula",
        ),
        (
            (*_G, "settlement", "malus", "formula"),
            "price * level",
            "guarantees[0].settlement.malus.formula",
            "unknown name 'price'",
        ),
        ((*_G, "settlement", "malus", "rate"), "high", "guarantees[0].settlement.malus.rate", "not a number"),
        ((*_G, "settlement", "malus", "level"), 1, "guarantees[0].settlement.malus.level", "cannot be a constant"),
        ((*_G, "settlement", "malus", "annual_fee"), 1, "guarantees[0].settlement.malus.annual_fee", "already"),
        ((*_G, "settlement", "cap"), {}, "guarantees[0].settlement.cap", "needs one of"),
        (
            (*_G, "settlement", "cap"),
            {"malus_fraction_of_annual_fee": 0.1},
            "guarantees[0].settlement.cap",
            "needs annual_fee",
        ),
        ((*_G, "alert"), {"p_miss_open": 0.3}, "guarantees[0].alert", "p_miss_close is above"),
        ((*_G, "alert"), {"p_miss_open": 1.5}, "guarantees[0].alert.p_miss_open", "less than or equal to 1"),
    ],
)
def test_one_wrong_thing_is_one_fault_with_its_path(
    wind_a: dict[str, Any], path: tuple[str | int, ...], value: Any, at: str, reason: str
) -> None:
    faults = _faults(yaml.safe_dump(_with(wind_a, path, value)))
    assert list(faults) == [at]
    assert reason in faults[at]


def test_two_guarantees_of_one_name_are_refused(wind_a: dict[str, Any]) -> None:
    both = [wind_a["guarantees"][0], copy.deepcopy(wind_a["guarantees"][0])]
    faults = _faults(yaml.safe_dump({**wind_a, "guarantees": both}))
    assert faults == {"guarantees[1].id": "'TBA' is guarantees[0] already"}


def test_every_fault_of_a_file_is_listed_at_once(wind_a: dict[str, Any]) -> None:
    bad = _with(wind_a, ("contract", "tz"), "Mars/Olympus")
    bad = _with(bad, ("term", "end"), date(2020, 1, 1))
    bad = _with(bad, (*_G, "level"), 2)
    bad = _with(bad, (*_G, "verdicts", "available"), ["FP", "QQ", "FO", "TS"])
    bad = _with(bad, (*_G, "overrides", 0, "when"), "nonsense ==")
    bad = _with(bad, (*_G, "settlement", "malus", "formula"), "profit * 2")
    text = yaml.safe_dump(bad) + "term: {}\n"
    assert set(_faults(text)) == {
        "term",
        "contract.tz",
        "term.end",
        "guarantees[0].level",
        "guarantees[0].verdicts.available[1]",
        "guarantees[0].verdicts.unavailable[1]",
        "guarantees[0].verdicts",
        "guarantees[0].overrides[0].when",
        "guarantees[0].settlement.malus.formula",
    }


def test_a_part_that_cannot_be_read_is_one_fault_not_two(wind_a: dict[str, Any]) -> None:
    faults = _faults(yaml.safe_dump(wind_a).replace("2035-03-31", "2035-02-30"))
    assert faults == {"term.end": "no such date: 2035-02-30"}


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "contract", "{}", "null", "1: 2", "guarantees: [1, {}]"])
def test_what_is_no_contract_at_all_is_refused(text: str) -> None:
    assert _faults(text)


def test_the_message_names_the_file_and_each_place(wind_a: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=r"contracts/a\.yaml: 1 fault\(s\)\n  guarantees\[0\]\.level: .*not 7"):
        spec.parse(yaml.safe_dump(_with(wind_a, (*_G, "level"), 7)), "contracts/a.yaml")


_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.dates()
_trees = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@given(
    value=_trees,
    path=st.sampled_from(
        [
            ("contract",), ("term",), ("assets",), ("assets", 0), ("guarantees",), _G, (*_G, "verdicts"),
            (*_G, "verdicts", "allowance"), (*_G, "verdicts", "available"), (*_G, "overrides"), (*_G, "settlement"),
            (*_G, "settlement", "malus"), (*_G, "settlement", "cap"), (*_G, "alert"), (*_G, "rounding"),
        ]
    ),
)  # fmt: skip
def test_whatever_stands_in_a_part_is_read_or_refused(
    wind_a: dict[str, Any], path: tuple[str | int, ...], value: Any
) -> None:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    text = yaml.dump(_with(wind_a, path, value), Dumper=Plain)
    try:
        parsed = spec.parse(text, "any.yaml")
    except SpecError:
        return
    assert parsed.guarantees[0].levels.base == Decimal("0.97")
