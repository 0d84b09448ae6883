"""From the scores of a machine's buckets to findings: a function of the whole series, computed piece by piece. Pure.

Hysteresis: buckets that reach `HOLD` with no more than `close_after` buckets between them form one episode. A finding
opens in an episode with the first `open_after` scored buckets in a row above the threshold, and ends with the episode's
last bucket that holds. It starts where the departure began: from the bucket that opened it back over buckets in a row
that reach `ONSET`, `close_after` of them at most; means over windows rise late. A bucket without a score (machine
stopped, sensor without value) is no evidence: it breaks no row, but counts towards closing, so that a machine that has
stopped for `close_after` buckets closes its finding.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.model.anomaly import Finding
from shared.model.detector import DetectorSettings

Times = NDArray[np.int64]
Values = NDArray[np.float64]

# Scores are squares of departures: a finding holds down to 70 % of the departure that opens it, began at 40 %.
HOLD: Final = 0.5
ONSET: Final = 0.16


def findings(at_us: Times, score: Values, settings: DetectorSettings, known_to_us: int) -> list[Finding]:
    """Findings of a series of bucket starts `at_us` (n,), ascending, with their `score` (n,); 1.0 = the threshold.

    A NaN score is below all. A finding is open while fewer than `close_after` whole buckets have passed between its
    last bucket that holds and `known_to_us`, the end of what is known.
    """
    holding = np.flatnonzero(score >= HOLD)
    still_us = settings.close_after * settings.bucket_us
    breaks = np.flatnonzero(np.diff(at_us[holding]) > still_us) + 1
    found: list[Finding] = []
    for episode in np.split(holding, breaks):
        first = opens_at(episode[score[episode] >= 1.0], settings.open_after)
        if first is None:
            continue
        begun = _begun(at_us, score, first, still_us)
        last_us = int(at_us[episode[-1]])
        found.append(
            Finding(
                start_us=int(at_us[begun]),
                until_us=last_us + settings.bucket_us,
                is_open=known_to_us < last_us + settings.bucket_us + still_us,
                peak_score=float(np.nanmax(score[begun : episode[-1] + 1])),
            )
        )
    return found


def quiet_us(settings: DetectorSettings) -> int:
    """A finding depends on no bucket further than this from its buckets that hold."""
    return 2 * settings.close_after * settings.bucket_us


def widened(at_us: Times, score: Values, start_us: int, end_us: int, quiet: int) -> tuple[int, int]:
    """`[start_us, end_us)` itself when no finding can cross its edges, else the same, twice as long on that side.

    `at_us` and `score` are the buckets of the window. An edge is safe when none holds in the `quiet` stretch inside it,
    and none that opens after the end can have begun before it.
    """
    holding = at_us[score >= HOLD]
    crosses_start = len(holding) > 0 and holding[0] < start_us + quiet
    crosses_end = len(holding) > 0 and holding[-1] >= end_us - quiet
    # What opens after the end begins `quiet / 2` earlier at most, and only over buckets in a row that reach ONSET.
    is_near = len(at_us) > 0 and at_us[-1] >= end_us - quiet // 2
    crosses_end |= bool(is_near and score[-1] >= ONSET)
    reach = max(end_us - start_us, quiet)
    return start_us - reach if crosses_start else start_us, end_us + reach if crosses_end else end_us


def opens_at(above: NDArray[np.intp], open_after: int) -> int | None:
    """Position of the first of `open_after` scored buckets in a row above; `above` (n,) holds positions of those."""
    if len(above) < open_after:
        return None
    in_a_row = np.flatnonzero(above[open_after - 1 :] - above[: len(above) - open_after + 1] == open_after - 1)
    return int(above[in_a_row[0]]) if len(in_a_row) else None


def _begun(at_us: Times, score: Values, first: int, reach_us: int) -> int:
    """Position from which on all buckets up to `first` reach ONSET, no earlier than `reach_us` before it."""
    low = int(np.searchsorted(at_us, at_us[first] - reach_us))
    below = np.flatnonzero(~(score[low:first] >= ONSET))
    return low + int(below[-1]) + 1 if len(below) else low
