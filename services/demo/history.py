"""From the story to judged contracts: publish what is missing, wait until ingest stored it and analytics judged it."""

import asyncio
import math
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from services.demo import story
from services.demo.board import Api
from services.demo.live import Voice
from services.demo.stage import Stage
from services.demo.story import Story
from services.devices import simulated
from services.devices.publisher import Publisher
from shared.db import dirty
from shared.db.pool import connect_async
from shared.instant import from_us
from shared.simulate.fleet import Fleet

_STORED_LIMIT_S = 300.0
_JUDGED_LIMIT_S = 600.0
_FORETOLD_LIMIT_S = 600.0


def publish(stage: Stage, publisher: Publisher, fleet: Fleet, told: Story, until_s: int) -> Story:
    """Publish what is missing up to `until_s` and wait until it is stored; the story that is returned is saved."""
    begun, sent, moved = time.monotonic(), 0, told
    due = fleet.last_samples(until_s)
    with _progress(stage) as progress:
        published = progress.add_task("published", total=until_s - told.published_to_s, rate="")
        stored = progress.add_task("stored", total=until_s - told.published_to_s, rate="")

        def advance(readings: int, seconds: int) -> None:
            nonlocal sent
            sent += readings
            stage.children.check()
            rate = sent / (time.monotonic() - begun)
            progress.update(published, advance=seconds, rate=f"{rate:,.0f} readings/s")

        def mark(to_s: int) -> None:
            nonlocal moved
            moved = story.published(stage.folder, moved, to_s)
            is_stored()

        def is_stored() -> bool:
            stored_to_s = _stored_to(stage.api, due, since_s=told.published_to_s, until_s=until_s)
            progress.update(stored, completed=stored_to_s - told.published_to_s)
            return stored_to_s == until_s

        simulated.catch_up(publisher, fleet, after_s=told.published_to_s, until_s=until_s, mark=mark, advance=advance)
        stage.wait(is_stored, _STORED_LIMIT_S, "ingest to store the history")
    seconds = time.monotonic() - begun
    if sent:
        rate = sent / seconds
        stage.console.print(f"{sent:,} readings published and stored in {seconds:.1f} s: {rate:,.0f} readings/s")
    return moved


def judge(stage: Stage, voice: Voice, now_us: int) -> list[dict[str, Any]]:
    """Wait until analytics has worked off everything dirty and judged as of `now_us` or later; the standings."""
    begun = time.monotonic()
    standings: list[dict[str, Any]] = []

    def is_judged() -> bool:
        if asyncio.run(_waiting(stage.database_url, now_us)):
            return False
        standings[:] = stage.api.items("value-in-use")
        return bool(standings) and all(_is_current(item["document"]["period"], now_us) for item in standings)

    with stage.console.status("analytics derives the timelines, trains the detectors, judges the contracts"):
        stage.wait(voice.while_waiting(is_judged), _JUDGED_LIMIT_S, "analytics to judge the contracts")
    stage.console.print(f"analytics: up to date after {time.monotonic() - begun:.1f} s")
    return standings


def foretell(stage: Stage, voice: Voice, known_to_s: Mapping[str, int]) -> None:
    """Wait until every machine is foretold at the last instant of the grid up to `known_to_s` (by `site/asset`)."""
    begun = time.monotonic()
    due = {key: at_s // story.FORETOLD_EVERY_S * story.FORETOLD_EVERY_S for key, at_s in known_to_s.items()}

    def is_foretold() -> bool:
        said: dict[str, float] = {}
        for item in stage.api.items("predictions?limit=1000"):
            key = item["asset"].partition("/")[2]
            said[key] = min(said.get(key, math.inf), datetime.fromisoformat(item["at"]).timestamp())
        return all(said.get(key, -math.inf) >= at_s for key, at_s in due.items())

    with stage.console.status("analytics foretells failures at every instant of the history, from what was known then"):
        stage.wait(voice.while_waiting(is_foretold), _FORETOLD_LIMIT_S, "analytics to foretell failures")
    stage.console.print(f"analytics: every machine foretold after {time.monotonic() - begun:.1f} s more")


def _progress(stage: Stage) -> Progress:
    return Progress(
        TextColumn("{task.description:>9}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[rate]}"),
        console=stage.console,
    )


def _stored_to(api: Api, due: Mapping[str, int], *, since_s: int, until_s: int) -> int:
    """Up to which epoch second the last sample due of every machine (`due`, by `site/asset`) is stored."""
    stored = {
        f"{asset['site']}/{asset['slug']}": datetime.fromisoformat(asset["last_fact_at"]).timestamp()
        for asset in api.items("assets")
        if asset["last_fact_at"]
    }
    behind = [stored.get(key, since_s) for key, at_s in due.items() if stored.get(key, since_s) < at_s]
    return max(since_s, int(min(behind))) if behind else until_s


async def _waiting(database_url: str, now_us: int) -> int:
    async with connect_async(database_url) as connection:
        return await dirty.waiting(connection, now_us)


def _is_current(period: dict[str, Any], now_us: int) -> bool:
    return period["complete"] or datetime.fromisoformat(period["as_of"]) >= from_us(now_us)
