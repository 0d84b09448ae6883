"""What may become known by itself: the rules of a fleet, and what is asked for under one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Accepts(StrEnum):
    """What a rule takes for the first word of an asset: a birth, or telemetry as well."""

    BIRTH = "birth"
    TELEMETRY = "telemetry"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Unknown assets below `place` (`customer/site`) whose slug matches one of the patterns are of one model."""

    id: int
    place: str
    accepts: Accepts
    slugs: tuple[str, ...]
    learns_sensors: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An asset to register, or sensors to add to one, by its slug below the place of the rule.

    `sensors`: those to be learned, name to unit; the model's own come by themselves.
    """

    rule: int
    slug: str
    sensors: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """What became of it. `full` names the rules that registered as many assets as they may."""

    assets: int
    sensors: int
    full: tuple[str, ...]
