"""What a training leaves behind, as it is stored: numbers as JSON with their digest, never code. Pure."""

import hashlib
import json
from math import isfinite
from typing import Any

from services.analytics.detectors import ensemble, single
from services.analytics.detectors.ensemble import Ensemble
from services.analytics.detectors.model import Model, Refusal
from services.analytics.detectors.single import SingleModel
from shared.errors import VouchError
from shared.model.detector import DetectorSettings


class TamperedError(VouchError):
    """A stored model is not the one whose digest is on record; it is not used."""


class UnusableError(VouchError):
    """A model with parameters that are no numbers; it is not stored."""


def as_record(
    outcome: Model | Refusal, settings: DetectorSettings, healthy_from_us: int, healthy_to_us: int
) -> dict[str, Any]:
    """The outcome of a training with the circumstances it holds for; raises UnusableError when a number is none."""
    algorithm = {} if isinstance(outcome, Refusal) else {"algorithm": outcome.name}
    parameters = outcome.as_parameters()
    if not is_finite(parameters):
        raise UnusableError("detector model: a parameter is NaN or infinite; it is not stored")
    return {**_circumstances(settings, healthy_from_us, healthy_to_us), **algorithm, **parameters}


def is_finite(parameters: object) -> bool:
    """Whether each number in `parameters`, however deep, is one; JSON knows no NaN and no infinity."""
    match parameters:
        case float():
            return isfinite(parameters)
        case dict():
            return all(is_finite(each) for each in parameters.values())
        case list() | tuple():
            return all(is_finite(each) for each in parameters)
        case _:
            return True


def is_current(record: dict[str, Any], settings: DetectorSettings, healthy_from_us: int, healthy_to_us: int) -> bool:
    """Whether `record` was made with these settings on this healthy window."""
    circumstances = _circumstances(settings, healthy_from_us, healthy_to_us)
    return all(record.get(key) == value for key, value in circumstances.items())


def model_of(record: dict[str, Any]) -> Model | None:
    """The model of a record; None when the training was refused, or the algorithm is one of another release.

    Who has the record from a store calls `checked` first.
    """
    match record.get("algorithm"):
        case ensemble.NAME:
            return Ensemble.from_parameters(record)
        case single.NAME:
            return SingleModel.from_parameters(record)
        case _:
            return None


def checked(record: dict[str, Any], sha256: str) -> dict[str, Any]:
    """The record itself; raises TamperedError when its digest is not `sha256`."""
    found = digest(record)
    if found != sha256:
        raise TamperedError(f"detector model: SHA-256 is {found}, on record is {sha256}; train it anew")
    return record


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
            "false_alarms_per_month": settings.false_alarms_per_month,
            "drivers": list(settings.drivers),
        },
        "healthy": [healthy_from_us, healthy_to_us],
    }
