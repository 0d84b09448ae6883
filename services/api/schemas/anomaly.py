"""Findings: what the detectors found, what carries it, and what engineers say of it."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from services.api.schemas.query import Severity
from services.api.schemas.times import UtcTime
from shared.db import finding_views, reviews
from shared.db.reviews import Verdict
from shared.model.anomaly import Direction

Label = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]
Note = Annotated[str, Field(max_length=4_000, pattern=r"^[^\x00]*$")]


class _FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Contribution(BaseModel):
    """How much one sensor carries of a finding."""

    sensor: str = Field(examples=["bearing_temp_c"])
    share: float = Field(description="0 to 1", examples=[0.62])
    observed: float = Field(description="mean of what it showed, in the sensor's unit")
    expected: float = Field(description="what the other sensors imply, in the sensor's unit")
    direction: Direction


class FindingModel(BaseModel):
    """The trained model that found it."""

    id: int
    name: str = Field(description="algorithm and version", examples=["ensemble@1"])
    trained_from: UtcTime
    trained_to: UtcTime
    sha256: str = Field(description="of its parameters")


class Review(BaseModel):
    """What an engineer said of the finding's time."""

    id: int
    verdict: Verdict
    label: str | None = Field(description="what it was", examples=["bearing wear"])
    note: str
    reviewed_by: str
    reviewed_at: UtcTime


class ReviewOnRecord(_FromRow):
    """What an engineer said of a stretch of a machine's time, whether or not it still holds."""

    id: int
    asset_id: int
    start_at: UtcTime = Field(description="of the finding as it was then")
    end_at: UtcTime
    detector: str
    peak_score: float
    signature: dict[str, float]
    verdict: Verdict
    label: str | None
    note: str
    reviewed_by: str
    reviewed_at: UtcTime
    superseded_at: UtcTime | None = Field(description="when it was taken back or said otherwise; null: it is in force")
    superseded_by: str | None


class Anomaly(BaseModel):
    """One fault is one finding."""

    id: int
    asset_id: int
    asset: str = Field(examples=["t01"])
    customer: str = Field(examples=["northridge"])
    severity: Severity
    detector: str = Field(description="the one that leads, of those that make up the model", examples=["residual"])
    model: FindingModel
    start_at: UtcTime
    end_at: UtcTime | None = Field(description="null: still going on")
    peak_score: float = Field(description="1.0 is the threshold", examples=[3.4])
    contributions: list[Contribution] = Field(description="largest share first; observed against expected")
    signature: dict[str, float] = Field(description="share by sensor, below 0 where it is lower than expected")
    suppressed_by: int | None = Field(
        description="the review whose rejected pattern it repeats: it raises no alert; null: none"
    )
    review: Review | None = Field(description="null: nobody has said what it was")

    @classmethod
    def of(cls, row: finding_views.Anomaly) -> Self:
        """The finding of a row."""
        model = {
            "id": row.model_id,
            "name": row.model,
            "trained_from": row.trained_from,
            "trained_to": row.trained_to,
            "sha256": row.model_sha256,
        }
        review = None
        if row.review_id is not None:
            words = {name: getattr(row, name) for name in Review.model_fields if name != "id"}
            review = {"id": row.review_id, **words}
        own = {name: getattr(row, name) for name in cls.model_fields.keys() - {"model", "review"}}
        return cls.model_validate({**own, "model": model, "review": review})


class Said(BaseModel):
    """What a finding was, in an engineer's words."""

    model_config = ConfigDict(extra="forbid")

    verdict: Verdict = Field(
        description="confirmed: there was something; rejected: there was nothing, and it is to stop"
    )
    label: Label | None = Field(default=None, description="what it was", examples=["bearing wear"])
    note: Note = Field(default="", examples=["replaced on the night shift"])


class Similar(_FromRow):
    """An earlier finding of a machine of the same model."""

    id: int
    asset_id: int
    asset: str
    start_at: UtcTime
    end_at: UtcTime | None = Field(description="null: still going on")
    peak_score: float
    severity: Severity
    detector: str
    signature: dict[str, float]
    similarity: float = Field(description="cosine of the signatures, 0.5 to 1")
    verdict: Verdict | None = Field(description="null: nobody has said what it was")
    label: str | None


