"""Trained models: what one is for, and how it stands among its versions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Purpose(StrEnum):
    """What a model says of a machine."""

    REMAINING_LIFE = "remaining_life"
    FAILURE_RISK = "failure_risk"


class Standing(StrEnum):
    """One champion of a model and purpose makes its predictions; a challenger may take its place; the rest were."""

    CHALLENGER = "challenger"
    CHAMPION = "champion"
    RETIRED = "retired"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What a training left, to be stored as a version.

    Nothing it learnt from lies outside `[trained_from_us, trained_to_us]`; `data_sha256` is over the canonical form of
    those `rows`. `metrics` are of data held back, lower is better. `artefact` is in the format of skops.
    """

    purpose: Purpose
    method: str
    trained_from_us: int
    trained_to_us: int
    data_sha256: str
    rows: int
    features: tuple[str, ...]
    metrics: dict[str, Any]
    calibration: dict[str, Any]
    seed: int
    artefact: bytes
