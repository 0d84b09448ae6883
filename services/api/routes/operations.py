"""What an operator's tools ask: is it alive, is it ready, how is it doing."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from services.api.deps import OwnParts
from services.api.schemas.account import Health
from shared.db import principals, views
from shared.errors import UnavailableError

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def get_health() -> Health:
    """The process answers; nothing else is asked."""
    return Health(status="ok")


@router.get("/readyz")
async def get_readiness(own: OwnParts) -> Health:
    """The database answers and is migrated; 503 otherwise."""
    async with principals.reading(own.pool) as connection:
        missing = await views.missing_migrations(connection)
    if missing:
        raise UnavailableError(f"not migrated: {', '.join(missing)}")
    return Health(status="ready")


@router.get("/metrics", response_class=PlainTextResponse)
async def get_metrics(own: OwnParts) -> Response:
    """Prometheus text format."""
    return Response(own.metrics.text(), media_type=CONTENT_TYPE_LATEST)
