"""The states of PackML as data: what each is in our categories. ANSI/ISA-TR88.00.02, the 17 states of its state model.

A model whose machines speak PackML gets these as codes when its fleet is loaded, by name and by the number of
PackTags `Status.StateCurrent`, and may say otherwise in its own codes.
"""

from dataclasses import dataclass
from typing import Final

from shared.model.facts import Category, Meaning, Party

_SOURCE: Final = "ISA-TR88.00.02"


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """A state of the PackML model by its number, with its name, what it means here and why."""

    number: int
    name: str
    meaning: Meaning
    note: str


def _state(number: int, name: str, category: Category, cause: str, note: str) -> State:
    # Who answers for a stop a state alone cannot tell; for running and waiting nobody has to.
    is_nobodys = category in (Category.FP, Category.TS) and cause != "held"
    party = Party.NOBODY if is_nobodys else Party.UNKNOWN
    meaning = Meaning(category=category, cause=cause, party=party)
    return State(number=number, name=name, meaning=meaning, note=f"{_SOURCE}: {note}")


# Stopped is on request; aborted is by a fault or an emergency stop, and clearing removes it; suspended waits for what
# is outside of the machine (starved or blocked), held for something inside of it that needs an operator.
STATES: Final = (
    _state(1, "Clearing", Category.FO, "aborted", "clears what the abort left behind"),
    _state(2, "Stopped", Category.RS, "stopped", "by a stop command; ready to be reset"),
    _state(3, "Starting", Category.TS, "starting", "prepares to execute"),
    _state(4, "Idle", Category.TS, "idle", "waits for a start command"),
    _state(5, "Suspended", Category.OEN, "suspended", "waits for conditions outside of the machine"),
    _state(6, "Execute", Category.FP, "running", "processes"),
    _state(7, "Stopping", Category.RS, "stopped", "comes to a controlled stop"),
    _state(8, "Aborting", Category.FO, "aborted", "comes to a rapid stop"),
    _state(9, "Aborted", Category.FO, "aborted", "a fault or an emergency stop"),
    _state(10, "Holding", Category.TS, "held", "goes to hold"),
    _state(11, "Held", Category.TS, "held", "waits for conditions inside of the machine, for an operator"),
    _state(12, "Unholding", Category.TS, "held", "returns from hold"),
    _state(13, "Suspending", Category.OEN, "suspended", "goes to suspension"),
    _state(14, "Unsuspending", Category.OEN, "suspended", "returns from suspension"),
    _state(15, "Resetting", Category.TS, "resetting", "becomes idle"),
    _state(16, "Completing", Category.TS, "completed", "finishes the last of its work"),
    _state(17, "Complete", Category.TS, "completed", "has finished its work"),
)
BY_CODE: Final = {code: state for state in STATES for code in (state.name, str(state.number))}
CODES: Final = frozenset(BY_CODE)
