"""Evaluation: inputs read strictly and exactly, faults named, what is undefined null with a reason."""

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import SpecError
from shared.indicators.evaluation import evaluate, parse
from shared.indicators.given import Input, Shape
from shared.indicators.registry import INDICATORS, newest

GOOD_MTBF = {"T": 100, "r": 2, "conf": 0.9}


def faults(name: str, inputs: dict[str, object]) -> dict[str, str]:
    with pytest.raises(SpecError) as refused:
        evaluate(newest(name), inputs)
    return {fault.path: fault.reason for fault in refused.value.faults}


def values(name: str, **inputs: object) -> dict[str, Any]:
    return evaluate(newest(name), inputs).document()["values"]


def test_every_fault_of_the_inputs_is_told_at_once_under_the_name_it_was_given() -> None:
    said = faults("mtbf", {"T": -1, "r": 1.5, "conf": 1, "two_sided": 1, "hours": 3})
    assert said["T"] == "must be at least 0"
    assert said["r"] == "must be a whole number"
    assert said["conf"] == "must be between 0 and 1, both excluded"
    assert said["two_sided"] == "must be true or false"
    assert said["hours"].startswith("unknown input; known: operating_h, failures")


def test_the_same_input_under_two_names_is_refused() -> None:
    assert faults("mtbf", {**GOOD_MTBF, "failures": 2}) == {"r": "says the same as failures"}


@pytest.mark.parametrize("wrong", [True, "5", None, [5], {}, math.nan, math.inf, Decimal("NaN"), Decimal("1e31"), 1e31])
def test_what_is_no_finite_number_is_refused(wrong: object) -> None:
    assert "T" in faults("mtbf", {**GOOD_MTBF, "T": wrong})


def test_a_huge_exponent_is_refused_without_being_written_out() -> None:
    said = faults("mtbf", {**GOOD_MTBF, "T": Decimal("1e999999999")})
    assert said == {"T": "must have at most 40 digits before and after the point"}


def test_the_place_in_a_list_or_an_object_is_named() -> None:
    assert faults("failure_trend", {"t": [1, "x"], "T": 5}) == {"t[1]": "must be a number"}
    assert "hours.XX" in faults("iec61400_time", {"hours": {"XX": 1}})
    assert faults("iec61400_time", {"hours": {"FP": -1}}) == {"hours.FP": "must be at least 0"}
    assert faults("energy_baseline", {"X": {"t": [1, 2, None]}, "Y": [1, 2, 3]}) == {"X.t[2]": "must be a number"}


