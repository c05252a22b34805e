"""Spans written in either encoding come back as they were, and the two encodings say the same."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from argus_lab.otlp import Encoding, Resource, Scope, Span, decode, encode
from argus_lab.otlp.values import dump, load
from tests.otlp import sent


def _decoded(body: bytes, encoding: Encoding) -> list[Span]:
    export = decode(body, encoding)
    assert not export.broken
    assert not export.warnings
    return [export.read(span) for _, _, span in export.spans()]


@given(st.lists(sent.spans, max_size=3), sent.resources, sent.scopes)
def test_both_encodings_bring_back_what_was_written(spans: list[Span], resource: Resource, scope: Scope):
    """Encode then decode is the identity for every kind of value, in JSON and in protobuf."""
    for encoding in ("json", "protobuf"):
        body = encode(spans, resource=resource, scope=scope, encoding=encoding)
        export = decode(body, encoding)
        assert export.span_count == len(spans)
        (group,) = export.groups
        assert group.resource == resource
        assert group.scope == scope
        assert _decoded(body, encoding) == spans


@given(sent.spans)
def test_a_span_alone_is_a_request_that_says_the_same(span: Span):
    """What the refused table keeps of a span can be sent again and is the same span."""
    for encoding in ("json", "protobuf"):
        export = decode(encode([span], resource=Resource({"a": 1}), encoding=encoding), encoding)
        group = export.groups[0]
        alone = group.single(group.spans[0])
        body = alone.encode() if encoding == "json" else base64.b64decode(alone)
        again = decode(body, encoding)
        assert again.groups[0].resource.attributes == {"a": 1}
        assert [again.read(s) for _, _, s in again.spans()] == [span]


@given(sent.values)
def test_values_survive_json_text(value: Any):
    """The normal form is JSON that loses no type: dump, parse and load give the Python value back."""
    back = load(json.loads(dump(sent.normal(value))))
    assert repr(back) == repr(value)  # repr tells 1 from True from 1.0, and knows NaN


@given(sent.spans)
def test_json_made_by_protobuf_itself_says_the_same(span: Span):
    """Protobuf's own JSON leaves defaults out; the absent field and the default are one and the same."""
    body = encode([span], encoding="protobuf")
    parsed = json_format.MessageToDict(ExportTraceServiceRequest.FromString(body))
    assert _decoded(json.dumps(_hex_ids(parsed)).encode(), "json") == _decoded(body, "protobuf")


def _hex_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_hex_ids(item) for item in value]
    if isinstance(value, dict):
        ids = {"traceId", "spanId", "parentSpanId"}
        return {k: base64.b64decode(v).hex() if k in ids else _hex_ids(v) for k, v in value.items()}
    return value


@pytest.mark.parametrize("name", ["argus_basic", "argus_rich", "otel_genai_current", "otel_genai_structured"])
def test_captured_samples_say_the_same_in_protobuf(name: str):
    """Real payloads, written anew in protobuf from what was read, are read the same."""
    export = decode(json.dumps(sent.sample(f"dialects/{name}.json")).encode(), "json")
    for group in export.groups:
        spans = [export.read(span) for span in group.spans]
        again = decode(
            encode(spans, resource=group.resource, scope=group.scope, encoding="protobuf"), "protobuf"
        )
        assert [again.read(s) for _, _, s in again.spans()] == spans
        assert (again.groups[0].resource, again.groups[0].scope) == (group.resource, group.scope)


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
def test_entity_references_read_the_same(encoding: Encoding):
    """A resource's entity references have one form, whichever encoding they came in."""
    request = {
        "resourceSpans": [
            {
                "resource": {"entityRefs": [{"type": "service", "idKeys": ["service.name"]}]},
                "scopeSpans": [{"spans": [sent.json_span()]}],
            }
        ]
    }
    body = json.dumps(request).encode()
    if encoding == "protobuf":
        request["resourceSpans"][0]["scopeSpans"] = [{}]
        body = json_format.ParseDict(request, ExportTraceServiceRequest()).SerializeToString()
    assert decode(body, encoding).groups[0].resource.entity_refs == [
        {"schema_url": "", "type": "service", "id_keys": ["service.name"], "description_keys": []}
    ]
