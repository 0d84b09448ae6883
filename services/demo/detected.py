"""The demo's detection table: findings and notices, asked of the API, against the truth of the simulation."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from rich.table import Table

from services.demo.board import Api, table_of
from services.demo.detection import Found, Line, Notice, Scorecard, scorecard
from services.demo.story import Story
from shared.simulate.fleet import Fleet

_MOST = 1_000
_DAY_H = 24
_FILE = "detection.json"


def scored(api: Api, fleet: Fleet, told: Story) -> Scorecard:
    """What the API says was found and foretold up to now, held against what happened."""
    truths = fleet.truth(told.published_to_s)
    keys = {key.split("/")[1]: key for key in truths}
    return scorecard(
        truths,
        [_found(item, keys) for item in reversed(api.items(f"anomalies?limit={_MOST}"))],
        [_notice(item, api) for item in reversed(api.items(f"notices?limit={_MOST}"))],
        watched_from_s=told.era.healthy_until_s,
        until_s=told.published_to_s,
    )


def save(folder: Path, card: Scorecard) -> Path:
    """Write the table as JSON beside the demo's data, and say where."""
    file = folder / _FILE
    file.write_text(json.dumps(card.as_document(), indent=1), encoding="ascii")
    return file


def table(card: Scorecard) -> Table:
    """One row a seeded fault: when it was found and foretold, and what came."""
    columns = "Machine", "Seeded fault", "Began", "Found", "Led by", "Notice", "P10 to P90", "Came"
    filled = table_of("Seeded faults (UTC)", *columns, wrapped=("Seeded fault", "Led by"))
    for line in card.lines:
        filled.add_row(
            line.machine.split("/")[1],
            line.fault.replace("_", " "),
            _day(line.began_s),
            "[red]no[/]" if line.delay_h is None else f"+{_span(line.delay_h)}",
            _led_by(line),
            "-" if line.lead_h is None else f"-{_span(line.lead_h)}",
            "-" if line.p10_s is None or line.p90_s is None else f"{_day(line.p10_s)} to {_day(line.p90_s)}",
            _came(line),
        )
    return filled


def summary(card: Scorecard) -> str:
    """The table in a few lines, with what it has no rows for: findings and notices that no fault explains."""
    found = [line.delay_h for line in card.over if line.delay_h is not None]
    failed = [line for line in card.over if line.is_failure]
    leads = [line.lead_h for line in failed if line.lead_h is not None]
    lines = [
        f"{len(found)} of {len(card.over)} seeded faults that are over were found"
        + (f", after {_span(median(found))} at the median" if found else ""),
        f"{len(leads)} of {len(failed)} failures they ended in were foretold"
        + (f", {_span(median(leads))} ahead at the median" if leads else "")
        + (f"; {sum(line.is_within is True for line in failed)} came between P10 and P90" if leads else ""),
        f"without a seeded fault: {len(card.false_findings)} finding(s) in {card.asset_months:.1f} asset-months "
        f"({card.false_per_asset_month:.2f} each) and {len(card.false_notices)} notice(s)",
        *(f"  {one.machine}: {one.sensor}, {_day(one.start_s)}, {_lasted(one)}" for one in card.false_findings),
        *(f"  {one.machine}: notice for {one.component}, {_day(one.given_s)}" for one in card.false_notices),
    ]
    return "\n".join(lines)


def _found(item: dict[str, Any], keys: dict[str, str]) -> Found:
    return Found(
        machine=keys[item["asset"]],
        start_s=_seconds(item["start_at"]),
        end_s=None if item["end_at"] is None else _seconds(item["end_at"]),
        sensor=item["contributions"][0]["sensor"] if item["contributions"] else "",
    )


def _notice(item: dict[str, Any], api: Api) -> Notice:
    """With the prediction it was given for: that of its instant."""
    given_at = datetime.fromisoformat(item["given_at"])
    asked = {
        "component": item["component"],
        "from": item["given_at"],
        "to": (given_at + timedelta(seconds=1)).isoformat(),
    }
    predictions = api.items(f"assets/{item['asset_id']}/predictions?{urlencode(asked)}")
    said = next((one for one in predictions if one["id"] == item["prediction_id"]), {})
    early, middle, late = (_after(given_at, said.get(name)) for name in ("p10_h", "p50_h", "p90_h"))
    return Notice(
        machine=item["asset"].partition("/")[2],
        component=item["component"],
        given_s=given_at.timestamp(),
        p10_s=early,
        p50_s=middle,
        p90_s=late,
        state=item["state"],
    )


def _after(at: datetime, hours: float | None) -> float | None:
    return None if hours is None else at.timestamp() + hours * 3_600


def _led_by(line: Line) -> str:
    if line.sensor is None:
        return "-"
    colour = "green" if line.sensor in line.moved else "yellow"
    return f"[{colour}]{line.sensor.replace('_', ' ')}[/]"


def _came(line: Line) -> str:
    if not line.is_over:
        return f"({_day(line.ended_s)}) to come"
    colour = "default" if line.is_within is None else "green" if line.is_within else "yellow"
    return f"[{colour}]{_day(line.ended_s)} {'failed' if line.is_failure else 'repaired'}[/]"


def _lasted(found: Found) -> str:
    return "goes on" if found.end_s is None else f"for {_span((found.end_s - found.start_s) / 3_600)}"


def _span(hours: float) -> str:
    return f"{hours:.1f} h" if hours < 2 * _DAY_H else f"{hours / _DAY_H:.1f} d"


def _day(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%m-%d}"


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
