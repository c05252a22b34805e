"""OTLP/protobuf that did not parse as a whole, read span by span.

The wire format (https://protobuf.dev/programming-guides/encoding/) is walked down to single spans,
so that one that cannot be read is refused alone. Text that is no valid UTF-8, which some senders
let through, is repaired: a twin of the message types in which every string is bytes reads it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from argus_lab.errors import MalformedPayload
from argus_lab.otlp.export import Broken, Export, Group, Issue
from argus_lab.otlp.from_protobuf import export_of_request, identify, read

__all__ = ["parse"]

_LENGTH_DELIMITED = 2
_REPAIRED = "text that is no valid UTF-8 was repaired with U+FFFD"


class _Part(NamedTuple):
    """A length-delimited field: its number and payload."""

    number: int
    payload: bytes


def parse(body: bytes) -> Export:
    """The export of a body whose outer message can be walked; raises ``MalformedPayload`` if not."""
    export = Export("protobuf", [], identify, read)
    try:
        for i, sent in enumerate(_of(body, 1)):
            _add_resource_spans(export, sent, f"resourceSpans[{i}]")
    except ValueError as error:
        issue = Issue("", f"not an OTLP protobuf message: {error}")
        raise MalformedPayload(issue.message, [issue]) from error
    return export


def _add_resource_spans(export: Export, sent: bytes, path: str) -> None:
    head = b"".join(_field(p) for p in _parts(sent) if p.number != 2)  # noqa: PLR2004  scope_spans
    for j, scope_spans in enumerate(_of(sent, 2)):
        _add_scope_spans(export, head, scope_spans, f"{path}.scopeSpans[{j}]")


def _add_scope_spans(export: Export, head: bytes, sent: bytes, path: str) -> None:
    scope_head = b"".join(_field(p) for p in _parts(sent) if p.number != 2)  # noqa: PLR2004  spans
    around = _read(trace_pb2.ResourceSpans, head + _field(_Part(2, scope_head)), export, path)
    spans: list[trace_pb2.Span] = []
    places: list[int] = []
    for index, payload in enumerate(_of(sent, 2)):
        place = f"{path}.spans[{index}]"
        span = None if around is None else _read(trace_pb2.Span, payload, export, place)
        if span is None:
            parts = (head, scope_head, payload)
            export.broken.append(_broken(parts, place, is_span=around is not None))
        else:
            spans.append(span)
            places.append(index)
    if spans and around is not None:
        around.scope_spans[0].spans.extend(spans)
        export.groups.append(_group(around, path, places))


def _group(around: trace_pb2.ResourceSpans, path: str, places: list[int]) -> Group:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    group = export_of_request(ExportTraceServiceRequest(resource_spans=[around])).groups[0]
    group.path, group.places = path, places
    return group


def _broken(parts: tuple[bytes, bytes, bytes], path: str, *, is_span: bool) -> Broken:
    def write() -> str:
        head, scope_head, span = parts
        alone = head + _field(_Part(2, scope_head + _field(_Part(2, span))))
        return base64.b64encode(_field(_Part(1, alone))).decode()

    what = "the span" if is_span else "its resource or scope"
    message = f"{what} cannot be read: wrong wire types, a field cut short, or nesting too deep"
    return Broken([Issue(path, message)], write, "protobuf")


def _read(kind: Any, payload: bytes, export: Export, path: str) -> Any:
    """The message, repaired if need be; ``None`` if it cannot be read at all."""
    try:
        return kind.FromString(payload)
    except DecodeError:
        pass
    try:
        twin = _twin(kind.DESCRIPTOR.full_name).FromString(payload)
        _repair(twin, kind.DESCRIPTOR)
        repaired = kind.FromString(twin.SerializeToString())
    except (DecodeError, RecursionError):
        return None
    export.warnings.append(Issue(path, _REPAIRED))
    return repaired


def _repair(twin: Message, strict: Any) -> None:
    """Make every field that is a string in ``strict`` valid UTF-8, in place."""
    for field, value in twin.ListFields():
        kind = strict.fields_by_name[field.name]
        if kind.type == FieldDescriptor.TYPE_STRING:
            if field.is_repeated:
                value[:] = [_utf8(item) for item in value]
            else:
                setattr(twin, field.name, _utf8(value))
        elif kind.type == FieldDescriptor.TYPE_MESSAGE:
            for message in value if field.is_repeated else [value]:
                _repair(message, kind.message_type)


def _utf8(text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode()


@cache
def _twin(full_name: str) -> Any:
    """The message class of that name in which every string is bytes."""
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            _strings_to_bytes(message)
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(full_name))


def _strings_to_bytes(message: descriptor_pb2.DescriptorProto) -> None:
    for field in message.field:
        if field.type == descriptor_pb2.FieldDescriptorProto.TYPE_STRING:
            field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
    for nested in message.nested_type:
        _strings_to_bytes(nested)


def _of(body: bytes, number: int) -> Iterator[bytes]:
    return (part.payload for part in _parts(body) if part.number == number)


def _parts(body: bytes) -> Iterator[_Part]:
    """The length-delimited fields of a message; raises ``ValueError`` where it is cut short."""
    at = 0
    while at < len(body):
        tag, at = _varint(body, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _LENGTH_DELIMITED:
            size, at = _varint(body, at)
            if at + size > len(body):
                raise ValueError(f"field {number} says {size} bytes, {len(body) - at} are left")
            yield _Part(number, body[at : at + size])
            at += size
        elif wire_type == 0:
            _, at = _varint(body, at)
        elif wire_type in {1, 5}:
            at += 8 if wire_type == 1 else 4
        else:
            raise ValueError(f"wire type {wire_type} at byte {at}")


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(body):
            raise ValueError("it ends in the middle of a number")
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  the continuation bit
            return value, at
    raise ValueError(f"a number longer than 10 bytes at byte {at}")


def _field(part: _Part) -> bytes:
    """The field written back."""
    head = bytearray()
    for number in (part.number << 3 | _LENGTH_DELIMITED, len(part.payload)):
        left = number
        while left >= 0x80:  # noqa: PLR2004  the continuation bit
            head.append(left & 0x7F | 0x80)
            left >>= 7
        head.append(left)
    return bytes(head) + part.payload
