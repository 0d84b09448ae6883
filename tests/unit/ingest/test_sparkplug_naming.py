"""Metric names to sensors, topics to nodes, and what a host says of itself."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.sparkplug import naming, state, topic
from shared.model.sparkplug import NodeKey, SourceKey


@pytest.mark.parametrize(
    ("metrics", "sensors", "bound"),
    [
        (["temp"], {"temp"}, {"temp": "temp"}),
        (["Motor 1/Temp"], {"temp"}, {"Motor 1/Temp": "temp"}),
        (["Motor 1/Temp"], {"temp", "motor_1_temp"}, {"Motor 1/Temp": "motor_1_temp"}),
        (["Motor 1/Temp", "Motor 2/Temp"], {"temp"}, {}),
        (
            ["Motor 1/Temp", "Motor 2/Temp"],
            {"temp", "motor_1_temp"},
            {"Motor 1/Temp": "motor_1_temp", "Motor 2/Temp": "temp"},
        ),
        (["temp", "Motor 1/Temp"], {"temp"}, {"temp": "temp"}),
        (["Power (kW)"], {"power_kw"}, {"Power (kW)": "power_kw"}),
        (["A/Temp", "a/temp", "x/a_temp"], {"a_temp"}, {}),
        (["humidity"], {"temp"}, {}),
    ],
)
def test_the_exact_name_comes_first_then_the_path_then_its_last_part(
    metrics: list[str], sensors: set[str], bound: dict[str, str]
) -> None:
    assert naming.bind(metrics, frozenset(sensors)) == bound


@given(st.lists(st.text("aA/ _1", max_size=6)), st.frozensets(st.text("a_1", min_size=1, max_size=4)))
def test_a_sensor_is_never_two_metrics(metrics: list[str], sensors: frozenset[str]) -> None:
    bound = naming.bind(metrics, sensors)
    assert len(set(bound.values())) == len(bound)
    assert set(bound.values()) <= sensors
    assert set(bound) <= set(metrics)


@pytest.mark.parametrize("metric", ["bdSeq", "Node Control/Rebirth", "Node Info/OS", "Properties/Serial"])
def test_metrics_every_node_has_are_passed_over(metric: str) -> None:
    assert naming.is_ignored(metric)
    assert not naming.is_ignored(f"Line/{metric}")


def test_topics_name_node_and_device() -> None:
    assert topic.parse("spBv1.0/plant/NDATA/gw") == ("NDATA", NodeKey("plant", "gw"), SourceKey("plant", "gw"))
    assert topic.parse("spBv1.0/plant/DBIRTH/gw/d") == ("DBIRTH", NodeKey("plant", "gw"), SourceKey("plant", "gw", "d"))


@pytest.mark.parametrize(
    "other",
    [
        "spBv1.0/plant/NDATA",
        "spBv1.0/plant/NDATA/gw/d",
        "spBv1.0/plant/DDATA/gw",
        "spBv1.0/plant/DDATA/gw/d/e",
        "spBv1.0/plant/NOTHING/gw",
        "spBv1.0//NDATA/gw",
        "spBv1.0/STATE/host",
        "spAv1.0/plant/NDATA/gw",
    ],
)
def test_other_topics_are_nobodys(other: str) -> None:
    assert topic.parse(other) is None


@given(st.text())
def test_any_topic_is_read_or_not(text: str) -> None:
    topic.parse(f"spBv1.0/{text}")


def test_birth_and_will_of_the_host_carry_one_time() -> None:
    said = state.messages("vouch", 1_772_366_400_000)
    assert said.topic == "spBv1.0/STATE/vouch"
    assert json.loads(said.birth) == {"online": True, "timestamp": 1_772_366_400_000}
    assert json.loads(said.death) == {"online": False, "timestamp": 1_772_366_400_000}
    assert (state.is_death(said.birth), state.is_death(said.death)) == (False, True)


@given(st.binary(max_size=60))
def test_no_state_payload_raises(payload: bytes) -> None:
    assert isinstance(state.is_death(payload), bool)
