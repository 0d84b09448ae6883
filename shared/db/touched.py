"""Which hours of which assets a batch touched; pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.instant import HOUR_US

# Hours since 1970 stay below 2**24 until the year 3883; above them the asset, so that runs of two assets never meet.
_ASSET: Final = 1 << 24


def hour_runs(
    asset_id: NDArray[np.int32], start_us: NDArray[np.int64], end_us: NDArray[np.int64]
) -> list[tuple[int, int, int]]:
    """Runs (asset id, start, end) of whole UTC hours touched by the non-empty half-open spans; all shapes (n,).

    Ordered by asset and time; runs of an asset neither overlap nor adjoin.
    """
    if not len(asset_id):
        return []
    asset = asset_id.astype(np.int64) * _ASSET
    spans = np.stack((asset + start_us // HOUR_US, asset - (-end_us // HOUR_US)))
    # Readings arrive sorted: most rows repeat the span before them, and what is left is few.
    changed = np.ones(spans.shape[1], np.bool_)
    changed[1:] = (spans[:, 1:] != spans[:, :-1]).any(axis=0)
    first, last = spans[:, changed]
    order = np.argsort(first, kind="stable")
    first, reach = first[order], np.maximum.accumulate(last[order])
    opens = np.ones(len(first), np.bool_)
    opens[1:] = first[1:] > reach[:-1]
    starts, ends = first[opens], reach[np.append(np.flatnonzero(opens)[1:] - 1, len(first) - 1)]
    runs = zip(starts // _ASSET, starts % _ASSET * HOUR_US, ends % _ASSET * HOUR_US, strict=True)
    return [(int(asset_id), int(start), int(end)) for asset_id, start, end in runs]
