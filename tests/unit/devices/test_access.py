"""Roles: whatever a device is called, it may send below its own topic and nowhere else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from services.devices.access import admin_role, device_name, device_role, ingest_role
from shared.errors import VouchError

SLUGS = st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True)
PATHS = st.tuples(SLUGS, SLUGS, SLUGS).map("/".join)
LEVELS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
TOPICS = st.lists(LEVELS | SLUGS | st.sampled_from(["vouch", "v1", "telemetry"]), min_size=1, max_size=8).map("/".join)


def sends(path: str, topic: str, node: tuple[str, str] | None = None) -> bool:
    acls = [acl for acl in device_role(path, node) if acl["acltype"] == "publishClientSend"]
    return any(topic_matches_sub(acl["topic"], topic) for acl in acls)


@given(PATHS, st.sampled_from(["telemetry", "event", "status", "telemetry/power"]))
def test_a_device_may_send_below_its_own_topic(path: str, rest: str) -> None:
    assert sends(path, f"vouch/v1/{path}/{rest}")


@given(PATHS, TOPICS | PATHS.map(lambda path: f"vouch/v1/{path}/telemetry"))
@example("a/b/c", "vouch/v1/a/b/cc/telemetry")
@example("a/b/c", "vouch/v1/a/b")
@example("a/b/c", "vouch/v1/a/b/d/telemetry")
def test_a_device_may_send_nowhere_else(path: str, topic: str) -> None:
    assert sends(path, topic) == (f"{topic}/").startswith(f"vouch/v1/{path}/")


@given(PATHS)
def test_a_device_may_read_nothing(path: str) -> None:
    assert [acl["acltype"] for acl in device_role(path)] == ["publishClientSend"]


@given(LEVELS, LEVELS, LEVELS)
@example("+", "site", "asset")
@example("customer", "#", "asset")
@example("customer", "site", "asset/#")
@example("customer", "site", "asset\n")
@example("customer", "si.te", "asset")
@example("", "site", "asset")
def test_what_is_no_slug_gets_no_role(customer: str, site: str, asset: str) -> None:
    path = f"{customer}/{site}/{asset}"
    try:
        role = device_role(path)
    except VouchError:
        return
    assert role[0]["topic"] == f"vouch/v1/{path}/#"
    assert all(set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and slug for slug in (customer, site, asset))


@given(PATHS, st.none() | SLUGS, PATHS, st.none() | SLUGS)
def test_no_two_devices_share_a_name(path: str, name: str | None, other: str, other_name: str | None) -> None:
    same = (path, name) == (other, other_name)
    assert (device_name(path, name) == device_name(other, other_name)) == same


@pytest.mark.parametrize("name", ["a.b", "A", "x" * 65, "a b", "+", "é"])
def test_a_name_that_is_no_slug_is_refused(name: str) -> None:
    with pytest.raises(VouchError, match="name: "):
        device_name("a/b/c", name)


@pytest.mark.parametrize("path", ["a/b", "a/b/c/d", "", "a//c", "A/b/c", "a/b/c "])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(VouchError, match=r"asset|site|customer"):
        device_name(path, None)


@given(LEVELS, LEVELS, TOPICS)
@example("+", "edge", "spBv1.0/x/NDATA/edge")
@example("plant", "#", "spBv1.0/plant/NDATA/x")
@example("STATE", "host", "spBv1.0/STATE/host")
def test_a_sparkplug_node_speaks_in_its_own_name_only(group: str, node: str, topic: str) -> None:
    try:
        allowed = sends("a/b/c", topic, (group, node))
    except VouchError:
        assert not group or not node or set("+#/") & {*group, *node} or not (group + node).isprintable()
        return
    levels = topic.split("/")
    is_its_own = levels[:2] == ["spBv1.0", group] and levels[3:4] == [node] and levels[2][:1] in {"N", "D"}
    assert allowed == (is_its_own or f"{topic}/".startswith("vouch/v1/a/b/c/"))


def test_our_own_accounts_are_kept_to_their_work() -> None:
    assert not any("CONTROL" in acl["topic"] for acl in ingest_role())
    sent = [acl["topic"] for acl in ingest_role() if acl["acltype"] == "publishClientSend"]
    assert sent == ["spBv1.0/+/NCMD/+", "spBv1.0/+/DCMD/+/+", "spBv1.0/STATE/+"]
    assert all(acl["topic"].startswith("$CONTROL/dynamic-security/") for acl in admin_role())
