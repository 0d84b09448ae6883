"""Watching: where the healthy window of a machine is looked for, when nobody has named one, and how often. Pure."""

from collections.abc import Sequence
from typing import Final

from services.analytics.detectors import healthy, record
from services.analytics.detectors.buckets import floor_us
from services.analytics.detectors.model import Array, Times
from services.analytics.watching.eras import Era
from shared.db.dirty import Window
from shared.db.watching import StoredModel, Watched
from shared.instant import DAY_US, HOUR_US, MINUTE_US
from shared.model.detector import DetectorSettings

# A machine that was not stable for a while by then is not going to tell what is normal by itself.
_SEARCHED_US: Final = 90 * DAY_US
# It is looked at again when an hour, and a twentieth more than before, is known of it: all searches together cost some
# twenty times the last one.
_SEARCH_EVERY_US: Final = HOUR_US
_SEARCH_GROWTH: Final = 20


def is_current(asset: Watched, stored: StoredModel, window: Window) -> bool:
    """Whether what is stored was made with the asset's settings on this healthy window."""
    return record.is_current(stored.circumstances, asset.settings, window.start_us, window.end_us)


def found_before(asset: Watched, era: Era) -> Window | None:
    """The window in use; None: there is none, or it was found with other settings."""
    stored = asset.models.get(era.since_us)
    if stored is None or stored.healthy is None:
        return None
    return stored.healthy if is_current(asset, stored, stored.healthy) else None


def still_holds(asset: Watched, era: Era, before: Window, changed: Sequence[Window]) -> bool:
    """Whether a search would find the same window: nothing changed up to its end, or it is no longer possible."""
    return is_beyond(asset, era) or all(one.start_us >= before.end_us for one in changed)


def is_beyond(asset: Watched, era: Era) -> bool:
    """Whether readings from the beginning of an era are no longer kept, so that a search would find something else."""
    return max(era.start_us, asset.known_from_us) < asset.readings_from_us


def to_search(asset: Watched, era: Era, changed: Sequence[Window], known_to_us: int) -> Window | None:
    """The part of an era to look for a stable stretch in; None: nowhere, or not yet again."""
    first_us = max(era.start_us, asset.known_from_us)
    last_us = min(era.end_us, known_to_us, first_us + _SEARCHED_US)
    if is_beyond(asset, era) or first_us >= last_us or _is_early(asset, era, changed, first_us, last_us):
        return None
    return Window(start_us=first_us, end_us=last_us)


def _is_early(asset: Watched, era: Era, changed: Sequence[Window], first_us: int, last_us: int) -> bool:
    """Whether there was no stable stretch a while ago, and not much has come to be known since."""
    state = asset.state
    if state is None or state.searched_us is None or state.reset_us != era.since_us or era.until_us is not None:
        return False
    # Changes are announced by the minute: what goes on from there is not late.
    if any(one.start_us < floor_us(state.searched_us, MINUTE_US) for one in changed):
        return False
    return last_us < state.searched_us + max(_SEARCH_EVERY_US, (state.searched_us - first_us) // _SEARCH_GROWTH)


def first_stable(at_us: Times, values: Array, settings: DetectorSettings) -> Window | None:
    """The first stable stretch of rows in running time, if there is one yet."""
    found = healthy.stable_stretch(at_us, values, settings)
    return None if found is None else Window(start_us=found[0], end_us=found[1])
