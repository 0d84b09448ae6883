"""What really happens to a simulated machine: stops, faults and silences, known because they were made."""

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """The ways a simulated machine degrades."""

    BEARING_WEAR = "bearing_wear"
    COOLER_FOULING = "cooler_fouling"
    PRESSURE_DRIFT = "pressure_drift"
    BELT_SLIP = "belt_slip"
    SEAL_HEATER_AGEING = "seal_heater_ageing"
    INTERNAL_LEAKAGE = "internal_leakage"
    FLOW_DRIFT = "flow_drift"
    GAUGE_STUCK = "gauge_stuck"


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What a fault of severity 1 does to a sensor: `value * (1 + factor) + offset`, in the sensor's unit.

    `stuck`: it shows what it showed when the fault began, whatever the severity.
    """

    factor: float = 0.0
    offset: float = 0.0
    stuck: bool = False


EFFECTS: dict[FaultKind, dict[str, Effect]] = {
    FaultKind.BEARING_WEAR: {
        "vibration_mm_s": Effect(offset=2.6),
        "oil_temperature_c": Effect(offset=9.0),
        "bearing_temperature_c": Effect(offset=14.0),
    },
    FaultKind.COOLER_FOULING: {"oil_temperature_c": Effect(offset=13.0), "power_kw": Effect(factor=0.07)},
    FaultKind.PRESSURE_DRIFT: {"discharge_pressure_bar": Effect(offset=-0.6)},
    FaultKind.BELT_SLIP: {"motor_current_a": Effect(factor=0.28), "rate_units_min": Effect(factor=-0.06)},
    FaultKind.SEAL_HEATER_AGEING: {"seal_temperature_c": Effect(offset=-16.0), "reject_rate": Effect(offset=0.035)},
    FaultKind.INTERNAL_LEAKAGE: {"power_kw": Effect(factor=0.14), "head_m": Effect(factor=-0.09)},
    FaultKind.FLOW_DRIFT: {"flow_m3_h": Effect(factor=-0.12)},
    FaultKind.GAUGE_STUCK: {"discharge_pressure_bar": Effect(stuck=True)},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A degradation of one machine in `[start_s, end_s)`, epoch seconds.

    Its severity grows from 0 at the start to 1 at `full_s` with the power `growth`, and stays there until the end,
    when a stop repairs it.
    """

    machine: str
    kind: FaultKind
    sensors: tuple[str, ...]
    start_s: int
    full_s: int
    end_s: int
    growth: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """A machine stands still in `[start_s, end_s)`, epoch seconds; `code` and `text` are what it reports."""

    machine: str
    code: str
    text: str
    start_s: int
    end_s: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """A machine's gateway sends nothing in `[start_s, end_s)`, epoch seconds, and keeps nothing to send later."""

    machine: str
    start_s: int
    end_s: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Replacement:
    """From `at_s` on another sensor reads `offset` more, in the sensor's unit: a fact, and no fault."""

    sensor: str
    offset: float
    at_s: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """In `[start_s, end_s)` the machine has `factor` times the load it would have: a fact, and no fault."""

    factor: float
    start_s: int
    end_s: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """All that happens to one machine; stops are in order and never overlap."""

    stops: tuple[Stop, ...]
    faults: tuple[Fault, ...]
    silences: tuple[Silence, ...]
    replacements: tuple[Replacement, ...] = ()
    loads: tuple[Load, ...] = ()
