"""A contract of two guarantees: one rounds and needs a quantity for its malus, one is exact and capped."""

from datetime import UTC, datetime

START = datetime(2026, 1, 1, tzinfo=UTC)
CONTRACT = """
contract: {id: WIND-1, version: 1, customer: northridge, offering: AES, currency: EUR, tz: Etc/UTC}
term: {start: 2026-01-01, end: 2026-12-31, period: calendar_month}
assets: [{id: ridge/t1}]
guarantees:
  - id: TBA
    kind: time_availability
    level: 0.97
    form: excluded_from_denominator
    category_model: iec61400_26_2019
    verdicts:
      available: [FP, PP, TS, OEN]
      excluded: [RS, OEL, FM]
      unavailable: [PCA, FO, S]
      allowance:
        - {category: SM, hours_per_asset_per_period: 8, within: excluded, beyond: unavailable}
        - {category: IU, fraction_of_period: 0.02, within: excluded, beyond: unavailable}
    rounding: {availability_decimals: 4, mode: half_up, money_decimals: 2}
    settlement:
      malus: {formula: "(level/measured - 1) * actual_output_mwh * rate", rate: 62.00, unit: EUR/MWh}
  - id: DEEMED
    kind: time_availability
    level: 0.9
    form: deemed_available
    category_model: iec61400_26_2019
    verdicts:
      available: [FP, PP, TS, OEN, RS, OEL, FM]
      excluded: [IU]
      unavailable: [PCA, FO, S, SM]
    settlement:
      malus: {formula: "unavailable_h * rate", rate: 100.00, unit: EUR/h}
      cap: {malus_per_period: 2500}
"""
