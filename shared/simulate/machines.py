"""The machines of the demo fleet and how each model behaves: load and weather in, sensor values out."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from shared.simulate.noise import Instants, Purpose, Signal, wander, white

_HOUR_S = 3_600
_DAY_S = 86_400
# The demo's sites keep Central European Time; a simulated day needs no summer time.
_LOCAL_OFFSET_S = _HOUR_S
_WATER_KG_M3 = 1_000.0
_GRAVITY_M_S2 = 9.81


class Model(StrEnum):
    """The three models of the fleet."""

    COMPRESSOR = "compressor-250"
    LINE = "packaging-line"
    PUMP = "pump-90"


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A machine by its place; `number` names its streams of chance."""

    number: int
    customer: str
    site: str
    slug: str
    model: Model

    @property
    def key(self) -> str:
        """`site/asset`, as contracts and faults name it; unique in this fleet."""
        return f"{self.site}/{self.slug}"


def _machines(*places: tuple[str, str, Model, tuple[str, ...]]) -> tuple[Machine, ...]:
    return tuple(
        Machine(number=number, customer=customer, site=site, slug=slug, model=model)
        for number, (customer, site, slug, model) in enumerate(
            ((customer, site, slug, model) for customer, site, model, slugs in places for slug in slugs), start=1
        )
    )


MACHINES = _machines(
    ("lechtal", "kempten", Model.COMPRESSOR, ("c1", "c2", "c3")),
    ("lechtal", "fuessen", Model.COMPRESSOR, ("c4", "c5")),
    ("alba", "latina", Model.LINE, ("l1", "l2", "l3")),
    ("alba", "anagni", Model.LINE, ("l4", "l5")),
    ("nordhafen", "wasserwerk", Model.PUMP, ("p1", "p2", "p3")),
    ("nordhafen", "hafen", Model.PUMP, ("p4", "p5")),
)

SENSORS: dict[Model, tuple[str, ...]] = {
    Model.COMPRESSOR: ("power_kw", "discharge_pressure_bar", "flow_m3_h", "oil_temperature_c", "vibration_mm_s"),
    Model.LINE: ("rate_units_min", "motor_current_a", "reject_rate", "film_tension_n", "seal_temperature_c"),
    Model.PUMP: ("power_kw", "flow_m3_h", "head_m", "bearing_temperature_c", "vibration_mm_s"),
}

# Values of one sensor each, all of one shape (n,).
Sensors = dict[str, Signal]


def ambient_c(seed: int, site: str, at_s: Instants) -> Signal:
    """Temperature of a site's machine hall in degrees Celsius: a little of the year, the day and the weather."""
    stream = (seed, *site.encode(), Purpose.WEATHER)
    year = np.cos(2 * np.pi * (at_s / (365.25 * _DAY_S) - 0.55))
    day = np.cos(2 * np.pi * (_hour(at_s) - 15) / 24)
    return 19.0 + 1.5 * year + 2.5 * day + 1.5 * wander(stream, at_s, 6 * _HOUR_S)


def healthy(machine: Machine, seed: int, at_s: Instants, ambient: Signal, share: Signal | float = 1.0) -> Sensors:
    """What the sensors of a running machine without fault read at the epoch seconds `at_s`; the keys are `SENSORS`.

    `share` (n,): of the load it would have.
    """
    stream = (seed, machine.number)
    own = wander((*stream, Purpose.LOAD), at_s, _HOUR_S)
    return _BEHAVIOUR[machine.model](at_s, own, ambient, white((*stream, Purpose.MEASUREMENT), at_s, 5).T, share)


def _compressor(at_s: Instants, own: Signal, ambient: Signal, noise: Signal, share: Signal | float) -> Sensors:
    load = share * np.clip(0.52 + 0.36 * _working_day(at_s) + 0.05 * own, 0.25, 1.0)
    flow = 2_450.0 * load * (1 + 0.008 * noise[0])
    pressure = 7.5 - 0.3 * (load - 0.7) + 0.03 * noise[1]
    power = (18.0 + 0.0985 * flow) * (1 + 0.05 * (pressure - 7.5)) * (1 + 0.001 * (ambient - 20)) + 1.2 * noise[2]
    return {
        "power_kw": power,
        "discharge_pressure_bar": pressure,
        "flow_m3_h": flow,
        "oil_temperature_c": 62.0 + 18.0 * load + 0.4 * (ambient - 20) + 0.5 * noise[3],
        "vibration_mm_s": 1.7 + 0.8 * load + 0.09 * noise[4],
    }


def _line(at_s: Instants, own: Signal, ambient: Signal, noise: Signal, share: Signal | float) -> Sensors:
    speed = share * np.clip(0.84 + 0.1 * _working_day(at_s) + 0.05 * own, 0.5, 1.0)
    # Between two and half past two at night the line stands ready and empty while the format is changed.
    hour = _hour(at_s)
    running = ~((hour >= 2.0) & (hour < 2.5))
    return {
        "rate_units_min": running * 120.0 * speed * (1 + 0.01 * noise[0]),
        "motor_current_a": np.where(running, 6.0 + 23.0 * speed, 2.5) + 0.25 * noise[1],
        "reject_rate": running * (0.011 + 0.012 * (speed - 0.7) + 0.0014 * noise[2]),
        "film_tension_n": 38.0 + running * 5.0 * speed + 0.4 * noise[3],
        "seal_temperature_c": 166.0 + 4.0 * speed + 0.05 * (ambient - 20) + 0.7 * noise[4],
    }


def _pump(at_s: Instants, own: Signal, ambient: Signal, noise: Signal, share: Signal | float) -> Sensors:
    hour = _hour(at_s)
    morning = np.exp(-(((hour - 7.5) / 2.0) ** 2))
    evening = np.exp(-(((hour - 19.5) / 2.5) ** 2))
    load = share * np.clip(0.55 + 0.22 * morning + 0.24 * evening + 0.004 * (ambient - 10) + 0.04 * own, 0.3, 1.0)
    flow = 480.0 * load * (1 + 0.008 * noise[0])
    head = 46.0 - 16.0 * (flow / 480.0) ** 2 + 0.25 * noise[1]
    efficiency = 0.80 - 0.25 * (load - 0.8) ** 2
    hydraulic_kw = _WATER_KG_M3 * _GRAVITY_M_S2 * flow / _HOUR_S * head / 1_000.0
    return {
        "power_kw": hydraulic_kw / efficiency + 0.35 * noise[2],
        "flow_m3_h": flow,
        "head_m": head,
        "bearing_temperature_c": 36.0 + 17.0 * load + 0.45 * (ambient - 15) + 0.45 * noise[3],
        "vibration_mm_s": 1.3 + 0.7 * load + 0.07 * noise[4],
    }


_BEHAVIOUR: dict[Model, Callable[[Instants, Signal, Signal, Signal, Signal | float], Sensors]] = {
    Model.COMPRESSOR: _compressor,
    Model.LINE: _line,
    Model.PUMP: _pump,
}


def _hour(at_s: Instants) -> Signal:
    return (at_s + _LOCAL_OFFSET_S) % _DAY_S / _HOUR_S


def _working_day(at_s: Instants) -> Signal:
    """0 at night to 1 at one in the afternoon of a working day; less at the weekend."""
    weekday = ((at_s + _LOCAL_OFFSET_S) // _DAY_S + 3) % 7
    strength = np.select([weekday < 5, weekday == 5], [1.0, 0.55], default=0.3)
    return strength * 0.5 * (1 + np.cos(2 * np.pi * (_hour(at_s) - 13) / 24))
