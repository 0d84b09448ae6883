"""The truth tables of alerts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.alerts import transitions
from services.analytics.alerts.transitions import AlertReason, anomaly, risk, silence
from services.analytics.judged import Judged
from shared.contracts.assessment import Assessment, Certainty, Forecast, Outcome
from shared.contracts.periods import periods
from shared.contracts.settlement.ledger import entry_of, fold
from shared.contracts.spec import parse
from shared.contracts.terms import AlertPolicy
from shared.instant import HOUR_US, SECOND_US
from shared.model.alert import AlertState, Hearing, Machine, Watching
from shared.model.facts import Category, Party
from tests.unit.contracts.judging import judge

POLICY = AlertPolicy(open_at=0.5, close_below=0.4)
MACHINE = Machine(asset_id=7, customer_id=3, name="Compressor 1", site="Kempten", customer="Lechtal Foods GmbH")
NOW = 1_772_438_400 * SECOND_US
TEXT = """
contract: {id: LF-1, version: 1, customer: lechtal, offering: AES, currency: EUR, tz: Etc/UTC}
term: {start: 2026-03-01, end: 2026-03-31, period: calendar_month}
assets: [{id: kempten/c1}]
guarantees:
  - id: TBA
    kind: time_availability
    level: 0.97
    form: excluded_from_denominator
    category_model: iec61400_26_2019
    verdicts:
      available: [FP, PP, TS, OEN]
      excluded: [RS, OEL, FM, IU]
      unavailable: [SM, PCA, FO, S]
    settlement:
      malus: {formula: "unavailable_h * rate", rate: 100, unit: EUR/h}
      cap: {malus_per_period: 5000}
