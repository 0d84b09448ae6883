"""Alerts: what is open, and the transitions that open and close them."""

from dataclasses import dataclass
from enum import StrEnum


class AlertKind(StrEnum):
    """What an account team is told."""

    GUARANTEE_AT_RISK = "guarantee_at_risk"
    MACHINE_SILENT = "machine_silent"
    ANOMALY = "anomaly"


class AlertState(StrEnum):
    """An alert is open until its condition has cleared."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """A change of an alert's state, with the reason and the words that are sent."""

    kind: AlertKind
    subject: str
    customer_id: int
    asset_id: int | None
    contract_id: int | None
    to_state: AlertState
    at_us: int
    reason: str
    title: str
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A machine in the words people know it by."""

    asset_id: int
    customer_id: int
    name: str
    site: str
    customer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hearing:
    """When a machine was last heard, how long it may be silent (None: for ever), and its contracts.

    `listening_since_us`: since when somebody has listened without a gap, None when nobody does.
    """

    machine: Machine
    last_heard_us: int | None
    silent_after_us: int | None
    contracts: tuple[str, ...]
    listening_since_us: int | None = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Watching:
    """The finding of a machine that still goes on, since when (None: there is none) and how high; 1.0 = threshold.

    `last_fact_us` is the time of the newest fact of the machine: how far the detector can know.
    """

    machine: Machine
    last_fact_us: int | None
    since_us: int | None
    peak_score: float | None
    sensors: tuple[str, ...]
