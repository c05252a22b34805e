"""What went wrong in a span: the argus.error event, else the exception event, else attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from argus_lab.conventions.readers import text
from argus_lab.otlp import Span

__all__ = ["error_columns"]

_EVENTS = {
    "exception": {
        "error_type": "exception.type",
        "error_message": "exception.message",
        "error_stack": "exception.stacktrace",
    },
    "argus.error": {"error_type": "type", "error_message": "message", "error_stack": "stack"},
}
"""Later names win: the convention's own event over OpenTelemetry's."""


def error_columns(span: Span) -> dict[str, str]:
    """error_type, error_message and error_stack, as far as they are told.

    Of several events of a name the last one counts: several mean retries.
    """
    told: dict[str, str] = {}
    if span.events:
        for name, keys in _EVENTS.items():
            told |= _last(span.events, name, keys)
    attributes = span.attributes
    for column, key in (("error_type", "error.type"), ("error_message", "error.message")):
        value = text(attributes.get(key))
        if value:
            told.setdefault(column, value)
    stack = text(attributes.get("error.stack_trace"))
    if stack:
        told.setdefault("error_stack", stack)
    if span.status == "ERROR" and span.status_message:
        told.setdefault("error_message", span.status_message)
    return told


def _last(events: Iterable[Mapping[str, Any]], name: str, keys: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for event in events:
        if event["name"] == name:
            read = {column: text(event["attributes"].get(key)) for column, key in keys.items()}
            found = {column: value for column, value in read.items() if value}
    return found
