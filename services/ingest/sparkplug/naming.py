"""Which sensor a metric is: by its exact name, by its path in sensor letters, or by the last part of that path."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

_NO_SENSOR_LETTERS: Final = re.compile(r"[^a-z0-9_-]+")
# Metrics every node may have by the specification and by convention; they steer or describe and measure nothing.
_KNOWN: Final = frozenset({"bdSeq"})
_KNOWN_FOLDERS: Final = ("Node Control/", "Device Control/", "Node Info/", "Device Info/", "Properties/")


def is_ignored(metric: str) -> bool:
    """Whether a metric is known to be no measurement."""
    return metric in _KNOWN or metric.startswith(_KNOWN_FOLDERS)


def slug(text: str) -> str:
    """In the letters of a sensor's name: `Motor 1/Temp` is `motor_1_temp`."""
    return _NO_SENSOR_LETTERS.sub("_", text.lower()).strip("_")


def bind(metrics: Iterable[str], sensors: frozenset[str]) -> Mapping[str, str]:
    """The sensor of each metric that has one.

    The exact name comes first, then the whole path, then its last part. Where several metrics of one birth would be
    the same sensor by equally good names, none of them is: one series never mixes two measurements.
    """
    names = list(dict.fromkeys(metrics))
    bound: dict[str, str] = {}
    claimed: set[str] = set()
    for form in (str, slug, _last):
        found = {name: form(name) for name in names if name not in bound and form(name) in sensors - claimed}
        claims = Counter(found.values())
        bound |= {name: sensor for name, sensor in found.items() if claims[sensor] == 1}
        claimed |= claims.keys()
    return bound


def _last(metric: str) -> str:
    return slug(metric.rsplit("/", 1)[-1])
