"""What a training leaves behind, as it is stored: numbers as JSON with their digest, never code. Pure."""

import hashlib
import json
from typing import Any

from services.analytics.detectors.pca import PcaModel, Refusal
from shared.model.detector import DetectorSettings


def as_record(
    outcome: PcaModel | Refusal, settings: DetectorSettings, healthy_from_us: int, healthy_to_us: int
) -> dict[str, Any]:
    """The outcome of a training with the circumstances it holds for."""
    return {**_circumstances(settings, healthy_from_us, healthy_to_us), **outcome.as_parameters()}


def is_current(record: dict[str, Any], settings: DetectorSettings, healthy_from_us: int, healthy_to_us: int) -> bool:
    """Whether `record` was made with these settings on this healthy window."""
    circumstances = _circumstances(settings, healthy_from_us, healthy_to_us)
    return all(record.get(key) == value for key, value in circumstances.items())


def model_of(record: dict[str, Any]) -> PcaModel | None:
    """The model of a record; None when the training was refused."""
    return None if "refused" in record else PcaModel.from_parameters(record)


def digest(record: dict[str, Any]) -> str:
    """SHA-256 over canonical JSON (sorted keys, no spaces): the same data and settings give the same digest."""
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _circumstances(settings: DetectorSettings, healthy_from_us: int, healthy_to_us: int) -> dict[str, Any]:
    return {
        "settings": {
            "sensors": list(settings.sensors),
            "bucket_us": settings.bucket_us,
            "open_after": settings.open_after,
            "close_after": settings.close_after,
            "false_alarm_rate": settings.false_alarm_rate,
        },
        "healthy": [healthy_from_us, healthy_to_us],
    }
