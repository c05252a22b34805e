"""Stored rows as the spans that were sent: the way back from the raw columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from argus_lab.conventions.derived import DERIVED
from argus_lab.otlp import Scope, Span

__all__ = ["RAW", "resource_of", "scope_of", "span_of"]

RAW: tuple[str, ...] = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "trace_state",
    "flags",
    "name",
    "kind",
    "start_unix_nano",
    "duration_ns",
    "attributes",
    "events",
    "links",
    "status",
    "status_message",
    "unread",
    "resource",
    "scope",
    "scope_name",
    "scope_version",
)
"""The columns that a span, its scope and its resource are made from."""

_load = msgspec.json.Decoder().decode
_DERIVED = frozenset(DERIVED)


def span_of(row: Mapping[str, Any]) -> Span:
    """The span of a row. Its ``unread`` is without what the conventions had put there."""
    unread = {column: sent for column, sent in _map(row["unread"]).items() if column not in _DERIVED}
    start = row["start_unix_nano"]
    if start is None and "start_unix_nano" in unread:
        start = int(unread["start_unix_nano"])  # after 2262, beyond the column
    lasted = row["duration_ns"]
    return Span(
        row["trace_id"],
        row["span_id"],
        parent_span_id=row["parent_span_id"],
        trace_state=row["trace_state"],
        flags=row["flags"],
        name=row["name"],
        kind=row["kind"],
        start=start,
        end=None if start is None or lasted is None else start + lasted,
        attributes=_map(row["attributes"]),
        events=_list(row["events"]),
        links=_list(row["links"]),
        status=row["status"],
        status_message=row["status_message"],
        unread=unread,
    )


def scope_of(row: Mapping[str, Any]) -> Scope:
    """The instrumentation scope of a row."""
    return Scope(row["scope_name"], row["scope_version"], _map(row["scope"]))


def resource_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a row's resource."""
    return _map(row["resource"])


def _map(text: str | None) -> dict[str, Any]:
    return _load(text) if text else {}


def _list(text: str | None) -> list[dict[str, Any]]:
    return _load(text) if text else []
