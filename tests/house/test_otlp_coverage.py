"""Nothing OTLP can say is lost: each field has a column, or a written reason why it needs none.

The protobuf descriptors are the list of fields, so a field that a newer OTLP adds fails here.
"""

from __future__ import annotations

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from argus_lab.schema import OTLP_CONTAINERS, SPANS

IN_JSON = {
    "AnyValue": "a value inside attributes, resource, scope, events or links",
    "ArrayValue": "the same",
    "KeyValueList": "the same",
    "KeyValue": "the same",
    "EntityRef": "an element of entity_refs",
    "ExportTraceServiceRequest": "the envelope: holds resource_spans and nothing else",
}
"""Messages that no column names field by field, because they are stored whole."""


def _reachable(message: Descriptor, seen: dict[str, Descriptor]) -> dict[str, Descriptor]:
    if message.full_name not in seen:
        seen[message.full_name] = message
        for field in message.fields:
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                _reachable(field.message_type, seen)
    return seen


MESSAGES = {
    descriptor.name: descriptor
    for descriptor in _reachable(ExportTraceServiceRequest.DESCRIPTOR, {}).values()
}
FIELDS = {
    f"{name}.{field.name}"
    for name, message in MESSAGES.items()
    if name not in IN_JSON
    for field in message.fields
}
KEPT = {field for column in SPANS.columns for field in column.otlp}


def test_messages_are_known():
    """An export request is made of the messages this test knows; a new one must find a home."""
    spoken = {"Span", "Event", "Link", "Status", "ResourceSpans", "ScopeSpans", "Resource"}
    assert MESSAGES.keys() == spoken | {"InstrumentationScope"} | IN_JSON.keys()


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_field_has_a_home(field: str):
    """A field of the protocol is kept by a column or is a container with its reason."""
    assert (field in KEPT) != (field in OTLP_CONTAINERS), field


def test_nothing_is_made_up():
    """Columns and reasons name only fields that the protocol has."""
    assert KEPT | OTLP_CONTAINERS.keys() <= FIELDS


def test_reasons_are_given():
    """A container's reason is a sentence, not an empty string."""
    assert all(len(reason) > 10 for reason in OTLP_CONTAINERS.values())


def test_the_envelope_holds_nothing_else():
    """The request has one field, so leaving it out above loses nothing."""
    assert [field.name for field in ExportTraceServiceRequest.DESCRIPTOR.fields] == ["resource_spans"]
