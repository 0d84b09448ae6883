"""What the demo keeps between two starts, and the fleet and contract files it fills in with its own dates."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from string import Template
from zoneinfo import ZoneInfo

from shared.errors import ConfigError
from shared.simulate.schedule import Era

_FILES = Path(__file__).resolve().parents[2] / "deploy" / "demo"
_ZONE = ZoneInfo("Europe/Berlin")
_SEED = 20_260_301
_DAY_S = 86_400
# How often machines are foretold, as the fleet file says.
FORETOLD_EVERY_S = 21_600
_CONTRACT_YEARS = 3
# Terms of the shorter contracts over the length of the history: the rest is what can still be saved.
_LINE_TERM = 1.5
_PUMP_TERM = 1.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """The demo of one folder, in epoch seconds; `published_to_s` is how far the broker has taken the messages over."""

    seed: int
    start_s: int
    anchor_s: int
    published_to_s: int

    @property
    def era(self) -> Era:
        return Era(start_s=self.start_s, anchor_s=self.anchor_s)


def begin(now_s: int, days: int) -> Story:
    """A new story: `days` whole days of history, from a midnight, and what has passed of today."""
    today = datetime.fromtimestamp(now_s, _ZONE).date()
    start_s = _midnight_s(today - timedelta(days=days))
    return Story(seed=_SEED, start_s=start_s, anchor_s=now_s, published_to_s=start_s - 1)


def load(folder: Path) -> Story | None:
    """The story of an earlier start in this folder; raises ConfigError when its file cannot be read."""
    file = _file(folder)
    if not file.exists():
        return None
    try:
        return Story(**json.loads(file.read_text(encoding="ascii")))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{file} cannot be read ({error}); `make demo-clean` starts anew") from error


def save(folder: Path, story: Story) -> None:
    """Write the story so that a crash leaves the old one or the new one."""
    fresh = _file(folder).with_suffix(".new")
    fresh.write_text(json.dumps(asdict(story)), encoding="ascii")
    fresh.replace(_file(folder))


def published(folder: Path, story: Story, to_s: int) -> Story:
    """The story with its messages published up to `to_s`, saved."""
    moved = replace(story, published_to_s=to_s)
    save(folder, moved)
    return moved


def fleet_text(story: Story, alerts_port: int) -> str:
    """The fleet file of the demo, with its healthy window and the port alerts are sent to.

    Raises ConfigError when the demo's files are not beside the program.
    """
    return _template(_FILES / "fleet.yaml").substitute(
        history_start=_rfc3339(story.start_s),
        healthy_until=_rfc3339(story.era.healthy_until_s),
        alerts_port=alerts_port,
        foretold_every_s=FORETOLD_EVERY_S,
    )


def contract_texts(story: Story) -> Iterator[tuple[str, str]]:
    """Name and text of each contract file, with its dates: all terms begin with the history."""
    first = datetime.fromtimestamp(story.start_s, _ZONE).date()
    history_days = (story.anchor_s - story.start_s) / _DAY_S
    dates = {
        "first_day": first,
        "last_day_of_three_years": _years_later(first, _CONTRACT_YEARS) - timedelta(days=1),
        "last_day_of_line_term": first + timedelta(days=round(history_days * _LINE_TERM)),
        "last_day_of_pump_term": first + timedelta(days=round(history_days * _PUMP_TERM)),
    }
    for file in sorted((_FILES / "contracts").glob("*.yaml")):
        yield file.name, _template(file).substitute(dates)


def _file(folder: Path) -> Path:
    return folder / "story.json"


def _template(file: Path) -> Template:
    try:
        return Template(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"there is no {file}: the demo runs from the project's folder only") from error


def _midnight_s(day: date) -> int:
    return int(datetime.combine(day, time(), tzinfo=_ZONE).timestamp())


def _years_later(day: date, years: int) -> date:
    if (day.month, day.day) == (2, 29):
        return date(day.year + years, 3, 1)
    return day.replace(year=day.year + years)


def _rfc3339(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()
