"""Test spans of ``argus-lab doctor``, one for each way a sender may write them."""

from __future__ import annotations

import gzip
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROJECT", "Specimen", "specimens"]

PROJECT: Final = "argus-doctor"
_RESOURCE: Final = {"argus.project": PROJECT, "service.name": "doctor"}
_MILLISECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Specimen:
    """A request with one span."""

    name: str
    trace_id: str
    body: bytes
    headers: Mapping[str, str]


def specimens() -> list[Specimen]:
    """JSON, protobuf, and each of them compressed the way exporters do it."""
    json_id, protobuf_id, zipped_id = (secrets.token_hex(16) for _ in range(3))
    json = {"Content-Type": "application/json"}
    protobuf = {"Content-Type": "application/x-protobuf"}
    return [
        Specimen("JSON", json_id, _json(json_id), json),
        Specimen("protobuf", protobuf_id, _protobuf(protobuf_id), protobuf),
        Specimen(
            "gzip", zipped_id, gzip.compress(_protobuf(zipped_id)), {**protobuf, "Content-Encoding": "gzip"}
        ),
    ]


def _json(trace_id: str) -> bytes:
    now = time.time_ns()
    span: dict[str, Any] = {
        "traceId": trace_id,
        "spanId": secrets.token_hex(8),
        "name": "doctor",
        "kind": 1,
        "startTimeUnixNano": str(now - _MILLISECOND),
        "endTimeUnixNano": str(now),
    }
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in _RESOURCE.items()]
    resource_spans = {"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [span]}]}
    return msgspec.json.encode({"resourceSpans": [resource_spans]})


def _protobuf(trace_id: str) -> bytes:
    now = time.time_ns()
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    for key, value in _RESOURCE.items():
        resource_spans.resource.attributes.append(KeyValue(key=key, value=AnyValue(string_value=value)))
    resource_spans.scope_spans.add().spans.add(
        trace_id=bytes.fromhex(trace_id),
        span_id=secrets.token_bytes(8),
        name="doctor",
        kind=1,
        start_time_unix_nano=now - _MILLISECOND,
        end_time_unix_nano=now,
    )
    return request.SerializeToString()
