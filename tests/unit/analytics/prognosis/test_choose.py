"""Which method speaks, how several are combined, and by when to act."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.prognosis.choose import Ageing, choose, recommend
from services.analytics.prognosis.curve import Curve, earliest
from services.analytics.prognosis.trend import Absent, Extrapolation, NoTrend, extrapolate
from services.analytics.prognosis.weibull import Lifetime, Lives, Prior, TooFew, fit
from shared.instant import DAY_US, HOUR_US
from shared.model.prognosis import Method, Prediction

_AT = 20_000 * DAY_US + 5 * HOUR_US
_FLAT = NoTrend(why=Absent.NO_TREND, reason="no trend towards the limit", evidence={})


def _ageing(age: float, share: float = 1.0) -> Ageing:
    none = np.empty(0)
    lifetime = fit(
        Lives(entered_h=none, ended_h=none, failed=none.astype(np.bool_)),
        Prior(shape=2.5, shape_spread=1e-7, scale_h=9000, failures=1e10),
    )
    assert isinstance(lifetime, Lifetime)
    return Ageing(lifetime=lifetime, age_h=age, operating_share=share)


def _trend(limit: float = 3.0) -> Extrapolation:
    at = np.arange(200.0)
    found = extrapolate(at, at / 100 + np.sin(at * 7) / 50, limit)
    assert isinstance(found, Extrapolation)
    return found


def _learnt(p50: float | None = 300.0) -> Prediction:
    return Prediction(
        component="bearing",
        at_us=_AT,
        method=Method.RUN_TO_FAILURE,
        p10_h=None if p50 is None else p50 / 2,
        p50_h=p50,
        p90_h=None if p50 is None else p50 * 2,
        risk=None if p50 is None else (0.001, 0.13, 0.95),
        health=0.4,
        reason="20 run-to-failure histories" if p50 else "3 histories that ended in a failure, 8 are needed",
        evidence={"histories": 20},
    )


def test_with_nothing_to_go_by_the_answer_says_what_is_missing() -> None:
    found = choose(
        "bearing",
        _AT,
        run_to_failure=_learnt(None),
        ageing=TooFew(failures=1, needed=2),
        trends={"vibration_mm_s": _FLAT},
    )

    assert found.method is Method.NONE
    assert (found.p10_h, found.risk) == (None, None)
    assert found.reason == (
        "not enough data: 3 histories that ended in a failure, 8 are needed; no hazard from events; 1 failure(s) of "
        "this component on record, 2 are needed for a lifetime; vibration_mm_s: no trend towards the limit"
    )
    assert recommend(found) is None


def test_lifetimes_alone_give_the_golden_risk_and_quantiles() -> None:
    found = choose("bearing", _AT, ageing=_ageing(7000), trends={"vibration_mm_s": _FLAT})

    assert found.method is Method.WEIBULL
    assert found.risk is not None
    assert found.risk[2] == pytest.approx(0.1375251325337853, rel=1e-4)
    assert found.p10_h == pytest.approx(523.27, rel=0.01)
    assert found.p50_h == pytest.approx(2766.3, rel=0.01)
    assert found.evidence["no_trend"] == {"vibration_mm_s": "no trend towards the limit"}


def test_a_trend_outweighs_a_lifetime_and_both_are_named() -> None:
    trend = _trend()

    found = choose("bearing", _AT, ageing=_ageing(1000), trends={"vibration_mm_s": trend})

    assert found.method is Method.HEALTH_TREND
    assert found.p50_h == pytest.approx(trend.p50_h, rel=0.1)
    assert found.health == trend.health
    assert "vibration_mm_s on its way to the limit 3" in found.reason
    assert "combined, as the earlier of independent causes, with" in found.reason
    assert [each["method"] for each in found.evidence["methods"]] == ["weibull", "health_trend"]


def test_two_causes_together_are_worse_than_either() -> None:
    alone = choose("bearing", _AT, ageing=_ageing(12000))
    trend = choose("bearing", _AT, trends={"vibration_mm_s": _trend()})

    both = choose("bearing", _AT, ageing=_ageing(12000), trends={"vibration_mm_s": _trend()})

    assert alone.risk is not None
    assert trend.risk is not None
    assert both.risk is not None
    for one, other, together in zip(alone.risk, trend.risk, both.risk, strict=True):
        assert together == pytest.approx(1 - (1 - one) * (1 - other), rel=1e-6)


def test_a_hazard_from_events_outweighs_lifetimes_and_goes_on_with_them_after_a_month() -> None:
    found = choose("comp1", _AT, hazard=(0.01, 0.02, 0.05), ageing=_ageing(100))

    assert found.method is Method.EVENTS
    assert found.risk == pytest.approx((0.01, 0.02, 0.05))
    assert found.p50_h == pytest.approx(7500, rel=0.1)


def test_a_hazard_from_events_without_lifetimes_goes_on_as_in_the_last_weeks_of_the_month() -> None:
    found = choose("comp1", _AT, hazard=(0.01, 0.02, 0.05))

    slope = (math.log(0.98) - math.log(0.95)) / (720 - 168)
    assert found.p50_h == pytest.approx(720 + (math.log(2) + math.log(0.95)) / slope, rel=1e-6)


def test_a_model_of_run_to_failure_histories_keeps_its_quantiles() -> None:
    found = choose("bearing", _AT, run_to_failure=_learnt(), hazard=(0.9, 0.9, 0.9), ageing=_ageing(100))

    assert found.method is Method.RUN_TO_FAILURE
    assert (found.p10_h, found.p50_h, found.p90_h) == pytest.approx((150, 300, 600))
    assert found.health == 0.4


def test_a_certain_failure_has_no_life_left() -> None:
    found = choose("comp1", _AT, hazard=(1.0, 1.0, 1.0))

    assert found.risk == pytest.approx((1.0, 1.0, 1.0))
    assert found.p90_h is not None
    assert found.p90_h < 24


def test_a_prediction_of_another_component_is_refused() -> None:
    with pytest.raises(ValueError, match="not of seal"):
        choose("seal", _AT, run_to_failure=_learnt())


@pytest.mark.parametrize(
    ("p10", "latest_us", "words"),
    [
        (48.0, 20_002 * DAY_US, "the last slot before it"),
        (19.5, 20_001 * DAY_US, "the last slot before it"),
        (3.0, _AT, "see to it now"),
        (0.0, _AT, "see to it now"),
    ],
)
def test_the_latest_sensible_instant_is_the_last_midnight_before_the_p10(
    p10: float, latest_us: int, words: str
) -> None:
    prediction = Prediction(
        component="bearing",
        at_us=_AT,
        method=Method.WEIBULL,
        p10_h=p10,
        p50_h=p10 * 2,
        p90_h=None,
        risk=None,
        health=None,
        reason="by lifetimes",
        evidence={},
    )

    found = recommend(prediction)

    assert found is not None
    assert found.latest_us == latest_us
    assert words in found.reason
    assert f"one in ten fails within {p10:.0f} h" in found.reason


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1)), min_size=1, max_size=8), st.booleans())
def test_a_curve_never_falls_and_its_quantiles_lie_on_it(points: list[tuple[float, float]], goes_on: bool) -> None:
    curve = earliest([Curve.through(points, goes_on=goes_on), Curve.through([(100.0, 0.1)])])

    assert np.all(np.diff(curve.hazard) >= 0)
    assert curve.risk[0] <= curve.risk[1] <= curve.risk[2]
    for share in (0.1, 0.5, 0.9):
        hours = curve.quantile_h(share)
        if hours is not None:
            assert -math.expm1(-curve.at(np.array([hours]))[0]) == pytest.approx(share, abs=1e-6)
