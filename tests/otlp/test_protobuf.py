"""OTLP/protobuf as senders write it, well and badly: what becomes of each oddity."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from argus_lab.errors import MalformedPayload
from argus_lab.otlp import Export, Issue, Span, decode
from argus_lab.otlp.values import load
from tests.otlp import sent

PLACE = "resourceSpans[0].scopeSpans[0].spans"
TRACE = bytes.fromhex(sent.TRACE)


def _message(number: int = 1, **fields: Any) -> Message:
    ids = {"trace_id": TRACE, "span_id": number.to_bytes(8, "big")}
    return Message(**{**ids, "name": f"span {number}", **fields})


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field on the wire."""

    def varint(value: int) -> bytes:
        head = b""
        while value >= 0x80:
            head, value = head + bytes([value & 0x7F | 0x80]), value >> 7
        return head + bytes([value])

    return varint(number << 3 | 2) + varint(len(payload)) + payload


def _body(*spans: bytes, head: bytes = b"", scope_head: bytes = b"") -> bytes:
    """A request of spans as they stand on the wire, whether they are any or not."""
    owner = ExportTraceServiceRequest()
    into = owner.resource_spans.add().resource.attributes
    into.append(KeyValue(key="argus.project", value=AnyValue(string_value="bot")))
    into.append(KeyValue(key="service.name", value=AnyValue(string_value="svc")))
    resource = _field(1, owner.resource_spans[0].resource.SerializeToString())
    scope_spans = scope_head + b"".join(_field(2, span) for span in spans)
    return _field(1, resource + head + _field(2, scope_spans))


def _read(export: Export) -> list[Span]:
    return [export.read(span) for _, _, span in export.spans()]


def _first(**fields: Any) -> Span:
    first, _ = _read(
        decode(_body(_message(1, **fields).SerializeToString(), _message(2).SerializeToString()), "protobuf")
    )
    return first


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("trace_id", b"", ".traceId: traceId is missing; 16 bytes are expected"),
        ("trace_id", bytes(16), ".traceId: traceId is all zeros, which names nothing"),
        ("trace_id", TRACE.hex().encode(), ".traceId: traceId has 32 bytes; 16 are expected"),
        ("span_id", b"", ".spanId: spanId is missing; 8 bytes are expected"),
        ("span_id", bytes(8), ".spanId: spanId is all zeros, which names nothing"),
        ("span_id", b"1234567", ".spanId: spanId has 7 bytes; 8 are expected"),
    ],
)
def test_an_id_that_names_nothing_says_why(field: str, value: bytes, why: str):
    """Ids are 16 and 8 bytes; others are told apart from their neighbours."""
    body = _body(_message(1, **{field: value}).SerializeToString(), _message(2).SerializeToString())
    export = decode(body, "protobuf")
    bad, good = [export.identify(span) for _, _, span in export.spans()]
    assert isinstance(bad, Issue)
    assert f"{bad.path}: {bad.message}" == why
    assert good == (sent.TRACE, f"{2:016x}")


def test_parents():
    """No bytes and zeros are a root; an id of another length is kept beside the column."""
    assert _first(parent_span_id=bytes.fromhex(sent.SPAN)).parent_span_id == sent.SPAN
    assert _first(parent_span_id=bytes(8)).parent_span_id is None
    odd = _first(parent_span_id=b"abc")
    assert (odd.parent_span_id, odd.unread) == (None, {"parent_span_id": "616263"})


def test_numbers_above_int64():
    """fixed64 times reach 2^64: exact in the span, tagged in an event, whose form is JSON."""
    most = 2**64 - 1
    span = _first(
        start_time_unix_nano=most,
        end_time_unix_nano=2**63,
        events=[Message.Event(time_unix_nano=most), Message.Event(time_unix_nano=2**63 - 1)],
    )
    assert (span.start, span.end) == (most, 2**63)
    assert [event["time_unix_nano"] for event in span.events] == [{"$int": str(most)}, 2**63 - 1]


def test_enums_of_the_future_are_kept():
    """An unknown span kind is null and stands in ``unread``."""
    span = _first(kind=17)
    assert (span.kind, span.unread) == (None, {"kind": 17})


@pytest.mark.parametrize("levels", [1, 40, 47])
def test_deep_values_are_kept(levels: int):
    """Whatever protobuf itself can read is kept as structure."""
    value = AnyValue(int_value=7)
    for _ in range(levels):
        outer = AnyValue()
        outer.array_value.values.append(value)
        value = outer
    found = _first(attributes=[KeyValue(key="k", value=value)]).attributes["k"]
    for _ in range(levels):
        (found,) = found
    assert found == 7


@pytest.mark.parametrize("levels", [60, 100, 3_000, 20_000])
@pytest.mark.parametrize("kind", ["list", "map"])
def test_deeper_than_protobuf_goes_refuses_the_span_alone(levels: int, kind: str):
    """Nesting beyond protobuf's limit takes no neighbour with it; the refusal carries what was sent."""
    value = AnyValue(int_value=7).SerializeToString()
    for _ in range(levels):
        value = _field(5, _field(1, value)) if kind == "list" else _field(6, _field(1, _field(2, value)))
    deep = _message(2).SerializeToString() + _field(9, _field(1, b"k") + _field(2, value))
    good = [_message(n).SerializeToString() for n in (1, 3)]
    export = decode(_body(good[0], deep, good[1]), "protobuf")
    assert [span.span_id for span in _read(export)] == [f"{1:016x}", f"{3:016x}"]
    (broken,) = export.broken
    assert broken.issues[0].path == f"{PLACE}[1]"
    assert base64.b64decode(broken.body) == _body(deep)


