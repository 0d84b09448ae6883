"""What a payload is encoded in is chosen by content type, then declaration, then JSON; gzip is undone within bounds."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.content import INFLATION, Content, inflated_bytes, read, weight
from services.ingest.inbox import Message
from services.ingest.wire import Fault
from shared.model.facts import QuarantineReason as Reason
from shared.model.payload import Format

LIMIT = 1_000
OBJECT = b'{"ts": 1}'
BINARY = b"\x81\xa1a\x01"


def content(payload: bytes, content_type: str | None = None, declared: Format | None = None) -> Content | Fault:
    return read(Message("t", payload, None, content_type=content_type), declared, LIMIT)


@pytest.mark.parametrize(
    ("content_type", "chosen"),
    [
        ("application/json", Format.JSON),
        ("Application/JSON; charset=utf-8", Format.JSON),
        ("application/senml+json", Format.SENML_JSON),
        ("application/senml+cbor", Format.SENML_CBOR),
        ("application/cbor", Format.CBOR),
        ("application/msgpack", Format.MSGPACK),
        ("application/vnd.msgpack", Format.MSGPACK),
        ("application/x-msgpack;v=1", Format.MSGPACK),
    ],
)
def test_the_content_type_outranks_the_declaration(content_type: str, chosen: Format) -> None:
    for declared in (None, *Format):
        assert content(BINARY, content_type, declared) == Content(chosen, BINARY)
        assert content(gzip.compress(BINARY), f"{content_type.partition(';')[0]}+gzip") == Content(chosen, BINARY)


@pytest.mark.parametrize("content_type", [None, "", "application/octet-stream", "application/gzip"])
def test_without_a_telling_content_type_the_declaration_decides_and_then_json(content_type: str | None) -> None:
    for declared in Format:
        assert content(BINARY, content_type, declared) == Content(declared, BINARY) or declared is Format.JSON
    assert content(BINARY, content_type) == Content(Format.JSON, BINARY)


def test_json_is_understood_whatever_is_declared_for_no_binary_document_begins_like_it() -> None:
    for declared in (Format.MSGPACK, Format.CBOR, Format.SENML_CBOR):
        assert content(OBJECT, declared=declared) == Content(Format.JSON, OBJECT)
        assert content(b" [1]", declared=declared) == Content(Format.JSON, b" [1]")
    assert content(b"[]", declared=Format.SENML_JSON) == Content(Format.SENML_JSON, b"[]")


def test_a_content_type_nobody_knows_is_refused_with_those_that_are() -> None:
    fault = content(OBJECT, "text/html")
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.UNSUPPORTED_CONTENT_TYPE
    assert fault.detail.startswith('"text/html" is none of application/json, application/senml+json')


@given(st.binary(min_size=1, max_size=4 * LIMIT), st.sampled_from([None, "application/gzip", "application/json"]))
def test_gzip_is_undone_whatever_the_content_type_says(payload: bytes, content_type: str | None) -> None:
    packed = gzip.compress(payload)
    assert inflated_bytes(packed) == len(payload)
    if payload[:2] != b"\x1f\x8b":
        assert content(packed, content_type) == Content(Format.JSON, payload)


@given(st.binary(min_size=1, max_size=200), st.data())
def test_gzip_that_is_cut_or_bent_is_refused_and_never_another_payload(payload: bytes, data: st.DataObject) -> None:
    packed = bytearray(gzip.compress(payload, mtime=0))
    if data.draw(st.booleans()):
        bad = bytes(packed[: data.draw(st.integers(2, len(packed) - 1))])
    else:
        place = data.draw(st.integers(len(packed) - 8, len(packed) - 1))
        packed[place] ^= data.draw(st.integers(1, 255))
        bad = bytes(packed)
    fault = content(bad)
    assert isinstance(fault, Fault)
    if fault.reason is not Reason.PAYLOAD_TOO_LARGE:
        assert fault.reason is Reason.MALFORMED_PAYLOAD
        assert fault.detail.startswith("not gzip: ")


def test_a_bomb_is_refused_and_so_is_one_that_lies_about_its_size() -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    assert content(bomb) == Fault(
        Reason.PAYLOAD_TOO_LARGE, f"100000000 bytes when inflated, at most {LIMIT * INFLATION}"
    )
    modest = content(bomb[:-4] + (9).to_bytes(4, "little"))
    assert isinstance(modest, Fault)
    assert modest.reason is Reason.MALFORMED_PAYLOAD


def test_gzip_that_holds_nothing_more_than_one_member_or_one_too_large_is_refused() -> None:
    assert content(gzip.compress(b"")) == Fault(Reason.EMPTY_PAYLOAD, "nothing in the gzip")
    two = content(gzip.compress(OBJECT) * 2)
    assert isinstance(two, Fault)
    assert two.reason is Reason.MALFORMED_PAYLOAD
    assert content(gzip.compress(b" " * LIMIT * INFLATION)) == Content(Format.JSON, b" " * LIMIT * INFLATION)


@given(st.binary(min_size=1, max_size=60), st.none() | st.text(max_size=30), st.none() | st.sampled_from(Format))
def test_no_bytes_and_no_content_type_make_reading_fail(
    payload: bytes, content_type: str | None, declared: Format | None
) -> None:
    content(payload, content_type, declared)
    content(b"\x1f\x8b" + payload, content_type, declared)


def test_a_batch_counts_what_is_inflated_but_not_what_only_claims_to_be() -> None:
    packed = gzip.compress(bytes(3_000))
    assert weight(packed, max_payload_bytes=1_000) == 3_000
    assert weight(packed, max_payload_bytes=700) == len(packed)
    assert weight(b"{}", max_payload_bytes=700) == 2
