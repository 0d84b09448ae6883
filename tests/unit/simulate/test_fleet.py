"""The simulated fleet: the same messages each time, physically possible, and true to what is known to happen."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import topics
from shared.simulate import script
from shared.simulate.fleet import Batch, Fleet
from shared.simulate.machines import MACHINES, SENSORS, Machine, Model
from shared.simulate.noise import GRID_S
from shared.simulate.schedule import Era, truth_of
from shared.simulate.signals import readings, severity
from shared.simulate.truth import EFFECTS, Truth
from shared.topics import Channel

DAY_S = 86_400
ANCHOR_S = 1_772_370_047
SEED = 11
ERA = Era(start_s=ANCHOR_S // DAY_S * DAY_S - 90 * DAY_S, anchor_s=ANCHOR_S)
FLEET = Fleet(ERA, SEED)
QUIET = Truth(stops=(), faults=(), silences=())

instants = st.integers(min_value=ERA.start_s, max_value=ANCHOR_S + 20 * DAY_S)
machines = st.sampled_from(MACHINES)


def said(batches: Iterable[Batch]) -> tuple[dict[tuple[str, int], dict[str, float]], dict[tuple[str, int], Any]]:
    """Samples by (topic, time) and events by (topic, start); a later message of the same event replaces the earlier."""
    samples: dict[tuple[str, int], dict[str, float]] = {}
    events: dict[tuple[str, int], Any] = {}
    for message in (message for batch in batches for message in batch.messages):
        content = msgspec.json.decode(message.payload)
        topic = topics.parse(message.topic)
        assert topic is not None
        if topic.channel is Channel.EVENT:
            events[message.topic, content["start"]] = content
            continue
        for sample in content if isinstance(content, list) else [content]:
            key = message.topic, sample["ts"]
            assert key not in samples
            samples[key] = sample["values"]
    return samples, events


def truth(machine: Machine, until_s: int = ANCHOR_S) -> Truth:
    return truth_of(machine, ERA, SEED, until_s)


@settings(max_examples=15)
@given(instants, st.integers(1, 40 * 3_600), st.floats(0, 1))
def test_a_stretch_said_in_two_parts_is_the_stretch_said_at_once(after_s: int, length_s: int, share: float):
    until_s = after_s + length_s
    cut_s = after_s + int(share * length_s)
    at_once = said(Fleet(ERA, SEED).stretch(after_s, until_s))
    in_parts = said([*FLEET.stretch(after_s, cut_s), *FLEET.stretch(cut_s, until_s)])
    assert in_parts == at_once


@settings(max_examples=25)
@given(instants)
def test_what_is_said_live_on_the_grid_is_what_a_stretch_says_of_that_instant(at_s: int):
    at_s = at_s // GRID_S * GRID_S
    live, _ = said([FLEET.moment(at_s - 1, at_s)])
    later, _ = said(FLEET.stretch(at_s - 1, at_s))
    assert live == later
    assert live


@settings(max_examples=25)
@given(machines, st.lists(st.integers(0, 2 * DAY_S), min_size=2, max_size=40, unique=True), st.data())
def test_a_value_depends_on_its_instant_only(machine: Machine, offsets: list[int], data: st.DataObject):
    at_s = np.sort(np.array(offsets, dtype=np.int64)) + ANCHOR_S
    chosen = data.draw(st.sampled_from(range(len(offsets))))
    together = readings(machine, truth(machine), SEED, at_s)
    alone = readings(machine, truth(machine), SEED, at_s[chosen : chosen + 1])
    assert {sensor: value[chosen] for sensor, value in together.items()} == {s: v[0] for s, v in alone.items()}


def test_another_seed_gives_another_fleet():
    ours, _ = said([FLEET.moment(ANCHOR_S, ANCHOR_S + 1)])
    others, _ = said([Fleet(ERA, SEED + 1).moment(ANCHOR_S, ANCHOR_S + 1)])
    assert ours.keys() == others.keys()
    assert all(ours[key] != others[key] for key in ours)


def test_a_history_has_a_sample_of_every_machine_every_five_minutes_from_the_start_of_the_era():
    until_s = ERA.start_s + 5 * DAY_S
    batches = list(FLEET.stretch(0, until_s))
    samples, _ = said(batches)
    times = range(-(-ERA.start_s // GRID_S) * GRID_S, until_s + 1, GRID_S)
    assert len(samples) == len(times) * len(MACHINES)
    assert {ts for _, ts in samples} == {at_s * 1_000 for at_s in times}
    assert sum(m.readings for batch in batches for m in batch.messages) == sum(map(len, samples.values()))
    assert max(len(m.payload) for batch in batches for m in batch.messages) < 100_000


def test_batches_are_in_order_and_end_at_the_end_of_the_stretch():
    ends = [batch.until_s for batch in FLEET.stretch(ANCHOR_S - 3 * DAY_S, ANCHOR_S)]
    assert len(ends) > 3
    assert ends == sorted(set(ends))
    assert ends[-1] == ANCHOR_S


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.key)
def test_stops_are_in_order_apart_and_end_on_the_grid(machine: Machine):
    stops = truth(machine, ANCHOR_S + 60 * DAY_S).stops
    assert stops
    assert all(stop.start_s < stop.end_s and stop.end_s % GRID_S == 0 for stop in stops)
    assert all(one.end_s < other.start_s for one, other in itertools.pairwise(stops))


@settings(max_examples=20)
@given(machines, instants, st.integers(0, 40 * DAY_S))
def test_a_later_horizon_only_adds_stops(machine: Machine, until_s: int, further_s: int):
    early, late = truth(machine, until_s).stops, truth(machine, until_s + further_s).stops
    assert late[: len(early)] == early
    assert all(stop.start_s >= until_s for stop in late[len(early) :])


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.key)
def test_a_stopped_machine_produces_nothing(machine: Machine):
    at_s = np.arange(ERA.start_s // GRID_S * GRID_S, ANCHOR_S, GRID_S, dtype=np.int64)
    values = readings(machine, truth(machine), SEED, at_s)
    stopped = np.zeros(at_s.size, dtype=bool)
    for stop in truth(machine).stops:
        stopped |= (at_s >= stop.start_s) & (at_s < stop.end_s)
    assert stopped.any()
    produced = {Model.COMPRESSOR: "flow_m3_h", Model.LINE: "rate_units_min", Model.PUMP: "flow_m3_h"}[machine.model]
    drawn = "motor_current_a" if machine.model is Model.LINE else "power_kw"
    assert values[produced][stopped].max() == 0
    assert values[drawn][stopped].max() == 0
    assert values[drawn][~stopped].min() > 1


def test_no_fault_begins_in_the_healthy_window_and_none_is_left_unrepaired():
    for machine in MACHINES:
        known = truth(machine, ANCHOR_S + 7 * DAY_S)
        for fault in known.faults:
            assert fault.start_s >= ERA.healthy_until_s
            assert any(stop.start_s == fault.end_s for stop in known.stops), fault
    assert ERA.healthy_until_s - ERA.start_s == pytest.approx(21 * DAY_S, rel=0.02)


def test_every_fault_of_the_script_happens_to_its_machine():
    happened = {(fault.machine, fault.kind) for machine in MACHINES for fault in truth(machine).faults}
    told = {(line.machine, line.kind) for line in script.FAULTS}
    assert happened == told | {(script.LIVE_FAULT_MACHINE, script.LIVE_FAULT_KIND)}


def test_a_fault_moves_the_sensors_it_names_and_no_other():
    for machine in MACHINES:
        for fault in truth(machine).faults:
            at_s = np.array([fault.end_s - 1], dtype=np.int64)
            healthy = readings(machine, QUIET, SEED, at_s)
            worn = readings(machine, Truth(stops=(), faults=(fault,), silences=()), SEED, at_s)
            assert {sensor for sensor in healthy if worn[sensor] != healthy[sensor]} == set(fault.sensors), fault


def test_what_is_no_fault_happens_after_the_healthy_window_and_moves_what_it_names():
    replaced, loaded = next(m for m in MACHINES if m.key == "wasserwerk/p2"), MACHINES[-1]
    (replacement,), (load,) = truth(replaced).replacements, truth(loaded).loads
    assert replacement.at_s > ERA.healthy_until_s
    assert any(stop.start_s == replacement.at_s and stop.code == "M160" for stop in truth(replaced).stops)
    assert load.start_s > ERA.healthy_until_s
    at_s = np.array([replacement.at_s - GRID_S, replacement.at_s + DAY_S], dtype=np.int64)
    moved = readings(replaced, Truth(stops=(), faults=(), silences=(), replacements=(replacement,)), SEED, at_s)
    quiet = readings(replaced, QUIET, SEED, at_s)
    assert moved[replacement.sensor] - quiet[replacement.sensor] == pytest.approx([0, replacement.offset], abs=1e-3)
    assert all((moved[name] == quiet[name]).all() for name in quiet if name != replacement.sensor)
    at_s = np.arange(load.start_s - DAY_S, load.end_s + DAY_S, GRID_S, dtype=np.int64)
    flow = readings(loaded, Truth(stops=(), faults=(), silences=(), loads=(load,)), SEED, at_s)["flow_m3_h"]
    inside = (at_s >= load.start_s) & (at_s < load.end_s)
    assert flow[inside].mean() == pytest.approx(load.factor * flow[~inside].mean(), rel=0.02)


def test_a_gauge_that_is_stuck_shows_what_it_showed_even_while_the_machine_stands_still():
    machine = next(m for m in MACHINES if m.key == "fuessen/c5")
    (fault,) = truth(machine).faults
    stop = replace(truth(machine).stops[0], start_s=fault.start_s + DAY_S, end_s=fault.start_s + 2 * DAY_S)
    at_s = np.array([fault.start_s, stop.start_s + GRID_S, fault.end_s - 1], dtype=np.int64)
    known = Truth(stops=(stop,), faults=(fault,), silences=())
    (shown,) = set(readings(machine, known, SEED, at_s)["discharge_pressure_bar"].tolist())
    assert shown == readings(machine, QUIET, SEED, at_s)["discharge_pressure_bar"][0]


def test_severity_grows_from_nothing_to_one_and_ends_with_the_repair():
    fault = truth(next(m for m in MACHINES if m.key == "kempten/c2")).faults[0]
    at_s = np.linspace(fault.start_s, fault.end_s - 1, 50).astype(np.int64)
    grown = severity(fault, at_s)
    assert grown[0] == 0
    assert grown[-1] == pytest.approx(1, abs=1e-3)
    assert (np.diff(grown) >= 0).all()
    assert severity(fault, np.array([fault.start_s - 1, fault.end_s])).tolist() == [0, 0]


def test_the_silent_machine_says_nothing_while_it_is_silent_and_all_others_do():
    inside = ANCHOR_S + script.SILENT_START_S, ANCHOR_S + script.SILENT_END_S - 1
    for at_s, speaking in ((inside[0] - 1, 15), (inside[0], 14), (inside[1], 14), (inside[1] + 1, 15)):
        samples, _ = said([FLEET.moment(at_s - 1, at_s)])
        assert len(samples) == speaking
    samples, _ = said(FLEET.stretch(*inside))
    assert not any(topic.split("/")[4] == "p5" for topic, _ in samples)
    last = FLEET.last_samples(inside[1])
    assert last["hafen/p5"] <= inside[0] < last["hafen/p4"] <= inside[1]


def test_a_live_stop_is_said_when_it_begins_and_again_when_it_ends():
    stop = next(stop for stop in truth(MACHINES[0], ANCHOR_S + DAY_S).stops if stop.start_s > ANCHOR_S)
    _, begun = said([FLEET.moment(stop.start_s - 1, stop.start_s)])
    _, ended = said([FLEET.moment(stop.end_s - 1, stop.end_s)])
    key = "vouch/v1/lechtal/kempten/c1/event", stop.start_s * 1_000
    assert begun[key]["end"] is None
    assert ended[key] == begun[key] | {"end": stop.end_s * 1_000}


def test_the_sensors_of_a_model_are_what_it_reads():
    for machine in MACHINES:
        values = readings(machine, QUIET, SEED, np.array([ANCHOR_S], dtype=np.int64))
        assert tuple(values) == SENSORS[machine.model]


def test_every_effect_is_on_a_sensor_that_exists():
    known = {sensor for sensors in SENSORS.values() for sensor in sensors}
    assert all(set(effects) <= known for effects in EFFECTS.values())
