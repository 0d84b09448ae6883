"""What the sensors of a machine read, with all that happens to it: healthy behaviour, then faults, then stops."""

import numpy as np

from shared.simulate.machines import Machine, Sensors, ambient_c, healthy
from shared.simulate.noise import Instants, Signal
from shared.simulate.truth import EFFECTS, Fault, Load, Replacement, Stop, Truth

_COOLING_S = 2_400.0
_WARMING_S = 420.0
_DECIMALS = 4


def readings(machine: Machine, truth: Truth, seed: int, at_s: Instants) -> Sensors:
    """Values by sensor, each of shape (n,), at the epoch seconds `at_s` (n,), ascending; never negative."""
    ambient = ambient_c(seed, machine.site, at_s)
    values = healthy(machine, seed, at_s, ambient, _share_of_load(truth.loads, at_s))
    for fault in truth.faults:
        _degrade(values, fault, at_s)
    if truth.stops:
        _stand_still(values, truth.stops, at_s, ambient)
    for replacement in truth.replacements:
        _replace(values, replacement, at_s)
    for fault in truth.faults:
        _stick(machine, values, fault, seed, at_s)
    return {sensor: np.maximum(value, 0.0).round(_DECIMALS) for sensor, value in values.items()}


def severity(fault: Fault, at_s: Instants) -> Signal:
    """0 outside the fault, within it growing to 1."""
    share = np.clip((at_s - fault.start_s) / (fault.full_s - fault.start_s), 0.0, 1.0)
    return np.where(at_s < fault.end_s, share**fault.growth, 0.0)


def _degrade(values: Sensors, fault: Fault, at_s: Instants) -> None:
    if at_s[-1] < fault.start_s or at_s[0] >= fault.end_s:
        return
    grown = severity(fault, at_s)
    for sensor in fault.sensors:
        effect = EFFECTS[fault.kind][sensor]
        values[sensor] = values[sensor] * (1 + effect.factor * grown) + effect.offset * grown


def _share_of_load(loads: tuple[Load, ...], at_s: Instants) -> Signal:
    share = np.ones(at_s.size)
    for load in loads:
        share[(at_s >= load.start_s) & (at_s < load.end_s)] *= load.factor
    return share


def _replace(values: Sensors, replacement: Replacement, at_s: Instants) -> None:
    values[replacement.sensor] = values[replacement.sensor] + replacement.offset * (at_s >= replacement.at_s)


def _stick(machine: Machine, values: Sensors, fault: Fault, seed: int, at_s: Instants) -> None:
    """A gauge that is stuck shows the same even while the machine stands still."""
    stuck = (at_s >= fault.start_s) & (at_s < fault.end_s)
    sensors = [sensor for sensor in fault.sensors if EFFECTS[fault.kind][sensor].stuck]
    if not sensors or not stuck.any():
        return
    began_s = np.array([fault.start_s], dtype=np.int64)
    then = healthy(machine, seed, began_s, ambient_c(seed, machine.site, began_s))
    for sensor in sensors:
        values[sensor] = np.where(stuck, then[sensor], values[sensor])


def _stand_still(values: Sensors, stops: tuple[Stop, ...], at_s: Instants, ambient: Signal) -> None:
    """Nothing moves and the machine cools down; it is warmed up again before it runs, as the last part of the stop."""
    moving, warm = np.ones(at_s.size, dtype=bool), np.ones(at_s.size)
    for stop in stops:
        if at_s[-1] < stop.start_s or at_s[0] >= stop.end_s:
            continue
        stopped = (at_s >= stop.start_s) & (at_s < stop.end_s)
        moving &= ~stopped
        cooling = np.exp(-np.maximum(at_s - stop.start_s, 0) / _COOLING_S)
        warming = np.exp(-np.maximum(stop.end_s - at_s, 0) / _WARMING_S)
        warm = np.where(stopped, np.maximum(cooling, warming), warm)
    for sensor, value in values.items():
        if sensor.endswith("_temperature_c"):
            values[sensor] = ambient + (value - ambient) * warm
        else:
            values[sensor] = value * moving
