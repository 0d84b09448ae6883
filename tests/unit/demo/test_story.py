"""The demo's story: its files fit the simulator, its contracts end as they should, and it survives a restart."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from services.demo import story
from shared import fleet, timeline
from shared.contracts import periods, spec
from shared.contracts.assess import assess
from shared.contracts.assessment import Assessment, Certainty
from shared.contracts.facts import Facts, Window
from shared.contracts.kinds.registry import policy_of
from shared.errors import ConfigError
from shared.fleet import Fleet
from shared.instant import SECOND_US
from shared.model.facts import AssetEvent, Category, EventKind, Interval, Meaning, Party
from shared.simulate.machines import MACHINES, SENSORS
from shared.simulate.noise import GRID_S
from shared.simulate.schedule import truth_of
from shared.simulate.signals import readings
from shared.simulate.truth import Stop
from tests.failures_reference import evidence

NOW_S = 1_772_370_047
# A start at night, at noon, in summer, and on the day the clocks change.
STARTS_S = (NOW_S, NOW_S + 40_000, NOW_S + 130 * 86_400, 1_774_742_400)


def declared(told: story.Story) -> Fleet:
    return fleet.parse(story.fleet_text(told, alerts_port=1_234), "fleet.yaml")


def test_the_declared_fleet_is_the_simulated_one():
    file = declared(story.begin(NOW_S, 90))
    assert {(a.customer, a.site, a.slug, a.model) for a in file.assets} == {
        (m.customer, m.site, m.slug, m.model) for m in MACHINES
    }
    assert {model.slug: tuple(sensor.name for sensor in model.sensors) for model in file.models} == SENSORS
    codes = {model.slug: model.codes for model in file.models}
    for machine in MACHINES:
        for stop in truth_of(machine, story.begin(NOW_S, 90).era, 1, NOW_S + 400 * 86_400).stops:
            assert stop.code in codes[machine.model]


@pytest.mark.parametrize("days", [3, 90])
def test_simulated_values_are_physically_possible_and_mostly_as_expected(days: int):
    told = story.begin(NOW_S, days)
    sensors = {model.slug: {sensor.name: sensor for sensor in model.sensors} for model in declared(told).models}
    at_s = np.arange(told.start_s // GRID_S * GRID_S, NOW_S, 7 * GRID_S, dtype=np.int64)
    for machine in MACHINES:
        values = readings(machine, truth_of(machine, told.era, told.seed, NOW_S), told.seed, at_s)
        for name, value in values.items():
            (low, high), (expected_low, expected_high) = (
                sensors[machine.model][name].physical,
                sensors[machine.model][name].expected,
            )
            assert low is not None
            assert high is not None
            assert low <= value.min() <= value.max() <= high, (machine.key, name)
            outside = (value < (expected_low or 0)) | (value >= (expected_high or high))
            assert outside.mean() < 0.05, (machine.key, name)


def judged(told: story.Story) -> dict[str, Assessment]:
    meanings = {
        model.slug: {
            code: Meaning(category=c.category, cause=c.cause, party=c.party) for code, c in model.codes.items()
        }
        for model in declared(told).models
    }
    known: dict[str, list[Interval]] = {}
    for machine in MACHINES:
        stops = truth_of(machine, told.era, told.seed, told.anchor_s).stops
        known[machine.key] = _timeline(stops, meanings[machine.model], told)
    outcomes: dict[str, Assessment] = {}
    for source, text in story.contract_texts(told):
        contract = spec.parse(text, source)
        [guarantee] = contract.guarantees
        period = periods.periods(contract)[0]
        assert period.start_us == told.start_s * SECOND_US
        assert told.anchor_s * SECOND_US < period.end_us
        intervals = {asset: known[asset] for asset in contract.assets}
        until_us = told.anchor_s * SECOND_US
        durations = {name: timeline.durations(of, period.start_us, until_us) for name, of in intervals.items()}
        policy = policy_of(guarantee)
        assert policy is not None
        outcomes[contract.id] = assess(
            contract,
            guarantee,
            Facts(durations=durations),
            Window(period=period, as_of_us=until_us),
            evidence(intervals, policy),
        )
    return outcomes


def _timeline(stops: tuple[Stop, ...], meanings: Mapping[str, Meaning], told: story.Story) -> list[Interval]:
    start_us, end_us = told.start_s * SECOND_US, told.anchor_s * SECOND_US
    events = [
        AssetEvent(
            id=number,
            kind=EventKind.INTERVAL,
            code=stop.code,
            text=stop.text,
            start_us=stop.start_s * SECOND_US,
            end_us=stop.end_s * SECOND_US,
        )
        for number, stop in enumerate(stops)
    ]
    running = Interval(start_us=start_us, end_us=end_us, category=Category.FP, cause="running", party=Party.NOBODY)
    return timeline.build(events, meanings, [running], start_us, end_us)


@pytest.mark.parametrize("now_s", STARTS_S)
def test_one_contract_is_safe_one_at_risk_and_one_past_saving(now_s: int):
    outcomes = {contract: one.forecast for contract, one in judged(story.begin(now_s, 90)).items()}
    safe, at_risk, lost = outcomes["AIR-LECHTAL"], outcomes["LINE-ALBA"], outcomes["PUMP-NORDHAFEN"]
    assert safe is not None
    assert safe.p_miss is not None
    assert safe.p_miss < 0.01
    assert at_risk is not None
    assert at_risk.p_miss is not None
    assert 0.5 < at_risk.p_miss < 0.9
    assert at_risk.certainty is Certainty.OPEN
    assert lost is not None
    assert lost.certainty is Certainty.CERTAIN_MISS


def test_a_story_begins_at_a_midnight_and_has_published_nothing():
    told = story.begin(NOW_S, 90)
    assert 90 * 86_400 <= told.anchor_s - told.start_s < 91 * 86_400 + 3_600
    assert told.published_to_s < told.start_s


def test_a_story_is_read_back_as_it_was_saved(tmp_path: Path):
    told = story.begin(NOW_S, 3)
    story.save(tmp_path, told)
    moved = story.published(tmp_path, told, NOW_S - 7)
    assert story.load(tmp_path) == moved
    assert moved.published_to_s == NOW_S - 7
    assert (moved.start_s, moved.anchor_s, moved.seed) == (told.start_s, told.anchor_s, told.seed)


def test_a_new_folder_has_no_story(tmp_path: Path):
    assert story.load(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"seed": 1}', "\xff"])
def test_an_unreadable_story_is_refused_by_name(tmp_path: Path, content: str):
    (tmp_path / "story.json").write_text(content, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"story\.json cannot be read"):
        story.load(tmp_path)
