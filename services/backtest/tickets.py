"""The file of tickets: `id,asset,priority,received,on_site,restored,paused_s`."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from services.backtest.assets import Assets
from services.backtest.cells import instant_us, number
from services.backtest.table import Cells, Faults, Table
from shared.contracts.measured import ResponseMeasure
from shared.contracts.terms import Contract
from shared.instant import SECOND_US
from shared.model.quantity import Ticket

_COLUMNS: Final = ("id", "asset", "priority", "received", "on_site", "restored", "paused_s")


class TicketReader:
    """Rows to tickets; `tickets` fills while `read` runs.

    At `as_of_us` a ticket received or recorded later is not there, and what happened later has not happened yet.
    """

    def __init__(self, contract: Contract, assets: Assets, as_of_us: int | None, faults: Faults) -> None:
        self.tickets: list[Ticket] = []
        self.notes: list[str] = []
        self._assets, self._as_of_us, self._faults = assets, as_of_us, faults
        measures = [each.measure for each in contract.guarantees if isinstance(each.measure, ResponseMeasure)]
        self._priorities = {priority.name for measure in measures for priority in measure.priorities}
        self._later = 0

    def read(self, path: Path) -> str:
        """Read the file; gives its SHA-256. What is wrong goes to the faults."""
        table = Table(path, _COLUMNS, ("recorded",), self._faults)
        found: dict[str, tuple[int, Ticket]] = {}
        repeated = 0
        for line, row in table.rows():
            ticket = self._row(table, line, row)
            if ticket is None:
                continue
            earlier = found.setdefault(ticket.id, (line, ticket))
            if earlier[0] == line:
                continue
            repeated += 1
            if earlier[1] != ticket:
                table.fault(line, "id", f"{ticket.id!r} stands in line {earlier[0]} with other times")
        if found and not self._priorities:
            self.notes.append(f"{table.name}: {len(found)} ticket(s) are used by no guarantee of this contract")
        if repeated:
            self.notes.append(f"{table.name}: {repeated} exact repetition(s) of a row dropped")
        if self._later:
            self.notes.append(f"{table.name}: {self._later} row(s) not known at the as-of time left out")
        self.tickets = sorted((ticket for _, ticket in found.values()), key=lambda each: (each.received_us, each.id))
        return table.sha256

    def _row(self, table: Table, line: int, row: list[str]) -> Ticket | None:
        name, asset, priority, received, on_site, restored, paused_s, recorded = row
        cells = Cells(table, line)
        if not name:
            cells.fault("id", "is empty")
        known = cells.read("asset", asset, self._assets.named_or_all)
        cells.read("priority", priority, self._is_priority)
        received_us = cells.read("received", received, instant_us)
        on_site_us = cells.read("on_site", on_site, instant_us) if on_site else None
        restored_us = cells.read("restored", restored, instant_us) if restored else None
        recorded_us = cells.read("recorded", recorded, instant_us) if recorded else None
        paused_us = cells.read("paused_s", paused_s, _paused_us) if paused_s else 0
        for column, at_us in (("on_site", on_site_us), ("restored", restored_us)):
            if received_us is not None and at_us is not None and at_us < received_us:
                cells.fault(column, "is before the ticket was received")
        if cells.are_wrong or known is None or received_us is None or paused_us is None:
            return None
        return self._as_known(
            Ticket(
                id=name,
                asset=known,
                priority=priority,
                received_us=received_us,
                on_site_us=on_site_us,
                restored_us=restored_us,
                paused_us=paused_us,
            ),
            received_us if recorded_us is None else recorded_us,
        )

    def _as_known(self, ticket: Ticket, known_us: int) -> Ticket | None:
        as_of_us = self._as_of_us
        if as_of_us is None:
            return ticket
        if max(known_us, ticket.received_us) > as_of_us:
            self._later += 1
            return None
        return replace(
            ticket,
            on_site_us=_if_before(ticket.on_site_us, as_of_us),
            restored_us=_if_before(ticket.restored_us, as_of_us),
        )

    def _is_priority(self, cell: str) -> None:
        if not cell:
            raise ValueError("is empty")
        if self._priorities and cell not in self._priorities:
            raise ValueError(f"{cell!r} is none of {', '.join(sorted(self._priorities))}")


def _paused_us(cell: str) -> int:
    seconds = number(cell)
    if seconds < 0 or seconds * SECOND_US != int(seconds * SECOND_US):
        raise ValueError(f"{cell!r} is no duration in seconds, to the microsecond")
    return int(seconds * SECOND_US)


def _if_before(at_us: int | None, as_of_us: int) -> int | None:
    return at_us if at_us is not None and at_us <= as_of_us else None
