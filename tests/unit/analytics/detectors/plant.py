"""A simulated machine for tests of detectors: five sensors that two loads drive, each with noise of its own."""

import numpy as np

from services.analytics.detectors import training
from services.analytics.detectors.ensemble import Ensemble
from services.analytics.detectors.model import Array, Times
from shared.model.detector import DetectorSettings

SENSORS = ("power_kw", "oil_temperature_c", "bearing_temperature_c", "pressure_bar", "flow_m3_h")
BUCKET_US = 600_000_000
SETTINGS = DetectorSettings(
    sensors=SENSORS, bucket_us=BUCKET_US, open_after=3, close_after=12, false_alarms_per_month=0.5
)
SCALE = np.array([50.0, 10.0, 8.0, 0.4, 3.0])
CENTRE = np.array([200.0, 90.0, 60.0, 7.0, 25.0])
# How far a sensor strays from what the loads imply, in its own standard units.
NOISE = 0.15
_MIXING = np.array([[1.0, 0.0], [0.9, 0.1], [0.3, 0.9], [0.7, -0.5], [0.1, 1.0]])


def times(n: int, first: int = 0) -> Times:
    """Bucket starts of `n` rows in a row."""
    return (first + np.arange(n, dtype=np.int64)) * BUCKET_US


def healthy(n: int, seed: int) -> Array:
    """Rows of a machine whose load remembers (lag-1 correlation 0.8), and weather that goes round once a day."""
    chance = np.random.default_rng(seed)
    load, shocks = np.zeros(n), chance.normal(size=n)
    for i in range(1, n):
        load[i] = 0.8 * load[i - 1] + 0.6 * shocks[i]
    weather = np.sin(2 * np.pi * np.arange(n) / 144) + 0.3 * chance.normal(size=n)
    own = NOISE * chance.normal(size=(n, len(SENSORS)))
    return (np.stack([load, weather], axis=1) @ _MIXING.T + own) * SCALE + CENTRE


def trained(values: Array, settings: DetectorSettings = SETTINGS) -> Ensemble:
    """The ensemble of these healthy rows."""
    model = training.train(times(len(values)), values, settings)
    assert isinstance(model, Ensemble), model
    return model
