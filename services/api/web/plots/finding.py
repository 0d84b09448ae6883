"""Plots of a finding: what a sensor showed against what was expected, who carries it, and the score."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import altair as alt
from markupsafe import Markup

from services.api.web.plots import theme
from services.api.web.plots.theme import Trace, data, ms

_TALL: Final = 190
_BAR: Final = 26
_LETTER: Final = 7.6
_PERCENTS: Final = 7
# From here on a linear axis would press the threshold to the ground.
_LOGARITHMIC_FROM: Final = 8.0
_LOWEST_SCORE: Final = 0.05
_CACHED: Final = 128
_SCORE: Final = "Score [1 = threshold]"
_DECADES: Final = (0.1, 1, 10, 100, 1_000, 10_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shaded:
    """The stretch of a finding within the window of its plots, in UTC microseconds."""

    window_us: tuple[int, int]
    start_us: int
    end_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """How much a sensor carries, 0 to 1; above 0 it is higher than expected, below 0 lower."""

    sensor: str
    signed: float


@lru_cache(maxsize=_CACHED)
def against_expectation(sensor: str, unit: str, observed: Trace, expected: Trace, shaded: Shaded) -> Markup:
    """What a sensor showed and what was expected of it, in its unit, with the finding shaded."""
    rows = [
        {"at": ms(at_us), "value": value, "line": line}
        for line, trace in (("observed", observed), ("expected", expected))
        for at_us, value in zip(trace.at_us, trace.value, strict=True)
    ]
    lines = (
        alt.Chart(data(rows))
        .mark_line(strokeWidth=1.6, clip=True)
        .encode(
            x=theme.time_axis(shaded.window_us),
            y=theme.y_axis("value", f"{sensor} [{unit}]", alt.Scale(zero=False)),
            color=alt.Color(
                "line:N",
                scale=alt.Scale(domain=["observed", "expected"], range=[theme.OBSERVED, theme.BAD]),
            ),
            strokeDash=alt.StrokeDash(
                "line:N", scale=alt.Scale(domain=["observed", "expected"], range=[[1, 0], [5, 3]])
            ),
        )
    )
    return theme.drawn([_shade(shaded), lines], height=_TALL)


@lru_cache(maxsize=_CACHED)
def contributions(shares: tuple[Share, ...]) -> Markup:
    """Which sensors carry a finding, as signed bars, the largest first."""
    rows = [
        {
            "sensor": share.sensor,
            "percent": 100 * share.signed,
            "label": f"{100 * share.signed:+.0f} %".replace("-", "\N{MINUS SIGN}"),
            "side": "higher than expected" if share.signed > 0 else "lower than expected",
        }
        for share in shares
    ]
    # As wide as a browser writes the longest name, which may be wider than Vega believes.
    axis = alt.Axis(labelLimit=300, minExtent=_LETTER * max((len(share.sensor) for share in shares), default=1))
    reach = 1.25 * max((abs(row["percent"]) for row in rows), default=100.0)
    base = alt.Chart(data(rows)).encode(
        x=alt.X(
            "percent:Q",
            axis=alt.Axis(tickCount=_PERCENTS),
            scale=alt.Scale(domain=[-reach, reach]),
            title="Share of the score [%], signed by direction",
        ),
        y=alt.Y("sensor:N", title=None, sort=[share.sensor for share in shares], axis=axis),
    )
    bars = base.mark_bar(size=_BAR - 10).encode(
        color=alt.Color(
            "side:N",
            scale=alt.Scale(domain=["lower than expected", "higher than expected"], range=[theme.LOW, theme.HIGH]),
        )
    )
    words = base.encode(text="label:N")
    higher = words.transform_filter("datum.percent > 0").mark_text(align="left", dx=5, color=theme.TEXT)
    lower = words.transform_filter("datum.percent <= 0").mark_text(align="right", dx=-5, color=theme.TEXT)
    zero = alt.Chart(data([{"percent": 0}])).mark_rule(color=theme.QUIET).encode(x="percent:Q")
    return theme.drawn([bars, higher, lower, zero], width=theme.WIDTH // 2, height=max(2, len(shares)) * _BAR)


@lru_cache(maxsize=_CACHED)
def score(trace: Trace, shaded: Shaded) -> Markup:
    """The score over time with its threshold, the finding shaded; logarithmic where it goes high."""
    peak = max((value for value in trace.value if value is not None), default=1.0)
    is_high = peak >= _LOGARITHMIC_FROM
    floor = _LOWEST_SCORE if is_high else 0.0
    rows = [
        {"at": ms(at_us), "value": None if value is None else max(value, floor)}
        for at_us, value in zip(trace.at_us, trace.value, strict=True)
    ]
    if is_high:
        y = theme.y_axis("value", _SCORE, alt.Scale(type="log", domain=[floor, 1.3 * peak], nice=False), ticks=_DECADES)
    else:
        y = theme.y_axis("value", _SCORE, alt.Scale(domain=[0, max(1.2, 1.05 * peak)]))
    line = alt.Chart(data(rows)).mark_line(strokeWidth=1.4, clip=True, color=theme.OBSERVED)
    limit = alt.Chart(data([{"value": 1.0, "word": "threshold"}]))
    rule = limit.mark_rule(color=theme.BAD, strokeDash=[5, 3]).encode(y="value:Q")
    word = limit.mark_text(color=theme.BAD, align="right", dy=-7, x=theme.WIDTH - 4).encode(y="value:Q", text="word:N")
    lines = line.encode(x=theme.time_axis(shaded.window_us), y=y)
    return theme.drawn([_shade(shaded), lines, rule, word], height=_TALL - 50)


def _shade(shaded: Shaded) -> alt.Chart:
    start_us = max(shaded.start_us, shaded.window_us[0])
    end_us = min(shaded.end_us, shaded.window_us[1])
    return (
        alt.Chart(data([{"at": ms(start_us), "until": ms(end_us)}]))
        .mark_rect(color=theme.WARN, opacity=0.18)
        .encode(x=theme.time_axis(shaded.window_us), x2="until:T")
    )
