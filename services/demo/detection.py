"""What was found and foretold, held against what the simulation made happen: one line a seeded fault. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shared.simulate.truth import Fault, Stop, Truth

_HOUR_S = 3_600
_MONTH_S = 30 * 24 * _HOUR_S


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A finding of a machine (`site/asset`), with the sensor that leads it. `end_s` None: it goes on."""

    machine: str
    start_s: float
    end_s: float | None
    sensor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A notice of failure of a machine (`site/asset`), with the quantiles of the prediction it was given for."""

    machine: str
    component: str
    given_s: float
    p10_s: float | None
    p50_s: float | None
    p90_s: float | None
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One seeded fault. Instants are epoch seconds, None: never, or not yet.

    `ended_by`: the code of the stop that is its failure or its repair, at `ended_s`; `is_failure`: it was no repair.
    `found_s`: the start of the first finding within it, `sensor` what led that, `moved` what the fault really moves.
    `notice_s`: the first notice within it, `p10_s` to `p90_s` as it named them, `state` what became of it.
    """

    machine: str
    fault: str
    began_s: int
    ended_s: int
    ended_by: str
    is_over: bool
    is_failure: bool
    found_s: float | None
    delay_h: float | None
    sensor: str | None
    moved: tuple[str, ...]
    component: str | None
    notice_s: float | None
    lead_h: float | None
    p10_s: float | None
    p50_s: float | None
    p90_s: float | None
    state: str | None

    @property
    def is_within(self) -> bool | None:
        """Whether the failure came between P10 and P90; None without a notice, and of what did not fail."""
        if not (self.is_over and self.is_failure) or self.p10_s is None or self.p90_s is None:
            return None
        return self.p10_s <= self.ended_s <= self.p90_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Scorecard:
    """All seeded faults that began, with the findings and notices that no fault explains.

    `asset_months`: months of 30 days, over all machines, in which findings were possible.
    """

    lines: tuple[Line, ...]
    false_findings: tuple[Found, ...]
    false_notices: tuple[Notice, ...]
    asset_months: float

    @property
    def over(self) -> tuple[Line, ...]:
        """The faults that have run their course."""
        return tuple(line for line in self.lines if line.is_over)

    @property
    def false_per_asset_month(self) -> float:
        return len(self.false_findings) / self.asset_months if self.asset_months else 0.0

    def as_document(self) -> dict[str, Any]:
        """Plain JSON: the same for the same truth, findings and notices."""
        return {
            "faults": [asdict(line) | {"is_within": line.is_within} for line in self.lines],
            "false_findings": [asdict(found) for found in self.false_findings],
            "false_notices": [asdict(notice) for notice in self.false_notices],
            "asset_months": round(self.asset_months, 3),
            "false_per_asset_month": round(self.false_per_asset_month, 4),
        }


def scorecard(
    truths: Mapping[str, Truth],
    found: Sequence[Found],
    notices: Sequence[Notice],
    *,
    watched_from_s: int,
    until_s: int,
) -> Scorecard:
    """Hold findings and notices against the `truths` of the machines (`site/asset`), as far as `until_s`.

    A finding tells of a fault when it begins within it, and a notice when it is given within it: what was there before
    the fault began explains nothing, however long it lasts. All others are false.
    """
    found = [one for one in found if one.start_s <= until_s]
    notices = [one for one in notices if one.given_s <= until_s]
    faults = [(truth, fault) for truth in truths.values() for fault in truth.faults if fault.start_s < until_s]
    lines = [_line(truth, fault, found, notices, until_s) for truth, fault in faults]
    return Scorecard(
        lines=tuple(sorted(lines, key=lambda line: (line.began_s, line.machine))),
        false_findings=tuple(
            one for one in found if not any(_tells(one.machine, one.start_s, fault) for _, fault in faults)
        ),
        false_notices=tuple(
            one for one in notices if not any(_tells(one.machine, one.given_s, fault) for _, fault in faults)
        ),
        asset_months=len(truths) * (until_s - watched_from_s) / _MONTH_S,
    )


def _line(truth: Truth, fault: Fault, found: Sequence[Found], notices: Sequence[Notice], until_s: int) -> Line:
    within = [one for one in found if _tells(one.machine, one.start_s, fault)]
    first = min(within, key=lambda one: one.start_s, default=None)
    given = [one for one in notices if _tells(one.machine, one.given_s, fault)]
    notice = min(given, key=lambda one: one.given_s, default=None)
    stop: Stop | None = next((stop for stop in truth.stops if stop.start_s == fault.end_s), None)
    return Line(
        machine=fault.machine,
        fault=fault.kind.value,
        began_s=fault.start_s,
        ended_s=fault.end_s,
        ended_by="" if stop is None else stop.code,
        is_over=fault.end_s <= until_s,
        is_failure=stop is not None and stop.code.startswith("F"),
        found_s=None if first is None else first.start_s,
        delay_h=None if first is None else (first.start_s - fault.start_s) / _HOUR_S,
        sensor=None if first is None else first.sensor,
        moved=fault.sensors,
        component=None if notice is None else notice.component,
        notice_s=None if notice is None else notice.given_s,
        lead_h=None if notice is None else (fault.end_s - notice.given_s) / _HOUR_S,
        p10_s=None if notice is None else notice.p10_s,
        p50_s=None if notice is None else notice.p50_s,
        p90_s=None if notice is None else notice.p90_s,
        state=None if notice is None else notice.state,
    )


def _tells(machine: str, at_s: float, fault: Fault) -> bool:
    return machine == fault.machine and fault.start_s <= at_s < fault.end_s
