"""Spans back to an OTLP request, in either encoding."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

import msgspec

from argus_lab.otlp.export import Encoding, Resource, Scope, Span
from argus_lab.otlp.numbers import KIND_NAMES, STATUS_NAMES
from argus_lab.otlp.values import double, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["encode"]

_KIND_NUMBERS = {name: number for number, name in KIND_NAMES.items() if isinstance(number, int)}
_STATUS_NUMBERS = {name: number for number, name in STATUS_NAMES.items() if isinstance(number, int)}


def encode(
    spans: Iterable[Span],
    *,
    resource: Resource | None = None,
    scope: Scope | None = None,
    encoding: Encoding = "json",
) -> bytes:
    """An ``ExportTraceServiceRequest`` with these spans under one resource and scope.

    Examples
    --------
    >>> from argus_lab.otlp import decode
    >>> body = encode([], resource=Resource({"service.name": "bot"}))
    >>> decode(body, "json").groups[0].resource.attributes
    {'service.name': 'bot'}
    """
    request = _request(spans, resource or Resource({}), scope or Scope())
    if encoding == "json":
        return msgspec.json.encode(request)
    return _protobuf(request)


def _protobuf(request: dict[str, Any]) -> bytes:
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    message = json_format.ParseDict(_with_base64_ids(request), ExportTraceServiceRequest())
    return message.SerializeToString()


def _with_base64_ids(value: Any) -> Any:
    """Protobuf's own JSON mapping writes ids in base64, OTLP's in hex."""
    if isinstance(value, list):
        return [_with_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode()
        if key in {"traceId", "spanId", "parentSpanId"}
        else _with_base64_ids(item)
        for key, item in value.items()
    }


def _request(spans: Iterable[Span], resource: Resource, scope: Scope) -> dict[str, Any]:
    scope_spans = _present(
        scope=_present(
            name=scope.name,
            version=scope.version,
            attributes=_attributes(scope.attributes),
            droppedAttributesCount=scope.dropped,
        ),
        spans=[_span(span) for span in spans],
        schemaUrl=scope.schema_url,
    )
    sent = _present(attributes=_attributes(resource.attributes), droppedAttributesCount=resource.dropped)
    outer = _present(resource=sent, scopeSpans=[scope_spans], schemaUrl=resource.schema_url)
    return {"resourceSpans": [outer]}


def _span(span: Span) -> dict[str, Any]:
    attributes, events, links = span.dropped
    return _present(
        traceId=span.trace_id,
        spanId=span.span_id,
        parentSpanId=span.parent_span_id,
        traceState=span.trace_state,
        flags=span.flags,
        name=span.name,
        kind=_KIND_NUMBERS.get(span.kind or ""),
        startTimeUnixNano=None if span.start is None else str(span.start),
        endTimeUnixNano=None if span.end is None else str(span.end),
        attributes=_attributes(span.attributes),
        droppedAttributesCount=attributes,
        events=[_event(event) for event in span.events],
        droppedEventsCount=events,
        links=[_link(link) for link in span.links],
        droppedLinksCount=links,
        status=_present(message=span.status_message, code=_STATUS_NUMBERS.get(span.status or "")),
    )


def _event(event: dict[str, Any]) -> dict[str, Any]:
    return _present(
        timeUnixNano=str(load(event["time_unix_nano"] or 0)),
        name=event["name"],
        attributes=_attributes(event["attributes"]),
        droppedAttributesCount=event.get("dropped_attributes_count"),
    )


def _link(link: dict[str, Any]) -> dict[str, Any]:
    return _present(
        traceId=link["trace_id"],
        spanId=link["span_id"],
        traceState=link.get("trace_state"),
        attributes=_attributes(link["attributes"]),
        droppedAttributesCount=link.get("dropped_attributes_count"),
        flags=link.get("flags"),
    )


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _attributes(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    earlier = [(key, value) for key, values in attributes.get("$duplicates", {}).items() for value in values]
    last = [(key, value) for key, value in attributes.items() if key != "$duplicates"]
    return _pairs([(_unescaped(key), value) for key, value in earlier + last])


def _unescaped(key: str) -> str:
    return key[1:] if key == "$$duplicates" else key


def _pairs(pairs: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any_value(value)} for key, value in pairs]


def _any_value(value: Any) -> dict[str, Any]:  # noqa: PLR0911  one branch a kind of value
    """A parsed value (see values.py) as OTLP writes it."""
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if math.isfinite(value) else double(value)["$double"]}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case list():
            return {"arrayValue": {"values": [_any_value(item) for item in value]}}
        case dict():
            return _tagged(value) or {"kvlistValue": {"values": _pairs(value.items())}}
    return {"stringValue": value}


def _tagged(value: dict[str, Any]) -> dict[str, Any] | None:
    """What a reserved key says, if the map has nothing but one."""
    (key, sent), *more = value.items() or [("", None)]
    write = None if more else _TAGS.get(key)
    return write(sent) if write else None


_TAGS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "$bytes": lambda sent: {"bytesValue": sent},
    "$double": lambda sent: {"doubleValue": sent},
    "$int": lambda sent: {"intValue": sent},
    "$map": lambda sent: {"kvlistValue": {"values": _pairs(sent.items())}},
    "$pairs": lambda sent: {"kvlistValue": {"values": _pairs(sent)}},
    "$json": msgspec.json.decode,
}
