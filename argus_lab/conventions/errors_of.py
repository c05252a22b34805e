"""What went wrong in a span: the argus.error event, else error.type, the exception, the status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from argus_lab.conventions.readers import text
from argus_lab.otlp import Span

__all__ = ["ATTRIBUTES", "error_columns"]

ATTRIBUTES = ("error.type", "error.message", "error.stack_trace")
"""Attributes of a span that tell what went wrong; events may tell more."""

_UNKNOWN = "_OTHER"
"""OpenTelemetry's own word for an error.type that nobody could name."""

_EXCEPTION = {
    "error_type": "exception.type",
    "error_message": "exception.message",
    "error_stack": "exception.stacktrace",
}
_ARGUS = {"error_type": "type", "error_message": "message", "error_stack": "stack"}


def error_columns(span: Span) -> dict[str, str]:
    """error_type, error_message and error_stack, as far as they are told.

    The convention's own event wins. ``error.type`` is a class that the sender chose for counting,
    so it goes before the exception's. Of several events of a name the last one counts: several mean
    retries.
    """
    told = _last(span.events, "exception", _EXCEPTION) if span.events else {}
    attributes = span.attributes
    kind = text(attributes.get("error.type"))
    if kind and (kind != _UNKNOWN or "error_type" not in told):
        told["error_type"] = kind
    for column, key in (("error_message", "error.message"), ("error_stack", "error.stack_trace")):
        value = text(attributes.get(key))
        if value:
            told.setdefault(column, value)
    if span.status == "ERROR" and span.status_message:
        told.setdefault("error_message", span.status_message)
    return told | _last(span.events, "argus.error", _ARGUS) if span.events else told


def _last(events: Iterable[Mapping[str, Any]], name: str, keys: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for event in events:
        if event["name"] == name:
            read = {column: text(event["attributes"].get(key)) for column, key in keys.items()}
            found = {column: value for column, value in read.items() if value}
    return found