def test_text_that_is_no_utf8_is_repaired_and_said():
    """Invalid UTF-8 in any string of the span becomes U+FFFD, with a warning; neighbours are untouched."""
    bad = (
        _message(1, name="").SerializeToString()
        + _field(5, b"a\xffb")
        + _field(9, _field(1, b"k\xc3") + _field(2, _field(1, b"\xed\xa0\x80\0")))
        + _field(9, _field(1, b"list") + _field(2, _field(5, _field(1, _field(1, b"\xfe")))))
        + _field(11, _field(2, b"\xffe"))
    )
    export = decode(_body(bad, _message(2).SerializeToString()), "protobuf")
    assert export.warnings == [Issue(f"{PLACE}[0]", "text that is no valid UTF-8 was repaired with U+FFFD")]
    first, second = _read(export)
    assert (first.name, second.name) == ("a\ufffdb", "span 2")
    assert first.attributes == {"k\ufffd": "\ufffd\ufffd\ufffd\0", "list": ["\ufffd"]}
    assert first.events[0]["name"] == "\ufffde"


def test_a_resource_with_bad_text_keeps_its_spans():
    """The resource's own text is repaired as well."""
    resource = _field(1, _field(1, _field(1, b"argus.\xff") + _field(2, _field(1, b"x"))))
    body = _field(1, resource + _field(2, _field(2, _message(1).SerializeToString())))
    export = decode(body, "protobuf")
    assert export.groups[0].resource.attributes == {"argus.\ufffd": "x"}
    assert [span.name for span in _read(export)] == ["span 1"]


def test_unknown_fields_are_ignored_at_every_level():
    """Fields of the future, of any wire type, change nothing."""
    unknown = _field(1000, b"later") + bytes([0xF8, 0x07, 1]) + bytes([0xF9, 0x07]) + bytes(8)
    known = _message(1).SerializeToString()
    body = _body(known + unknown, head=unknown, scope_head=unknown) + unknown
    assert _read(decode(body, "protobuf")) == _read(decode(_body(known), "protobuf"))


def test_unknown_fields_are_ignored_beside_a_broken_span():
    """The patient way round a broken span also passes over fields of any number."""
    unknown = _field(1000, b"later") + _field(16, b"soon")
    good = _message(1).SerializeToString()
    export = decode(_body(good, b"\x0a\xff", head=unknown, scope_head=unknown), "protobuf")
    assert [span.name for span in _read(export)] == ["span 1"]
    assert [broken.issues[0].path for broken in export.broken] == [f"{PLACE}[1]"]
    again = decode(base64.b64decode(export.broken[0].body), "protobuf")
    assert again.span_count == 1


def test_every_bad_span_is_reported():
    """Several broken spans: each with its path, the good ones keep their places."""
    good = [_message(n).SerializeToString() for n in range(6)]
    cut, wrong_type = b"\x0a\x10abc", b"\x08\x01\x28"
    export = decode(_body(good[1], cut, good[2], wrong_type, good[3], b"\xff" * 11), "protobuf")
    assert [b.issues[0].path for b in export.broken] == [f"{PLACE}[{n}]" for n in (1, 3, 5)]
    assert [group.places for group in export.groups] == [[0, 2, 4]]
    assert export.span_count == 6


@pytest.mark.parametrize(
    "body",
    [b"\x0a", b"\x0a\xff", b"\x0a\x05abc", b"<html></html>", b"\xff" * 40, b"\x0b", b"{}", b"\x0a\x80" * 9],
)
def test_what_is_no_request_says_so(body: bytes):
    """A body whose frame cannot be walked is malformed, with a reason."""
    with pytest.raises(MalformedPayload) as caught:
        decode(body, "protobuf")
    assert [path for path, _ in caught.value.issues] == [""]


def test_empty_requests_are_requests():
    """Nothing to say is no error."""
    assert decode(b"", "protobuf").span_count == 0
    assert decode(_field(1, b"") + _field(1, _field(2, b"")), "protobuf").span_count == 0


def test_a_key_sent_twice_keeps_its_last_value_and_shows_the_others():
    """Duplicates in protobuf as in JSON."""
    pairs = [KeyValue(key=k, value=AnyValue(int_value=v)) for k, v in (("a", 1), ("b", 2), ("a", 3))]
    assert _first(attributes=pairs).attributes == {"a": 3, "b": 2, "$duplicates": {"a": [1]}}
    assert _first(attributes=[KeyValue(key="none")]).attributes == {"none": None}


@given(st.floats())
def test_doubles_keep_every_bit_that_matters(value: float):
    """Doubles come through exactly, the ones JSON lacks as well."""
    found = load(_first(attributes=[KeyValue(key="k", value=AnyValue(double_value=value))]).attributes["k"])
    assert repr(found) == repr(value)
