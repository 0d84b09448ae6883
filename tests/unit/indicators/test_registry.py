"""The registry of versioned formulas."""

import json

import pytest

from shared.contracts.terms import Kind
from shared.errors import NotFoundError, SpecError
from shared.indicators.description import describe, keywords
from shared.indicators.evaluation import evaluate
from shared.indicators.given import Shape
from shared.indicators.registry import INDICATORS, indicator, newest

ALL = pytest.mark.parametrize("key", INDICATORS)


@ALL
def test_every_indicator_is_found_by_its_name_with_and_without_version(key: str) -> None:
    each = INDICATORS[key]
    assert indicator(key) is each
    assert key == f"{each.name}@{each.version}"
    assert newest(key) is each
    assert newest(each.name).version >= each.version


@ALL
def test_every_indicator_states_its_units_its_standard_its_source_and_its_rules(key: str) -> None:
    each = INDICATORS[key]
    assert all((each.question, each.formula, each.standard, each.source, each.rules, each.example))
    assert all(quantity.unit and quantity.meaning for quantity in (*each.inputs, *each.results))


@ALL
def test_no_two_inputs_of_an_indicator_share_a_name(key: str) -> None:
    names = [name for each in INDICATORS[key].inputs for name in each.names]
    assert len(set(names)) == len(names)


@ALL
def test_the_example_of_every_indicator_can_be_evaluated_and_its_results_are_all_declared(key: str) -> None:
    each = INDICATORS[key]
    document = evaluate(each, each.example).document()
    assert json.loads(json.dumps(document)) == document
    assert any(value is not None for value in document["values"].values())
    assert all(result["unit"] for result in document["results"].values())


@ALL
def test_a_missing_input_is_named_with_its_aliases_its_meaning_and_its_unit(key: str) -> None:
    each = INDICATORS[key]
    required = [wanted for wanted in each.inputs if wanted.required]
    if not required:
        return
    with pytest.raises(SpecError) as refused:
        evaluate(each, {})
    said = {fault.path: fault.reason for fault in refused.value.faults}
    for wanted in required:
        assert said[wanted.name].startswith("missing")
        assert wanted.meaning in said[wanted.name]
        assert all(alias in said[wanted.name] for alias in wanted.aliases)


@ALL
def test_a_description_holds_all_a_stranger_needs_in_json(key: str) -> None:
    each = INDICATORS[key]
    told = describe(each)
    assert json.loads(json.dumps(told)) == told
    for wanted, said in zip(each.inputs, told["inputs"], strict=True):
        assert said["required"] is wanted.required
        assert (said["within"] is None) is (wanted.shape in {Shape.TEXT, Shape.TEXTS, Shape.FLAG, Shape.ROWS})
        assert all(name in keywords(each) for name in wanted.names)


def test_an_unknown_version_is_not_replaced_by_another() -> None:
    with pytest.raises(NotFoundError, match="no indicator 'time_availability@2'; known: time_availability@1"):
        indicator("time_availability@2")
    with pytest.raises(NotFoundError, match="no indicator 'mtbf@7'"):
        newest("mtbf@7")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match=r"no indicator 'mtfb'; known: .*mtbf"):
        newest("mtfb")


@pytest.mark.parametrize("kind", Kind)
def test_the_formula_that_every_kind_of_guarantee_names_can_be_looked_up(kind: Kind) -> None:
    assert indicator(f"{kind.value}@1").name == kind.value


def test_a_part_that_exceeds_its_whole_is_refused_by_name() -> None:
    for name, inputs in (
        ("technical_availability", {"required_h": 10, "own_fault_h": 11}),
        ("response_time", {"promises_kept": 3, "promises": 2}),
        ("failure_notice", {"failures_with_notice": 3, "failures": 2}),
    ):
        with pytest.raises(SpecError, match="must not exceed"):
            evaluate(newest(name), inputs)
