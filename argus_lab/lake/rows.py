"""Spans and refusals to Arrow rows of the lake's tables."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from argus_lab import conventions
from argus_lab.conventions.readers import text
from argus_lab.lake.sessions import settled
from argus_lab.schema import REFUSED, SPANS, Table

if TYPE_CHECKING:
    from argus_lab.conventions import Admission, Refusal
    from argus_lab.conventions.admission import Admitted
    from argus_lab.conventions.own_rules import OwnRules
    from argus_lab.lake.journal import Entry
    from argus_lab.otlp import Export, Scope, Span

__all__ = [
    "ORG",
    "Row",
    "arrow_table",
    "of_resource",
    "refused_rows",
    "sorted_spans",
    "span_rows",
    "unread_text",
    "whole_request",
]

ORG = "default"
"""The one organisation of local mode."""

LEAST_BUDGET = 1024 * 1024
MOST_COPIES = 4
"""Refused spans of a request may take four times its size, and a mebibyte in any case."""

_TOLD = ("path", "reason", "message", "encoding", "project", "service", "trace_id", "span_id", "name")

SORTED_BY = ("session_id", "trace_id", "start_unix_nano", "span_id")

_INT64_MOST = 2**63 - 1
_LATEST_MICROS = 253_402_300_799_999_999  # 9999-12-31, the last date that pandas and Python share
_MICROS_A_DAY = 86_400_000_000
_json = msgspec.json.Encoder().encode


Row = tuple[Any, ...]
"""Values of a table's columns, in their order."""


def span_rows(
    export: Export, admission: Admission, received_at: int, own: OwnRules | None = None
) -> Iterator[Row]:
    """The admitted spans as rows of the span table; ``received_at`` in nanoseconds since 1970."""
    names = SPANS.names
    for part in admission.admitted:
        shared = _shared(part, received_at)
        for sent in part.spans:
            # A tuple at once: rows are many, and columns are cut across them later.
            yield tuple(map(_row(export.read(sent), shared, part.group.scope, own).get, names))


def _shared(part: Admitted, received_at: int) -> dict[str, Any]:
    group = part.group
    resource, scope = group.resource, group.scope
    return {
        "org": ORG,
        "project": part.owner.project,
        "service": part.owner.service,
        **of_resource(resource.attributes),
        "received_at": received_at // 1000,
        "scope_name": scope.name,
        "scope_version": scope.version,
        "scope_schema_url": scope.schema_url,
        "scope_dropped_attributes_count": scope.dropped,
        "scope": _json(scope.attributes) if scope.attributes else None,
        "resource": _json(resource.attributes) if resource.attributes else None,
        "resource_schema_url": resource.schema_url,
        "resource_dropped_attributes_count": resource.dropped,
        "entity_refs": _json(resource.entity_refs) if resource.entity_refs else None,
    }


def of_resource(attributes: Mapping[str, Any]) -> dict[str, str | None]:
    """The columns that a resource's attributes fill, beside whose spans they are."""
    environment = attributes.get("deployment.environment.name") or attributes.get("deployment.environment")
    return {"service_version": text(attributes.get("service.version")), "environment": text(environment)}


def _row(span: Span, shared: Mapping[str, Any], scope: Scope, own: OwnRules | None) -> dict[str, Any]:
    row = {
        **shared,
        **conventions.columns(span, scope, own),
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "name": span.name,
        "kind": span.kind,
        "status": span.status,
        "status_message": span.status_message,
        "attributes": _json(span.attributes) if span.attributes else None,
        "events": _json(span.events) if span.events else None,
        "links": _json(span.links) if span.links else None,
        "trace_state": span.trace_state,
        "flags": span.flags,
    }
    row["dropped_attributes_count"], row["dropped_events_count"], row["dropped_links_count"] = span.dropped
    _add_times(row, span)
    row["unread"] = unread_text(span.unread)
    return row


def unread_text(unread: Mapping[str, Any]) -> bytes | None:
    """The column ``unread``, whatever came first."""
    return _json(dict(sorted(unread.items()))) if unread else None


def _add_times(row: dict[str, Any], span: Span) -> None:
    start, end, unread = span.start, span.end, span.unread
    row["start_time"] = _micros(start, "start_time", unread)
    row["end_time"] = _micros(end, "end_time", unread)
    if start is not None:
        if start <= _INT64_MOST:
            row["start_unix_nano"] = start
        else:
            unread["start_unix_nano"] = str(start)
        if end is not None and start <= end <= start + _INT64_MOST:
            row["duration_ns"] = end - start
            row["duration_ms"] = (end - start) / 1e6
    micros = row["start_time"]
    row["date"] = (row["received_at"] if micros is None else micros) // _MICROS_A_DAY


def _micros(nanos: int | None, column: str, unread: dict[str, Any]) -> int | None:
    if nanos is None:
        return None
    micros = nanos // 1000
    if micros > _LATEST_MICROS:
        unread[column] = str(nanos)
        return None
    return micros


def arrow_table(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows as Arrow, in the table's schema."""
    schema = table.arrow()
    if not rows:
        return schema.empty_table()
    columns = zip(schema.types, zip(*rows, strict=True), strict=True)
    arrays = [pa.array(values, kind) for kind, values in columns]
    return pa.Table.from_arrays(arrays, schema=schema)


def sorted_spans(rows: pa.Table) -> pa.Table:
    """Rows in the order of the lake's files: session, trace, start; in the sessions that follow from them."""
    return settled(rows).sort_by([(name, "ascending") for name in SORTED_BY])


def refused_rows(refusals: Sequence[Refusal], entry: Entry, place: str) -> Iterator[Row]:
    """Refusals of one request as rows of their table, a row a span.

    Each row holds its span with the resource. Where that would take many times the room of the
    request, as with a large resource and many spans, the request is kept whole, in one row.

    ``place`` tells one request from another, so that a replay gives the same ids.
    """
    budget = max(LEAST_BUDGET, MOST_COPIES * len(entry.body))
    bodies: list[str] = []
    for refusal in refusals:
        bodies.append(refusal.text())
        budget -= len(bodies[-1])
        if budget < 0:
            message = (
                f"{len(refusals)} spans of this request, kept together; the first: {refusals[0].message}"
            )
            yield whole_request(entry, place, refusals[0].reason, message)
            return
    for index, (refusal, body) in enumerate(zip(refusals, bodies, strict=True)):
        told = {name: getattr(refusal, name) for name in _TOLD}
        yield _refused_row(entry, f"{place}/{index}", {**told, "body": body})


def whole_request(entry: Entry, place: str, reason: str, message: str) -> Row:
    """A request kept whole in the refused table."""
    is_text = entry.encoding == "json"
    body = entry.body.decode("utf-8", "replace") if is_text else base64.b64encode(entry.body).decode()
    told = {"path": "", "reason": reason, "message": message, "project": entry.project}
    return _refused_row(entry, f"{place}/whole", {**told, "encoding": entry.encoding, "body": body})


def _refused_row(entry: Entry, place: str, told: Mapping[str, Any]) -> Row:
    micros = entry.received_at // 1000
    row = {
        **told,
        "refusal_id": hashlib.blake2b(place.encode(), digest_size=12).hexdigest(),
        "received_at": micros,
        "date": micros // _MICROS_A_DAY,
    }
    return tuple(map(row.get, REFUSED.names))
