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
