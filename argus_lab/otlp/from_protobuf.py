"""OTLP/protobuf to the normal form: the fast way, for messages that parse."""

from __future__ import annotations

import base64
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1 import trace_pb2

from argus_lab.otlp.export import Export, Group, Ids, Issue, Resource, Scope, Span
from argus_lab.otlp.numbers import KIND_NAMES, STATUS_NAMES, enum_name, nano
from argus_lab.otlp.values import DEEPEST, attribute_map, double, integer, nested_map

__all__ = ["export_of_request", "identify", "parse", "read", "single_body"]

_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8


def parse(body: bytes) -> Export:
    """A message that parses; raises protobuf's ``DecodeError`` for anything else."""
    return export_of_request(ExportTraceServiceRequest.FromString(body))


def export_of_request(request: ExportTraceServiceRequest) -> Export:
    """The export that a parsed message says."""
    groups = [
        _group(rs, ss, f"resourceSpans[{i}].scopeSpans[{j}]")
        for i, rs in enumerate(request.resource_spans)
        for j, ss in enumerate(rs.scope_spans)
    ]
    return Export("protobuf", groups, identify, read)


def _group(rs: trace_pb2.ResourceSpans, ss: trace_pb2.ScopeSpans, path: str) -> Group:
    def single(span: trace_pb2.Span) -> str:
        alone = trace_pb2.ScopeSpans(scope=ss.scope, spans=[span], schema_url=ss.schema_url)
        return single_body(
            trace_pb2.ResourceSpans(resource=rs.resource, scope_spans=[alone], schema_url=rs.schema_url)
        )

    return Group(
        path,
        _resource(rs.resource, rs.schema_url),
        _scope(ss.scope, ss.schema_url),
        ss.spans,
        single,
    )


def single_body(resource_spans: trace_pb2.ResourceSpans) -> str:
    """A request with these resource spans alone, as base64 of its bytes."""
    request = ExportTraceServiceRequest(resource_spans=[resource_spans])
    return base64.b64encode(request.SerializeToString()).decode()


def _resource(sent: ResourceMessage, schema_url: str) -> Resource:
    refs = [
        {
            "schema_url": ref.schema_url,
            "type": ref.type,
            "id_keys": list(ref.id_keys),
            "description_keys": list(ref.description_keys),
        }
        for ref in sent.entity_refs
    ]
    return Resource(
        _attributes(sent.attributes),
        sent.dropped_attributes_count or None,
        schema_url or None,
        refs or None,
    )


def _scope(sent: InstrumentationScope, schema_url: str) -> Scope:
    return Scope(
        sent.name or None,
        sent.version or None,
        _attributes(sent.attributes),
        sent.dropped_attributes_count or None,
        schema_url or None,
    )


def identify(span: trace_pb2.Span) -> Ids | Issue:
    """The span's ids, or what denies it an identity."""
    trace_id, span_id = span.trace_id, span.span_id
    if len(trace_id) != _TRACE_ID_BYTES or not any(trace_id):
        return Issue(".traceId", _bytes_problem("traceId", trace_id, _TRACE_ID_BYTES))
    if len(span_id) != _SPAN_ID_BYTES or not any(span_id):
        return Issue(".spanId", _bytes_problem("spanId", span_id, _SPAN_ID_BYTES))
    return Ids(trace_id.hex(), span_id.hex())


def _bytes_problem(name: str, sent: bytes, expected: int) -> str:
    if not sent:
        return f"{name} is missing; {expected} bytes are expected"
    if len(sent) == expected:
        return f"{name} is all zeros, which names nothing"
    return f"{name} has {len(sent)} bytes; {expected} are expected"


def read(span: trace_pb2.Span) -> Span:
    """The whole span; its ids must have been found good by :func:`identify`."""
    unread: dict[str, Any] = {}
    parent = span.parent_span_id
    if parent and len(parent) != _SPAN_ID_BYTES:
        unread["parent_span_id"] = parent.hex()
    status = span.status
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        parent.hex() if len(parent) == _SPAN_ID_BYTES and any(parent) else None,
        span.trace_state or None,
        span.flags or None,
        span.name or None,
        enum_name(span.kind, KIND_NAMES, "kind", unread),
        nano(span.start_time_unix_nano, "start_time", unread),
        nano(span.end_time_unix_nano, "end_time", unread),
        _attributes(span.attributes),
        [_event(event) for event in span.events],
        [_link(link) for link in span.links],
        (
            span.dropped_attributes_count or None,
            span.dropped_events_count or None,
            span.dropped_links_count or None,
        ),
        enum_name(status.code, STATUS_NAMES, "status", unread),
        status.message or None,
        unread,
    )


def _event(event: trace_pb2.Span.Event) -> dict[str, Any]:
    found: dict[str, Any] = {
        "time_unix_nano": integer(event.time_unix_nano),
        "name": event.name,
        "attributes": _attributes(event.attributes),
    }
    if event.dropped_attributes_count:
        found["dropped_attributes_count"] = event.dropped_attributes_count
    return found


def _link(link: trace_pb2.Span.Link) -> dict[str, Any]:
    found: dict[str, Any] = {
        "trace_id": link.trace_id.hex(),
        "span_id": link.span_id.hex(),
        "attributes": _attributes(link.attributes),
    }
    if link.trace_state:
        found["trace_state"] = link.trace_state
    if link.flags:
        found["flags"] = link.flags
    if link.dropped_attributes_count:
        found["dropped_attributes_count"] = link.dropped_attributes_count
    return found


def _attributes(sent: Any) -> dict[str, Any]:
    return attribute_map([(kv.key, _value(kv.value, 0)) for kv in sent])


def _value(sent: AnyValue, depth: int) -> Any:  # noqa: PLR0911  one branch a kind of value
    text = sent.string_value
    if text:  # asking for the kind costs as much as the rest; most values are text
        return text
    match sent.WhichOneof("value"):
        case "string_value":
            return text
        case "int_value":
            return sent.int_value
        case "bool_value":
            return sent.bool_value
        case "double_value":
            return double(sent.double_value)
        case "bytes_value":
            return {"$bytes": base64.b64encode(sent.bytes_value).decode()}
        case "array_value" if depth < DEEPEST:
            return [_value(item, depth + 1) for item in sent.array_value.values]
        case "kvlist_value" if depth < DEEPEST:
            pairs = [(kv.key, _value(kv.value, depth + 1)) for kv in sent.kvlist_value.values]
            return nested_map(pairs)
    return None