class Resemblance(BaseModel):
    """Earlier findings that resemble one, the most alike first."""

    anomaly: int
    asset_id: int
    asset: str
    items: list[Similar]


class Scores(BaseModel):
    """A finding's scores by time, and of one sensor what they say of it: `score[i]`, `observed[i]`, ... at `at[i]`."""

    anomaly: int
    asset_id: int
    asset: str
    from_: UtcTime = Field(serialization_alias="from")
    to: UtcTime
    threshold: float = Field(description="from here on it is no longer normal", examples=[1.0])
    sensor: str = Field(examples=["bearing_temp_c"])
    unit: str = Field(examples=["°C"])
    at: list[UtcTime]
    score: list[float]
    observed: list[float | None] = Field(description="mean of the bucket, in `unit`; null: not on record")
    expected: list[float | None] = Field(description="in `unit`; null: not on record")
    share: list[float | None] = Field(description="of the score, 0 to 1; null: not on record")


class Precision(_FromRow):
    """How right a detector was in one month (UTC, of the findings' start)."""

    detector: str = Field(examples=["residual"])
    month: UtcTime = Field(description="its first instant")
    findings: int = Field(description="those that were not suppressed")
    suppressed: int = Field(description="those that repeat a rejected pattern")
    confirmed: int
    rejected: int
    unreviewed: int
    precision: float | None = Field(description="confirmed / (confirmed + rejected); null: nobody has judged")
    low: float | None = Field(description="exact lower limit at 90 % confidence (Clopper and Pearson)")
    high: float | None = Field(description="exact upper limit")

    @classmethod
    def of(cls, row: reviews.Precision) -> Self:
        """The precision of a row."""
        return cls.model_validate(row)


class Precisions(BaseModel):
    """Precision by detector and month."""

    from_: UtcTime = Field(serialization_alias="from")
    to: UtcTime
    items: list[Precision]


class Refused(BaseModel):
    """Why no model could be trained on the healthy window."""

    reason: str = Field(examples=["too_few_rows"])
    rows: int | None = Field(description="complete rows there were")
    rows_needed: int | None


class TrainedModel(BaseModel):
    """What the latest training left; `refused` is null where it is a model."""

    id: int
    name: str = Field(examples=["ensemble@1"])
    trained_from: UtcTime
    trained_to: UtcTime
    trained_at: UtcTime
    sha256: str
    refused: Refused | None
    left_out: dict[str, str] = Field(description="sensors that take no part, with the reason")


class Watch(BaseModel):
    """How a machine is watched for anomalies."""

    asset_id: int
    asset: str = Field(examples=["northridge/ridge/t01"])
    settings: dict[str, Any] | None = Field(description="of the fleet file, times in microseconds; null: not watched")
    healthy_from: UtcTime | None = Field(description="the window in use; null: none declared, none found")
    healthy_to: UtcTime | None
    origin: Literal["declared", "found"] | None
    reset_at: UtcTime | None = Field(description="since when it counts as another machine; null: from the beginning")
    reset_by: str | None = Field(description="the cause that made it so")
    drift: dict[str, Any] | None = Field(
        description="how its recent time is unlike what was learnt; null: it is not",
        examples=[{"typical_score": 0.93, "unseen_share": 0.0, "missing": [], "carried_by": ["flow_m3_h"]}],
    )
    checked_at: UtcTime | None = Field(description="when window and drift were last looked at; null: not yet")
    is_outdated: bool = Field(
        description="the model is of former settings: the readings to train anew from are no longer kept; "
        "declare a healthy window within those that are"
    )
    model: TrainedModel | None = Field(description="null: nothing was trained yet")

    @classmethod
    def of(cls, row: finding_views.Watch) -> Self:
        """The watch of a row."""
        model = None
        if row.model_id is not None:
            known = {name: getattr(row, name) for name in ("trained_from", "trained_to", "trained_at", "left_out")}
            refused = row.refused and {"reason": row.refused, "rows": row.rows, "rows_needed": row.rows_needed}
            model = {
                **known,
                "id": row.model_id,
                "name": row.model,
                "sha256": row.model_sha256,
                "refused": refused or None,
            }
        own = {name: getattr(row, name) for name in cls.model_fields.keys() - {"model"}}
        return cls.model_validate({**own, "model": model})
