"""What the files of a backtest say, parsed: the door between the readers and the kernel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.model.facts import AssetEvent, Meaning
from shared.model.quantity import Quantity, Ticket


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """Facts in any order, as far as they were known at the time asked about.

    `events` by the name of an asset or of a part of one; `meanings` by an event's code. `notes` are what people must
    know of the files: rows dropped, left out, not understood.
    """

    events: Mapping[str, Sequence[AssetEvent]]
    meanings: Mapping[str, Meaning]
    quantities: Sequence[Quantity] = ()
    tickets: Sequence[Ticket] = ()
    notes: tuple[str, ...] = field(default=())
