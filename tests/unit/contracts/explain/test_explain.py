"""A contract in plain words: every guarantee with what counts, its money, and an example the real kernel computed."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts import spec
from shared.contracts.explain import WIDTH, explain
from shared.contracts.terms import Contract
from shared.instant import HOUR_US

FOLDER = Path(__file__).parents[4] / "deploy" / "contracts"
FILES = sorted(FOLDER.glob("*.yaml"))
# 2026-07-15 00:00 UTC.
AS_OF_US = 1_784_073_600_000_000


def _contract(path: Path) -> Contract:
    return spec.parse(path.read_text(encoding="utf-8"), path.name)


def _words(name: str) -> str:
    """The explanation on one line, so that a sentence may be looked for wherever it is broken."""
    return " ".join(explain(_contract(FOLDER / name), AS_OF_US).split())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_guarantee_has_its_chapter_and_its_example(path: Path) -> None:
    contract, text = _contract(path), explain(_contract(path), AS_OF_US)
    chapters = text.split("\n\n")
    for guarantee in contract.guarantees:
        [chapter] = [each for each in chapters if each.startswith(f"{guarantee.id}: ")]
        assert "What is measured" in chapter
        assert "Example of a miss" in chapter
        assert ": missed (" in " ".join(chapter.split())
        assert ("Example of a bonus" in chapter) == bool(guarantee.bonus)
    assert max(map(len, text.splitlines())) <= WIDTH


def test_the_example_of_the_turbine_can_be_recomputed_by_hand() -> None:
    words = _words("A_wind_turbine.yaml")
    # 316 of 8760 h down is 96.39 %; (.97/.9639 - 1) * 1000 * 62 = 392.36...
    assert "T01 is down (FO) for 316 of 8760 h, actual_output_mwh = 1000" in words
    assert "8444 / 8760 h = 96.39 %: missed (below level)" in words
    assert "owed by the supplier: 392.36 EUR" in words
    assert (f"{(97 / 96.39 - 1) * 62_000:.2f}") == "392.36"


def test_what_counts_as_what_is_said_with_its_limits() -> None:
    words = _words("D_pump_drive.yaml")
    assert "down: PCA planned corrective action, FO forced outage, S suspended" in words
    assert (
        "SM scheduled maintenance, up to 24 h a settlement year for each machine: left out; beyond that down" in words
    )
    assert "never from 05:30 to 08:30" in words
    assert "no machine alone below 95 %: 2500.00 EUR for each that is" in words


def test_money_is_said_with_its_caps_and_what_joins_periods() -> None:
    words = _words("C_packaging_line.yaml")
    assert "600.00 EUR for each 0.1 percentage point(s) of shortfall, full steps only" in words
    assert "at most 12000.00 EUR of malus in a settlement year" in words
    assert "if they meet the level, its malus is given back" in words
    assert "in place of money: extra shift support, rendered within 30 days" in words


def test_the_level_is_that_of_the_periods_to_come(contract_of: Callable[..., Contract]) -> None:
    rising = contract_of(by_contract_year=[0.9, 0.95, 0.97])
    text = " ".join(explain(rising, AS_OF_US).split())
    assert "95 % in Y2 (2026-04-01 to 2027-03-31) 97 % in Y3 (2027-04-01 to 2028-03-31), and on to Y5" in text


PLAINEST = {
    "time_availability": "level: {share}",
    "technical_availability": "level: {share}",
    "threshold_availability": 'level: {share}, signal: p_bar, bad_when: "> 9"',
    "production_availability": "level: {share}",
    "energy_intensity": 'level: {share}, expected_kwh: "18 * hours"',
    "energy_savings": "level_mwh_per_period: {large}, "
    "baseline: {{model: linear, driver: volume_m3, n: 3, b0: 1, b1: 2, s: 1}}",
    "oee": "level: {share}, ideal_rate: {{A: 1/h}}",
    "output": "level_good_units_per_required_h: {large}",
    "power_curve": "level: {share}",
    "response_time": "level: {share}, priorities: {{P: {{restore_h: 1, hours: business_hours_DE}}}}",
    "mtbf": "level_h: {large}, test: {{one_sided_conf: 0.9}}",
    "failure_notice": "level: {share}, notice_days: 0",
}


@pytest.mark.parametrize(("share", "period"), [("0.001", "calendar_month"), ("0.5", "term"), ("1", "calendar_month")])
@pytest.mark.parametrize("kind", PLAINEST)
def test_the_plainest_guarantee_of_every_kind_and_level_can_be_explained(kind: str, share: str, period: str) -> None:
    terms = PLAINEST[kind].format(share=share, large=Decimal(share) * 9000)
    contract = spec.parse(
        "contract: {id: X, version: 1, customer: acme, currency: EUR, tz: Australia/Lord_Howe}\n"
        f"term: {{start: 2026-01-01, end: 2026-12-31, period: {period}}}\nassets: [{{id: a}}, {{id: b}}]\n"
        f"guarantees: [{{id: G, kind: {kind}, {terms}}}]",
        "plainest",
    )
    text = explain(contract, AS_OF_US)
    assert "none is agreed: the value is reported" in text
    assert "Example of a miss" in text
    assert ": missed (" in " ".join(text.split()) or "inconclusive" in text


@settings(max_examples=15, deadline=None)
@given(st.integers(min_value=-100 * 8766, max_value=300 * 8766))
def test_any_day_may_be_asked_for(hours: int) -> None:
    text = explain(_contract(FILES[0]), hours * HOUR_US)
    assert "Example of a miss" in text


def test_the_same_question_has_the_same_answer() -> None:
    assert explain(_contract(FILES[1]), AS_OF_US) == explain(_contract(FILES[1]), AS_OF_US)
