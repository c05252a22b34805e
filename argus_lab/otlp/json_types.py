"""The shape of an OTLP/JSON request, for msgspec.

Every field may be missing or null. Numbers that OTLP writes as decimal strings are read as string
or number. Unknown fields are ignored, as OTLP demands. Lists are typed, so that one pass over the
bytes both parses and checks.
"""

from __future__ import annotations

import msgspec

Number = int | float | str | None


class AnyValue(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    """A value: at most one field is set; none means null."""

    string_value: str | None = None
    int_value: Number = None
    double_value: Number = None
    bool_value: bool | None = None
    array_value: ArrayValue | None = None
    kvlist_value: KeyValueList | None = None
    bytes_value: str | None = None


class KeyValue(msgspec.Struct, gc=False, omit_defaults=True):
    """A key with its value."""

    key: str | None = None
    value: AnyValue | None = None


class ArrayValue(msgspec.Struct, gc=False, omit_defaults=True):
    """A list of values."""

    values: list[AnyValue | None] | None = None


class KeyValueList(msgspec.Struct, gc=False, omit_defaults=True):
    """A map of values."""

    values: list[KeyValue] | None = None


class Event(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    """Span.Event."""

    time_unix_nano: Number = None
    name: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Number = None


class Link(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    """Span.Link."""

    trace_id: str | None = None
    span_id: str | None = None
    trace_state: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Number = None
    flags: Number = None


class Status(msgspec.Struct, gc=False, omit_defaults=True):
    """Status; the code as number or enum name."""

    message: str | None = None
    code: Number = None


class Span(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    """Span."""

    trace_id: str | None = None
    span_id: str | None = None
    trace_state: str | None = None
    parent_span_id: str | None = None
    flags: Number = None
    name: str | None = None
    kind: Number = None
    start_time_unix_nano: Number = None
    end_time_unix_nano: Number = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Number = None
    events: list[Event] | None = None
    dropped_events_count: Number = None
    links: list[Link] | None = None
    dropped_links_count: Number = None
    status: Status | None = None


class EntityRef(msgspec.Struct, rename="camel", omit_defaults=True):
    """EntityRef of a resource."""

    schema_url: str | None = None
    type: str | None = None
    id_keys: list[str] | None = None
    description_keys: list[str] | None = None


class Resource(msgspec.Struct, rename="camel", omit_defaults=True):
    """Resource."""

    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Number = None
    entity_refs: list[EntityRef] | None = None


class InstrumentationScope(msgspec.Struct, rename="camel", omit_defaults=True):
    """InstrumentationScope."""

    name: str | None = None
    version: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Number = None


class ScopeSpans(msgspec.Struct, rename="camel", omit_defaults=True):
    """ScopeSpans."""

    scope: InstrumentationScope | None = None
    spans: list[Span] | None = None
    schema_url: str | None = None


class ResourceSpans(msgspec.Struct, rename="camel", omit_defaults=True):
    """ResourceSpans."""

    resource: Resource | None = None
    scope_spans: list[ScopeSpans] | None = None
    schema_url: str | None = None


class Request(msgspec.Struct, rename="camel", omit_defaults=True):
    """ExportTraceServiceRequest."""

    resource_spans: list[ResourceSpans] | None = None
