"""Golden cases of availability: the same facts under several policies, with their sources."""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shared import timeline
from shared.contracts.assessment import Assessment, Outcome, Reason
from shared.contracts.measured import Verdict
from shared.contracts.periods import Period
from shared.contracts.terms import Contract
from shared.instant import HOUR_US, MINUTE_US, SECOND_US, to_us
from shared.model.facts import AssetEvent, Category, EventKind, Interval, Meaning, Party
from tests.unit.contracts.judging import by_party, judge

Make = Callable[..., Contract]
Policy = Callable[..., dict[str, Any]]

# One year of a wind turbine, hours (IEC26-1 and WIND-A).
YEAR_H = {
    "FP": 6900, "PP": 300, "TS": 40, "OEN": 600, "RS": 60, "OEL": 80, "SM": 95, "PCA": 40, "FO": 310, "S": 25,
    "FM": 48, "IU": 262,
}  # fmt: skip


def _time(hours: dict[str, int | Fraction]) -> dict[tuple[Category, str, Party], int]:
    supplier = {"SM", "PCA", "FO", "S"}
    return {
        (Category(name), "observed", Party.SUPPLIER if name in supplier else Party.NOBODY): int(amount * HOUR_US)
        for name, amount in hours.items()
        if name != "IU"
    }


def _first_period(contract: Contract, *hours: dict[str, Any], **quantities: Decimal) -> Assessment:
    """The closed first period over the assets' hours; information unavailable is simply not said."""
    return judge(contract, *(_time(each) for each in hours), quantities=quantities)


@pytest.mark.parametrize(
    ("available", "excluded", "value"),
    [
        # IEC26-1: computed with the category sets published in the acwa package (time_formulas); names as there.
        pytest.param("FP PP", "IU", 0.8472581783949165, id="operation I, users' view"),
        pytest.param("FP PP OEN", "IU", 0.9178630265944928, id="operation II"),
        pytest.param("FP PP OEN", "IU RS OEL", 0.9332376166547021, id="operation III"),
        pytest.param("FP PP TS OEN RS OEL", "SM S FM IU", 0.957983193277311, id="technical, manufacturer's view"),
    ],
)
def test_one_year_has_four_honest_availabilities(
    contract_of: Make, policy: Policy, available: str, excluded: str, value: float
) -> None:
    contract = contract_of(verdicts=policy(available, excluded), rounding=None, settlement=None)
    assessed = _first_period(contract, YEAR_H)
    assert assessed.value is not None
    assert float(assessed.value) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("available", "excluded", "value"),
    [
        # IEC26-2: 98.04, 98.15, 97.03 % printed in a public source; T1 full, T2-T3 other up, T4 service, T5 down.
        pytest.param("FP", "PP TS SM", 0.9803921568627451, id="full performance only"),
        pytest.param("FP PP TS", "SM", 0.9815242494226328, id="without maintenance"),
        pytest.param("FP PP TS", "", 0.9703196347031964, id="with maintenance"),
    ],
)
def test_maintenance_in_or_out_is_a_policy(
    contract_of: Make, policy: Policy, available: str, excluded: str, value: float
) -> None:
    contract = contract_of(verdicts=policy(available, excluded), rounding=None, settlement=None)
    assessed = _first_period(contract, {"FP": 8000, "PP": 300, "TS": 200, "SM": 100, "FO": 160})
    assert assessed.value is not None
    assert float(assessed.value) == pytest.approx(value, rel=1e-12)


def test_wind_a_is_settled_to_the_cent(contract_of: Make) -> None:
    """WIND-A: computed; the malus is the form of Law Insider's "Annual Time Availability" clause."""
    assessed = _first_period(contract_of(), YEAR_H, actual_output_mwh=Decimal(4812))
    assert assessed.finding.by_verdict[Verdict.UNAVAILABLE] == Fraction("476.8") * HOUR_US
    assert assessed.finding.denominator == Fraction("8316.8") * HOUR_US
    assert assessed.value == 1 - Fraction("476.8") / Fraction("8316.8")
    assert assessed.value_rounded == Decimal("0.9427")
    assert (assessed.outcome, assessed.reason) == (Outcome.MISSED, Reason.BELOW_LEVEL)
    assert assessed.finding.low is not None
    assert assessed.finding.high is not None
    assert float(assessed.finding.low) == pytest.approx(0.923222, abs=5e-7)
    assert float(assessed.finding.high) == pytest.approx(0.954074, abs=5e-7)
    assert by_party(assessed.finding) == {
        Party.SUPPLIER: 390 * HOUR_US,
        Party.UNKNOWN: Fraction("86.8") * HOUR_US,
    }
    assert assessed.settlement.malus == Decimal("8639.85")
    assert not assessed.settlement.capped
    assert assessed.budget is not None
    assert assessed.budget.total_us == Fraction("0.03") * Fraction("8316.8") * HOUR_US


