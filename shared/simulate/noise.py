"""Chance as a function of the instant: any stretch of time drawn again, in any order, gives the same numbers.

A stream is named by integers: the seed, whose it is, and its purpose. Instants on the 5-minute grid and the seconds
between them are drawn in blocks of their own, so that a history on the grid does not have to draw every second of it.
"""

from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

GRID_S = 300
_DAY_S = 86_400
_ON_GRID, _BETWEEN, _KNOTS = 0, 1, 2


class Purpose(IntEnum):
    """What chance is drawn for: the last number in the name of a stream."""

    WEATHER = 1
    LOAD = 2
    MEASUREMENT = 3
    STOPS = 4


Instants = NDArray[np.int64]
Signal = NDArray[np.float64]
Stream = tuple[int, ...]


def white(stream: Stream, at_s: Instants, width: int) -> Signal:
    """Independent standard normal numbers, shape (n, width), at the epoch seconds `at_s` (n,)."""
    drawn = np.empty((at_s.size, width))
    on_grid = at_s % GRID_S == 0
    for chosen, kind, block_s, step_s in ((on_grid, _ON_GRID, _DAY_S, GRID_S), (~on_grid, _BETWEEN, GRID_S, 1)):
        blocks = at_s // block_s
        for block in np.unique(blocks[chosen]):
            here = chosen & (blocks == block)
            rows = at_s[here] % block_s // step_s
            drawn[here] = _normal_block((*stream, kind, int(block)), block_s // step_s, width)[rows]
    return drawn


def wander(stream: Stream, at_s: Instants, knot_s: int) -> Signal:
    """A slow standard normal path (n,): knots `knot_s` apart, straight lines between them."""
    left = at_s // knot_s
    first, last = int(left.min()), int(left.max()) + 1
    knots = np.arange(first, last + 1)
    heights = np.array([_normal_block((*stream, _KNOTS, int(knot)), 1, 1)[0, 0] for knot in knots])
    return np.interp(at_s, knots * knot_s, heights)


@lru_cache(maxsize=4_096)
def _normal_block(key: tuple[int, ...], rows: int, width: int) -> Signal:
    return np.random.default_rng(key).standard_normal((rows, width))
