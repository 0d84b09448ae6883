"""The app: routes, errors, and the parts they share. `services.api.main` serves it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from services.api import openapi, problems
from services.api.deps import Parts
from services.api.edge import Edge
from services.api.metrics import Metrics
from services.api.routes import (
    account,
    alerts,
    anomalies,
    contracts,
    events,
    indicators,
    machines,
    models,
    operations,
    predictions,
    quarantine,
    readings,
    reclassification,
)
from services.api.stream import Broadcast, listen
from services.api.web import findings, machine, pages
from services.api.web.templates import STATIC
from shared.db.pool import api_pool
from shared.health import Part
from shared.settings import ApiSettings

# One connection of the pool is kept by LISTEN.
_CONNECTIONS = 9
_CANCEL_AGAIN_S = 0.2
_ROUTES: Final = (
    machines,
    events,
    readings,
    reclassification,
    anomalies,
    predictions,
    models,
    contracts,
    indicators,
    alerts,
    quarantine,
    account,
    operations,
)
PAGES: Final = (pages, findings, machine)


def create_app(settings: ApiSettings, clock: Callable[[], int]) -> FastAPI:
    """The API and its pages. `clock` gives microseconds since the epoch, once a request."""
    pool = api_pool(settings.url, max_size=_CONNECTIONS)
    broadcast = Broadcast()
    own = Parts(
        pool=pool,
        broadcast=broadcast,
        metrics=Metrics(lambda: broadcast.listeners),
        clock=clock,
        database=Part(clock),
    )
    app = FastAPI(
        title="vouch",
        version=version("vouch"),
        openapi_url=f"{openapi.PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_running,
    )
    app.state.parts = own
    for routes in _ROUTES:
        app.include_router(routes.router)
    for shown in PAGES:
        app.include_router(shown.router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    problems.install(app)
    openapi.install(app)
    app.add_middleware(Edge, metrics=own.metrics)
    return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    own: Parts = app.state.parts
    await own.pool.open(wait=False)
    listening = asyncio.create_task(listen(own.pool, own.broadcast))
    try:
        yield
    finally:
        own.broadcast.close()
        # More than once: the wait_for of Python 3.11, which the pool uses, may swallow a cancellation.
        while not listening.done():
            listening.cancel()
            await asyncio.wait([listening], timeout=_CANCEL_AGAIN_S)
        await own.pool.close()
