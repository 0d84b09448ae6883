"""Alerts: what is open, and the transitions that open and close them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.model.prognosis import NoticeState, Prediction


class AlertKind(StrEnum):
    """What an account team is told."""

    GUARANTEE_AT_RISK = "guarantee_at_risk"
    MACHINE_SILENT = "machine_silent"
    ANOMALY = "anomaly"
    CONFIRMED_ANOMALY = "confirmed_anomaly"
    PREDICTED_FAILURE = "predicted_failure"


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

    `last_fact_us` is the time of the newest fact of the machine: how far the detector can know. `is_dismissed`: what
    goes on was judged to be none by an engineer, or repeats what was; it does not count.
    """

    machine: Machine
    last_fact_us: int | None
    since_us: int | None
    peak_score: float | None
    sensors: tuple[str, ...]
    is_dismissed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Noticed:
    """A notice of failure that was given for a component of a machine, and what became of it.

    `causes`: what a stop is said to be of when the component has failed. `prediction` is the latest of the component,
    made every `every_us`; `expected_us` and `latest_us`, by when to see to it, are its, the notice's where it has none.
    """

    notice_id: int
    machine: Machine
    component: str
    causes: tuple[str, ...]
    state: NoticeState
    given_us: int
    expected_us: int | None
    latest_us: int | None
    window_end_us: int
    failed_us: int | None
    reason: str
    prediction: Prediction
    every_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmed:
    """A machine of which an engineer said that a finding is real, while that finding goes on.

    `since_us` None: none goes on any more; `is_confirmed`: nobody took it back. `signature`: sensor to signed share of
    the finding, + above what was expected. `peak_score`: 1.0 = threshold.
    """

    machine: Machine
    since_us: int | None
    is_confirmed: bool
    severity: str
    peak_score: float
    signature: Mapping[str, float]
    label: str | None
    note: str
    reviewed_by: str


class RepairSource(StrEnum):
    """Whose repairs a usual duration is the median of; of a model's machines those of the same customer."""

    MACHINE = "machine"
    MODEL = "model"
    CONTRACT = "contract"


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair:
    """How long a stop usually lasts, in hours, and what says so: `count` stops of `source`."""

    hours: float
    count: int
    source: RepairSource
