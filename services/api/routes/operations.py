"""What an operator's tools ask: is it alive, is it ready, how is it doing."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from services.api.deps import OwnParts
from services.api.schemas import account as schema
from shared.db import principals, views
from shared.db.principals import Pool
from shared.errors import UnavailableError
from shared.health import Health

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def get_health() -> schema.Health:
    """The process answers; nothing else is asked."""
    return schema.Health(status="ok")


@router.get(
    "/readyz",
    response_model=schema.Readiness,
    responses={503: {"model": schema.Readiness, "description": "A part is not well"}},
)
async def get_readiness(own: OwnParts) -> Response:
    """The database answers and is migrated; 503 otherwise, with the same body."""
    own.database.report(await _trouble(own.pool))
    is_ready, body = Health({"database": own.database}).ready()
    if is_ready:
        return Response(body, media_type="application/json")
    return Response(body, status_code=503, media_type="application/json", headers={"Retry-After": "5"})


@router.get("/metrics", response_class=PlainTextResponse)
async def get_metrics(own: OwnParts) -> Response:
    """Prometheus text format."""
    return Response(own.metrics.text(), media_type=CONTENT_TYPE_LATEST)


async def _trouble(pool: Pool) -> str | None:
    """What is wrong with the database, if anything is."""
    try:
        async with principals.reading(pool) as connection:
            missing = await views.missing_migrations(connection)
    except UnavailableError as error:
        return str(error)
    return f"not migrated: {', '.join(missing)}" if missing else None
