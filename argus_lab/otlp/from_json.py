"""OTLP/JSON to the normal form: the fast way, for requests that are well formed."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from argus_lab.otlp import json_types as wire
from argus_lab.otlp.export import Export, Group, Ids, Issue, Resource, Scope, Span
from argus_lab.otlp.ids import hex_id, id_problem
from argus_lab.otlp.numbers import KIND_NAMES, STATUS_NAMES, count, enum_name, nano, whole
from argus_lab.otlp.values import DEEPEST, attribute_map, double, integer, nested_map

__all__ = ["export_of_request", "identify", "parse", "read"]

_parse = msgspec.json.Decoder(wire.Request).decode
_NO_KEYS: dict[str, Any] = {}
_STANDARD_ALPHABET = str.maketrans("-_", "+/")


def parse(body: bytes) -> Export:
    """A well-formed request; raises msgspec's errors for anything else."""
    return export_of_request(_parse(body))


def export_of_request(request: wire.Request) -> Export:
    """The export that a typed request says."""
    groups = [
        _group(rs, ss, f"resourceSpans[{i}].scopeSpans[{j}]")
        for i, rs in enumerate(request.resource_spans or ())
        for j, ss in enumerate(rs.scope_spans or ())
    ]
    return Export("json", groups, identify, read)


def _group(rs: wire.ResourceSpans, ss: wire.ScopeSpans, path: str) -> Group:
    def single(span: wire.Span) -> str:
        alone = wire.ScopeSpans(ss.scope, [span], ss.schema_url)
        request = wire.Request([wire.ResourceSpans(rs.resource, [alone], rs.schema_url)])
        return msgspec.json.encode(request).decode()

    return Group(path, _resource(rs), _scope(ss), ss.spans or (), single)


def _resource(rs: wire.ResourceSpans) -> Resource:
    sent = rs.resource or wire.Resource()
    refs = [
        {
            "schema_url": ref.schema_url or "",
            "type": ref.type or "",
            "id_keys": ref.id_keys or [],
            "description_keys": ref.description_keys or [],
        }
        for ref in sent.entity_refs or ()
    ]
    return Resource(
        _attributes(sent.attributes),
        count(sent.dropped_attributes_count, "dropped_attributes_count", {}),
        rs.schema_url or None,
        refs or None,
    )


def _scope(ss: wire.ScopeSpans) -> Scope:
    sent = ss.scope or wire.InstrumentationScope()
    return Scope(
        sent.name or None,
        sent.version or None,
        _attributes(sent.attributes),
        count(sent.dropped_attributes_count, "dropped_attributes_count", {}),
        ss.schema_url or None,
    )


def identify(span: wire.Span) -> Ids | Issue:
    """The span's ids, or what denies it an identity."""
    trace_id = hex_id(span.trace_id or "", 32)
    if trace_id is None:
        return Issue(".traceId", id_problem("traceId", span.trace_id or "", 32))
    span_id = hex_id(span.span_id or "", 16)
    if span_id is None:
        return Issue(".spanId", id_problem("spanId", span.span_id or "", 16))
    return Ids(trace_id, span_id)


def read(span: wire.Span) -> Span:
    """The whole span; its ids must have been found good by :func:`identify`."""
    unread: dict[str, Any] = {}
    parent = hex_id(span.parent_span_id, 16) if span.parent_span_id else None
    if span.parent_span_id and parent is None and span.parent_span_id.strip("0"):
        unread["parent_span_id"] = span.parent_span_id
    status = span.status or wire.Status()
    return Span(
        hex_id(span.trace_id or "", 32) or "",
        hex_id(span.span_id or "", 16) or "",
        parent,
        span.trace_state or None,
        count(span.flags, "flags", unread),
        span.name or None,
        enum_name(span.kind, KIND_NAMES, "kind", unread),
        nano(span.start_time_unix_nano, "start_time", unread),
        nano(span.end_time_unix_nano, "end_time", unread),
        _attributes(span.attributes),
        [_event(event) for event in span.events] if span.events else [],
        [_link(link) for link in span.links] if span.links else [],
        (
            count(span.dropped_attributes_count, "dropped_attributes_count", unread),
            count(span.dropped_events_count, "dropped_events_count", unread),
            count(span.dropped_links_count, "dropped_links_count", unread),
        ),
        enum_name(status.code, STATUS_NAMES, "status", unread),
        status.message or None,
        unread,
    )


def _event(event: wire.Event) -> dict[str, Any]:
    found: dict[str, Any] = {
        "time_unix_nano": _number(event.time_unix_nano or 0),
        "name": event.name or "",
        "attributes": _attributes(event.attributes),
    }
    dropped = _number(event.dropped_attributes_count or 0)
    if dropped:
        found["dropped_attributes_count"] = dropped
    return found


def _link(link: wire.Link) -> dict[str, Any]:
    found: dict[str, Any] = {
        "trace_id": hex_id(link.trace_id or "", 32) or link.trace_id or "",
        "span_id": hex_id(link.span_id or "", 16) or link.span_id or "",
        "attributes": _attributes(link.attributes),
    }
    if link.trace_state:
        found["trace_state"] = link.trace_state
    numbers = {"flags": link.flags, "dropped_attributes_count": link.dropped_attributes_count}
    for name, sent in numbers.items():
        number = _number(sent or 0)
        if number:
            found[name] = number
    return found


def _number(sent: float | str) -> Any:
    """A number for raw JSON: whole if it can be read so, else as sent."""
    number = whole(sent)
    if number is not None:
        return integer(number)
    return double(sent) if isinstance(sent, float) else sent


def _attributes(sent: list[wire.KeyValue] | None) -> dict[str, Any]:
    if not sent:
        return _NO_KEYS.copy()
    return attribute_map([(kv.key or "", _value(kv.value, 0)) for kv in sent])


def _value(sent: wire.AnyValue | None, depth: int) -> Any:  # noqa: PLR0911  one branch a kind of value
    if sent is None:
        return None
    if sent.string_value is not None:
        return sent.string_value
    if sent.int_value is not None:
        return _number(sent.int_value)
    if sent.bool_value is not None:
        return sent.bool_value
    if sent.double_value is not None:
        return _double(sent.double_value)
    if sent.array_value is None and sent.kvlist_value is None:
        return None if sent.bytes_value is None else _bytes(sent.bytes_value)
    if depth >= DEEPEST:
        return {"$json": msgspec.json.encode(sent).decode()}
    if sent.array_value is not None:
        return [_value(item, depth + 1) for item in sent.array_value.values or ()]
    pairs = sent.kvlist_value.values if sent.kvlist_value else None
    return nested_map([(kv.key or "", _value(kv.value, depth + 1)) for kv in pairs or ()])


def _double(sent: float | str) -> Any:
    try:
        return double(float(sent))
    except (ValueError, OverflowError):
        return sent


def _bytes(sent: str) -> Any:
    """Bytes in standard base64, or the text itself where it is no base64.

    Proto3 JSON also allows the URL alphabet, and no padding.
    """
    standard = sent.translate(_STANDARD_ALPHABET).rstrip("=")
    try:
        raw = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except ValueError:
        return sent
    return {"$bytes": base64.b64encode(raw).decode()}
