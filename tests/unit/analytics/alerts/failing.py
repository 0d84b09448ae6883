"""What the tests of failures foretold share: a guarantee half way through its month, and a notice of one machine."""

from dataclasses import replace
from typing import Any

from services.analytics.judged import Judged
from shared.contracts.assess import assess
from shared.contracts.facts import Facts, Window
from shared.contracts.forecast import Evidence
from shared.contracts.periods import periods
from shared.contracts.settlement.ledger import entry_of, fold
from shared.contracts.spec import parse
from shared.instant import DAY_US, HOUR_US
from shared.model.alert import Confirmed, Machine, Noticed
from shared.model.facts import Category, Party
from shared.model.prognosis import Method, NoticeState, Prediction

MACHINE = Machine(asset_id=7, customer_id=3, name="Compressor 1", site="Kempten", customer="Lechtal Foods GmbH")
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
    overrides:
      - {when: "cause == 'wear_part'", verdict: excluded}
    settlement:
      malus: {formula: "unavailable_h * rate", rate: 100, unit: EUR/h}
      cap: {malus_per_period: 5000}
"""
CONTRACT = parse(TEXT, "contract")
(MARCH,) = periods(CONTRACT)
# A failure every 200 h, 5 h to repair.
SEEN = Evidence(up_us=2_000 * HOUR_US, down_us=50 * HOUR_US, failures=10)


def judged(up_h: int, down_h: int, seen: Evidence | None = SEEN) -> Judged:
    """March as far as `up_h` + `down_h` hours."""
    known = {
        (Category.FP, "running", Party.NOBODY): up_h * HOUR_US,
        (Category.FO, "broken", Party.SUPPLIER): down_h * HOUR_US,
    }
    (guarantee,) = CONTRACT.guarantees
    window = Window(period=MARCH, as_of_us=MARCH.start_us + (up_h + down_h) * HOUR_US)
    assessment = assess(CONTRACT, guarantee, Facts(durations={"kempten/c1": known}), window, seen)
    (settlement,) = fold(CONTRACT, [entry_of(assessment)]).values()
    return Judged(
        contract_id=5,
        customer_id=3,
        contract=CONTRACT,
        guarantee=guarantee,
        period=MARCH,
        assessment=replace(assessment, settlement=settlement),
        is_new=True,
    )


# Ten days into March.
NOW = MARCH.start_us + 10 * DAY_US


def noticed(**changes: Any) -> Noticed:
    """A notice given yesterday, and what is foretold now: the bearing fails in six days or so."""
    prediction = Prediction(
        component="main_bearing",
        at_us=NOW,
        method=Method.HEALTH_TREND,
        p10_h=72.0,
        p50_h=144.0,
        p90_h=288.0,
        risk=(0.01, 0.5, 0.98),
        health=0.4,
        reason="vibration_mm_s rises to its limit of 4.5 mm/s",
        evidence={"methods": [{"method": "health_trend", "sensor": "vibration_mm_s", "limit": 4.5}]},
    )
    usual: dict[str, Any] = {
        "notice_id": 11,
        "machine": MACHINE,
        "component": "main_bearing",
        "causes": ("bearing_failure",),
        "state": NoticeState.OPEN,
        "given_us": NOW - DAY_US,
        "expected_us": NOW + 144 * HOUR_US,
        "latest_us": NOW + 66 * HOUR_US,
        "window_end_us": NOW + 29 * DAY_US,
        "failed_us": None,
        "reason": "a failure within 30 days is likely",
        "prediction": prediction,
        "every_us": 6 * HOUR_US,
    }
    return Noticed(**(usual | changes))


def confirmed(**changes: Any) -> Confirmed:
    """A finding of five hours, confirmed by an engineer."""
    usual: dict[str, Any] = {
        "machine": MACHINE,
        "since_us": NOW - 5 * HOUR_US,
        "is_confirmed": True,
        "severity": "warning",
        "peak_score": 2.25,
        "signature": {"oil_temperature_c": 0.2, "vibration_mm_s": 0.7, "power_kw": -0.1},
        "label": "bearing wear",
        "note": "heard it too",
        "reviewed_by": "ada",
    }
    return Confirmed(**(usual | changes))
