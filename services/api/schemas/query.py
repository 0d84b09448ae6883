"""Query parameters. A parameter nobody knows is refused by name, so that a misspelt one is never silently ignored."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.api.problems import InvalidParameterError
from services.api.schemas.times import Instant
from services.api.tables import Format
from shared.model.alert import AlertKind, AlertState
from shared.model.facts import QuarantineReason
from shared.model.prognosis import NoticeState
from shared.model.reclassification import Status
from shared.model.registry import Purpose, Standing

MAX_INT = 2**31 - 1
MAX_BIGINT = 2**63 - 1

Severity = Literal["watch", "warning", "critical"]
SensorName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class Query(BaseModel):
    """Base of all query parameters."""

    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class PageQuery(Query):
    """Which page of a list."""

    limit: int = Field(default=100, ge=1, le=1_000, description="most items of one page")
    cursor: str | None = Field(default=None, max_length=400, description="`next` of the page before")


def _span(start: datetime | None, end: datetime | None, now: datetime, usual: timedelta) -> tuple[datetime, datetime]:
    until = end or now
    since = start or until - usual
    if since >= until:
        raise InvalidParameterError("from", "must be before `to` (default: now)")
    return since, until


class Window(Query):
    """Half-open `[from, to)`."""

    from_: Instant | None = Field(default=None, alias="from", description="first instant; default: a day before `to`")
    to: Instant | None = Field(default=None, description="first instant after the window; default: now")

    def span(self, now: datetime, *, longest: timedelta | None = None) -> tuple[datetime, datetime]:
        """The window with its defaults; raises InvalidParameterError when it is empty or longer than `longest`."""
        start, end = _span(self.from_, self.to, now, timedelta(days=1))
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
    severity: Severity | None = None
    reviewed: bool | None = Field(default=None, description="true: an engineer has said what it was")
    suppressed: bool | None = Field(default=None, description="true: it repeats a pattern that was rejected")
    from_: Instant | None = Field(default=None, alias="from", description="going on then or later")
    to: Instant | None = Field(default=None, description="began before then")


class ScoresQuery(Query):
    """Which part of a finding's scores, and of which sensor."""

    sensor: SensorName | None = Field(default=None, description="default: the one that carries most of the finding")
    from_: Instant | None = Field(default=None, alias="from", description="default: some time before the finding")
    to: Instant | None = Field(default=None, description="default: some time after it")
    points: int = Field(default=500, ge=2, le=5_000, description="most points; the highest scores are among them")


class YearQuery(Query):
    """Half-open `[from, to)`."""

    from_: Instant | None = Field(default=None, alias="from", description="default: 365 days before `to`")
    to: Instant | None = Field(default=None, description="default: now")
    asset: int | None = Field(default=None, ge=1, le=MAX_INT, description="id of the asset; default: all you may see")

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """The window with its defaults; raises InvalidParameterError when it is empty."""
        return _span(self.from_, self.to, now, timedelta(days=365))


class PredictionsQuery(PageQuery):
    """Which predictions."""

    asset: int | None = Field(default=None, ge=1, le=MAX_INT, description="id of the asset")


class PredictionHistoryQuery(PageQuery):
    """Which instants of what was foretold of a machine."""

    component: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        pattern=r"^[^\x00]+$",
        description="name of a component; default: all",
    )
    from_: Instant | None = Field(default=None, alias="from", description="default: 30 days before `to`")
    to: Instant | None = Field(default=None, description="default: now")

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """The window with its defaults; raises InvalidParameterError when it is empty."""
        return _span(self.from_, self.to, now, timedelta(days=30))


class NoticesQuery(PageQuery):
    """Which notices of failure."""

    asset: int | None = Field(default=None, ge=1, le=MAX_INT, description="id of the asset")
    state: NoticeState | None = Field(default=None, description="what became of it; default: any")


class ModelsQuery(PageQuery):
    """Which versions."""

    asset_model: str | None = Field(
        default=None, min_length=1, max_length=64, pattern=r"^[^\x00]+$", description="slug of a model of machines"
    )
    purpose: Purpose | None = Field(default=None, description="what they foretell")
    state: Standing | None = Field(default=None, description="how they stand")


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
