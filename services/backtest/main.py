"""`vouch backtest` from files to an answer: read everything, refuse everything that is wrong, then run the kernel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.backtest.amounts import QuantityReader
from services.backtest.assets import Assets
from services.backtest.events import ALWAYS, CodeMap, EventReader
from services.backtest.table import Faults
from services.backtest.tickets import TicketReader
from shared import declared, fleet
from shared.backtest.bench import Bench, Question
from shared.backtest.levels import Price, prices
from shared.backtest.log import Log
from shared.backtest.result import as_document
from shared.backtest.run import Backtest, run
from shared.contracts import spec
from shared.contracts.terms import Contract
from shared.errors import VouchError
from shared.instant import to_us
from shared.model.facts import Meaning


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """What is read. `codes` is a fleet file whose `model` says what the codes of the events mean; both or neither."""

    contract: Path
    events: Path
    quantities: Path | None = None
    tickets: Path | None = None
    codes: Path | None = None
    model: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The backtest, the price of other levels, and the SHA-256 of each file by what it is."""

    backtest: Backtest
    prices: Sequence[Price]
    inputs: Mapping[str, str]

    @property
    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return as_document(self.backtest, self.inputs, self.prices)


def answer(files: Files, question: Question, levels: Sequence[Decimal] = ()) -> Answer:
    """Read the files and judge; VouchError with every fault of the data files at once, and nothing is computed."""
    if question.start >= question.end:
        raise VouchError(f"--to: {question.end} is not after {question.start}; it is the first day after")
    contract = spec.parse(declared.read(files.contract), str(files.contract))
    log, read = _log(files, contract, question.as_of_us)
    bench = Bench(contract, log, question)
    return Answer(backtest=run(bench), prices=prices(bench, levels), inputs={"contract": contract.sha256, **read})


def _log(files: Files, contract: Contract, as_of_us: int | None) -> tuple[Log, dict[str, str]]:
    """Everything the data files say, and their SHA-256."""
    faults, assets = Faults(), Assets(contract)
    events = EventReader(assets, _code_map(files), as_of_us, faults)
    quantities = QuantityReader(contract, assets, as_of_us, faults)
    tickets = TicketReader(contract, assets, as_of_us, faults)
    read = {"events": events.read(files.events)}
    if files.quantities is not None:
        read["quantities"] = quantities.read(files.quantities)
    if files.tickets is not None:
        read["tickets"] = tickets.read(files.tickets)
    faults.refuse("the files")
    log = Log(
        events=events.events,
        meanings=events.meanings,
        quantities=quantities.quantities,
        tickets=tickets.tickets,
        notes=(*events.notes, *quantities.notes, *tickets.notes),
    )
    return log, read


def _code_map(files: Files) -> CodeMap | None:
    """What each code of the model means from when on."""
    if files.codes is None and files.model is None:
        return None
    if files.codes is None or files.model is None:
        raise VouchError("--codes and --model go together: the fleet file, and which of its models")
    known = fleet.parse(declared.read(files.codes), str(files.codes)).models
    model = next((each for each in known if each.slug == files.model), None)
    if model is None:
        raise VouchError(f"--model: {files.model!r} is none of {', '.join(each.slug for each in known)}")
    return {code: _versions(said) for code, said in model.codes.items()}


def _versions(code: fleet.Code) -> tuple[tuple[int, Meaning], ...]:
    return tuple(
        (
            ALWAYS if start is None else to_us(start),
            Meaning(category=meant.category, cause=meant.cause, party=meant.party),
        )
        for start, meant in code.versions
    )
