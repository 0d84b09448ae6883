"""The demo's story as data: what must happen, so that one contract is safe, one at risk and one past saving.

Days and hours are those of a history of 90 days; a shorter or longer one is the same story, stretched.
"""

from dataclasses import dataclass
from typing import Final

from shared.simulate.truth import FaultKind

STORY_DAYS: Final = 90.0
# No fault begins before: on these days the anomaly detectors learn.
HEALTHY_DAYS: Final = 21.0

TEXTS: Final[dict[str, str]] = {
    "M100": "Scheduled maintenance",
    "M150": "Calibration of a sensor",
    "M160": "Sensor replaced",
    "M200": "Planned repair after a finding",
    "F301": "Bearing failure",
    "F302": "Controller fault",
    "F303": "Drive belt torn",
    "F304": "Oil leak",
    "F305": "Shaft seal leaking",
    "E500": "Power loss of the grid",
    "U410": "Nothing comes from upstream",
    "U420": "Film out of specification",
    "R600": "Stopped at the customer's request",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultLine:
    """A degradation from `day` for `days`; then `code` for `hours` is its repair, or the failure it ends in."""

    machine: str
    kind: FaultKind
    day: float
    days: float
    growth: float
    code: str
    hours: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StopLine:
    """A stop with `code` from `day` for `hours`."""

    machine: str
    day: float
    hours: float
    code: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplacementLine:
    """From `day` for `hours` a stop in which a sensor is replaced by one that reads `offset` more."""

    machine: str
    sensor: str
    offset: float
    day: float
    hours: float
    code: str = "M160"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadLine:
    """From `day` for `days` the machine has `factor` times the load it would have."""

    machine: str
    factor: float
    day: float
    days: float


FAULTS: Final = (
    FaultLine(machine="kempten/c2", kind=FaultKind.BEARING_WEAR, day=38, days=14, growth=1.6, code="F301", hours=26),
    FaultLine(machine="kempten/c3", kind=FaultKind.COOLER_FOULING, day=60, days=14, growth=1.0, code="M200", hours=6),
    FaultLine(machine="fuessen/c4", kind=FaultKind.PRESSURE_DRIFT, day=45, days=13, growth=1.0, code="M150", hours=2),
    FaultLine(machine="latina/l2", kind=FaultKind.BELT_SLIP, day=30, days=11, growth=1.3, code="F303", hours=34),
    FaultLine(
        machine="anagni/l5", kind=FaultKind.SEAL_HEATER_AGEING, day=66, days=12, growth=1.0, code="M200", hours=9
    ),
    FaultLine(machine="wasserwerk/p1", kind=FaultKind.BEARING_WEAR, day=55, days=14, growth=1.6, code="F301", hours=96),
    FaultLine(machine="wasserwerk/p3", kind=FaultKind.FLOW_DRIFT, day=72, days=12, growth=1.0, code="M150", hours=3),
    FaultLine(machine="hafen/p4", kind=FaultKind.INTERNAL_LEAKAGE, day=40, days=20, growth=1.0, code="M200", hours=30),
    # Still to come when the history ends: a failure that can be foretold, and what it would cost the contract at risk.
    FaultLine(machine="latina/l1", kind=FaultKind.BELT_SLIP, day=79, days=14, growth=1.3, code="F303", hours=34),
    # A gauge that froze: no wear, and no failure follows.
    FaultLine(machine="fuessen/c5", kind=FaultKind.GAUGE_STUCK, day=52, days=9, growth=1.0, code="M150", hours=2),
)

# What is no fault, and must not look like one.
REPLACEMENTS: Final = (
    # Another probe at another place of the bearing housing.
    ReplacementLine(machine="wasserwerk/p2", sensor="bearing_temperature_c", offset=4.0, day=45, hours=1),
)
LOADS: Final = (
    # A second machine takes over half of the work: a load that was never seen while the detectors learnt.
    LoadLine(machine="hafen/p5", factor=0.6, day=62, days=5),
)

STOPS: Final = (
    StopLine(machine="kempten/c1", day=12, hours=6, code="M100"),
    StopLine(machine="fuessen/c5", day=33, hours=9, code="F304"),
    StopLine(machine="latina/l1", day=25, hours=28, code="F302"),
    StopLine(machine="latina/l3", day=48, hours=40, code="F303"),
    StopLine(machine="latina/l1", day=57, hours=18, code="U420"),
    StopLine(machine="anagni/l4", day=63, hours=52, code="F302"),
    StopLine(machine="anagni/l5", day=83, hours=30, code="F303"),
    StopLine(machine="wasserwerk/p2", day=28, hours=40, code="F305"),
    StopLine(machine="hafen/p5", day=50, hours=10, code="E500"),
    StopLine(machine="hafen/p5", day=79, hours=64, code="F305"),
)

# After the first start, in seconds: a fast fault, so that a person sees it found within minutes, and a dead gateway.
LIVE_FAULT_MACHINE: Final = "kempten/c1"
LIVE_FAULT_KIND: Final = FaultKind.COOLER_FOULING
LIVE_FAULT_START_S: Final = 30
LIVE_FAULT_FULL_S: Final = 90
LIVE_FAULT_END_S: Final = 4 * 3_600
LIVE_REPAIR_CODE: Final = "M200"
LIVE_REPAIR_HOURS: Final = 2.0
SILENT_MACHINE: Final = "hafen/p5"
SILENT_START_S: Final = 30
SILENT_END_S: Final = 6 * 3_600
