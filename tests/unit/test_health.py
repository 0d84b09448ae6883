"""Readiness: which part is not well, since when and why."""

import json

from shared.health import Health, Part


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now_s = 0

    def __call__(self) -> int:
        return self.now_s * 1_000_000


def test_since_is_when_it_last_changed_and_not_when_it_was_last_said() -> None:
    clock = Clock()
    part = Part(clock, "not connected yet")
    clock.now_s = 5
    part.report("refused")
    assert (part.last.ok, part.last.since_us, part.last.detail) == (False, 0, "refused")
    part.report(None)
    clock.now_s = 9
    part.report(None)
    assert (part.last.ok, part.last.since_us, part.last.detail) == (True, 5_000_000, "")


def test_a_part_is_well_only_when_neither_its_user_nor_the_probe_complains() -> None:
    clock, found = Clock(), ["gone"]
    part = Part(clock, probe=lambda: found[0] or None)
    assert part.state().detail == "gone"
    found[0] = ""
    clock.now_s = 1
    assert part.state().detail == "gone", "asked again within two seconds"
    clock.now_s = 2
    assert part.state().ok
    part.report("faulty")
    assert part.state().detail == "faulty"


def test_all_parts_are_named_and_one_that_is_down_is_enough() -> None:
    clock = Clock()
    health = Health({"broker": Part(clock), "database": Part(clock, "no route")})
    is_ready, body = health.ready()
    assert not is_ready
    assert json.loads(body) == {
        "status": "unavailable",
        "broker": {"ok": True, "since": "1970-01-01T00:00:00Z", "detail": ""},
        "database": {"ok": False, "since": "1970-01-01T00:00:00Z", "detail": "no route"},
    }
    assert Health({"broker": Part(clock)}).ready()[0]
