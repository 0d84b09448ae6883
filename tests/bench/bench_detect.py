"""How fast rows are scored: `python -m tests.bench.bench_detect`; no server.

Micro-batches of many assets, a few new buckets each while the caller keeps the memory before them, and long series at
once: by `score_many`, by each model's own `score`, by isolation forests on the same windows (scikit-learn's, and PyOD's
when it can be imported), and merely read (the sum over the array). Values a second are new sensor values, in seconds of
one core's processor time, which others on the machine disturb less than the clock; the best of three. Then whether the
cost is linear in assets, how long training takes, and what is held of an asset.
"""

import importlib
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.ensemble import IsolationForest

from services.analytics.detectors import record, training
from services.analytics.detectors.many import score_many
from services.analytics.detectors.model import Array, Model, Refusal, Times
from shared.model.detector import DetectorSettings

SENSORS: Final = tuple(f"sensor_{i}" for i in range(8))
SETTINGS: Final = DetectorSettings(
    sensors=SENSORS, bucket_us=60_000_000, open_after=3, close_after=30, false_alarms_per_month=1.0
)
TRAINED: Final = 2_000
WINDOW: Final = 32
ROUNDS: Final = 3
ASSETS: Final = (100, 1_000, 10_000)
BATCHES: Final = (5, 15, 60)
LONG: Final = 8_000
# Assets that are measured one by one; their time is scaled up to all.
SOME: Final = 20


def main() -> None:
    """Measure and print."""
    print(f"load of the machine: {os.getloadavg()[0]:.1f}; {len(SENSORS)} sensors an asset")
    models = [_trained(TRAINED, seed) for seed in range(SOME)]
    forests = _forests()
    for batch in BATCHES:
        _compare(models, 1_000, batch, forests)
    _compare(models, SOME, LONG, forests)
    for assets in ASSETS:
        micro = _Batch(models, assets, 15)
        took = _best_s(micro.score)
        print(f"linear: {assets:6} assets x 15 new buckets: {took:.3f} s, {1e6 * took / assets:.0f} us an asset")
    for rows in (400, 2_000, 20_000):
        print(f"train: {rows:6} rows in {1e3 * _best_s(lambda n=rows: _trained(n, 0)):.0f} ms")
    _memory(models[0])


class _Batch:
    """`new` buckets of each of many assets, and the memory before them."""

    def __init__(self, models: Sequence[Model], assets: int, new: int) -> None:
        self.warm_up = models[0].memory_us // SETTINGS.bucket_us
        self.new, self.assets = new, assets
        self.models = [models[i % len(models)] for i in range(assets)]
        self.at_us = [_times(self.warm_up + new) for _ in range(assets)]
        rows = _machine(assets * (self.warm_up + new), seed=99)
        self.values = list(rows.reshape(assets, self.warm_up + new, len(SENSORS)))
        self.first_us = [int(self.at_us[0][self.warm_up])] * assets

    def score(self) -> object:
        """All of them together."""
        return score_many(self.models, self.at_us, self.values, self.first_us)

    def score_alone(self, assets: int) -> None:
        """Some, each by its own model."""
        for model, at_us, values in zip(self.models[:assets], self.at_us, self.values, strict=False):
            model.score(at_us, values)

    def windows(self, asset: int) -> Array:
        """What a forest sees of the new rows: of each the means of its window over each sensor."""
        return _windowed(self.values[asset][-self.new - WINDOW + 1 :])

    def read(self) -> None:
        """The new values."""
        for values in self.values:
            values[-self.new :].sum()


Fit = Callable[[Array], Callable[[Array], object]]


def _forests() -> dict[str, Fit]:
    def sklearn(windows: Array) -> Callable[[Array], object]:
        return IsolationForest(n_estimators=100, random_state=0).fit(windows).decision_function

    found: dict[str, Fit] = {"scikit-learn IsolationForest": sklearn}
    try:
        pyod: Any = importlib.import_module("pyod.models.iforest")
    except ImportError as error:
        print(f"PyOD IForest: SKIPPED, {error}")
        return found

    def other(windows: Array) -> Callable[[Array], object]:
        return pyod.IForest(n_estimators=100, random_state=0).fit(windows).decision_function

    return {"PyOD IForest": other, **found}


def _compare(models: Sequence[Model], assets: int, new: int, forests: dict[str, Fit]) -> None:
    """A table: the same new rows by each; what goes asset by asset is timed for some assets, and scaled up."""
    batch, some = _Batch(models, assets, new), min(SOME, assets)
    ours = _best_s(batch.score)
    print(f"\n{assets} assets x {new} new buckets | s | M new values/s | times ours\n---|---|---|---")
    rows = [("score_many", ours), ("score, asset by asset", _best_s(lambda: batch.score_alone(some)) * assets / some)]
    windows = [batch.windows(i) for i in range(some)]
    for name, fit in forests.items():
        judges = [fit(_windowed(_machine(TRAINED, seed=i))) for i in range(some)]
        took = _best_s(lambda all_of=judges: [judge(rows) for judge, rows in zip(all_of, windows, strict=True)])
        rows.append((name, took * assets / some))
    rows.append(("reading", _best_s(batch.read)))
    for name, took in rows:
        print(f"{name} | {took:.4f} | {assets * new * len(SENSORS) / took / 1e6:.3f} | {took / ours:.3f}", flush=True)


def _memory(model: Model) -> None:
    stored = len(str(record.as_record(model, SETTINGS, 0, 1)))
    held = _bytes(model)
    warm_up = model.memory_us // SETTINGS.bucket_us
    remembered = warm_up * (len(SENSORS) + 1) * 8
    print(
        f"memory of an asset: {held} bytes of numbers in its model ({stored} as JSON), {remembered} bytes of the "
        f"{warm_up} buckets it remembers"
    )


def _bytes(held: object) -> int:
    """Bytes of all arrays within."""
    if isinstance(held, np.ndarray):
        return held.nbytes
    names = getattr(type(held), "__dataclass_fields__", {})
    return sum(_bytes(getattr(held, name)) for name in names)


def _trained(rows: int, seed: int) -> Model:
    found = training.train(_times(rows), _machine(rows, seed=seed), SETTINGS)
    if isinstance(found, Refusal):
        raise SystemExit(f"refused: {found.reason}")
    return found


def _times(rows: int) -> Times:
    return np.arange(rows, dtype=np.int64) * SETTINGS.bucket_us


def _machine(rows: int, *, seed: int) -> Array:
    """Sensors that share two loads and have noise of their own."""
    chance = np.random.default_rng(seed)
    loads = chance.normal(size=(rows, 2))
    mixing = np.random.default_rng(7).normal(size=(2, len(SENSORS)))
    return loads @ mixing + 0.3 * chance.normal(size=(rows, len(SENSORS)))


def _windowed(values: Array) -> Array:
    return sliding_window_view(values, WINDOW, axis=0).mean(axis=2)


def _best_s(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


if __name__ == "__main__":
    main()
