"""The topic tree: what is taken apart is put together again, and what is not ours is nobody's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import topics
from shared.topics import Channel, Topic

levels = st.text(st.characters(exclude_characters="/"), min_size=1, max_size=8)


@given(
    st.builds(Topic, customer=levels, site=levels, asset=levels, channel=st.sampled_from(Channel))
    | st.builds(Topic, customer=levels, site=levels, asset=levels, channel=st.just(Channel.TELEMETRY), sensor=levels)
)
def test_a_topic_comes_apart_as_it_was_put_together(topic: Topic) -> None:
    assert topics.parse(str(topic)) == topic


@given(
    st.text(max_size=40) | st.lists(st.sampled_from(["vouch", "v1", "a", "", "telemetry"]), max_size=9).map("/".join)
)
def test_whatever_is_parsed_is_written_the_same(text: str) -> None:
    parsed = topics.parse(text)
    assert parsed is None or str(parsed) == text


@pytest.mark.parametrize(
    "topic",
    ["vouch/v1/a/b/c/event/x", "vouch/v1/a/b/c/status/x", "vouch/v1/a/b/c/telemetry/", "vouch/v1/a/b/c/telemetry/x/y"],
)
def test_only_a_sensor_of_telemetry_has_a_level_of_its_own(topic: str) -> None:
    assert topics.parse(topic) is None
