"""Query parameters. A parameter nobody knows is refused by name, so that a misspelt one is never silently ignored."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.api.problems import InvalidParameterError
from services.api.schemas.times import Instant
from services.api.tables import Format
from shared.model.alert import AlertKind, AlertState
from shared.model.facts import QuarantineReason
from shared.model.reclassification import Status

MAX_INT = 2**31 - 1
MAX_BIGINT = 2**63 - 1

SensorName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class Query(BaseModel):
    """Base of all query parameters."""

    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class PageQuery(Query):
    """Which page of a list."""

    limit: int = Field(default=100, ge=1, le=1_000, description="most items of one page")
    cursor: str | None = Field(default=None, max_length=400, description="`next` of the page before")


class Window(Query):
    """Half-open `[from, to)`."""

    from_: Instant | None = Field(default=None, alias="from", description="first instant; default: a day before `to`")
    to: Instant | None = Field(default=None, description="first instant after the window; default: now")

    def span(self, now: datetime, *, longest: timedelta | None = None) -> tuple[datetime, datetime]:
        """The window with its defaults; raises InvalidParameterError when it is empty or longer than `longest`."""
        end = self.to or now
        start = self.from_ or end - timedelta(days=1)
        if start >= end:
            raise InvalidParameterError("from", "must be before `to` (default: now)")
        if longest is not None and end - start > longest:
            raise InvalidParameterError("from", f"the window must not be longer than {longest.days} days")
        return start, end


class WindowPageQuery(Window, PageQuery):
    """A page of what lies in a window."""


class FormatQuery(Query):
    """In which format."""

    format: Format | None = Field(default=None, description="the format, for links; without it `Accept` decides")


class ReadingsQuery(WindowPageQuery, FormatQuery):
    """Readings of sensors of one machine."""

    sensor: list[SensorName] = Field(min_length=1, max_length=100, description="name of a sensor; repeatable")
    limit: int = Field(default=1_000, ge=1, le=100_000, description="most readings of one page")


class LatestQuery(PageQuery, FormatQuery):
    """The latest readings."""


class ChartQuery(Window, FormatQuery):
    """A chart of one sensor."""

    sensor: SensorName = Field(description="name of the sensor")
    points: int = Field(default=500, ge=2, le=10_000, description="most points, breaks of the line included")


class TimelineQuery(WindowPageQuery):
    """A page of the timeline."""

    limit: int = Field(default=1_000, ge=1, le=10_000, description="most items of one page")
    as_of: Instant | None = Field(
        default=None, description="as it was known then, in at most 62 days: nothing recorded later counts"
    )


class ValueInUseQuery(Query):
    """Which periods."""

    period: str = Field(
        default="current",
        pattern="^(current|all)$",
        description="`current`: the period that runs now, or the last one of the term; `all`: every stored period",
    )
    from_: Instant | None = Field(
        default=None,
        alias="from",
        description="with `to`: any window of the term instead, computed now by the same rules",
    )
    to: Instant | None = Field(default=None, description="first instant after that window")


class ReclassificationsQuery(PageQuery):
    """Which reclassifications."""

    status: Status | None = Field(default=None, description="how they stand; default: any")


class AnomaliesQuery(PageQuery):
    """Which findings."""

    asset: int | None = Field(default=None, ge=1, le=MAX_INT, description="id of the asset")
    open: bool | None = Field(default=None, description="true: still going on; false: ended")


class AlertsQuery(PageQuery):
    """Which alerts."""

    state: AlertState | None = None
    kind: AlertKind | None = None
    asset: int | None = Field(default=None, ge=1, le=MAX_INT, description="id of the asset")


class QuarantineQuery(PageQuery):
    """Which quarantined messages."""

    reason: QuarantineReason | None = None
    asset: int | None = Field(default=None, ge=1, le=MAX_INT, description="id of the asset")
    topic: str | None = Field(
        default=None, max_length=65_535, pattern=r"^[^\x00]*$", description="beginning of the topic"
    )
    since: Instant | None = Field(default=None, description="received then or later")
    state: str = Field(
        default="open",
        pattern="^(open|replayed|discarded|all)$",
        description="`open`: nothing was done about it yet",
    )
