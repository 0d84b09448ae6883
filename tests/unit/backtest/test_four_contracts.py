"""The four example contracts through the command line: domain/contracts.md 3.2 and golden.json, to the cent."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from services.cli import app

CONTRACTS = Path(__file__).parents[3] / "deploy" / "contracts"
EVENTS = "asset,start,end,category,cause,party,note"
QUANTITIES = "asset,name,start,end,value,unit"
TICKETS = "id,asset,priority,received,on_site,restored,paused_s"
Backtest = Callable[..., dict[str, Any]]

PARIS, BERLIN, ROME = ZoneInfo("Europe/Paris"), ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Rome")
# golden.json WIND-A: hours of the contract year 2025-04-01 to 2026-03-31.
WIND_A = {
    "FP": 6900, "PP": 300, "TS": 40, "OEN": 600, "RS": 60, "OEL": 80, "SM": 95, "PCA": 40, "FO": 310, "S": 25,
    "FM": 48, "IU": 262,
}  # fmt: skip
OURS = {"SM", "PCA", "FO", "S"}


@pytest.fixture
def backtest(tmp_path: Path) -> Backtest:
    """`vouch backtest CONTRACT --json` over files of these lines."""

    def ask(contract: Path | str, start: str, end: str, *options: str, **files: list[str]) -> dict[str, Any]:
        headers = {"events": EVENTS, "quantities": QUANTITIES, "tickets": TICKETS}
        path = CONTRACTS / contract
        command = ["backtest", str(path), "--from", start, "--to", end, "--json", *options]
        for name, lines in {"events": [], **files}.items():
            file = tmp_path / f"{name}.csv"
            file.write_text("\n".join([headers[name], *lines, ""]), encoding="utf-8")
            command += [f"--{name}", str(file)]
        result = CliRunner().invoke(app, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return ask


def at(text: str, zone: ZoneInfo, hours: float = 0) -> str:
    """The instant so many hours after a local time, in UTC."""
    begun = datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    return (begun + timedelta(hours=hours)).isoformat()


def in_a_row(asset: str, first: str, *stretches: tuple[float, str, str, str]) -> Iterator[str]:
    """Events of (hours, category, cause, party), each from where the one before ended."""
    begun = datetime.fromisoformat(first)
    for hours, category, cause, party in stretches:
        ended = begun + timedelta(hours=hours)
        yield f"{asset},{begun.isoformat()},{ended.isoformat()},{category},{cause},{party},"
        begun = ended


def guarantee(document: dict[str, Any], name: str, period: int = 0) -> dict[str, Any]:
    return next(each for each in document["periods"][period]["guarantees"] if each["id"] == name)


def wind_a(hours: Mapping[str, float]) -> list[str]:
    stretches = [(amount, name, "", "supplier" if name in OURS else "") for name, amount in hours.items()]
    return list(in_a_row("T01", at("2025-04-01", PARIS), *stretches))


def output_mwh(value: str) -> str:
    return f"T01,actual_output_mwh,{at('2025-04-01', PARIS)},{at('2026-04-01', PARIS)},{value},MWh"


def test_wind_a_owes_8639_85(backtest: Backtest) -> None:
    document = backtest(
        "A_wind_turbine.yaml", "2025-04-01", "2026-04-01", events=wind_a(WIND_A), quantities=[output_mwh("4812")]
    )
    found = guarantee(document, "TBA")
    assert document["periods"][0]["hours"] == 8760
    assert found["value"] == pytest.approx(0.9426702577914583, rel=1e-12)
    assert (found["value_exact"], found["value_rounded"]) == ("2450/2599", 0.9427)
    assert (found["numerator"], found["denominator"]) == (7840.0, 8316.8)
    assert found["hours"] == {name: float(hours) for name, hours in WIND_A.items()}
    assert (found["verdict"], found["reason"]) == ("missed", "below_level")
    # "Attribution of shortfall hours: supplier 390, supplier-gateway 86.8."
    assert found["attribution"] == {"supplier": 390.0, "supplier_gateway": 86.8}
    assert (found["settlement"]["malus"], found["settlement"]["bonus"]) == ("8639.85", "0.00")
    assert found["settlement"]["capped"] is False
    assert document["totals"]["malus"] == "8639.85"


def test_wind_a_at_985_earns_761_08(backtest: Backtest) -> None:
    # 8760 h, nothing excluded: 131.4 h down are A = .985.
    hours = {"FP": 8760 - 131.4, "FO": 131.4}
    document = backtest(
        "A_wind_turbine.yaml", "2025-04-01", "2026-04-01", events=wind_a(hours), quantities=[output_mwh("4812")]
    )
    found = guarantee(document, "TBA")
    assert (found["value"], found["verdict"]) == (0.985, "met")
    assert (found["settlement"]["malus"], found["settlement"]["bonus"]) == ("0.00", "761.08")


def test_a_wind_turbine_that_stood_for_a_year_owes_no_more_than_the_cap(backtest: Backtest) -> None:
    document = backtest(
        "A_wind_turbine.yaml", "2025-04-01", "2026-04-01", events=wind_a({"FO": 8760}), quantities=[output_mwh("4812")]
    )
    settlement = guarantee(document, "TBA")["settlement"]
    assert (settlement["malus"], settlement["capped"], settlement["cap"]) == ("29750.00", True, "period")


def comp_b() -> dict[str, list[str]]:
    """July 2026, golden.json COMP-B and COMP-B2: V = 744 x 1500 m3, inlet 26 C; minutes 260, 120, 150, 360."""
    start, end = at("2026-07-01", BERLIN), at("2026-08-01", BERLIN)
    stops = in_a_row(
        "AIR1",
        at("2026-07-10", BERLIN),
        (260 / 60, "FO", "compressor_trip", "supplier"),
        (120 / 60, "SM", "planned_maintenance", "supplier"),
        (150 / 60, "OEN", "customer_demand", "customer"),
        (360 / 60, "IU", "gateway", ""),
    )
    volumes = [
        f"AIR1,volume_m3,{at('2026-07-01', BERLIN, hour)},{at('2026-07-01', BERLIN, hour + 1)},1500,m3"
        for hour in range(744)
    ]
    answered = {"t1": 2.5, "t2": 3.9, "t3": 5.2}
    return {
        "events": list(stops),
        "quantities": [
            *volumes,
            f"AIR1,inlet_c,{start},{end},26,Cel",
            f"AIR1,actual_kwh,{start},{end},127.9,MWh",
        ],
        "tickets": [
            f"{name},AIR1,P1,{at('2026-07-05', BERLIN)},{at('2026-07-05', BERLIN, hours)},"
            f"{at('2026-07-05', BERLIN, 20)},"
            for name, hours in answered.items()
        ],
    }


def test_comp_b_credits_937_34(backtest: Backtest) -> None:
    document = backtest("B_compressor_service.yaml", "2026-07-01", "2026-08-01", **comp_b())
    supply, sec, resp = (guarantee(document, name) for name in ("SUPPLY", "SEC", "RESP"))
    assert supply["denominator"] * 60 == pytest.approx(44_010, rel=1e-12)
    assert supply["value"] == pytest.approx(0.9940922517609634, rel=1e-12)
    assert (supply["verdict"], supply["settlement"]["malus"]) == ("missed", "490.00")
    assert sec["numerator"] == 127_900
    assert sec["denominator"] == pytest.approx(124_057.908, rel=1e-12)
    assert (sec["verdict"], sec["settlement"]["malus"]) == ("missed", "197.34")
    assert (resp["settlement"]["breaches"], resp["settlement"]["malus"]) == (1, "250.00")
    assert document["totals"]["malus"] == "937.34"
    assert any("lists stops only" in sentence for sentence in document["assumptions"])


def test_comp_b_by_the_minutes_of_its_header_pressure_is_the_same(backtest: Backtest) -> None:
    files = comp_b()
    start = datetime.fromisoformat(at("2026-07-01", BERLIN))
    minutes = [start + timedelta(minutes=minute) for minute in range(44_640)]
    # Minutes 10 000 to 10 260 are too low, 20 000 to 20 360 are missing; events excuse two other stretches.
    files["quantities"] += [
        f"AIR1,header_pressure_bar_g,{minute.isoformat()},{(minute + timedelta(minutes=1)).isoformat()},"
        f"{'6.7' if 10_000 <= number < 10_260 else '7.1'},bar(g)"
        for number, minute in enumerate(minutes)
        if not 20_000 <= number < 20_360
    ]
    files["events"] = [row for row in files["events"] if ",SM," in row or ",OEN," in row]
    supply = guarantee(backtest("B_compressor_service.yaml", "2026-07-01", "2026-08-01", **files), "SUPPLY")
    assert supply["value"] == pytest.approx(0.9940922517609634, rel=1e-12)
    assert supply["settlement"]["malus"] == "490.00"


def line_c(own_fault_h: list[str]) -> list[str]:
    edges = [at(f"{day}", ROME) for day in ("2026-01-01", "2026-04-01", "2026-07-01", "2026-10-01", "2027-01-01")]
    rows: list[str] = []
    for number, (required, own) in enumerate(zip(["1200", "1250", "1150", "1260"], own_fault_h, strict=True)):
        span = f"{edges[number]},{edges[number + 1]}"
        rows += [f"L7,required_h,{span},{required},h", f"L7,own_fault_h,{span},{own},h"]
    return rows


def test_line_c_owes_1800_for_the_first_quarter_and_gets_it_back_with_the_year(backtest: Backtest) -> None:
    # golden.json LINE-C: available 1094.4, 1161.25, 1058.0, 1166.76.
    rows = line_c(["105.6", "88.75", "92", "93.24"])
    document = backtest("C_packaging_line.yaml", "2026-01-01", "2027-01-01", quantities=rows)
    found = [guarantee(document, "TECH", quarter) for quarter in range(4)]
    assert [each["value"] for each in found] == [0.912, 0.929, 0.92, 0.926]
    assert [each["verdict"] for each in found] == ["missed", "met", "met", "met"]
    assert [each["settlement"]["malus"] for each in found] == ["1800.00", "0.00", "0.00", "0.00"]
    assert [each["settlement"]["refund"] for each in found][3] == "1800.00"
    assert document["totals"]["by_guarantee"]["TECH"] == {
        "malus": "1800.00", "bonus": "0.00", "refund": "1800.00", "net": "0.00",
    }  # fmt: skip


def test_line_c_without_its_fourth_quarter_has_no_refund_yet(backtest: Backtest) -> None:
    rows = line_c(["105.6", "88.75", "92", "93.24"])[:6]
    document = backtest("C_packaging_line.yaml", "2026-01-01", "2026-10-01", quantities=rows)
    assert document["totals"]["by_guarantee"]["TECH"]["net"] == "1800.00"


PUMPS = [f"P{number:02}" for number in range(1, 13)]


def test_pump_d_owes_1200_for_the_fleet_and_2500_for_p07(backtest: Backtest) -> None:
    stretches = {pump: ((15, 26) if pump != "P12" else (20, 24)) for pump in PUMPS} | {"P07": (40, 118)}
    assert [sum(hours) for hours in zip(*stretches.values(), strict=True)] == [210, 402]
    rows = [
        row
        for pump, (excluded, down) in stretches.items()
        for row in in_a_row(
            pump,
            at("2026-02-01", BERLIN),
            (excluded, "OEL", "customer_power_loss", "customer"),
            (down, "FO", "seal", "supplier"),
        )
    ]
    document = backtest("D_pump_drive.yaml", "2026-01-01", "2026-04-01", events=rows)
    found = guarantee(document, "FLEET_AVAIL")
    assert document["periods"][0]["hours"] == 2159
    assert found["denominator"] == 25_698
    assert found["value"] == pytest.approx(0.9843567592808778, rel=1e-12)
    assert next(each for each in found["assets"] if each["asset"] == "P07")["value"] == pytest.approx(
        0.9443133553563001, rel=1e-12
    )
    assert found["settlement"]["malus"] == "3700.00"


def month_rows(name: str, unit: str, values: list[str]) -> list[str]:
    edges = [at(day, BERLIN) for day in ("2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01")]
    return [f",{name},{edges[n]},{edges[n + 1]},{value},{unit}" for n, value in enumerate(values)]


# golden.json ENB-2: baseline of ENB-1, three months of volume and energy.
SAVINGS = [
    *month_rows("pumped_volume_1000m3", "1000 m3", ["150", "160", "170"]),
    *month_rows("actual_mwh", "MWh", ["255", "270", "281"]),
]


@pytest.mark.parametrize(
    ("decision", "verdict", "malus"),
    [("point_estimate", "met", "0.00"), ("lower_bound_90", "missed", "731.55"), ("probability_ge_0.8", "missed", None)],
)
def test_the_same_savings_have_three_verdicts_by_three_rules(
    backtest: Backtest, tmp_path: Path, decision: str, verdict: str, malus: str | None
) -> None:
    text = (CONTRACTS / "D_pump_drive.yaml").read_text().replace("decision: point_estimate", f"decision: {decision}")
    (tmp_path / "d.yaml").write_text(text)
    document = backtest(tmp_path / "d.yaml", "2026-01-01", "2026-04-01", quantities=SAVINGS)
    found = guarantee(document, "SAVINGS")
    assert found["value"] == pytest.approx(63.916083916, rel=1e-6)
    assert found["verdict"] == verdict
    assert malus is None or found["settlement"]["malus"] == malus


def test_five_of_eight_failures_announced_cost_800_and_four_in_21300_hours_prove_nothing(backtest: Backtest) -> None:
    quarter = f"{at('2026-01-01', BERLIN)},{at('2026-04-01', BERLIN)}"
    noticed = [f",failures,{quarter},8,1", f",failures_with_notice,{quarter},5,1"]
    found = guarantee(backtest("D_pump_drive.yaml", "2026-01-01", "2026-04-01", quantities=noticed), "NOTICE")
    assert (found["value"], found["verdict"], found["settlement"]["malus"]) == (0.625, "missed", "800.00")
    ran = [f",failures,{quarter},4,1", f",operating_h,{quarter},21300,h"]
    found = guarantee(backtest("D_pump_drive.yaml", "2026-01-01", "2026-04-01", quantities=ran), "RELIAB")
    assert (found["value"], found["verdict"], found["reason"]) == (5325.0, "inconclusive", "not_proven")
    assert found["interval"] == pytest.approx([3169, 9273], abs=1)


def test_what_another_level_would_have_cost_is_monotone(backtest: Backtest) -> None:
    document = backtest(
        "A_wind_turbine.yaml", "2025-04-01", "2026-04-01", "--levels", "0.93:0.98:0.01",
        events=wind_a(WIND_A), quantities=[output_mwh("4812")],
    )  # fmt: skip
    prices = [each for each in document["levels"] if each["guarantee"] == "TBA"]
    assert [each["level"] for each in prices] == [0.93, 0.94, 0.95, 0.96, 0.97, 0.98]
    cost = [Decimal(each["malus_per_year"]) for each in prices]
    assert cost == sorted(cost)
    # One contract year is asked about: at the level agreed it costs what it is settled at.
    assert (cost[0], cost[4]) == (Decimal("0.00"), Decimal("8639.85"))
    assert {each["basis"] for each in prices} == {"whole_years"}
    assert [each["periods_missed"] for each in prices] == [0, 0, 1, 1, 1, 1]


def priced(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["malus_per_year"], each["basis"]) for each in document["levels"]]


def test_a_capped_year_costs_its_cap_and_the_mean_of_two_years_half(backtest: Backtest) -> None:
    whole = f"T01,actual_output_mwh,{at('2025-04-01', PARIS)},{at('2027-04-01', PARIS)},9624,MWh"
    files = {"events": wind_a({"FO": 8760}), "quantities": [whole]}
    level = ["--levels", "0.97:0.97:0.01"]
    one = backtest("A_wind_turbine.yaml", "2025-04-01", "2026-04-01", *level, **files)
    two = backtest("A_wind_turbine.yaml", "2025-04-01", "2027-04-01", *level, **files)
    assert (priced(one)[0], one["totals"]["malus"]) == (("29750.00", "whole_years"), "29750.00")
    assert (priced(two)[0], two["totals"]["malus"]) == (("14875.00", "whole_years"), "29750.00")


def test_a_month_of_a_year_costs_a_year_of_such_months_and_no_more_than_the_caps_of_a_year(backtest: Backtest) -> None:
    stops = list(in_a_row("AIR1", at("2026-07-01", BERLIN), (100, "FO", "trip", "supplier")))
    small = list(in_a_row("AIR1", at("2026-07-01", BERLIN), (6, "FO", "trip", "supplier")))
    level = ["--levels", "0.995:0.995:0.001"]
    document = backtest("B_compressor_service.yaml", "2026-07-01", "2026-08-01", *level, events=stops)
    # 1960.00 in 31 days would be 23093.23; the year cap is 10 % of 117 600.
    assert priced(document) == [("11760.00", "scaled_to_cap")]
    assert any("held to what the caps of a year let be owed" in each for each in document["assumptions"])
    assert "Tiers stay absolute: those of SUPPLY keep their own limits at every level." in document["assumptions"]
    document = backtest("B_compressor_service.yaml", "2026-07-01", "2026-08-01", *level, events=small)
    # 490.00 * 365.25 / 31.
    assert priced(document) == [("5773.31", "scaled")]
    year = backtest("B_compressor_service.yaml", "2026-01-01", "2027-01-01", *level, events=stops)
    assert priced(year) == [("1960.00", "whole_years")]
    assert year["totals"]["by_guarantee"]["SUPPLY"]["malus"] == "1960.00"


def test_half_a_contract_year_at_its_cap_is_not_two_caps_a_year(backtest: Backtest) -> None:
    document = backtest(
        "A_wind_turbine.yaml", "2025-04-01", "2025-10-01", "--levels", "0.97:0.97:0.01",
        events=wind_a({"FO": 4392}), quantities=[output_mwh("4812")],
    )  # fmt: skip
    assert document["levels"][0]["malus_per_year"] == "29750.00"


def test_comp_b_is_invoiced_19286_less_credits(backtest: Backtest) -> None:
    """contracts.md 3.2 B: 9 800 + .0085 x 1 116 000 m3, credits 937.34."""
    document = backtest("B_compressor_service.yaml", "2026-07-01", "2026-08-01", **comp_b())
    (period,) = document["periods"]
    assert period["fee"]["amount"] == "19286.00"
    assert period["fee"]["steps"] == [
        "1 month(s) at 9800 EUR a month = 9800",
        "volume_m3 1116000 m3",
        "1116000 * 0.0085 EUR = 9486",
        "fee of 2026-07: 19286.00 EUR",
    ]
    totals = document["totals"]
    assert (totals["fee"], totals["net"], totals["net_invoice"]) == ("19286.00", "937.34", "18348.66")


def test_a_month_below_the_minimum_take_is_charged_for_it_and_one_without_a_reading_is_not_known(
    backtest: Backtest,
) -> None:
    volume = f"AIR1,volume_m3,{at('2026-07-01', BERLIN)},{at('2026-08-01', BERLIN)},500000,m3"
    document = backtest("B_compressor_service.yaml", "2026-07-01", "2026-09-01", quantities=[volume])
    july, august = (period["fee"] for period in document["periods"])
    # 9 800 + .0085 x 900 000.
    assert july["amount"] == "17450.00"
    assert "less than the minimum take: 900000 m3 count" in july["steps"]
    assert august["amount"] is None
    assert "volume_m3 (m3) is not known in 2026-08" in august["steps"]
    assert (document["totals"]["fee"], document["totals"]["net_invoice"]) == (None, None)


def test_a_year_costs_its_annual_fee_half_of_april_half_a_month_and_no_fee_is_none(backtest: Backtest) -> None:
    def fee(contract: str, start: str, end: str) -> Any:
        return backtest(contract, start, end)["periods"][0]["fee"]

    assert fee("A_wind_turbine.yaml", "2025-04-01", "2026-04-01")["amount"] == "85000.00"
    assert fee("A_wind_turbine.yaml", "2025-04-01", "2025-04-16")["amount"] == "3541.67"
    assert fee("D_pump_drive.yaml", "2026-01-01", "2026-04-01") is None


CATEGORIES = {
    "Forced outage": "FO", "Scheduled Maintenance": "SM", "Technical Standby": "TS", "Requested Shutdown": "RS",
    "Out of Electrical Specification": "OEL",
}  # fmt: skip


def test_one_real_month_has_four_answers(backtest: Backtest, shared_data: Path) -> None:
    """golden.json KEL-2: Kelmarsh 1, February 2016 (Cubico, CC BY 4.0, doi 10.5281/zenodo.5841833)."""
    with (shared_data / "kelmarsh1_stops.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            f"kelmarsh/k1,{row['start_utc']}Z,{row['end_utc']}Z,{CATEGORIES[row['iec_category']]},"
            f"{'grid' if row['service_contract_category'].startswith('External stop (grid)') else 'turbine'},,"
            for row in csv.DictReader(file)
        ]
    contract = CONTRACTS.parent / "examples" / "kelmarsh" / "contract.yaml"
    document = backtest(contract, "2016-02-01", "2016-03-01", events=rows)
    found = {each["id"]: each["value"] for each in document["periods"][0]["guarantees"]}
    golden = {
        "ALL-IN": 0.9695893199233716,
        "TECHNICAL": 0.9706364265089614,
        "SERVICE": 0.971376666521944,
        "USERS": 0.9641550925925926,
    }
    assert found == pytest.approx(golden, rel=1e-9)