@pytest.mark.parametrize(
    ("name", "inputs", "field"),
    [
        ("response_quota", {"k": 4, "n": 3, "conf": 0.9}, "k"),
        ("oee", {"planned_min": 10, "run_min": 11, "ideal_cycle_min": 1, "total": 5, "good": 5}, "run_min"),
        ("oee", {"planned_min": 10, "run_min": 9, "ideal_cycle_min": 1, "total": 5, "good": 6}, "good"),
        ("oee", {"planned_min": 10, "run_min": 9, "ideal_cycle_min": 1, "total": 5, "reject": 6}, "reject"),
        ("oee", {"planned_min": 10, "downtime_min": 11, "ideal_cycle_min": 1, "total": 5, "good": 5}, "downtime_min"),
        ("oee", {"planned_min": 10, "run_min": 9, "downtime_min": 2, "ideal_cycle_min": 1, "total": 5, "good": 5},
         "run_min"),
        ("oee", {"planned_min": 10, "run_min": 9, "total": 5, "good": 5}, "ideal_cycle_min"),
        ("oee", {"planned_min": 10, "run_min": 9, "ideal_cycle_min": 1, "ideal_rate_per_min": 2, "total": 5, "good": 5},
         "ideal_cycle_min"),
        ("oee", {"planned_min": 10, "ideal_cycle_min": 1, "total": 5, "good": 5}, "run_min"),
        ("oee", {"run_min": 10, "ideal_cycle_min": 1, "total": 5, "good": 5}, "planned_min"),
        ("oee", {"planned_min": 10, "run_min": 9, "ideal_cycle_min": 1, "total": 5}, "good"),
        ("iso22400", {"PBT": 9, "AUBT": 5, "AUPT": 6, "APT": 4, "PRI": 1, "PQ": 3, "GQ": 3}, "AUPT"),
        ("iso22400", {"PBT": 9, "APT": 4, "PRI": 1, "PQ": 3, "GQ": 4}, "GQ"),
        ("iso22400", {"PBT": 9, "APT": 4, "PRI": 1, "PQ": 3, "GQ": 3, "SQ": 1}, "GQ"),
        ("iso22400", {"PBT": 9, "APT": 4, "AUBT": 3, "PRI": 1, "PQ": 3, "GQ": 3}, "APT"),
        ("en15341", {"operating_h": 9, "failure_down_h": 2, "failures": 1, "required_h": 10}, "required_h"),
        ("failure_trend", {"t": [6], "T": 5}, "t"),
        ("burn_rate", {"period_h": 720, "long_h": [1]}, "budget"),
        ("miss_probability", {"H": 5, "B": 1, "mttr": 1}, "mtbf"),
        ("miss_probability", {"H": 5, "B": 1, "mttr": 1, "mtbf": 1, "A_true": 0.9}, "mtbf"),
        ("vibration_zone", {"v": 1, "group": 3, "support": "rigid"}, "group"),
        ("vibration_zone", {"v": 1, "group": 1, "support": "soft"}, "support"),
        ("energy_baseline", {"X": [1, 1, 1], "Y": [1, 2, 3]}, "X"),
        ("energy_baseline", {"X": [1, 2], "Y": [1, 2]}, "X"),
        ("energy_baseline", {"X": [1, 2, 3], "Y": [1, 2]}, "X"),
        ("energy_savings", {"Xr": [1], "Yr": [1, 2], "conf": 0.9}, "Yr"),
        ("energy_savings", {"Xr": [], "Yr": [], "conf": 0.9}, "Yr"),
        ("energy_savings", {"Xr": {"t": [1]}, "Yr": [1], "conf": 0.9}, "Xr"),
        ("energy_savings", {"Xr": [1], "Yr": [1], "conf": 0.9, "X": [1, 2, 3]}, "X"),
        ("energy_savings", {"Xr": [1], "Yr": [1], "conf": 0.9, "b0": 1}, "b1"),
        ("energy_savings", {"Xr": [1], "Yr": [1], "conf": 0.9, "b0": 1, "b1": 1, "s": 1, "n": 2}, "n"),
        ("fractional_savings_uncertainty", {"n": 9, "rho": 0, "m": 9, "cv": 0.1, "F": 0.1}, "t"),
        ("fractional_savings_uncertainty", {"n": 2, "rho": 0, "m": 9, "cv": 0.1, "F": 0.1, "conf": 0.9}, "n"),
        ("lost_production", {"actual": [1]}, "potential"),
        ("lost_production", {"actual": [1], "potential": [1, 2]}, "actual"),
        ("lost_production", {"actual": [1], "driver": [1], "curve_x": [1], "curve_y": [1, 2]}, "curve_y"),
        ("availability_by_policy", {"hours": {"FO": 1}, "excluded": ["FO"]}, "excluded"),
        ("availability_of_periods", {"req_h": [1, 2], "avail_h": [1]}, "avail_h"),
        ("availability_of_periods", {"req_h": [1, 2], "avail_h": [1, 3]}, "avail_h[1]"),
        ("fleet_availability", {"assets": 1, "hours": 5, "excluded_h": 6, "down_h": 0}, "excluded_h"),
        ("fleet_availability", {"assets": 1, "hours": 5, "excluded_h": 1, "down_h": 5}, "down_h"),
        ("fleet_availability", {"assets": 1, "excluded_h": 1, "down_h": 5}, "hours"),
        ("fleet_availability", {"assets": 1, "tz": "UTC", "month": "13", "excluded_h": 1, "down_h": 5}, "month"),
        ("threshold_availability", {"min": 5, "bad": 3, "gap": 3}, "min"),
        ("calendar_hours", {"period": "2026"}, "zone"),
        ("calendar_hours", {"zone": "Europe/Berlin"}, "start"),
        ("calendar_hours", {"zone": "Mars/Olympus", "period": "2026"}, "period"),
        ("calendar_hours", {"zone": "UTC", "start": "2026-02-01", "end": "2026-01-01"}, "end"),
        ("calendar_hours", {"periods": ["Berlin 2026-13"]}, "periods[0]"),
        ("calendar_hours", {"periods": ["../../etc/passwd 2026"]}, "periods[0]"),
        ("response_times", {"tickets": [["2026-03-02T08:00:00", "open"]], "limit_h": 1, "conf": 0.9}, "as_of"),
        ("response_times", {"tickets": [["2026-03-02T08:00:00", "2026-03-02T09:00:00Z"]], "limit_h": 1, "conf": 0.9},
         "tickets[0]"),
        ("response_times", {"tickets": [["2026-03-02T09:00:00Z", "2026-03-02T08:00:00Z"]], "limit_h": 1, "conf": 0.9},
         "tickets[0]"),
    ],
)  # fmt: skip
def test_inputs_that_contradict_each_other_are_refused_by_name(
    name: str, inputs: dict[str, object], field: str
) -> None:
    assert field in faults(name, inputs)


