"""The registry of trained models: what each learnt from, how good it is, who promoted it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from services.api import paging
from services.api.deps import OnModels
from services.api.openapi import PREFIX
from services.api.schemas import prognosis as schema
from services.api.schemas.listing import Listing
from services.api.schemas.query import MAX_INT, ModelsQuery
from services.api.security import Right
from shared.db import models
from shared.db.models import ModelVersion

router = APIRouter(prefix=f"{PREFIX}/models", tags=[Right.MODELS])

ModelId = Annotated[int, Path(alias="id", ge=1, le=MAX_INT, description="id of the version")]


@router.get("")
async def list_models(asked: OnModels, query: Annotated[ModelsQuery, Query()]) -> Listing[schema.ModelVersion]:
    """Versions by model of machines and purpose, the latest first; none for whoever does not see all customers."""
    slug, purpose, version = paging.key(query.cursor, tuple[paging.Text, paging.Text, paging.Number], ("", "", 0))
    every = await models.listed(asked.connection, asset_model=query.asset_model)
    after = (slug, purpose, -version)
    wanted = sorted((one for one in every if _is_wanted(one, query) and _place(one) > after), key=_place)
    items, following = paging.page(wanted, query.limit, lambda one: (one.asset_model, one.purpose, one.version))
    return Listing(items=[schema.ModelVersion.model_validate(one) for one in items], next=following)


@router.get("/{id}")
async def get_model(asked: OnModels, model_id: ModelId) -> schema.ModelVersionDetail:
    """One version with its features, its metrics on data held back and its calibration."""
    return schema.ModelVersionDetail.model_validate(await models.one(asked.connection, model_id))


def _is_wanted(one: ModelVersion, query: ModelsQuery) -> bool:
    return query.purpose in {None, one.purpose} and query.state in {None, one.state}


def _place(one: ModelVersion) -> tuple[str, str, int]:
    return one.asset_model, one.purpose, -one.version
