"""The scores of a finding as they are shown: the window around it, and no more points than asked for. Pure."""

from typing import Final

import numpy as np

from shared.db.finding_views import Scored
from shared.instant import DAY_US, HOUR_US

Span = tuple[int, int]

LONGEST_US: Final = 62 * DAY_US
"""How much of a finding is shown at most, and how long a window may be asked for."""
_LEAST_AROUND_US: Final = 6 * HOUR_US
_MOST_AROUND_US: Final = 3 * DAY_US


def around(start_us: int, end_us: int | None, now_us: int) -> Span:
    """A window with as much time before and after a finding as it lasts, 6 hours to 3 days; its latest 62 days.

    `end_us` None: it goes on. Nothing is known after `now_us`, but the window is never empty.
    """
    until_us = now_us if end_us is None else end_us
    beside_us = min(max(until_us - start_us, _LEAST_AROUND_US), _MOST_AROUND_US)
    last_us = max(min(until_us + beside_us, now_us), start_us + 1)
    return max(start_us - beside_us, last_us - LONGEST_US), last_us


def thinned(scored: Scored, window: Span, most: int) -> Scored:
    """At most `most` (2 or more) rows: the first, the last, and of equally long stretches the highest and the lowest.

    Whole rows are kept, so that what was observed, expected and scored at an instant stays together.
    """
    rows = len(scored.at_us)
    if rows <= most:
        return scored
    stretches = (most - 2) // 2
    kept = np.array([0, rows - 1])
    if stretches:
        place = (scored.at_us - window[0]) * stretches // (window[1] - window[0])
        order = np.lexsort((scored.score, place))
        begins = np.flatnonzero(np.diff(place[order], prepend=-1))
        kept = np.unique(np.concatenate((kept, order[begins], order[np.append(begins[1:], rows) - 1])))
    return Scored(
        at_us=scored.at_us[kept],
        score=scored.score[kept],
        observed=scored.observed[kept],
        expected=scored.expected[kept],
        share=scored.share[kept],
    )
