"""From the scores of a machine's buckets to findings: a function of the whole series, computed piece by piece. Pure.

Buckets above the threshold with fewer than `close_after` buckets between them form one episode. A finding opens in an
episode with the first `open_after` scored buckets in a row above; it starts at the first of them and ends with the
episode's last bucket above. A bucket without a score (machine stopped, sensor without value) is no evidence: it breaks
no row, but counts towards closing, so that a machine that has stopped for `close_after` buckets closes its finding.
"""

import numpy as np
from numpy.typing import NDArray

from shared.model.anomaly import Finding
from shared.model.detector import DetectorSettings

Times = NDArray[np.int64]
Values = NDArray[np.float64]


def findings(at_us: Times, score: Values, settings: DetectorSettings, known_to_us: int) -> list[Finding]:
    """Findings of a series of bucket starts `at_us` (n,), ascending, with their `score` (n,); 1.0 = the threshold.

    A finding is open while fewer than `close_after` whole buckets have passed between its last bucket above and
    `known_to_us`, the end of what is known.
    """
    above = np.flatnonzero(score >= 1.0)
    breaks = np.flatnonzero(np.diff(at_us[above]) > quiet_us(settings)) + 1
    found: list[Finding] = []
    for episode in np.split(above, breaks):
        first = _opens_at(episode, settings.open_after)
        if first is None:
            continue
        last_us = int(at_us[episode[-1]])
        closes_us = last_us + settings.bucket_us + quiet_us(settings)
        found.append(
            Finding(
                start_us=int(at_us[first]),
                until_us=last_us + settings.bucket_us,
                is_open=known_to_us < closes_us,
                peak_score=float(score[first : episode[-1] + 1].max()),
            )
        )
    return found


def quiet_us(settings: DetectorSettings) -> int:
    """Two buckets above that are further apart than this belong to different episodes."""
    return settings.close_after * settings.bucket_us


def widened(at_us: Times, score: Values, start_us: int, end_us: int, quiet: int) -> tuple[int, int]:
    """`[start_us, end_us)` itself when no episode can cross its edges, else the same, twice as long on that side.

    `at_us` and `score` are the buckets of the window. An edge is safe when the `quiet` stretch inside it has none
    above.
    """
    above = at_us[score >= 1.0]
    if len(above) == 0:
        return start_us, end_us
    reach = max(end_us - start_us, quiet)
    return (
        start_us - reach if above[0] < start_us + quiet else start_us,
        end_us + reach if above[-1] >= end_us - quiet else end_us,
    )


def _opens_at(episode: NDArray[np.intp], open_after: int) -> int | None:
    """Position of the first of `open_after` scored buckets in a row above; `episode` holds positions of those above."""
    if len(episode) < open_after:
        return None
    in_a_row = np.flatnonzero(episode[open_after - 1 :] - episode[: len(episode) - open_after + 1] == open_after - 1)
    return int(episode[in_a_row[0]]) if len(in_a_row) else None
