"""What is foretold of machines, the notices of failure given, and the registry of models."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from services.api.schemas.times import UtcTime
from shared.db import prognosis_views
from shared.model.prognosis import Method, NoticeState
from shared.model.registry import Purpose, Standing


class _FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Prediction(_FromRow):
    """What was foretold of a component at an instant, from what was known of the time up to it; never changed."""

    id: int
    asset_id: int
    asset: str = Field(examples=["lechtal/kempten/c1"])
    component: str = Field(examples=["bearing"])
    at: UtcTime
    made_at: UtcTime = Field(description="when it was computed")
    method: Method = Field(description="what the data allowed")
    model: str | None = Field(
        description="the registered model that said so; null: none was needed",
        examples=["remaining_life@3 run_to_failure"],
    )
    model_version_id: int | None = Field(description="its id in the registry")
    p10_h: float | None = Field(
        description="with a probability of 10 % it fails before, in hours; null: cannot be said"
    )
    p50_h: float | None = Field(description="median of the remaining life, hours")
    p90_h: float | None = Field(description="with a probability of 90 % it fails before, hours")
    p_24h: float | None = Field(description="probability of a failure within 24 hours")
    p_7d: float | None = Field(description="within 7 days")
    p_30d: float | None = Field(description="within 30 days")
    health: float | None = Field(description="1 as new, 0 at the limit of failure")
    latest_at: UtcTime | None = Field(description="by when the component should be seen to; null: no recommendation")
    reason: str = Field(description="why this method, or why nothing can be said")
    evidence: dict[str, Any] = Field(
        description="what it rests on; to a key that does not see every customer only what is of the machine itself"
    )


class Notice(_FromRow):
    """A failure that was announced, once, and what became of it."""

    id: int
    asset_id: int
    asset: str
    component: str
    given_at: UtcTime
    made_at: UtcTime = Field(
        description="when it was really said; one made later than its failure counts in no contract"
    )
    prediction_id: int
    expected_at: UtcTime | None = Field(description="the P50")
    latest_at: UtcTime | None = Field(description="by when the component should be seen to")
    window_end: UtcTime = Field(description="a failure after it is not the one foretold")
    state: NoticeState
    decided_at: UtcTime | None
    failed_at: UtcTime | None
    lead_h: float | None = Field(description="from the notice to the failure, hours; null unless confirmed")
    reason: str


class NoticeScore(_FromRow):
    """How the notices of one component turned out, over all machines of a model."""

    asset_model: str = Field(examples=["compressor"])
    component: str = Field(examples=["bearing"])
    given: int
    open: int
    confirmed: int = Field(description="it failed within the window")
    averted: int = Field(description="it was seen to before: neither right nor wrong")
    false_alarms: int = Field(description="the window passed without a failure")
    false_share: float | None = Field(description="false_alarms / (confirmed + false_alarms); null: nothing decided")
    failures: int = Field(description="failures that happened")
    announced: int = Field(description="of which a notice was given before")
    announced_share: float | None = Field(description="null: there was no failure")
    lead_h: float | None = Field(description="median time from the notice to the failure, hours")
    shortest_lead_h: float | None


class NoticeScores(BaseModel):
    """Scores by model and component, of the notices given and the failures that happened in `[from, to)`."""

    from_: UtcTime = Field(serialization_alias="from")
    to: UtcTime
    items: list[NoticeScore]

    @classmethod
    def of(cls, window: tuple[Any, Any], rows: list[prognosis_views.NoticeScore]) -> Self:
        """The scores of rows."""
        return cls(from_=window[0], to=window[1], items=[NoticeScore.model_validate(row) for row in rows])


class ModelVersion(_FromRow):
    """A version of a trained model; it is never changed but for its state."""

    id: int
    name: str = Field(examples=["remaining_life@3 run_to_failure"])
    asset_model: str = Field(examples=["compressor"])
    purpose: Purpose
    version: int
    state: Standing
    method: str
    trained_from: UtcTime
    trained_to: UtcTime
    trained_at: UtcTime
    data_sha256: str = Field(description="of the rows it learnt from")
    rows: int
    artefact_sha256: str
    promoted_by: str | None = Field(description="null: nobody")
    promoted_at: UtcTime | None
    reason: str = Field(description="why it stands as it does")


class ModelVersionDetail(ModelVersion):
    """A version with what it looks at and how good it is."""

    features: list[str]
    metrics: dict[str, Any] = Field(description="on data held back, its own and the champion's of the time")
    calibration: dict[str, Any]
    seed: int
