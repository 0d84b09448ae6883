"""The geometry of the bars, in percent of their width. Pure; the templates draw it as SVG."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.api.web.present import CATEGORIES, achieved


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryBar:
    """A segment of the stacked bar of hours, with what the contract counts it as; x and width in percent."""

    category: str
    name: str
    hours: float
    share: float
    available_h: float
    unavailable_h: float
    excluded_h: float
    deemed_h: float
    x: float
    width: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Gauge:
    """Where target, achieved value and bounds lie on a scale from `floor` to `top`; positions in percent."""

    floor: float
    top: float
    level: float
    achieved: float | None
    low: float | None
    high: float | None


def categories(document: dict[str, Any]) -> list[CategoryBar]:
    """The hours of a document by category, in the order of the standard; empty where no time has passed."""
    total = sum(document["hours_by_category"].values())
    bars: list[CategoryBar] = []
    x = 0.0
    for category, name in CATEGORIES.items():
        counted = [row for row in document["hours"] if row["category"] == category]
        hours = document["hours_by_category"].get(category, 0.0)
        if not hours:
            continue
        width = 100 * hours / total
        bars.append(
            CategoryBar(
                category=category,
                name=name,
                hours=hours,
                share=hours / total,
                available_h=_sum(counted, "available_h"),
                unavailable_h=_sum(counted, "unavailable_h"),
                excluded_h=_sum(counted, "excluded_h"),
                deemed_h=_sum(counted, "deemed_h"),
                x=round(x, 3),
                width=round(width, 3),
            )
        )
        x += width
    return bars


def gauge(document: dict[str, Any]) -> Gauge:
    """The scale leaves a quarter of the shown range below the lowest mark; a ratio's ends at 1 unless it is beyond."""
    level, value, bounds = float(document["level"]), achieved(document), document["bounds"]
    marks = [level, *([] if value is None else [value]), *(bounds.values() if bounds else [])]
    lowest, highest = min(marks), max(marks)
    is_share = document["unit"] == "1" and highest <= 1
    top = 1.0 if is_share else highest + 0.25 * max(highest - lowest, 0.1 * abs(highest))
    floor = lowest - max(0.25 * (top - lowest), 0.005)
    floor = max(0.0, floor) if lowest >= 0 else floor

    def position(mark: float | None) -> float | None:
        return None if mark is None else round(100 * (mark - floor) / (top - floor), 3)

    return Gauge(
        floor=floor,
        top=top,
        level=position(level) or 0.0,
        achieved=position(value),
        low=position(bounds["low"]) if bounds else None,
        high=position(bounds["high"]) if bounds else None,
    )


def spent(budget: Mapping[str, float]) -> float:
    """The used share of the budget in percent, at most 100."""
    if budget["total_h"] <= 0:
        return 100.0 if budget["used_h"] > 0 else 0.0
    return round(min(100.0, 100 * budget["used_h"] / budget["total_h"]), 3)


def _sum(rows: list[dict[str, Any]], key: str) -> float:
    return sum(row[key] for row in rows)
