"""How alike two findings are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.anomaly import Contribution, Severity, severity
from shared.model.signature import NO_WORSE, repeats, signature, similarity

signatures = st.dictionaries(st.sampled_from("abcd"), st.floats(-1, 1, allow_subnormal=False), max_size=4)


@given(signatures, signatures)
def test_likeness_is_symmetric_and_within_one(one: dict[str, float], other: dict[str, float]) -> None:
    assert -1 <= similarity(one, other) <= 1
    assert similarity(one, other) == pytest.approx(similarity(other, one), abs=1e-9)


@given(signatures, st.floats(0.1, 10))
def test_a_signature_is_like_itself_at_any_scale_and_opposite_to_its_opposite(
    one: dict[str, float], factor: float
) -> None:
    if any(abs(share) > 1e-3 for share in one.values()):
        assert similarity(one, {name: share * factor for name, share in one.items()}) == pytest.approx(1)
        assert similarity(one, {name: -share for name, share in one.items()}) == pytest.approx(-1)


def test_nothing_is_like_an_empty_signature() -> None:
    assert similarity({}, {"a": 1.0}) == similarity({"a": 0.0}, {"a": 1.0}) == 0


@pytest.mark.parametrize(
    ("other", "peak", "again"),
    [
        ({"oil": 0.8, "power": -0.2}, 3.0, True),
        ({"oil": 0.7, "power": -0.3}, 3.0, True),
        ({"oil": -0.8, "power": 0.2}, 3.0, False),
        ({"oil": 0.5, "power": -0.5}, 3.0, False),
        ({"pressure": 1.0}, 3.0, False),
        ({"oil": 0.8, "power": -0.2}, 3.0 * NO_WORSE, True),
        ({"oil": 0.8, "power": -0.2}, 3.0 * NO_WORSE + 0.1, False),
        ({}, 1.0, False),
    ],
)
def test_a_finding_repeats_a_rejected_one_if_it_looks_like_it_and_is_not_much_worse(
    other: dict[str, float], peak: float, again: bool
) -> None:
    assert repeats(other, peak, {"oil": 0.8, "power": -0.2}, 3.0) is again


def test_a_signature_has_its_sign_from_the_direction() -> None:
    told = [
        Contribution(sensor="oil", share=0.75, observed=80.0, expected=70.0),
        Contribution(sensor="power", share=0.25, observed=1.0, expected=2.0),
    ]
    assert signature(told) == {"oil": 0.75, "power": -0.25}


def test_severity_grows_with_the_peak() -> None:
    assert [severity(peak) for peak in (1.0, 2.24, 2.25, 8.9, 9.0, 1e9)] == [
        Severity.WATCH, Severity.WATCH, Severity.WARNING, Severity.WARNING, Severity.CRITICAL, Severity.CRITICAL,
    ]  # fmt: skip
