"""Names of quantities: what the judges read is what a file may deliver, and rows nobody reads are said."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from services.backtest.amounts import QuantityReader
from services.backtest.assets import Assets
from services.backtest.table import Faults
from services.backtest.tickets import TicketReader
from shared import declared
from shared.backtest.names import is_used, names_used
from shared.contracts import spec
from shared.contracts.assess import assess
from shared.contracts.facts import Facts, Window
from shared.contracts.periods import midnight_us, periods_between
from shared.contracts.terms import Contract
from shared.model.quantity import Quantity

FILES = Path(__file__).parents[3] / "deploy" / "contracts"
QUANTITIES = "asset,name,start,end,value,unit"
Write = Callable[..., Path]


class Recorded(dict[str, dict[str, Sequence[Quantity]]]):
    """Rows by name that remember which names were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        self.asked.add(key)
        return default


def contracts() -> list[Contract]:
    return [spec.parse(declared.read(path), str(path)) for path in sorted(FILES.glob("*.yaml"))]


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract.id)
def test_every_name_that_a_judge_asks_for_is_a_name_that_is_used(contract: Contract) -> None:
    used = names_used(contract)
    period = periods_between(contract, contract.start, contract.start + timedelta(days=366))[0]
    for guarantee in contract.guarantees:
        facts = Facts(durations={name: {} for name in contract.assets})
        rows = Recorded()
        object.__setattr__(facts, "by_name", rows)
        assess(contract, guarantee, facts, Window(period=period, as_of_us=midnight_us(contract.end, contract.zone)))
        assert all(is_used(name, used) for name in rows.asked), (guarantee.id, rows.asked)


def read(contract: Contract, path: Path) -> list[str]:
    faults = Faults()
    reader = QuantityReader(contract, Assets(contract), None, faults)
    reader.read(path)
    faults.refuse("the files")
    return reader.notes


def row(name: str, unit: str = "1") -> str:
    return f"P01,{name},2026-03-01T00:00Z,2026-03-02T00:00Z,5,{unit}"


def test_rows_of_a_name_that_nothing_reads_are_said_with_the_nearest_that_is_read(line: Contract, file: Write) -> None:
    assert read(line, file(QUANTITIES, row("good_unit"), row("good_units:SKU-A"), row("meter", "kWh"))) == [
        "file.csv: 1 row(s) named good_unit are used by no guarantee of this contract; "
        "used are, nearest first: good_units, produced_units"
    ]


def test_rows_under_a_name_that_the_contract_has_replaced_are_said(line: Contract, file: Write) -> None:
    (note,) = read(line, file(QUANTITIES, row("actual_kwh", "kWh")))
    assert note.startswith("file.csv: 1 row(s) named actual_kwh are used by no guarantee of this contract")


def test_tickets_of_a_contract_that_promises_no_response_are_said(file: Write) -> None:
    contract = next(each for each in contracts() if each.id == "PUMP-D")
    faults = Faults()
    reader = TicketReader(contract, Assets(contract), None, faults)
    reader.read(file("id,asset,priority,received,on_site,restored,paused_s", "1,P01,P1,2026-03-01T00:00Z,,,"))
    faults.refuse("the files")
    assert reader.notes == ["file.csv: 1 ticket(s) are used by no guarantee of this contract"]