def test_numbers_are_exact_whether_they_come_as_json_or_as_floats() -> None:
    """LINE-C's trap: 0.3/0.1 in binary floats is 2.9999."""
    inputs = parse('{"available": 0.3, "unavailable": 0.1, "excluded": 0}', "text")
    exact = evaluate(newest("time_availability"), inputs).document()["results"]["deemed_available"]["exact"]
    floats = {"available": 0.3, "unavailable": 0.1, "excluded": 0}
    assert exact == "3/4"
    assert evaluate(newest("time_availability"), floats).document()["results"]["deemed_available"]["exact"] == "3/4"


def test_a_fraction_too_long_to_read_is_left_out_and_its_value_is_not() -> None:
    result = evaluate(newest("censored_life"), {"fail_h": [10**29 + i for i in range(3)], "conf": 0.9}).document()[
        "results"
    ]
    assert result["mle"]["value"] == pytest.approx(1e29)


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": 1, "a": 2}', "[1]", "1", "{", "", '{"a": Infinity}', "[" * 99_999]
)
def test_what_is_no_plain_json_object_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="file: "):
        parse(text, "text")


@pytest.mark.parametrize(
    ("name", "inputs", "reasons"),
    [
        ("iso22400", {"PBT": 0, "APT": 0, "PRI": 1, "PQ": 0, "GQ": 0},
         {"availability": "zero_denominator", "OEE": "zero_denominator", "quality_ratio": "zero_denominator",
          "NEE": "input_not_given"}),
        ("oee", {"planned_min": 0, "run_min": 0, "ideal_cycle_min": 1, "total": 0, "good": 0},
         {"availability": "zero_denominator", "oee": "zero_denominator"}),
        ("en15341", {"operating_h": 0, "failure_down_h": 0, "failures": 0},
         {"T1": "zero_denominator", "T17_MTBF_h": "no_failures", "inherent_A": "no_failures"}),
        ("mtbf", {"T": 10, "r": 0, "conf": 0.9, "time_terminated": False},
         {"mtbf": "no_failures", "lower": "no_failures", "upper": "no_failures"}),
        ("mtbf", {"T": 0, "r": 0, "conf": 0.9}, {"lower": "no_time", "failure_rate": "zero_denominator"}),
        ("failure_rate", {"n": 0, "tau_h": 0, "conf": 0.9}, {"rate": "no_time"}),
        ("mttr", {"ended_h": [], "open_h": [3], "conf": 0.9}, {"mttr": "no_repairs"}),
        ("failure_trend", {"t": [], "T": 5}, {"laplace_U": "no_failures"}),
        ("failure_trend", {"t": [5], "T": 5}, {"beta": "no_variation"}),
        ("censored_life", {"fail_h": [], "censored_h": [4], "conf": 0.9},
         {"mle": "no_failures", "upper": "no_failures"}),
        ("markov_availability", {"lam": 0, "mu": 0, "t": 1}, {"A_inf": "zero_denominator"}),
        ("markov_availability", {"lam": 1, "mu": 1, "t": 0}, {"A_mean_0_t": "no_time"}),
        ("availability_interval", {"failures": 0, "repairs": 0, "up_h": 5, "down_h": 0, "alpha": 0.1},
         {"lower": "no_repairs"}),
        ("availability_interval", {"failures": 0, "repairs": 0, "up_h": 0, "down_h": 0, "alpha": 0.1},
         {"point": "zero_denominator", "lower": "no_time"}),
        ("availability_spread", {"mean_up": 0, "mean_down": 0, "T": 1}, {"A": "zero_denominator"}),
        ("iec61400_time", {"hours": {"IU": 5}}, {"operation_I": "zero_denominator", "technical": "zero_denominator"}),
        ("production_availability", {"actual": 0, "lost": {}}, {"contract": "zero_denominator"}),
        ("availability_by_policy", {"hours": {"RS": 5}, "guarantee": 0.9, "output_mwh": 1, "rate": 1},
         {"A_excluded": "zero_denominator", "LD_unrounded": "zero_denominator"}),
        ("response_quota", {"k": 0, "n": 0, "conf": 0.9, "level": 0.5}, {"share": "zero_denominator",
                                                                          "cp_lower": "nothing_counted"}),
        ("specific_energy", {"actual_kWh": 5, "output": 0, "reference": 1}, {"specific": "zero_denominator"}),
        ("energy_savings", {"Xr": [100], "Yr": [999], "conf": 0.9}, {"fsu_exact": "no_savings"}),
        ("energy_savings", {"Xr": [1], "Yr": [1], "conf": 0.9, "b0": 1, "b1": 1, "s": 1, "n": 12},
         {"halfwidth_exact_OLS": "input_not_given", "fsu_GL14_1_26": "input_not_given"}),
        ("fractional_savings_uncertainty", {"n": 9, "rho": 0, "m": 9, "cv": 0.1, "F": 0, "t": 2},
         {"fsu": "no_savings"}),
        ("burn_rate", {"period_h": 720, "G": 1}, {"max_burn": "zero_denominator"}),
        ("vibration_zone", {"v": 1, "group": 1, "support": "rigid"}, {"alarm": "input_not_given"}),
        ("dependability_times", {"up_h": 5, "down_h": 0, "operating_h": 5, "failures": 0},
         {"MUT_h": "no_failures", "MTTR_h": "input_not_given", "inherent_A": "no_failures"}),
    ],
)  # fmt: skip
def test_what_is_undefined_is_null_with_a_stable_reason_and_never_zero(
    name: str, inputs: dict[str, object], reasons: dict[str, str]
) -> None:
    results = evaluate(newest(name), inputs).document()["results"]
    for result, reason in reasons.items():
        assert results[result]["value"] is None
        assert results[result]["reason"] == reason


