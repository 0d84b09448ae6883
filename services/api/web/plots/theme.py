"""What all plots have in common: sizes, the time axis, the page's colours, and the way from a chart to SVG.

Colours are the custom properties of style.css, so that a plot follows the page into the dark. The SVG loads nothing and
has no style of its own, as the content security policy wants it.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

import altair as alt
import vl_convert
from markupsafe import Markup

from shared.instant import DAY_US

WIDTH: Final = 1_060
TEXT: Final = "var(--text)"
QUIET: Final = "var(--quiet)"
OBSERVED: Final = "var(--bar)"
HIGH: Final = "var(--c-PCA)"
LOW: Final = "var(--c-TS)"
BAD: Final = "var(--c-FO)"
WARN: Final = "var(--c-SM)"
# Marks of two charts in one page must not share an id.
_IDS: Final = re.compile(r'\b(id="|url\(#)(?=\w)')
_FINE_US: Final = 12 * DAY_US
_TICKS: Final = 8
_LEVELS: Final = 5
_AXIS_WIDTH: Final = 44
_PADDING: Final = 6

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """A line of a plot: UTC microseconds, ascending, and values; both of one length. None breaks the line."""

    at_us: tuple[int, ...]
    value: tuple[float | None, ...]


def data(rows: Sequence[Row]) -> alt.InlineData:
    """Rows as they stand in the specification."""
    return alt.InlineData(values=cast("Any", list(rows)))


def ms(at_us: int) -> int:
    """The time as Vega counts it, in milliseconds."""
    return at_us // 1_000


def time_axis(window_us: tuple[int, int]) -> alt.X:
    """The horizontal axis over a window, in UTC; rows name their time `at`."""
    start_us, end_us = window_us
    form = "%b %d, %H:%M" if end_us - start_us <= _FINE_US else "%Y-%m-%d"
    axis = alt.Axis(format=form, labelOverlap=True, labelSeparation=16, tickCount=_TICKS, title="Time (UTC)")
    scale = alt.Scale(type="utc", domain=[ms(start_us), ms(end_us)], nice=False)
    return alt.X("at:T", axis=axis, scale=scale)


def y_axis(field: str, title: str, scale: alt.Scale, *, ticks: Sequence[float] = ()) -> alt.Y:
    """The upright axis; as wide in every plot, so that plots below each other have their times below each other."""
    axis = (
        alt.Axis(minExtent=_AXIS_WIDTH, tickCount=_LEVELS, values=list(ticks))
        if ticks
        else alt.Axis(minExtent=_AXIS_WIDTH, tickCount=_LEVELS)
    )
    return alt.Y(f"{field}:Q", axis=axis, scale=scale, title=title)


def drawn(layers: Sequence[alt.Chart], *, height: int, width: int = WIDTH) -> Markup:
    """The layers, the first lowest, as an SVG element.

    Takes some 50 ms of the processor: never call it in the event loop.
    """
    styled = (
        alt.layer(*layers)
        .properties(width=width, height=height)
        .configure(aria=False, background="transparent", font="sans-serif", padding=_PADDING)
        .configure_axis(
            domainColor="var(--line)",
            gridColor="var(--soft)",
            labelColor=QUIET,
            labelFontSize=12,
            tickColor="var(--line)",
            titleColor=TEXT,
            titleFontSize=12,
            titleFontWeight=600,
        )
        .configure_view(stroke="var(--line)")
        .configure_legend(
            columnPadding=24, labelColor=TEXT, labelFontSize=12, orient="top", symbolStrokeWidth=2.5, title=None
        )
    )
    svg = vl_convert.vegalite_to_svg(styled.to_dict())
    own = f"p{hashlib.sha256(svg.encode()).hexdigest()[:12]}-"
    return Markup(_IDS.sub(lambda found: found[0] + own, svg))  # noqa: S704  (Vega escapes every text it writes)