@pytest.mark.parametrize(
    ("parts", "value", "malus"),
    [
        pytest.param({"rounding": None}, 0.9426702577914583, "8649.54", id="not rounded before money"),
        pytest.param({"form": "deemed_available", "rounding": None}, 0.9455707762557077, "7707.84", id="deemed"),
    ],
)
def test_wind_a_by_other_rules_is_other_money(
    contract_of: Make, parts: dict[str, Any], value: float, malus: str
) -> None:
    assessed = _first_period(contract_of(**parts), YEAR_H, actual_output_mwh=Decimal(4812))
    assert assessed.value is not None
    assert float(assessed.value) == pytest.approx(value, rel=1e-12)
    assert str(assessed.settlement.malus) == malus


@pytest.mark.parametrize(
    ("beyond", "within", "fraction", "value"),
    [
        # contracts.md 3.1 (7) and 3.2 A: WIND-A with 262 h of missing information.
        pytest.param("unavailable", "excluded", 0.02, 0.942670, id="2 % excluded, the rest unavailable"),
        pytest.param("unavailable", "excluded", 1, 0.952612, id="all excluded"),
        pytest.param("unavailable", "excluded", 0, 0.923222, id="all unavailable"),
        pytest.param("available", "excluded", 0.02, 0.953107, id="the rest deemed available"),
        pytest.param("unavailable", "available", 1, 0.954074, id="all available"),
    ],
)
def test_the_rule_for_missing_information_moves_the_value(
    contract_of: Make, wind_a: dict[str, Any], beyond: str, within: str, fraction: float, value: float
) -> None:
    verdicts = wind_a["guarantees"][0]["verdicts"]
    gaps = {"category": "IU", "fraction_of_period": fraction, "within": within, "beyond": beyond}
    contract = contract_of(verdicts={**verdicts, "allowance": [verdicts["allowance"][0], gaps]})
    assessed = _first_period(contract, YEAR_H)
    assert assessed.value is not None
    assert float(assessed.value) == pytest.approx(value, abs=5e-7)


def test_a_fleet_is_the_sum_of_its_hours_never_the_mean_of_its_ratios(contract_of: Make, policy: Policy) -> None:
    """PUMP-D, computed: 12 pumps over 2,159 h each (Berlin, Q1-2026), 210 h excluded and 402 h down in all."""

    def pumps(count: int, level: float) -> Contract:
        return contract_of(
            tz="Europe/Berlin",
            term={"start": date(2026, 1, 1), "end": date(2033, 12, 31), "period": "calendar_quarter"},
            assets=[{"id": f"harbour/p{number:02}"} for number in range(count)],
            verdicts=policy("FP", "RS"),
            level=level,
            rounding=None,
            settlement=None,
        )

    seventh = {"FP": 2159 - 118 - 40, "FO": 118, "RS": 40}
    first = {"FP": 2159 - 284 - 170, "FO": 284, "RS": 170}
    fleet = _first_period(pumps(12, 0.985), first, seventh, *[{"FP": 2159}] * 10)
    assert (fleet.finding.denominator, fleet.outcome) == (25698 * HOUR_US, Outcome.MISSED)
    assert fleet.value is not None
    assert float(fleet.value) == pytest.approx(0.9843567592808778, rel=1e-12)
    alone = _first_period(pumps(1, 0.95), seventh)
    assert alone.outcome is Outcome.MISSED
    assert alone.value is not None
    assert float(alone.value) == pytest.approx(0.9443133553563001, rel=1e-12)


# Real stops of Kelmarsh 1 with the operator's own categories (Cubico, CC BY 4.0, doi 10.5281/zenodo.5841833).

_CATEGORIES = {
    "Forced outage": Category.FO,
    "Scheduled Maintenance": Category.SM,
    "Technical Standby": Category.TS,
    "Requested Shutdown": Category.RS,
    "Out of Electrical Specification": Category.OEL,
}
_RUNNING = Meaning(category=Category.FP, cause="running", party=Party.NOBODY)