_numbers = st.one_of(
    st.integers(-1, 20),
    st.sampled_from([0, 0.5, 0.97, 1, 8760, 10**12, 10**30, 1e-30]),
    st.decimals("-2", 10_000, places=3),
)
_texts = st.sampled_from(
    ["", "x", "rigid", "billing", "UTC", "Berlin 2026-03", "2026-03-02T08:00:00Z", "open", "mon", "08:00"]
)


def _plausible(wanted: Input) -> st.SearchStrategy[Any]:
    keys = st.sampled_from(wanted.choices or ("x", "y"))
    lists = st.lists(_numbers, max_size=6)
    return {
        Shape.NUMBER: _numbers,
        Shape.COUNT: st.integers(-1, 30),
        Shape.FLAG: st.booleans(),
        Shape.TEXT: st.sampled_from(wanted.choices) if wanted.choices else _texts,
        Shape.NUMBERS: lists,
        Shape.COUNTS: st.lists(st.integers(-1, 9), max_size=4),
        Shape.TEXTS: st.lists(_texts, max_size=3),
        Shape.TABLE: st.dictionaries(keys, _numbers, max_size=5),
        Shape.SERIES: st.one_of(lists, st.dictionaries(keys, lists, max_size=2)),
        Shape.ROWS: st.lists(st.lists(_texts, max_size=4), max_size=3),
    }[wanted.shape]


