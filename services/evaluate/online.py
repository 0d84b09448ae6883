"""What an operator saw while it happened: when findings opened, and the rows at which one was open. Pure.

The beginning and the end of a finding are dated when it is over: back to the onset, to the last bucket that held. None
of that is known at the row itself; what is here follows from the buckets up to each row alone.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.analytics.detectors.findings import opens_at
from services.analytics.detectors.model import Array, Times
from shared.model.anomaly import Finding
from shared.model.detector import DetectorSettings


def opened(at_us: Times, score: Array, found: Sequence[Finding], settings: DetectorSettings) -> NDArray[np.intp]:
    """Positions (k,) at which the k findings opened: the last of the first `open_after` buckets in a row at 1.0.

    `found` are the findings of the bucket starts `at_us` (n,) with their `score` (n,).
    """
    return np.array([_opened(at_us, score, finding, settings.open_after) for finding in found], dtype=np.intp)


def is_open(at_us: Times, score: Array, found: Sequence[Finding], settings: DetectorSettings) -> NDArray[np.bool_]:
    """At which of the n buckets a finding was open: from the one it opened with until `close_after` have not held."""
    flags = np.zeros(len(at_us), dtype=bool)
    wait_us = (settings.close_after - 1) * settings.bucket_us
    for position, finding in zip(opened(at_us, score, found, settings), found, strict=True):
        flags[position : np.searchsorted(at_us, finding.until_us + wait_us)] = True
    return flags


def _opened(at_us: Times, score: Array, finding: Finding, open_after: int) -> int:
    start, end = np.searchsorted(at_us, [finding.start_us, finding.until_us])
    first = opens_at(start + np.flatnonzero(score[start:end] >= 1.0), open_after)
    assert first is not None, "a finding has opened"
    return first + open_after - 1