def _us(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


def _stops(path: Path) -> Iterator[tuple[AssetEvent, Meaning]]:
    """One code for each reading of a stop: its IEC category, and the grid by the service contract's category."""
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            cause = "grid" if row["service_contract_category"].startswith("External stop (grid)") else "turbine"
            category = _CATEGORIES[row["iec_category"]]
            event = AssetEvent(
                id=number,
                kind=EventKind.INTERVAL,
                code=f"{category} {cause}",
                text=row["message"],
                start_us=_us(row["start_utc"]),
                end_us=_us(row["end_utc"]),
            )
            yield event, Meaning(category=category, cause=cause, party=Party.SUPPLIER)


@pytest.fixture
def kelmarsh(shared_data: Path) -> list[Interval]:
    """The turbine's timeline, 2016-01-14 to 2016-03-03: running wherever no stop was logged."""
    stops = list(_stops(shared_data / "kelmarsh1_stops.csv"))
    start_us, end_us = _us("2016-01-14"), _us("2016-03-03")
    running = AssetEvent(id=99, kind=EventKind.STATE, code="run", text="", start_us=start_us, end_us=None)
    meanings = {"run": _RUNNING, **{event.code: meaning for event, meaning in stops}}
    return timeline.build([running, *(event for event, _ in stops)], meanings, [], start_us, end_us)


def _kelmarsh_value(
    contract_of: Make, verdicts: dict[str, Any], facts: list[Interval], start_us: int, end_us: int, **parts: Any
) -> Assessment:
    contract = contract_of(
        tz="Etc/UTC",
        term={"start": date(2016, 1, 1), "end": date(2016, 12, 31), "period": "calendar_month"},
        verdicts=verdicts,
        rounding=None,
        settlement=None,
        **parts,
    )
    period = Period(start_us=start_us, end_us=end_us, full_us=end_us - start_us, label="asked")
    return judge(contract, timeline.durations(facts, start_us, end_us), period=period)


@pytest.mark.parametrize(
    ("slot", "users_view", "manufacturers_view"),
    [
        # KEL-1: the operator's own columns (Greenbyte) to 1e-12, and exactly as fractions of seconds.
        ("14:20", Fraction(0), Fraction(0)),
        ("14:30", Fraction(208, 600), Fraction(208, 600)),
        ("14:40", Fraction(538, 600), Fraction(1)),
        ("14:50", Fraction(455, 600), Fraction(1)),
        ("15:00", Fraction(381, 600), Fraction(381, 453)),
        ("15:10", Fraction(1), Fraction(1)),
    ],
)
def test_ten_minute_slots_are_those_of_the_operator(
    contract_of: Make,
    policy: Policy,
    kelmarsh: list[Interval],
    slot: str,
    users_view: Fraction,
    manufacturers_view: Fraction,
) -> None:
    start_us = _us(f"2016-01-23T{slot}:00")
    window = (kelmarsh, start_us, start_us + 10 * MINUTE_US)
    users = _kelmarsh_value(contract_of, policy("FP PP OEN", "IU"), *window)
    manufacturers = _kelmarsh_value(contract_of, policy("FP PP TS OEN RS OEL", "SM S FM IU"), *window)
    assert (users.value, manufacturers.value) == (users_view, manufacturers_view)


@pytest.mark.parametrize(
    ("available", "excluded", "overrides", "value", "outcome"),
    [
        # KEL-2: computed from the log; the four against a level of 97 %.
        pytest.param("FP PP TS OEN RS OEL", "IU", None, 0.9695893199233716, Outcome.MISSED, id="FO and SM charged"),
        pytest.param(
            "FP PP TS OEN RS OEL", "SM S FM IU", None, 0.9706364265089614, Outcome.MET, id="manufacturer's view"
        ),
        pytest.param(
            "FP PP TS OEN",
            "RS OEL SM FM IU",
            [{"when": "category == 'FO' && cause == 'grid'", "verdict": "excluded"}],
            0.971376666521944,
            Outcome.MET,
            id="grid, requests and maintenance excluded",
        ),
        pytest.param("FP PP OEN OEL", "IU", None, 0.9641550925925926, Outcome.MISSED, id="FO, SM, TS, RS charged"),
    ],
)
def test_one_real_month_lies_on_both_sides_of_its_guarantee(
    contract_of: Make,
    policy: Policy,
    kelmarsh: list[Interval],
    available: str,
    excluded: str,
    overrides: list[dict[str, str]] | None,
    value: float,
    outcome: Outcome,
) -> None:
    start_us, end_us = _us("2016-02-01"), _us("2016-03-01")
    assessed = _kelmarsh_value(
        contract_of, policy(available, excluded), kelmarsh, start_us, end_us, overrides=overrides
    )
    assert assessed.value is not None
    assert float(assessed.value) == pytest.approx(value, rel=1e-12)
    assert assessed.outcome is outcome
    seconds = {
        (tally.category, tally.cause): tally.duration_us / SECOND_US
        for tally in assessed.finding.tallies
        if tally.category is not Category.FP
    }
    assert seconds == {
        (Category.FO, "turbine"): 73494 - 2293,
        (Category.FO, "grid"): 2293,
        (Category.SM, "turbine"): 2703,
        (Category.TS, "turbine"): 528,
        (Category.RS, "turbine"): 13088,
    }
