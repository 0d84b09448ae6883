"""Plots of a component's life: its health with the fan of what remains, what was foretold, notices and failures."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import altair as alt
from markupsafe import Markup

from services.api.web.plots import theme
from services.api.web.plots.theme import data, ms
from shared.instant import DAY_US, HOUR_US

_TALL: Final = 170
_CACHED: Final = 64
_LEAST_AHEAD_US: Final = 14 * DAY_US
_HOURS_A_DAY: Final = 24.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What was foretold at an instant: remaining life in hours and health, None where nothing could be said."""

    at_us: int
    p10_h: float | None
    p50_h: float | None
    p90_h: float | None
    health: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """Something that happened at an instant: `notice` given, or `failure`."""

    at_us: int
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What was foretold of one component, by time, and what became of it."""

    outlooks: tuple[Outlook, ...]
    marks: tuple[Mark, ...]
    now_us: int

    @property
    def has_health(self) -> bool:
        return any(outlook.health is not None for outlook in self.outlooks)

    @property
    def has_life(self) -> bool:
        return any(outlook.p50_h is not None for outlook in self.outlooks)


@lru_cache(maxsize=_CACHED)
def health(story: Story) -> Markup:
    """Health over time, from its latest value on the P10-P90 fan of the time at which it is gone."""
    window_us = _window(story)
    known = [
        {"at": ms(one.at_us), "health": one.health, "life": life}
        for life, one in _lives(story)
        if one.health is not None
    ]
    x = theme.time_axis(window_us)
    y = theme.y_axis("health", "Health [1 = as new]", alt.Scale(domain=[0, 1]))
    line = (
        alt.Chart(data(known)).mark_line(color=theme.OBSERVED, strokeWidth=1.8, clip=True, point=len(known) == 1)
    ).encode(x=x, y=y, detail="life:N")
    return theme.drawn([line, *_fan(story, x), *_marks(story, window_us)], height=_TALL)


@lru_cache(maxsize=_CACHED)
def remaining_life(story: Story) -> Markup:
    """The remaining life as it was foretold over time: the P50 in its P10-P90 band, in days."""
    window_us = _window(story)
    rows = [
        {
            "at": ms(one.at_us),
            "low": _days(one.p10_h),
            "middle": _days(one.p50_h),
            "high": _days(one.p90_h),
            "life": life,
        }
        for life, one in _lives(story)
    ]
    base = alt.Chart(data(rows)).encode(x=theme.time_axis(window_us), detail="life:N")
    y = theme.y_axis("low", "Remaining life [days]", alt.Scale(domainMin=0))
    band = base.mark_area(color=theme.OBSERVED, opacity=0.22, clip=True).encode(y=y, y2="high:Q")
    line = base.mark_line(color=theme.OBSERVED, strokeWidth=1.8, clip=True, point=len(rows) == 1).encode(y="middle:Q")
    return theme.drawn([band, line, *_marks(story, window_us)], height=_TALL)


def _lives(story: Story) -> list[tuple[int, Outlook]]:
    """Each outlook with the number of failures before it: what was repaired begins another line."""
    failed = [mark.at_us for mark in story.marks if mark.kind == "failure"]
    return [(sum(at_us <= one.at_us for at_us in failed), one) for one in story.outlooks]


def _fan(story: Story, x: alt.X) -> list[alt.Chart]:
    """From the latest health, if it can be said, to nothing left at the P10, the P50 and the P90."""
    latest = story.outlooks[-1]
    if latest.health is None or latest.p10_h is None or latest.p50_h is None or latest.p90_h is None:
        return []
    p10, p50, p90 = (ms(latest.at_us + round(hours * HOUR_US)) for hours in (latest.p10_h, latest.p50_h, latest.p90_h))
    begin = ms(latest.at_us)
    rows = [
        {"health": latest.health, "at": begin, "middle": begin, "until": begin},
        {"health": 0.0, "at": p10, "middle": p50, "until": p90},
    ]
    base = alt.Chart(data(rows)).encode(y="health:Q")
    fan = base.mark_area(orient="horizontal", color=theme.WARN, opacity=0.3, clip=True).encode(x=x, x2="until:T")
    middle = base.mark_line(color=theme.WARN, strokeDash=[5, 3], clip=True).encode(x="middle:T", order="health:Q")
    return [fan, middle]


def _marks(story: Story, window_us: tuple[int, int]) -> list[alt.Chart]:
    """Upright lines at the notices, the failures and now, each with its word."""
    shown = [
        mark
        for mark in (*story.marks, Mark(at_us=story.now_us, kind="now"))
        if window_us[0] <= mark.at_us < window_us[1]
    ]
    if not shown:
        return []
    rows = [{"at": ms(mark.at_us), "kind": mark.kind} for mark in shown]
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["notice", "failure", "now"], range=[theme.WARN, theme.BAD, theme.QUIET]),
        legend=None,
    )
    base = alt.Chart(data(rows)).encode(x=theme.time_axis(window_us), color=colour)
    rule = base.mark_rule(strokeWidth=1.4).encode(
        strokeDash=alt.StrokeDash(
            "kind:N", scale=alt.Scale(domain=["notice", "failure", "now"], range=[[5, 3], [1, 0], [2, 3]]), legend=None
        )
    )
    word = base.mark_text(align="left", dx=4, y=9, fontSize=11).encode(text="kind:N")
    return [rule, word]


def _window(story: Story) -> tuple[int, int]:
    """From the first instant on to the P90 of the latest, but no further than half as far again as the past reaches."""
    start_us = min([story.now_us, *(one.at_us for one in story.outlooks), *(mark.at_us for mark in story.marks)])
    ahead_us = max(_LEAST_AHEAD_US, (story.now_us - start_us) // 2)
    latest = story.outlooks[-1] if story.outlooks else None
    p90_us = latest.at_us + round(latest.p90_h * HOUR_US * 1.05) if latest and latest.p90_h is not None else 0
    return start_us, min(story.now_us + ahead_us, max(p90_us, story.now_us + DAY_US))


def _days(hours: float | None) -> float | None:
    return None if hours is None else hours / _HOURS_A_DAY