"""
CONTRACT = parse(TEXT, "contract")
(MARCH,) = periods(CONTRACT)


def judged(up_h: int, down_h: int, p_miss: float | None = None, certainty: Certainty = Certainty.OPEN) -> Judged:
    """March as far as `up_h` + `down_h` hours, with a forecast in place of the one that would follow."""
    known = {
        (Category.FP, "running", Party.NOBODY): up_h * HOUR_US,
        (Category.FO, "broken", Party.SUPPLIER): down_h * HOUR_US,
    }
    as_of_us = MARCH.start_us + (up_h + down_h) * HOUR_US
    (guarantee,) = CONTRACT.guarantees
    assessment = judge(CONTRACT, known, as_of_us=as_of_us)
    assert assessment.forecast is not None
    forecast = replace(assessment.forecast, p_miss=p_miss, certainty=certainty)
    (settlement,) = fold(CONTRACT, [entry_of(assessment)]).values()
    return Judged(
        contract_id=5,
        customer_id=3,
        contract=CONTRACT,
        guarantee=guarantee,
        period=MARCH,
        assessment=replace(assessment, forecast=forecast, settlement=settlement),
        is_new=True,
    )


@pytest.mark.parametrize(
    ("p_miss", "certainty", "is_open", "expected"),
    [
        (0.49, Certainty.OPEN, False, None),
        (0.50, Certainty.OPEN, False, AlertReason.P_MISS_HIGH),
        (0.99, Certainty.OPEN, True, None),
        (0.45, Certainty.OPEN, False, None),
        (0.45, Certainty.OPEN, True, None),
        (0.40, Certainty.OPEN, True, None),
        (0.39, Certainty.OPEN, True, AlertReason.P_MISS_LOW),
        (None, Certainty.OPEN, False, None),
        (None, Certainty.OPEN, True, None),
        (1.0, Certainty.CERTAIN_MISS, False, AlertReason.MISS_CERTAIN),
        (1.0, Certainty.CERTAIN_MISS, True, None),
        (0.0, Certainty.IMPOSSIBLE_MISS, True, AlertReason.P_MISS_LOW),
        (0.0, Certainty.IMPOSSIBLE_MISS, False, None),
    ],
)
def test_risk_opens_at_one_threshold_and_closes_below_another(
    p_miss: float | None, certainty: Certainty, is_open: bool, expected: AlertReason | None
) -> None:
    assert risk(judged(100, 5, p_miss, certainty).assessment, POLICY, is_open=is_open) is expected


def test_a_miss_that_only_data_gaps_make_certain_neither_opens_nor_closes() -> None:
    unsure = replace(judged(100, 5, 1.0, Certainty.CERTAIN_MISS).assessment, outcome=Outcome.INCONCLUSIVE)
    assert risk(unsure, POLICY, is_open=False) is None
    assert risk(unsure, POLICY, is_open=True) is None


@pytest.mark.parametrize(("is_open", "expected"), [(True, AlertReason.PERIOD_ENDED), (False, None)])
def test_a_period_that_is_over_closes_whatever_its_outcome(is_open: bool, expected: AlertReason | None) -> None:
    over = judged(700, 44, 1.0, Certainty.CERTAIN_MISS).assessment
    assert over.complete
    assert risk(over, POLICY, is_open=is_open) is expected


@given(st.lists(st.floats(0, 1), max_size=50))
def test_between_two_alerts_of_a_guarantee_the_probability_was_below_the_lower_threshold(walk: list[float]) -> None:
    is_open, lowest = False, 0.0
    base = judged(100, 5)
    for p_miss in walk:
        lowest = min(lowest, p_miss)
        assessment = replace(base.assessment, forecast=replace(_forecast(base.assessment), p_miss=p_miss))
        reason = risk(assessment, POLICY, is_open=is_open)
        if reason is AlertReason.P_MISS_HIGH:
            assert lowest < POLICY.close_below
            assert p_miss >= POLICY.open_at
            is_open, lowest = True, 1.0
        elif reason is AlertReason.P_MISS_LOW:
            assert p_miss < POLICY.close_below
            is_open = False
        else:
            assert reason is None


def _forecast(assessment: Assessment) -> Forecast:
    assert assessment.forecast is not None
    return assessment.forecast


@pytest.mark.parametrize(
    ("silent_s", "allowed_s", "is_open", "expected"),
    [
        (60, 60, False, None),
        (61, 60, False, AlertReason.SILENT_TOO_LONG),
        (61, 60, True, None),
        (60, 60, True, AlertReason.HEARD_AGAIN),
        (61, None, False, None),
        (61, None, True, AlertReason.SILENCE_ALLOWED),
        (None, 60, False, None),
        (-5, 60, False, None),
    ],
)
def test_silence(silent_s: int | None, allowed_s: int | None, is_open: bool, expected: AlertReason | None) -> None:
    assert silence(_hearing(silent_s, allowed_s), is_open=is_open, now_us=NOW) is expected


@pytest.mark.parametrize(
    ("listening_s", "is_open", "expected"),
    [
        (61, False, AlertReason.SILENT_TOO_LONG),
        (60, False, None),
        (None, False, None),
        (None, True, None),
        (10, True, None),
    ],
)
def test_only_time_in_which_somebody_listened_makes_a_machine_silent(
    listening_s: int | None, is_open: bool, expected: AlertReason | None
) -> None:
    since_us = None if listening_s is None else NOW - listening_s * SECOND_US
    hearing = replace(_hearing(7200, 60), listening_since_us=since_us)
    assert silence(hearing, is_open=is_open, now_us=NOW) is expected


def test_a_machine_heard_again_is_not_silent_whoever_listens() -> None:
    hearing = replace(_hearing(5, 60), listening_since_us=None)
    assert silence(hearing, is_open=True, now_us=NOW) is AlertReason.HEARD_AGAIN


@pytest.mark.parametrize(
    ("goes_on", "fact_age_h", "is_open", "expected"),
    [
        (True, 0, False, AlertReason.FINDING_OPEN),
        (True, 1, False, AlertReason.FINDING_OPEN),
        (True, 2, False, None),
        (True, None, False, None),
        (True, 2, True, None),
        (False, 0, True, AlertReason.FINDING_ENDED),
        (False, 0, False, None),
    ],
)
def test_anomaly(goes_on: bool, fact_age_h: int | None, is_open: bool, expected: AlertReason | None) -> None:
    assert anomaly(_watching(goes_on, fact_age_h), is_open=is_open, now_us=NOW) is expected


def test_the_words_of_a_guarantee_at_risk_carry_the_numbers_and_the_money() -> None:
    opened = transitions.of_guarantee(judged(190, 10, 0.731), is_open=False, now_us=NOW)
    assert opened is not None
    assert (opened.subject, opened.to_state) == ("LF-1/TBA/2026-03", AlertState.OPEN)
    assert (opened.customer_id, opened.contract_id, opened.asset_id) == (3, 5, None)
    assert opened.title == "LF-1: guarantee TBA of 97.00% for 2026-03 is at risk"
    assert opened.body.splitlines()[1:] == [
        "Target 97.00%, so far 95.00%.",
        "Unavailable time: 10.0 h used of 22.3 h allowed, 12.3 h left.",
        "Probability of missing it: 73%, with 544 machine hours to go (0 failure(s) seen).",
        "Malus as things stand: 1,000.00 EUR. One more unavailable hour costs 100.00.",
    ]


def test_the_words_of_silence_name_the_machine_the_time_and_what_depends_on_it() -> None:
    opened = transitions.of_silence(_hearing(300, 60), is_open=False, now_us=NOW)
    assert opened is not None
    assert (opened.subject, opened.asset_id) == ("asset/7", 7)
    assert opened.title == "Compressor 1 (Lechtal Foods GmbH) is silent"
    assert "Nothing heard since 2026-03-02 07:55:00 UTC, for 5 min; it is expected every 60 s." in opened.body
    assert "Contracts that depend on it: LF-1." in opened.body


def test_the_words_of_an_anomaly_name_the_sensors() -> None:
    opened = transitions.of_anomaly(_watching(True, 0), is_open=False, now_us=NOW)
    assert opened is not None
    assert "up to 3.5 times the threshold" in opened.body
    assert "Most unusual: temperature, current." in opened.body


def _hearing(silent_s: int | None, allowed_s: int | None) -> Hearing:
    return Hearing(
        machine=MACHINE,
        last_heard_us=None if silent_s is None else NOW - silent_s * SECOND_US,
        silent_after_us=None if allowed_s is None else allowed_s * SECOND_US,
        contracts=("LF-1",),
    )


def _watching(goes_on: bool, fact_age_h: int | None) -> Watching:
    return Watching(
        machine=MACHINE,
        last_fact_us=None if fact_age_h is None else NOW - fact_age_h * HOUR_US,
        since_us=NOW - HOUR_US if goes_on else None,
        peak_score=3.5 if goes_on else None,
        sensors=("temperature", "current") if goes_on else (),
    )
