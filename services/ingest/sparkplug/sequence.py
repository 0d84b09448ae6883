"""`seq` of an edge node: 0 to 255 and round again over all its messages but its death; what a gap in it means."""

from dataclasses import replace
from typing import Final

from shared.model.sparkplug import Node

COUNT: Final = 256


def after(seq: int) -> int:
    """The number that follows."""
    return (seq + 1) % COUNT


def advance(node: Node, seq: int, received_us: int, *, wait_us: int, redelivered: bool) -> Node:
    """The node after a message with this number, received now.

    What comes early opens a gap and closes it again when the missing numbers have followed. A gap that is older than
    `wait_us` is given up: messages are lost, and until another birth, which begins anew, nothing is waited for.
    """
    if node.rebirth_us is not None:
        return replace(node, expected=after(seq), early=frozenset(), gap_us=None)
    if node.gap_us is not None and received_us - node.gap_us >= wait_us:
        return replace(node, expected=after(seq), early=frozenset(), gap_us=None, rebirth_us=node.gap_us)
    if node.expected is None or seq == node.expected:
        return _closed(node, after(seq))
    if seq in node.early or (redelivered and _is_behind(seq, node.expected)):
        return node
    gap_us = received_us if node.gap_us is None else node.gap_us
    return replace(node, early=node.early | {seq}, gap_us=gap_us)


def rebirth_due_us(node: Node, wait_us: int) -> int | None:
    """From when on the node is to be asked for another birth; None: not as things stand."""
    if node.rebirth_us is not None:
        return node.rebirth_us
    return None if node.gap_us is None else node.gap_us + wait_us


def _closed(node: Node, expected: int) -> Node:
    if node.gap_us is None and not node.early:
        return replace(node, expected=expected)
    early = set(node.early)
    while expected in early:
        early.remove(expected)
        expected = after(expected)
    return replace(node, expected=expected, early=frozenset(early), gap_us=node.gap_us if early else None)


def _is_behind(seq: int, expected: int) -> bool:
    return (expected - seq) % COUNT <= COUNT // 2
