"""The OpenTelemetry Python SDK with its real exporters: what it sent is what the frame holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import opentelemetry.trace as api
import pytest
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ProtobufExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import argus_lab as al
from argus_lab.otlp.values import load
from tests.receiver.conftest import Running
from tests.senders.conftest import Arrived

EXPORTERS: dict[str, Callable[..., Any]] = {
    "protobuf": lambda url: ProtobufExporter(url, compression=Compression.NoCompression),
    "protobuf gzip": lambda url: ProtobufExporter(url, compression=Compression.Gzip),
    "protobuf deflate": lambda url: ProtobufExporter(url, compression=Compression.Deflate),
    "json": JsonExporter,
}
KINDS = {kind: kind.name for kind in api.SpanKind}


def _recorded() -> Sequence[ReadableSpan]:
    """A small session, recorded by the real SDK: three services' worth of oddities in one trace."""
    memory = InMemorySpanExporter()
    resource = Resource({"argus.project": "py-bot", "service.name": "py-service", "service.version": "1.2"})
    provider = TracerProvider(resource=resource, span_limits=SpanLimits(max_events=2))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("py-scope", "0.1", attributes={"scope.k": [1, 2]})
    with tracer.start_as_current_span("session ü☂👩‍🚀", kind=api.SpanKind.SERVER) as root:
        root.set_attributes({"session.id": "py-1", "user.id": "u", "argus.step.kind": "user_message"})
        link = api.Link(root.get_span_context(), {"why": "because"})
        with tracer.start_as_current_span("chat", kind=api.SpanKind.CLIENT, links=[link]) as chat:
            chat.set_attributes(
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.request.model": "qwen3:8b",
                    "gen_ai.usage.input_tokens": 2**63 - 1,
                    "gen_ai.usage.output_tokens": 45,
                    "low": -(2**63),
                    "half": 0.5,
                    "one": 1.0,
                    "nan": math.nan,
                    "inf": -math.inf,
                    "yes": True,
                    "no": False,
                    "empty": "",
                    "nul": "a\0b",
                    "texts": ["a", "b"],
                    "numbers": [1, 2],
                    "nothing": [],
                    "bytes": b"\x00\xff",
                    "nested": {"a": [1, {"b": None}], "c": 1.5},
                }
            )
            for n in range(3):
                chat.add_event("argus.input", {"text": f"hi {n}"})
            chat.set_status(api.Status(api.StatusCode.ERROR, "failed"))
        with tracer.start_as_current_span("fine", kind=api.SpanKind.CONSUMER) as fine:
            fine.set_status(api.StatusCode.OK)
    spans = memory.get_finished_spans()
    assert len(spans) == 3
    return spans


def _list(value: Any) -> Any:
    """What the SDK keeps as tuples and mappings, as plain lists and dicts."""
    if isinstance(value, tuple | list):
        return [_list(item) for item in value]
    if hasattr(value, "items"):
        return {key: _list(item) for key, item in value.items()}
    return value


def _same(found: Any, sent: Any) -> bool:
    """Equal in value and in type, NaN included."""
    return repr(load(found)) == repr(_list(sent))


def _check(row: dict[str, Any], span: ReadableSpan) -> None:
    """Every field of a span, against its row."""
    context, parent = span.get_span_context(), span.parent
    assert context is not None
    assert span.start_time is not None
    assert span.end_time is not None
    plain = {
        "project": "py-bot",
        "service": "py-service",
        "service_version": "1.2",
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "parent_span_id": f"{parent.span_id:016x}" if parent else None,
        "name": span.name,
        "kind": KINDS[span.kind],
        "start_unix_nano": span.start_time,
        "duration_ns": span.end_time - span.start_time,
        "status": span.status.status_code.name,
        "status_message": span.status.description,
        "scope_name": "py-scope",
        "scope_version": "0.1",
        "dropped_events_count": span.dropped_events or None,
        "dropped_attributes_count": None,
        "dropped_links_count": None,
        "unread": None,
    }
    assert {name: row[name] for name in plain} == plain
    assert row["start_time"].value // 1000 == span.start_time // 1000
    assert str(row["start_time"].tz) == "UTC"
    assert row["flags"] == 0x100  # this exporter sends only whether the parent is remote
    assert row["scope"] == {"scope.k": [1, 2]}
    assert _same(row["attributes"] or {}, span.attributes or {})
    assert _same(row["resource"], span.resource.attributes)
    events = [(e.timestamp, e.name, _list(e.attributes)) for e in span.events]
    found = [(e["time_unix_nano"], e["name"], e["attributes"]) for e in row["events"] or []]
    assert found == events
    links = [
        (f"{k.context.trace_id:032x}", f"{k.context.span_id:016x}", _list(k.attributes)) for k in span.links
    ]
    assert [(k["trace_id"], k["span_id"], k["attributes"]) for k in row["links"] or []] == links


@pytest.mark.parametrize("way", EXPORTERS)
def test_what_the_python_sdk_sends_is_what_the_frame_holds(way: str, receiver: Running, arrived: Arrived):
    """Every field of every span, through each exporter and compression, values with their types."""
    spans = _recorded()
    exporter = EXPORTERS[way](f"{receiver.url}/v1/traces")
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    exporter.shutdown()
    context = spans[0].get_span_context()
    assert context is not None
    rows = arrived(f"{context.trace_id:032x}")
    assert len(rows) == len(spans)
    for span in spans:
        own = span.get_span_context()
        assert own is not None
        _check(rows[f"{own.span_id:016x}"], span)
    (chat,) = (row for row in rows.values() if row["name"] == "chat")
    assert (chat["input_tokens"], chat["output_tokens"]) == (2**63 - 1, 45)
    assert (chat["request_model"], chat["span_type"], chat["dialect"]) == ("qwen3:8b", "llm", "argus")
    assert (chat["input_text"], chat["dropped_events_count"]) == ("hi 2", 1)


def test_a_span_sent_again_is_one_row(receiver: Running, arrived: Arrived):
    """The exporter's own retry, in another encoding at that: still one row a span."""
    spans = _recorded()
    for make in EXPORTERS.values():
        assert make(f"{receiver.url}/v1/traces").export(spans) is SpanExportResult.SUCCESS
    context = spans[0].get_span_context()
    assert context is not None
    assert len(arrived(f"{context.trace_id:032x}")) == len(spans)


def test_what_is_refused_reaches_the_exporter(receiver: Running):
    """Without a project the exporter is told that it failed, and the spans are kept as refused."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "nobody"}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    provider.get_tracer("t").start_span("lost").end()
    spans = memory.get_finished_spans()
    assert ProtobufExporter(f"{receiver.url}/v1/traces").export(spans) is SpanExportResult.FAILURE
    httpx.post(f"{receiver.url}/v1/flush", timeout=60).raise_for_status()
    refused = al.open(receiver.lake).refused()
    context = spans[0].get_span_context()
    assert context is not None
    (row,) = refused[refused["span_id"] == f"{context.span_id:016x}"].to_dict("records")
    assert (row["reason"], row["name"]) == ("no_project", "lost")