def answered(key: str, inputs: dict[str, object]) -> dict[str, Any] | SpecError:
    try:
        return evaluate(INDICATORS[key], inputs).document()
    except SpecError as refused:
        return refused


@pytest.mark.parametrize("key", INDICATORS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_inputs_are_answered_in_json_or_refused_in_words(key: str, data: st.DataObject) -> None:
    each = INDICATORS[key]
    wanted = [one for one in each.inputs if one.required or data.draw(st.booleans())]
    inputs = {one.names[-1]: data.draw(_plausible(one)) for one in wanted}
    document = answered(key, inputs)
    if isinstance(document, SpecError):
        assert all(fault.path and fault.reason for fault in document.faults)
        return
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    for result in document["results"].values():
        assert result["value"] is not None or result["reason"]


def test_a_savings_result_says_when_no_baseline_was_its_own() -> None:
    notes = evaluate(newest("energy_savings"), {"Xr": [150], "Yr": [255], "conf": 0.9}).notes
    assert notes[0] == "no baseline given: the worked example ENB-1 was used; give your own"


def test_residuals_that_follow_each_other_are_told_of() -> None:
    """ENB-1: rho1 is -.684 of 12 points, more than 2/sqrt(12)."""
    notes = evaluate(newest("energy_baseline"), newest("energy_baseline").example).notes
    assert notes == ("residuals are correlated (lag 1: -0.68): the exact uncertainty takes them as independent",)
    assert evaluate(newest("energy_baseline"), {"X": [1, 2, 3, 4], "Y": [1, 2, 3, 4]}).notes == ()


def test_several_drivers_are_told_apart_by_their_order() -> None:
    """y = 1 + 2a + 3b, exactly."""
    inputs = {"X": {"a": [1, 2, 3, 4, 5], "b": [1, 0, 2, 0, 1]}, "Y": [6, 5, 13, 9, 14]}
    answer = evaluate(newest("energy_baseline"), inputs)
    assert answer.notes[0] == "b1 is a, b2 is b"
    found = answer.document()["values"]
    assert [found[name] for name in ("b0", "b1", "b2", "sse")] == [1, 2, 3, 0]


def test_a_verdict_on_an_mtbf_has_three_values() -> None:
    """RELIAB-D (contract D): 21,300 h, 4 failures, one-sided 80 %: 3,169 to 9,273 h."""
    inputs = {"T": 21_300, "r": 4, "conf": 0.8, "two_sided": False}
    assert values("mtbf", **inputs, level_h=5000)["verdict"] == "inconclusive"
    assert values("mtbf", **inputs, level_h=3000)["verdict"] == "proven_met"
    assert values("mtbf", **inputs, level_h=9300)["verdict"] == "proven_missed"


def test_a_policy_names_a_category_once_however_often_it_is_written_and_allowances_follow() -> None:
    hours = {"FP": 90, "FO": 4, "SM": 6}
    twice = values("availability_by_policy", hours=hours, unavailable=["FO", "FO"], sm_allowance_h=2)
    assert (twice["unavailable_h"], twice["excluded_h"], twice["A_deemed"]) == (8, 2, 0.92)
    named = values("availability_by_policy", hours=hours, unavailable=["FO", "SM"], sm_allowance_h=2)
    assert (named["unavailable_h"], named["excluded_h"]) == (10, 0)
