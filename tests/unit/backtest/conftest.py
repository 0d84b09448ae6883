"""Files for backtests, written by the tests that read them."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from shared.contracts import formula
from shared.contracts.levels import Levels
from shared.contracts.measured import (
    Form,
    IntensityMeasure,
    Measure,
    OeeMeasure,
    Policy,
    Priority,
    ResponseMeasure,
    ServiceHours,
    TimeMeasure,
    Verdict,
)
from shared.contracts.money import Caps, Fees
from shared.contracts.terms import (
    AlertPolicy,
    Contract,
    Guarantee,
    Kind,
    Machine,
    PeriodKind,
    Rounding,
    Statements,
)
from shared.model.facts import Category

_UNAVAILABLE = {Category.SM, Category.PCA, Category.FO, Category.S, Category.IU}
_POLICY = Policy(
    form=Form.EXCLUDED_FROM_DENOMINATOR,
    verdicts={each: Verdict.UNAVAILABLE if each in _UNAVAILABLE else Verdict.AVAILABLE for each in Category},
)
_ALWAYS = ServiceHours(name="24x7")
_MEASURES: dict[Kind, Measure] = {
    Kind.TIME_AVAILABILITY: TimeMeasure(policy=_POLICY),
    Kind.ENERGY_INTENSITY: IntensityMeasure(expected=formula.parse("0.1 * volume_m3")),
    Kind.OEE: OeeMeasure(ideal_per_h={"SKU-A": Decimal(7200)}),
    Kind.RESPONSE_TIME: ResponseMeasure(
        priorities=(Priority(name="P1", respond_us=4 * 3_600_000_000, restore_us=None, hours=_ALWAYS),)
    ),
}


@pytest.fixture
def line() -> Contract:
    """A line of three machines and a pump in Berlin, by the month of 2026, with no money in it."""
    return Contract(
        id="HALL",
        version=1,
        customer="alba",
        currency="EUR",
        zone=ZoneInfo("Europe/Berlin"),
        start=date(2026, 1, 1),
        end=date(2026, 12, 31),
        period=PeriodKind.CALENDAR_MONTH,
        settlement_year=PeriodKind.CALENDAR_YEAR,
        machines=(
            Machine(name="L7", parts=("filler", "labeler"), bottleneck="filler"),
            Machine(name="L8", parts=("labeler", "packer")),
            Machine(name="P01"),
        ),
        guarantees=tuple(_guarantee(kind, measure) for kind, measure in _MEASURES.items()),
        fees=Fees(),
        caps=Caps(),
        statements=Statements(),
        unreported=None,
        offering=None,
        texts={},
        source="",
        sha256="0" * 64,
    )


def _guarantee(kind: Kind, measure: Measure) -> Guarantee:
    return Guarantee(
        id=kind.name,
        kind=kind,
        indicator=f"{kind.value}@1",
        levels=Levels(base=Decimal("0.9")),
        measure=measure,
        rounding=Rounding(),
        alert=AlertPolicy(open_at=0.5, close_below=0.3),
        quantities={"actual_kwh": "meter"} if kind is Kind.ENERGY_INTENSITY else {},
    )


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """A file of lines, `\\n` after each."""

    def write(*lines: str, name: str = "file.csv") -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write
