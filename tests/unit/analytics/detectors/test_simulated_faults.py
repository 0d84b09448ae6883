"""The detector against a fleet whose faults are known because they were made: what it finds, what it imagines."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import pytest

from services.analytics.detectors import model as detector
from services.analytics.detectors.buckets import running_buckets, settling_us
from services.analytics.detectors.findings import findings
from services.analytics.detectors.model import Refusal, Scores
from services.analytics.detectors.training import train
from shared.instant import DAY_US, MINUTE_US, SECOND_US
from shared.model.anomaly import Finding
from shared.model.detector import DetectorSettings
from shared.model.facts import Category, Interval, Party
from shared.simulate.machines import MACHINES, Machine, Model
from shared.simulate.noise import GRID_S
from shared.simulate.schedule import Era, truth_of
from shared.simulate.signals import readings
from shared.simulate.truth import Fault, Truth

_DAYS = 90
_ANCHOR_S = 1_792_368_000
_ERA = Era(start_s=_ANCHOR_S - _DAYS * 86_400, anchor_s=_ANCHOR_S)
# What the demo's machines are watched with; its history has one sample in five buckets.
_DEMO = DetectorSettings(sensors=(), bucket_us=MINUTE_US, open_after=4, close_after=180, false_alarms_per_month=0.5)
_SENSOR_THAT_RUNS = {"compressor-250": "power_kw", "packaging-line": "rate_units_min", "pump-90": "power_kw"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """A machine's history with what the detector says of it after its healthy window."""

    machine: Machine
    truth: Truth
    model: detector.Model
    at_us: np.ndarray
    scores: Scores
    found: list[Finding]

    @property
    def faults(self) -> list[Fault]:
        return [fault for fault in self.truth.faults if fault.start_s < _ANCHOR_S]

    def of(self, fault: Fault) -> list[Finding]:
        """The findings that overlap a fault."""
        return [
            f for f in self.found if f.start_us < fault.end_s * SECOND_US and f.until_us > fault.start_s * SECOND_US
        ]

    def imagined(self) -> list[Finding]:
        """The findings that overlap no fault."""
        real = {finding.start_us for fault in self.faults for finding in self.of(fault)}
        return [finding for finding in self.found if finding.start_us not in real]

    def ranked(self, finding: Finding) -> list[str]:
        """Sensors by their mean share over the finding's buckets above the threshold."""
        inside = (self.at_us >= finding.start_us) & (self.at_us < finding.until_us) & (self.scores.score >= 1)
        return [self.model.sensors[i] for i in np.argsort(-self.scores.share[inside].mean(axis=0))]


def _watch(machine: Machine, seed: int, settings: DetectorSettings) -> Watched:
    truth = truth_of(machine, _ERA, seed, _ANCHOR_S)
    at_s = np.arange(_ERA.start_s, _ANCHOR_S, GRID_S)
    values = readings(machine, truth, seed, at_s)
    sensors = tuple(values)
    timeline = list(_timeline(at_s, values[_SENSOR_THAT_RUNS[machine.model.value]] > 1.0))
    grid_us = at_s[0] * SECOND_US + np.arange(0, _DAYS * DAY_US, max(settings.bucket_us, GRID_S * SECOND_US))
    means = np.column_stack([values[sensor].reshape(len(grid_us), -1).mean(axis=1) for sensor in sensors])
    ran_us = running_buckets(timeline, settings.bucket_us, settling_us(settings), 0, _ANCHOR_S * SECOND_US)
    ran = np.isin(grid_us, ran_us)
    is_healthy = grid_us < _ERA.healthy_until_s * SECOND_US
    watched_by = replace(settings, sensors=sensors)
    model = train(grid_us[ran & is_healthy], means[ran & is_healthy], watched_by)
    assert not isinstance(model, Refusal)
    at_us = grid_us[ran & ~is_healthy]
    columns = [sensors.index(sensor) for sensor in model.columns]
    scores = model.score(at_us, means[ran & ~is_healthy][:, columns])
    found = findings(at_us, scores.score, settings, _ANCHOR_S * SECOND_US)
    return Watched(machine=machine, truth=truth, model=model, at_us=at_us, scores=scores, found=found)


def _timeline(at_s: np.ndarray, is_running: np.ndarray) -> Iterator[Interval]:
    """Each sample vouches for the time until the next."""
    for runs, samples in groupby(zip(at_s.tolist(), is_running.tolist(), strict=True), key=lambda sample: sample[1]):
        times = [at for at, _ in samples]
        yield Interval(
            start_us=times[0] * SECOND_US,
            end_us=(times[-1] + GRID_S) * SECOND_US,
            category=Category.FP if runs else Category.TS,
            cause="x",
            party=Party.NOBODY,
        )


@pytest.fixture(scope="module")
def fleet() -> list[Watched]:
    return [_watch(machine, 2026, _DEMO) for machine in MACHINES]


def test_every_fault_is_found_in_the_first_half_of_its_growth(fleet: list[Watched]) -> None:
    faults = [(watched, fault) for watched in fleet for fault in watched.faults]

    assert {watched.machine.model for watched, _ in faults} == set(Model)
    for watched, fault in faults:
        found = watched.of(fault)
        assert found, fault
        assert found[0].start_us / SECOND_US - fault.start_s < (fault.full_s - fault.start_s) / 2, fault


def test_a_sensor_of_the_fault_leads_the_finding_or_comes_second(fleet: list[Watched]) -> None:
    """Where several sensors move at once, the one value that explains most of it may be a sensor between them."""
    for watched in fleet:
        for fault in watched.faults:
            longest = max(watched.of(fault), key=lambda finding: finding.until_us - finding.start_us)
            first, second, *_ = watched.ranked(longest)
            assert first in fault.sensors or (len(fault.sensors) > 1 and second in fault.sensors), fault


def test_healthy_machines_are_left_in_peace(fleet: list[Watched]) -> None:
    """The budget: half a false finding a month."""
    months = len(fleet) * (_ANCHOR_S - _ERA.healthy_until_s) / (30 * 86_400)

    assert sum(len(watched.imagined()) for watched in fleet) <= months * _DEMO.false_alarms_per_month
