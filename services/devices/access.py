"""Who may do what at the broker: the roles of devices and of our own services, as mosquitto's plugin takes them.

Whatever no role allows is refused: `DEFAULT_ACCESS`. Source of the terms: mosquitto's dynamic security plugin.
"""

import re
from typing import Final, TypedDict

from shared.errors import VouchError
from shared.topics import ROOT

ADMIN: Final = "vouch-admin"
INGEST: Final = "vouch-ingest"
# A device's role, so that `sync` knows ours from those an administrator has made by hand.
DEVICE_ROLE: Final = "device:"

DEFAULT_ACCESS: Final = {
    "publishClientSend": False,
    "publishClientReceive": False,
    "subscribe": False,
    "unsubscribe": True,
}

_CONTROL: Final = "$CONTROL/dynamic-security/#"
_SPARKPLUG: Final = "spBv1.0"
_SLUG: Final = re.compile(r"[a-z0-9-]{1,64}")
_NOT_IN_A_LEVEL: Final = re.compile(r"[+#/\x00-\x1f\x7f]")


class Acl(TypedDict):
    """One permission; `topic` is a filter."""

    acltype: str
    topic: str
    allow: bool
    priority: int


def device_name(path: str, name: str | None) -> str:
    """`customer.site.asset[.name]`; no part can hold a dot or a wildcard, so no two devices share a name.

    Raises VouchError naming what is no slug.
    """
    parts = path.split("/")
    if len(parts) != 3:
        raise VouchError(f"asset: {path!r} is not CUSTOMER/SITE/ASSET")
    for field, slug in [*zip(("customer", "site", "asset"), parts, strict=True), *([("name", name)] if name else [])]:
        if not _SLUG.fullmatch(slug):
            raise VouchError(f"{field}: {slug!r} is not a name of small letters, digits and hyphens, at most 64")
    return ".".join([*parts, *([name] if name else [])])


def device_role(path: str, sparkplug_node: tuple[str, str] | None = None) -> list[Acl]:
    """What a device may: send below its own topic. A Sparkplug edge node (group, name) may also send as itself and its
    devices, and hear its commands and the state of its host.

    Raises VouchError when a part of it could stand for more than one level of a topic.
    """
    device_name(path, None)
    acls = [_may("publishClientSend", f"{ROOT}/{path}/#")]
    if sparkplug_node is None:
        return acls
    group, node = (
        _level(f"sparkplug {what}", name) for what, name in zip(("group", "node"), sparkplug_node, strict=True)
    )
    for kind in ("NBIRTH", "NDATA", "NDEATH"):
        acls.append(_may("publishClientSend", f"{_SPARKPLUG}/{group}/{kind}/{node}"))
    for kind in ("DBIRTH", "DDATA", "DDEATH"):
        acls.append(_may("publishClientSend", f"{_SPARKPLUG}/{group}/{kind}/{node}/+"))
    # A node waits for the state of its host before it speaks.
    heard = [f"{group}/NCMD/{node}", f"{group}/DCMD/{node}/#", "STATE/+"]
    return acls + [acl for topic in heard for acl in _may_read(f"{_SPARKPLUG}/{topic}")]


def ingest_role() -> list[Acl]:
    """What ingest may: read all that devices say, alone or in a shared subscription, and speak as a Sparkplug host."""
    read = [f"{ROOT}/#", f"{_SPARKPLUG}/#"]
    sent = [f"{_SPARKPLUG}/+/NCMD/+", f"{_SPARKPLUG}/+/DCMD/+/+", f"{_SPARKPLUG}/STATE/+"]
    return [
        *(acl for topic in read for acl in _may_read(topic)),
        *(_may("subscribePattern", f"$share/+/{topic}") for topic in read),
        *(_may("publishClientSend", topic) for topic in sent),
    ]


def admin_role() -> list[Acl]:
    """What the administrator may: change who may do what, and nothing else."""
    return [_may("publishClientSend", _CONTROL), *_may_read(_CONTROL)]


def _may(acltype: str, topic: str) -> Acl:
    return Acl(acltype=acltype, topic=topic, allow=True, priority=0)


def _may_read(topic: str) -> list[Acl]:
    return [_may("subscribePattern", topic), _may("publishClientReceive", topic)]


def _level(field: str, text: str) -> str:
    if not text or _NOT_IN_A_LEVEL.search(text):
        raise VouchError(f"{field}: {text!r} is not one level of a topic (+, # and / are not allowed)")
    return text
