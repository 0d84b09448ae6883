"""Which minutes of which assets a batch touched; pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.instant import HOUR_US, MINUTE_US

# Minutes since 1970 stay below 2**32 for as long as a datetime can be written; above them the asset.
_ASSET: Final = 1 << 32
# A batch of history must not leave a mark a reading: deriving a little more costs less than marking it apart.
_NEAR: Final = HOUR_US // MINUTE_US


def minute_runs(
    asset_id: NDArray[np.int32], start_us: NDArray[np.int64], end_us: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Runs of whole UTC minutes touched by the non-empty half-open spans, of shape (n,): asset ids, starts, ends, (m,).

    Ordered by asset and time; what is an hour apart or less is one run.
    """
    if not len(asset_id):
        return asset_id, start_us, end_us
    asset = asset_id.astype(np.int64) * _ASSET
    spans = np.stack((asset + start_us // MINUTE_US, asset - (-end_us // MINUTE_US)))
    # Readings arrive sorted: most rows repeat the span before them, and what is left is few.
    changed = np.ones(spans.shape[1], np.bool_)
    changed[1:] = (spans[:, 1:] != spans[:, :-1]).any(axis=0)
    first, last = spans[:, changed]
    order = np.argsort(first, kind="stable")
    first, reach = first[order], np.maximum.accumulate(last[order])
    opens = np.ones(len(first), np.bool_)
    opens[1:] = (first[1:] > reach[:-1] + _NEAR) | (first[1:] // _ASSET != first[:-1] // _ASSET)
    starts, ends = first[opens], reach[np.append(np.flatnonzero(opens)[1:] - 1, len(first) - 1)]
    return (starts // _ASSET).astype(np.int32), starts % _ASSET * MINUTE_US, ends % _ASSET * MINUTE_US
